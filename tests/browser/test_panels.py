"""The drawer of panels, and the curves in it: by mouse and by key, and the numbers of the kernel."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.explainer import open_explainer
from tests.browser.lab import SCREENSHOTS
from tests.browser.traffic import Answers

PLACES = """() => ['.ke-frame', '.ke-layers', '.ke-classes', '.ke-caption'].map((name) => {
  const { left, top, width, height } = document.querySelector(name).getBoundingClientRect();
  return [left, top, width, height].map(Math.round);
})"""
TOPS = """() => ['.ke-stage', '.ke-drawer', '.ke-image-strip', '.ke-classes', '.ke-layers'].map(
  (name) => Math.round(document.querySelector(name).getBoundingClientRect().top))"""
AREAS = """
import numpy as np
_r = w.wait(60)
_given = (w._session.models[0].model, w._session.images.inputs(_r.image_index), _r.map[None, ..., None])
_areas = [float(metric(*_given, np.array([[_r.unit]]), baseline=baseline).values[0, 0])
          for metric, baseline in ((ke.metrics.deletion, "mean"), (ke.metrics.insertion, "blur"))]
"""
# Curves of a thousand steps, so that they run until they are cancelled.
LONG_CURVES = """
import time
_explained = w._session.models[0]
_curves = _explained.curves
def _long(found):
    first = next(_curves(found))
    for done in range(1, 1001):
        time.sleep(0.1)
        yield first._replace(done=done, total=1000)
_explained.curves = _long
"""
SEND = """async ([id, content]) => {
  const comm = jupyterapp.shell.currentWidget.sessionContext.session.kernel._comms.get(id);
  await (await comm).send({ method: 'custom', content }).done;
}"""


@pytest.fixture
def opened(browser, address):
    """The page on a kernel's stand-in."""
    pages = []

    def at(width=968, theme="light", height=1000):
        page = browser.new_page(viewport={"width": width + 40, "height": height})
        pages.append(page)
        page.goto(f"{address}?case=small&width={width}&theme={theme}&host=lab")
        page.get_by_role("status").filter(has_text=" · ").wait_for()
        expect(page.locator(".ke-predicted").first).to_be_visible()
        return page

    yield at
    for page in pages:
        page.close()


def tab(page):
    return page.get_by_role("tablist", name="Panels").get_by_role("tab", name="Curves", exact=True)


def panel(page):
    return page.get_by_role("tabpanel", name="Curves")


def areas(page):
    """The two numbers of the legend."""
    return [float(text.replace("−", "-")) for text in panel(page).locator("dd b").all_inner_texts()]


def test_a_tab_opens_its_panel_and_the_open_tab_the_chevron_and_escape_close_it(opened):
    page = opened()
    expect(panel(page)).to_have_count(0)
    assert page.locator(".ke-tabs").bounding_box()["height"] == 28
    before = page.evaluate(PLACES)
    tab(page).click()
    expect(tab(page)).to_have_attribute("aria-selected", "true")
    expect(tab(page)).to_have_attribute("aria-controls", panel(page).get_attribute("id"))
    assert panel(page).bounding_box()["height"] == 200
    assert page.evaluate(PLACES) == before, "opening moves neither the picture nor the lists"
    tab(page).click()
    expect(panel(page)).to_have_count(0)
    page.get_by_role("button", name="Open panel").click()
    expect(panel(page)).to_be_visible()
    page.get_by_role("button", name="Close panel").click()
    expect(panel(page)).to_have_count(0)
    expect(tab(page)).to_have_attribute("aria-selected", "false")


def test_the_keyboard_opens_computes_and_closes(opened):
    page = opened()
    tab(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Path")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(tab(page)).to_be_focused()
    expect(panel(page)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Deletion and insertion")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    expect(button).to_be_focused()
    assert len(areas(page)) == 2
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(panel(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel(page)).to_have_count(0)
    expect(tab(page)).to_be_focused()


OPEN = """async (panels) => {
  const { default: widget } = await import('../../ke_widgets/widget/static/widget.js');
  const { fakeModel } = await import('./fake.mjs');
  const model = await fakeModel('small');
  model.get('_setup').panels = panels;
  const { initialize, render } = widget();
  await initialize({ model });
  await render({ model, el: document.getElementById('place') });
}"""


@pytest.mark.parametrize(("names", "shown"), [(["tea", "curves"], ["curves title"]), (["tea"], []), ([], [])])
def test_only_panels_that_both_sides_have_are_tabs(browser, address, names, shown):
    page = browser.new_page()
    page.goto(f"{address}?case=none")
    page.evaluate(OPEN, [{"name": name, "title": f"{name} title"} for name in names])
    expect(page.get_by_role("listbox", name="Images")).to_be_visible()
    expect(page.get_by_role("tab")).to_have_text(shown)
    expect(page.get_by_role("tablist")).to_have_count(len(shown))
    page.close()


@pytest.mark.parametrize("width", [480, 640])
def test_a_narrow_drawer_follows_the_picture(opened, width):
    page = opened(width, height=1500)
    tab(page).click()
    page.get_by_role("button", name="Deletion and insertion").click()
    expect(page.get_by_role("button", name="Deletion and insertion")).to_be_visible()
    stage, drawer, images, classes, layers = page.evaluate(TOPS)
    assert stage < drawer < images < min(classes, layers)
    assert page.evaluate("document.querySelector('.ke').scrollWidth <= document.querySelector('.ke').clientWidth")
    assert panel(page).evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")
    order = page.evaluate("[...document.querySelector('.ke-body').children].map((part) => part.className)")
    assert order[:3] == ["ke-stage", "ke-drawer", "ke-image-strip"], "Tab follows what is seen"
    page.screenshot(path=SCREENSHOTS / f"panels-{width}.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_curves_are_told_apart_without_colour_and_legible_in_both_themes(opened, theme):
    page = opened(theme=theme)
    tab(page).click()
    page.get_by_role("button", name="Deletion and insertion").click()
    expect(page.get_by_role("button", name="Deletion and insertion")).to_be_visible()
    dashes = [
        panel(page).locator(f"figure .ke-{kind}").evaluate("(path) => getComputedStyle(path).strokeDasharray")
        for kind in ("deletion", "insertion")
    ]
    assert dashes[0] == "none"
    assert dashes[1] != "none"
    chart = panel(page).get_by_role("img")
    assert re.fullmatch(
        r"Deletion: 0.9\d+ to 0.0\d+. Insertion: 0.0\d+ to 0.9\d+.", chart.get_attribute("aria-label") or ""
    )
    page.screenshot(path=SCREENSHOTS / f"panels-curves-{theme}.png")


def test_curves_leave_with_their_map_and_return_with_it_and_each_pane_has_its_own(opened):
    page = opened()
    tab(page).click()
    page.get_by_role("button", name="Deletion and insertion").click()
    expect(page.get_by_role("button", name="Deletion and insertion")).to_be_visible()
    first = areas(page)
    options = page.get_by_role("listbox", name="Classes").get_by_role("option")
    chosen = options.and_(page.locator("[aria-selected=true]")).inner_text()
    options.nth(1).click()
    expect(panel(page)).to_contain_text("The map has changed.")
    expect(panel(page).locator("figure .ke-deletion")).to_have_count(0)
    options.filter(has_text=chosen.split("\n")[0]).click()
    expect(panel(page)).not_to_contain_text("The map has changed.")
    assert areas(page) == first
    page.get_by_role("button", name="Compare").click()
    expect(panel(page).locator("dd")).to_have_count(0)
    expect(panel(page)).not_to_contain_text("The map has changed.")
    page.keyboard.press("1")
    expect(panel(page).locator("dd")).to_have_count(2)


def test_without_its_kernel_the_panel_says_so(opened):
    page = opened()
    tab(page).click()
    page.evaluate("model.kill()")
    page.get_by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
    expect(page.locator(".ke-action")).to_have_text("Curves need a kernel")
    expect(page.get_by_role("button", name="Deletion and insertion")).to_have_count(0)


def test_the_kernels_curves_have_the_areas_of_the_metrics_and_the_charts_follow(lab):
    answers = Answers(lab.page)
    explainer = open_explainer(lab)
    page = lab.page
    said = lab.run_cell("try:\n    w.panel = 'curve'\nexcept ValueError as error:\n    print(error)")
    assert said.startswith("`panel` must be one of ")
    assert said.endswith(", or '' for none. Received: panel='curve'. Nearest: 'curves'.")
    lab.execute("w.panel = 'curves'")
    expect(panel(page)).to_be_visible()
    lab.run_cell("w.charts")
    page.get_by_role("tabpanel", name="Curves").scroll_into_view_if_needed()
    explainer.part("button", "Deletion and insertion").click()
    expect(panel(page)).to_contain_text("higher is better")
    expect(explainer.part("button", "Deletion and insertion")).to_be_visible(timeout=60_000)
    lab.execute(AREAS)
    np.testing.assert_allclose(areas(page), explainer.ask("_areas"), atol=6e-4)
    ((content, buffers),) = answers.of("curves")
    assert (content["pane"], content["done"]) == (0, content["total"])
    shares, deletion, _ = (np.frombuffer(each, "<f4") for each in buffers)
    np.testing.assert_allclose(np.trapezoid(deletion, shares), explainer.ask("_areas[0]"), atol=1e-5)
    np.testing.assert_allclose(
        explainer.ask("list(map(float, w._panel._charts._deletion.y))"), deletion, atol=1e-6, err_msg="the charts"
    )
    for theme in ("light", "dark"):
        lab.theme(theme)
        lab.screenshot(f"panels-lab-{theme}")
    tab(page).click()
    expect(panel(page)).to_have_count(0)
    page.wait_for_timeout(500)
    assert explainer.ask("w.panel") == ""
    assert lab.traffic.problems == []


def test_curves_can_be_cancelled_and_a_pick_does_not_wait_for_them(lab):
    explainer = open_explainer(lab)
    page = lab.page
    lab.execute(LONG_CURVES)
    tab(page).click()
    explainer.part("button", "Deletion and insertion").click()
    progress = explainer.root.locator(".ke-action span")
    expect(progress).to_have_text(re.compile(r"^\d+ of 1000$"), timeout=30_000)
    explainer.part("listbox", "Classes").get_by_role("option").nth(2).click()
    explainer.settled(timeout=10_000)
    expect(panel(page)).to_contain_text("The map has changed.")
    expect(explainer.part("button", "Cancel")).to_be_visible()
    explainer.part("button", "Cancel").click()
    expect(explainer.part("button", "Deletion and insertion")).to_be_visible()
    explainer.part("button", "Deletion and insertion").click()
    expect(panel(page).locator("figure .ke-deletion")).to_be_attached(timeout=30_000)
    explainer.part("button", "Cancel").click()
    expect(explainer.part("button", "Deletion and insertion")).to_be_visible()
    expect(panel(page).locator("dd b").nth(1)).to_have_text("…")
    assert explainer.ask("w.wait(60).done") == 1


def test_an_error_of_the_curves_is_in_their_panel_and_not_in_the_picture(lab):
    explainer = open_explainer(lab)
    page = lab.page
    tab(page).click()
    lab.execute("w.contrast_index = (w.class_index + 1) % 8; _ = w.wait(60)")
    explainer.settled()
    explainer.part("button", "Deletion and insertion").click()
    expect(panel(page).get_by_role("alert")).to_contain_text("leave the contrast out")
    expect(explainer.root.locator(".ke-stage").get_by_role("alert")).to_have_count(0)
    lab.screenshot("panels-error")
    panel(page).get_by_role("button", name="Dismiss error").click()
    expect(panel(page).get_by_role("alert")).to_have_count(0)


def test_a_message_of_a_kind_that_does_not_exist_is_answered_with_those_that_do(lab):
    answers = Answers(lab.page)
    explainer = open_explainer(lab)
    id = explainer.ask("w.comm.comm_id")
    lab.page.evaluate(SEND, [id, {"kind": "tea", "id": "t", "pane": 0}])
    lab.page.evaluate(SEND, [id, {"kind": "images", "id": "u", "indices": [0], "sizes": 3}])
    lab.page.wait_for_timeout(500)
    kinds, fields = [content for content, _ in answers.of("error")]
    assert (kinds["id"], fields["id"]) == ("t", "u")
    assert kinds["message"].startswith("A message must be one of hello, explain, all_layers, images, predictions, cur")
    assert "those of 'images' are id, pane, indices, size." in fields["message"]


def test_an_exported_file_has_no_panels(lab, browser):
    explainer = open_explainer(lab)
    tab(lab.page).click()
    path = lab.execute("print(w.to_html('maps.html', images=[0], classes=[0], layers=[w.layer], verbose=0))")
    page = browser.new_page()
    page.goto((lab.folder / path).as_uri())
    expect(page.get_by_role("listbox", name="Images")).to_be_visible()
    expect(page.get_by_role("tablist")).to_have_count(0)
    page.close()
    assert explainer.ask("w.panel") == "curves"
