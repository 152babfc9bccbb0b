"""The same short journey in every host: Python chooses, the keyboard and the mouse pick, the picture follows."""

import pytest
from playwright.sync_api import expect

from tests.browser.explainer import Explainer, bare_map


def shown(host, timeout=90_000):
    """Wait for the widget of the page, at rest."""
    explainer = Explainer(host)
    expect(explainer.root).to_be_visible(timeout=timeout)
    explainer.root.scroll_into_view_if_needed()
    return explainer.settled(60_000)


def take(explainer, state=lambda: None):
    """Take the journey in a host whose kernel can be asked; `state` is what of the host no key may change."""
    bare_map(explainer)
    before = state()
    walk(explainer, explainer.result)
    for key in "xvvv":  # In a notebook they would cut the cell and paste it; here the view goes round.
        explainer.lab.page.keyboard.press(key)
    explainer.settled()
    assert state() == before, "the notebook took no key"
    assert explainer.shows(explainer.result())


def walk(explainer, ask):
    """Pick layer, class and image; `ask` gives what is shown, as `explainer.RESULT` does.

    The widget shows its bare map already.
    """
    page = explainer.lab.page
    first = ask()
    assert explainer.shows(first)

    # Another layer, by keyboard.
    explainer.part("tree", "Layers").locator("[tabindex='0']").focus()
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    explainer.settled()
    layer = ask()
    assert layer["layer"] != first["layer"]
    assert explainer.shows(layer)
    assert not explainer.shows(first)

    # Another class, by mouse.
    explainer.part("listbox", "Classes").get_by_role("option").nth(1).click()
    explainer.settled()
    picked = ask()
    assert picked["unit"] != layer["unit"]
    assert explainer.shows(picked)
    assert not explainer.shows(layer)

    # Another image, by keyboard.
    explainer.part("listbox", "Images").focus()
    page.keyboard.press("ArrowRight")
    explainer.settled()
    image = ask()
    assert image["image"] == 1
    assert explainer.shows(image)
    assert not explainer.shows(picked)


def pick_while_a_cell_runs(explainer, file, answered):
    """Pick a class while a cell runs: where messages have a thread of their own it is `answered`, else afterwards."""
    explainer.part("listbox", "Images").focus()
    before = explainer.result()
    with explainer.lab.kernel.busy(file):
        explainer.lab.page.keyboard.press("ArrowRight")
        if answered:
            explainer.settled()
        else:
            with pytest.raises(AssertionError):
                explainer.settled(1500)
    explainer.settled()
    after = explainer.result()
    assert after["image"] == before["image"] + 1
    assert explainer.shows(after)


def has_charts(explainer):
    """Whether scores and curves stand below, and a click on a bar picks."""
    page = explainer.lab.page
    page.get_by_role("button", name="Charts", exact=True).click()
    expect(page.locator(".bqplot")).to_have_count(2)
    bars = page.locator(".bqplot").first.locator(".bar, rect.bar, .bars rect")
    expect(bars).to_have_count(8)
    unit = explainer.result()["unit"]
    bars.nth(3).click(force=True)
    chosen = explainer.part("listbox", "Classes").locator('[aria-selected="true"]')
    expect(chosen).not_to_have_attribute("title", explainer.lab.execute(f"print(demo.LABELS[{unit}])"))
    explainer.settled()
    assert explainer.result()["unit"] != unit
