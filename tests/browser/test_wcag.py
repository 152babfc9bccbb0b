"""WCAG 2.2 AA, by axe's rules and by hand: with a stand-in for the kernel, at both widths, in both themes."""

import io

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from tests.browser.explainer import pick_method

LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
# Off unless asked for, since they are new or not sure for every page.
ASKED_FOR = ["target-size", "label-content-name-mismatch", "css-orientation-lock", "p-as-heading"]
OF_PAGES = ["region", "landmark-one-main", "page-has-heading-one", "bypass", "document-title", "html-has-lang"]
STATES = ("plain", "panes", "parameters", "error", "methods", "all layers", "help", "search", "panel")


def violations(page):
    """What axe finds in the widgets of a page: the rule, and the element."""
    rules = {name: {"enabled": True} for name in ASKED_FOR} | {name: {"enabled": False} for name in OF_PAGES}
    options = {"runOnly": {"type": "tag", "values": LEVELS}, "rules": rules, "resultTypes": ["violations", "passes"]}
    found = Axe().run(page, context=".ke", options=options).response
    passed = {one["id"]: len(one["nodes"]) for one in found["passes"]}
    wrong = [(one["id"], node["html"][:160]) for one in found["violations"] for node in one["nodes"]]
    return wrong, passed


def bring_about(page, state):
    """Bring the widget of the page into a state."""
    by_role = page.get_by_role
    if state == "panes":
        by_role("button", name="Compare").click()
        pick_method(page, "gradients")
        expect(by_role("group", name="Pane 2")).to_be_visible()
    elif state == "parameters":
        pick_method(page, "smooth")
        by_role("button", name="Parameters").click()
        expect(by_role("button", name="Cancel")).to_be_visible()
    elif state == "error":
        by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
        expect(by_role("alert")).to_be_visible()
    elif state == "methods":
        by_role("combobox", name="Method").click()
        expect(by_role("listbox", name="Methods")).to_be_visible()
    elif state == "all layers":
        by_role("switch", name="All layers at once").click()
        expect(page.locator(".ke-bars")).to_be_visible()
    elif state == "help":
        by_role("button", name="Keyboard shortcuts").click()
        expect(by_role("dialog")).to_be_visible()
    elif state == "search":
        by_role("searchbox", name="Find layer").fill("conv")
        by_role("searchbox", name="Find class").fill("r")
    elif state == "panel":
        by_role("tab", name="Curves").click()
        by_role("button", name="Deletion and insertion").click()
        expect(by_role("tabpanel")).to_contain_text("higher is better")


@pytest.fixture
def opened(browser, address):
    pages = []

    def at(case="small", width=980, theme="light", **how):
        page = browser.new_page(viewport={"width": width + 40, "height": 1400}, **how)
        pages.append(page)
        page.goto(f"{address}?case={case}&width={width}&theme={theme}&host=lab")
        page.get_by_role("status").filter(has_text=" · ").first.wait_for()
        expect(page.locator(".ke-predicted").first).to_be_visible()
        return page

    yield at
    for page in pages:
        page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [480, 1280])
def test_axe_finds_nothing_in_any_state(opened, width, theme):
    wrong = []
    for state in STATES:
        page = opened("error" if state == "error" else "small", width, theme)
        bring_about(page, state)
        found, passed = violations(page)
        wrong += [(state, *one) for one in found]
        assert passed["color-contrast"] > (3 if state == "help" else 25), state
        if state != "help":
            assert {"target-size", "aria-valid-attr-value"} <= set(passed), state
        page.screenshot(path=f"tests/browser/screenshots/wcag-{state.replace(' ', '-')}-{width}-{theme}.png")
    assert wrong == []


BOX = "() => document.activeElement.getBoundingClientRect().toJSON()"
STOP = """() => {
  const of = document.activeElement;
  return of.closest('.ke') ? `${of.role ?? of.tagName} ${of.getAttribute('aria-label') ?? of.innerText}` : null;
}"""


@pytest.mark.parametrize("width", [480, 980])
def test_shift_tab_stops_where_tab_stops(opened, width):
    page = opened("small", width)

    page.evaluate("""() => {
      document.body.prepend(document.createElement('button'));
      document.body.append(document.createElement('button'));
    }""")

    def walk(start, key):
        page.locator("body > button").nth(start).focus()
        page.keyboard.press(key)
        stops = []
        while stop := page.evaluate(STOP):
            assert stop not in stops, "round and round"
            stops.append(stop)
            page.keyboard.press(key)
        return stops

    there = walk(0, "Tab")
    assert len(there) > 15
    assert walk(1, "Shift+Tab") == there[::-1]


def test_what_has_the_focus_is_seen_to_have_it(opened):
    page = opened()
    unseen = []
    page.get_by_role("combobox", name="Method").focus()
    for _ in range(40):
        name = page.evaluate(STOP)
        if name is None:
            break
        handle = page.evaluate_handle("() => document.activeElement")
        box = page.evaluate(BOX)
        clip = {"x": box["x"] - 6, "y": box["y"] - 6, "width": box["width"] + 12, "height": box["height"] + 12}
        focused = page.screenshot(clip=clip, caret="hide")
        handle.evaluate("(element) => element.blur()")
        page.wait_for_timeout(30)
        blurred = page.screenshot(clip=clip, caret="hide")
        if differing_pixels(focused, blurred) < 2 * min(box["width"], 40):
            unseen.append(name)
        handle.evaluate("(element) => element.focus({ preventScroll: true, focusVisible: true })")
        page.keyboard.press("Tab")
    assert unseen == []


def differing_pixels(one, other):
    first, second = (np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), int) for each in (one, other))
    return int((np.abs(first - second).max(-1) > 40).sum())


def test_nothing_moves_for_those_who_asked_for_no_motion(opened):
    page = opened(reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll('.ke, .ke *')].filter((each) => {
      const { transitionDuration, animationName } = getComputedStyle(each);
      return animationName !== 'none' || transitionDuration.split(', ').some((time) => parseFloat(time) > 0);
    }).map((each) => each.className)"""
    late = "() => document.querySelectorAll('.ke-frame').forEach((each) => { each.dataset.late = 'true'; })"
    page.evaluate(late)
    assert page.evaluate(moving) == []
    with_motion = opened(reduced_motion="no-preference")
    with_motion.evaluate(late)
    assert with_motion.evaluate(moving) != []


def test_forced_colours_leave_the_scale_of_the_map(opened):
    page = opened(forced_colors="active")
    bar = page.locator(".ke-legend i, .ke-scale").first
    assert "gradient" in bar.evaluate("(bar) => getComputedStyle(bar).backgroundImage")
    # Whether all layers are at hand is seen by where the switch's knob is.
    switch = page.get_by_role("switch", name="All layers at once")
    off = switch.screenshot()
    switch.click()
    expect(switch).to_be_checked()
    assert differing_pixels(off, switch.screenshot()) > 60
    assert np.ptp(np.asarray(Image.open(io.BytesIO(off)).convert("L"), int)[6:10, 3:25]) > 100, "it has a knob"
    page.screenshot(path="tests/browser/screenshots/wcag-forced.png")


def test_letters_seek_a_class_and_surprise_nobody(opened):
    page = opened("models")
    classes = page.get_by_role("listbox", name="Classes")
    chosen = classes.get_by_role("option", selected=True)
    before = page.evaluate("() => ({ ...model.traits })")

    def type_slowly(text):
        page.keyboard.type(text)
        page.wait_for_timeout(800)  # another word begins

    classes.focus()
    type_slowly("h")
    expect(chosen).to_have_attribute("title", "heart")
    type_slowly("cre")
    expect(chosen).to_have_attribute("title", "crescent")
    page.keyboard.type("tri.")  # a full stop would go to the next image, were it no part of the name
    page.keyboard.press("?")
    page.wait_for_timeout(800)
    expect(chosen).to_have_attribute("title", "triangle")
    type_slowly("s")
    first = chosen.get_attribute("title")
    type_slowly("s")
    assert {first, chosen.get_attribute("title")} == {"star", "square"}
    type_slowly("moxvac1x")  # each a shortcut elsewhere; no class begins so
    after = page.evaluate("() => ({ ...model.traits })")
    same = ("method", "view", "opacity", "image_index", "panes", "layer")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("group", name="Pane")).to_have_count(0)
    # Elsewhere they are what the list of keys says.
    page.get_by_role("img", name="Explanation").focus()
    page.keyboard.press("v")
    expect(page.get_by_role("combobox", name="View")).to_have_value("map")
    page.keyboard.press(".")
    expect(page.get_by_role("listbox", name="Images").get_by_role("option", selected=True)).to_have_attribute(
        "aria-posinset", "2"
    )
