"""What comes and goes moves nothing: where the parts of the page are before, while and after something is told."""

import pytest
from playwright.sync_api import expect

from tests.browser.explainer import pick_method

PARTS = (".ke-toolbar", ".ke-body", ".ke-layers .ke-scroll", ".ke-picture", ".ke-legend", ".ke-depth", ".ke-sliders")
PARTS += (".ke-classes .ke-scroll", ".ke-images", ".ke-caption", "")
BOXES = """(parts) => parts.map((part) => {
  const { x, y, width, height } = document.querySelector(`.ke ${part}`).getBoundingClientRect();
  return [part, ...[x, y, width, height].map((each) => Math.round(2 * each) / 2)];
})"""


@pytest.fixture
def opened(browser, address):
    page = browser.new_page(viewport={"width": 1100, "height": 1400})

    def at(case, width):
        page.goto(f"{address}?case={case}&width={width}")
        page.get_by_role("status").filter(has_text=" · ").wait_for()
        expect(page.locator(".ke-images [role=option]").first).to_be_visible()
        return page

    yield at
    page.close()


@pytest.mark.parametrize("width", [980, 480])
def test_a_method_its_progress_notes_and_messages_move_nothing(opened, width):
    page = opened("small", width)
    before = page.evaluate(BOXES, PARTS)

    def same(when):
        moved = [pair for pair in zip(before, page.evaluate(BOXES, PARTS), strict=True) if pair[0] != pair[1]]
        assert not moved, when

    pick_method(page, "smooth")
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    if width > 640:  # narrower, the form itself needs more lines
        same("SmoothGrad at work")
    during = page.evaluate(BOXES, PARTS)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("stopped after")
    assert page.evaluate(BOXES, PARTS) == during, "SmoothGrad done"

    pick_method(page, "gradients")
    expect(page.locator(".ke-unused")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Input gradients")
    same("a method that looks at the input")
    pick_method(page, "gradcam")
    expect(page.locator(".ke-unused")).to_have_count(0)
    page.get_by_role("switch", name="All layers at once").click()
    expect(page.locator(".ke-bars")).to_be_visible()
    same("all layers are here")
    page.get_by_role("searchbox", name="Find class").fill("none of them")
    expect(page.get_by_text("No matching class.")).to_be_visible()
    same("no class fits")


@pytest.mark.parametrize("case", ["constant", "error"])
def test_a_note_or_an_error_moves_nothing(opened, case):
    page = opened(case, 980)
    before = page.evaluate(BOXES, PARTS)
    page.get_by_role("option", name="disc").first.click()
    expect(page.locator(".ke-empty-reason, [role=alert]").first).to_be_visible()
    assert page.evaluate(BOXES, PARTS) == before


def test_the_class_that_was_pressed_is_picked_whatever_new_scores_put_under_the_pointer_meanwhile(opened):
    page = opened("small", 980)
    row = page.get_by_role("listbox", name="Classes").get_by_role("option").nth(2)
    pressed = row.get_attribute("title")
    row.hover()
    page.mouse.down()
    page.evaluate("model.python({ image_index: 1 })")
    expect(row).not_to_have_attribute("title", pressed)
    page.mouse.up()
    chosen = page.get_by_role("listbox", name="Classes").get_by_role("option", selected=True)
    expect(chosen).to_have_attribute("title", pressed)
    # Let go beside the row, nothing is picked.
    row.hover()
    page.mouse.down()
    page.get_by_role("img", name="Explanation").hover()
    page.mouse.up()
    expect(chosen).to_have_attribute("title", pressed)


INSIDE = """() => {
  const { right } = document.querySelector('.ke').getBoundingClientRect();
  const cut = '.ke-scroll, .ke-images, .ke-hidden, .ke-status, svg';
  return [...document.querySelectorAll('.ke *')].filter((each) => !each.closest(cut)
    && each.getBoundingClientRect().right > right + 1).map((each) => each.className);
}"""


@pytest.mark.parametrize("width", [420, 480, 559, 560, 639, 640, 800, 968, 1280])
def test_pictures_stand_side_by_side_and_lists_where_there_is_room(browser, address, width):
    page = browser.new_page(viewport={"width": width + 36, "height": 614})  # a projector's, at 125 %
    page.goto(f"{address}?case=models&width={width}")
    page.get_by_role("status").filter(has_text=" · ").wait_for()
    box = lambda part, place=0: page.locator(part).nth(place).bounding_box()  # noqa: E731
    alone = box(".ke-picture")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("group", name="Pane 2")).to_be_visible()
    first, second = box(".ke-picture"), box(".ke-picture", 1)
    layers, stage, classes, images = map(box, (".ke-layers", ".ke-stage", ".ke-classes", ".ke-images"))
    assert first["y"] == second["y"], "side by side"
    assert first["x"] + first["width"] < second["x"]
    assert first["width"] == second["width"] > 170
    assert page.evaluate(INSIDE) == []
    if width <= 640:
        assert max(alone["height"], first["height"]) <= 0.6 * 614 + 1
        assert stage["y"] < images["y"] < min(layers["y"], classes["y"])
        assert first["y"] + first["height"] < 614, "both pictures are seen whole"
    else:
        assert layers["x"] <= stage["x"] < classes["x"]
        assert layers["y"] == stage["y"] == classes["y"]
    if 560 <= width <= 640:
        assert layers["y"] == classes["y"]
        assert layers["x"] < classes["x"]
    elif width < 560:
        assert layers["y"] >= classes["y"] + classes["height"]
    page.screenshot(path=f"tests/browser/screenshots/layout-{width}.png", full_page=True)
    page.close()


# The width of a field beyond that of a free one with the same text alone: what is negative is cut off.
ROOM = """(field) => {
  const free = document.createElement(field.selectedOptions ? 'select' : 'span');
  if (field.selectedOptions) free.add(new Option(field.selectedOptions[0].text));
  else free.append(field.value);
  const { font, padding, border } = getComputedStyle(field);
  const free_of_all = { boxSizing: 'border-box', maxWidth: 'none', position: 'absolute', whiteSpace: 'nowrap' };
  Object.assign(free.style, { font, padding, border, ...free_of_all });
  document.body.append(free);
  const { width } = free.getBoundingClientRect();
  free.remove();
  return field.getBoundingClientRect().width - width;
}"""


@pytest.mark.parametrize("width", [420, 480, 557])
def test_the_selects_of_a_narrow_toolbar_show_their_whole_text_in_one_row(opened, width):
    page = opened("small", width)
    selects = [page.get_by_role("combobox", name=name, exact=True) for name in ("Method", "Colormap", "View")]
    assert all(select.evaluate(ROOM) >= 0 for select in selects)
    assert len({select.bounding_box()["y"] for select in selects}) == 1
    assert page.locator(".ke-toolbar").bounding_box()["height"] <= 41


@pytest.mark.parametrize(("width", "lines"), [(480, 2), (1280, 1)])
def test_a_long_unit_in_the_legend_is_clear_of_the_frame_around_the_picture(browser, address, width, lines):
    page = browser.new_page(viewport={"width": width + 36, "height": 900})
    page.goto(f"{address}?case=small&width={width}")
    page.get_by_role("status").filter(has_text=" · ").wait_for()
    page.get_by_role("button", name="Compare").click()
    pane = page.get_by_role("group", name="Pane 2")
    pick_method(page, "gradients")
    unit = pane.get_by_text("logit per unit of input", exact=True)
    expect(unit).to_be_visible()
    box, picture = unit.bounding_box(), pane.locator(".ke-picture").bounding_box()
    assert box["height"] == 12 * lines
    assert box["y"] >= picture["y"] + picture["height"] + 4, "the frame is 4 px wide"
    page.close()
