"""What the eye gets: room for the picture, names that can be told apart, scales, depth beside the layers."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.explainer import pick_method

SEEN = """(rows) => rows.map((row) => {
  const range = document.createRange();
  const name = row.querySelector('.ke-name');
  const box = name.getBoundingClientRect();
  let text = '';
  for (const part of name.matches('.ke-truncated') ? name.children : [name]) {
    const edge = Math.min(part.getBoundingClientRect().right, box.right) + 0.5;
    const nodes = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let node = nodes.nextNode(); node; node = nodes.nextNode())
      for (let at = 0; at < node.length; at++) {
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        if (range.getBoundingClientRect().right <= edge) text += node.data[at];
      }
  }
  return text;
})"""


@pytest.fixture
def opened(browser, address):
    pages = []

    def at(case="small", width=968, theme="light"):
        page = browser.new_page(viewport={"width": width + 40, "height": 1000})
        pages.append(page)
        page.goto(f"{address}?case={case}&width={width}&theme={theme}&host=lab")
        page.get_by_role("status").filter(has_text=" · ").wait_for()
        return page

    yield at
    for page in pages:
        page.screenshot(path=f"tests/browser/screenshots/look-{len(pages)}.png", full_page=True)
        page.close()


def width_of(page, part):
    return page.locator(part).first.bounding_box()["width"]


def test_the_picture_has_the_room_and_the_classes_their_column(opened):
    page = opened()
    assert width_of(page, ".ke-layers") == pytest.approx(222, abs=3)
    assert width_of(page, ".ke-classes") == pytest.approx(256, abs=3)
    assert width_of(page, ".ke-picture") == pytest.approx(464, abs=4)
    tops = page.evaluate("""() => ['.ke-layers .ke-scroll', '.ke-picture', '.ke-classes .ke-scroll']
      .map((part) => document.querySelector(part).getBoundingClientRect().top)""")
    assert max(tops) - min(tops) <= 1, "one row for all three"
    assert page.get_by_role("region", name="Explainer").bounding_box()["height"] < 780


@pytest.mark.parametrize("width", [783, 968])
def test_of_a_thousand_classes_no_two_look_alike(opened, width):
    page = opened("large", width)
    search = page.get_by_role("searchbox", name="Find class")
    classes = page.get_by_role("listbox", name="Classes")
    seen = {}
    for query in ("square number 1", "star number", "number 99", "crescent number 9"):
        search.fill(query)
        expect(classes.get_by_role("option").first).to_have_attribute("title", re.compile(query.split()[-1]))
        rows = classes.get_by_role("option")
        titles = rows.evaluate_all("(rows) => rows.map((row) => row.title)")
        seen.update(zip(titles, rows.evaluate_all(SEEN), strict=True))
        assert rows.evaluate_all("(rows) => rows.every((row) => row.scrollWidth <= row.clientWidth)"), "all is in it"
        boxes = rows.evaluate_all("(rows) => rows.map((row) => row.getBoundingClientRect().height)")
        assert set(boxes) == {24}
    assert len(seen) > 40
    alike = {name: text for name, text in seen.items() if list(seen.values()).count(text) > 1}
    assert not alike
    if width > 900:
        assert classes.locator(".ke-score").first.bounding_box()["width"] == 48


def test_under_thumbnails_no_two_names_look_alike(opened):
    page = opened("large")
    under = page.locator(".ke-thumbnail:has(.ke-predicted .ke-name)")
    expect(under.nth(9)).to_be_visible()
    titles = under.evaluate_all("(all) => all.map((each) => /: (.*), [^,]+, /.exec(each.title + ', ')[1])")
    seen = under.evaluate_all(SEEN)
    assert len(set(titles)) > 9
    assert len(set(seen)) == len(set(titles)), dict(zip(titles, seen))
    fits = "(all) => all.every((each) => each.scrollWidth <= each.clientWidth + 1)"
    assert page.locator(".ke-predicted").evaluate_all(fits)


def test_titles_of_panes_keep_what_tells_them_apart(opened):
    page = opened("large")
    layers = ["backbone/block39/batch_normalization", "backbone/block40/batch_normalization"]
    page.evaluate("([first, second]) => model.python({ layer: first, panes: [{ layer: second }] })", layers)
    titles = page.locator(".ke-pane:has(.ke-status[data-heading])")
    expect(titles).to_have_count(2)
    for title, layer in zip(titles.evaluate_all(SEEN), layers, strict=True):
        assert layer.split("/")[1] in title
    expect(page.get_by_role("group", name=f"Pane 2: {layers[1]}")).to_be_visible()


def test_scores_that_are_nearly_alike_are_told_apart(opened):
    page = opened("untrained-1000")
    scores = page.get_by_role("listbox", name="Classes").locator(".ke-number").all_inner_texts()[:8]
    assert len(set(scores)) == len(scores), scores
    assert all(re.fullmatch(r"0\.001\d+", score.strip()) for score in scores), scores
    trained = opened().get_by_role("listbox", name="Classes").locator(".ke-number").all_inner_texts()
    assert all(len(score.strip()) <= 6 for score in trained), "and no digit more than that takes"


def test_thumbnails_keep_the_aspect_of_their_pictures(opened):
    page = opened("wide")
    canvas = page.locator(".ke-thumbnail canvas").first
    page.wait_for_function("() => document.querySelector('.ke-thumbnail canvas').height < 112")
    assert canvas.evaluate("(canvas) => canvas.width / canvas.height") == pytest.approx(3, rel=0.05)
    assert canvas.evaluate("(canvas) => getComputedStyle(canvas).objectFit") == "contain"
    box = page.locator(".ke-thumbnail").first.bounding_box()
    assert (box["width"], box["height"]) == (56, 56)


def test_a_bar_is_as_long_as_its_score(opened):
    page = opened()
    bars = page.locator(".ke-class").evaluate_all("""(rows) => rows.map((row) => [
      Number(row.querySelector('.ke-number').textContent), Number(row.style.getPropertyValue('--score')),
      getComputedStyle(row.querySelector('.ke-score')).backgroundSize])""")
    for score, share, size in bars:
        assert share == pytest.approx(score, abs=0.006)
        assert float(size.split("%")[0].removeprefix("calc(")) == pytest.approx(100 * score, abs=0.6)


def test_parameters_open_beside_the_method_and_what_is_changed_is_spelled_out(opened):
    page = opened()
    button = page.get_by_role("button", name="Parameters")
    expect(button).to_be_disabled()
    expect(page.get_by_text("No parameters")).to_have_count(0)
    pick_method(page, "smooth")
    expect(page.locator(".ke-params")).to_have_count(0)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    samples = page.get_by_role("spinbutton", name="samples")
    samples.fill("30")
    samples.press("Enter")
    expect(button).to_have_text("samples 30")
    button.click()
    expect(samples).to_have_count(0)
    expect(button).to_have_accessible_name("Parameters: samples 30")


def test_the_threshold_is_a_handle_on_the_legend_which_fades_as_the_map_does(opened):
    page = opened()
    slider, bar = page.get_by_role("slider", name="Threshold"), page.locator(".ke-colours i")
    status = page.get_by_role("status")
    expect(slider).to_have_value("0")
    expect(slider).to_have_attribute("aria-valuetext", "0 % hidden")
    expect(status).not_to_contain_text("hidden")
    place, colours = slider.bounding_box(), bar.bounding_box()
    assert place["height"] >= 24, "a target"
    middle = colours["y"] + colours["height"] / 2
    assert place["y"] + place["height"] / 2 == pytest.approx(middle, abs=0.5)
    opacity = page.get_by_role("slider", name="Opacity").bounding_box()
    assert opacity["y"] + opacity["height"] / 2 == pytest.approx(middle, abs=1), "in the same row"
    # Where one presses, there the colours begin.
    page.mouse.click(colours["x"] + 0.4 * colours["width"], middle)
    expect(slider).to_have_value("0.4")
    expect(status).to_contain_text("40 % hidden")
    shot = np.asarray(Image.open(io.BytesIO(bar.screenshot())).convert("RGB")).astype(int)
    left, right = (shot[3, round(share * shot.shape[1])] for share in (0.3, 0.5))
    assert np.ptp(left) < 12 < np.ptp(right), "no colour up to the handle"
    slider.press("ArrowRight")
    expect(slider).to_have_value("0.41")
    slider.press("Home")
    expect(status).not_to_contain_text("hidden")
    drawn = bar.evaluate("(bar) => getComputedStyle(bar).backgroundImage")
    assert drawn.startswith("linear-gradient(90deg, rgba(0, 0, 4, 0)"), drawn
    page.evaluate("model.python({ threshold: 0 })")
    alphas = page.locator("canvas.ke-map").evaluate("""(canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const all = new Set(data.filter((_, at) => at % 4 === 3));
      return [Math.min(...all), Math.max(...all), all.size];
    }""")
    assert alphas[:2] == [0, 255]
    assert alphas[2] > 60, "no edge: it fades"
    page.get_by_role("combobox", name="View").select_option("map")
    alone = page.locator("canvas.ke-map").evaluate("""(canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.every((value, at) => at % 4 < 3 || value === 255);
    }""")
    assert alone, "the map alone is whole"


def test_progress_is_a_hairline_on_the_pictures_upper_edge(opened):
    page = opened()
    pick_method(page, "smooth")
    line = page.get_by_role("progressbar", name="Progress")
    expect(line).to_be_visible()
    box, picture = line.bounding_box(), page.locator(".ke-picture").bounding_box()
    assert (box["x"], box["y"], box["width"]) == (picture["x"], picture["y"], picture["width"])
    assert box["height"] == 3
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"step \d+ of 20 so far"))
    assert 0 < line.evaluate("(line) => line.position") < 1
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"stopped after step \d+ of 20"))
    expect(line).to_have_count(0)
    # Where nobody knows how far it is, there is one too.
    mute = opened("mute")
    mute.get_by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
    expect(mute.get_by_role("progressbar", name="Progress")).to_be_visible()
    assert mute.get_by_role("progressbar", name="Progress").evaluate("(line) => line.position") == -1
    expect(mute.get_by_role("status")).to_contain_text("Computing triangle at block4/conv2 …")
    mute.locator('[data-path="block3/add"]').click()
    expect(mute.get_by_role("status")).to_contain_text("Computing triangle · block3/add …")


def test_depth_stands_beside_the_layers_with_a_bar_for_each(opened):
    page = opened()
    depth, switch = page.get_by_role("slider", name="Depth"), page.get_by_role("switch", name="All layers at once")
    expect(switch).not_to_be_checked()
    expect(page.locator(".ke-bars")).to_have_count(0)
    switch.click()
    expect(switch).to_be_checked()
    expect(page.locator(".ke-bars")).to_be_visible()
    expect(switch).to_be_focused()
    count = int(depth.get_attribute("max"))
    box = depth.bounding_box()
    bars = page.locator(".ke-bars").bounding_box()
    assert bars["width"] <= box["width"] == pytest.approx(31, abs=2)
    chosen = page.get_by_role("treeitem", selected=True)
    # From the first at the top to the last at the bottom, each where its bar is.
    for place in (0, count // 2, count - 1):
        page.mouse.click(box["x"] + box["width"] / 2, bars["y"] + (place + 0.5) * bars["height"] / count)
        expect(depth).to_have_value(str(place + 1))
        layer = chosen.get_attribute("data-path")
        expect(depth).to_have_attribute("aria-valuetext", f"{layer}, {place + 1} of {count}")
        expect(page.locator(".ke-footer").first).to_contain_text(f"{place + 1}/{count}")
    depth.focus()
    page.keyboard.press("ArrowLeft")
    expect(depth).to_have_value(str(count - 1))
    page.keyboard.press("Home")
    expect(depth).to_have_value("1")
    switch.click()
    expect(switch).not_to_be_checked()
    expect(page.locator(".ke-bars")).to_have_count(0)
    pick_method(page, "gradients")
    expect(page.locator(".ke-unused")).to_be_visible()
    expect(switch).to_have_count(0)


def test_the_sides_are_dragged_and_folded_and_the_picture_takes_the_room(opened):
    page = opened()
    before = {part: width_of(page, part) for part in (".ke-layers", ".ke-stage", ".ke-classes")}
    layers, classes = page.get_by_role("separator").all()
    box = layers.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 64, box["y"] + 210, steps=4)
    page.mouse.up()
    assert width_of(page, ".ke-layers") == pytest.approx(before[".ke-layers"] + 60, abs=2)
    assert width_of(page, ".ke-stage") == pytest.approx(before[".ke-stage"] - 60, abs=2)
    classes.focus()
    page.keyboard.press("ArrowRight")  # the border, so the classes have less
    assert width_of(page, ".ke-classes") == pytest.approx(before[".ke-classes"] - 16, abs=2)
    page.keyboard.press("Enter")
    assert width_of(page, ".ke-classes") <= 1
    expect(page.get_by_role("listbox", name="Classes")).to_have_count(0)
    layers.dblclick()
    assert width_of(page, ".ke-layers") <= 1
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("group", name="Pane 2")).to_be_visible()
    assert width_of(page, ".ke-picture") > 400, "two panes have room"
    page.get_by_role("button", name="Close pane 2").click()
    layers.dblclick()
    classes.focus()
    page.keyboard.press("Enter")
    assert width_of(page, ".ke-layers") == before[".ke-layers"]
    expect(page.get_by_role("listbox", name="Classes")).to_be_visible()


LAYERS_WIDTH = "document.querySelector('.ke-layers').getBoundingClientRect().width"


def two_panes(page):
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("group", name="Pane 2")).to_be_visible()


@pytest.mark.parametrize(("width", "least"), [(783, 270), (968, 285), (1300, 380)])
def test_two_pictures_have_the_room_that_the_sides_need_not(opened, width, least):
    page = opened(width=width)
    before = width_of(page, ".ke-layers"), width_of(page, ".ke-classes")
    two_panes(page)
    # The sides fold and open again a frame after the panes changed.
    narrow = f"() => {LAYERS_WIDTH} < 2"
    # Only where there is no room at all.
    page.wait_for_function(narrow if width < 860 else f"() => {LAYERS_WIDTH} >= 2")
    assert width_of(page, ".ke-picture") > least
    assert width_of(page, ".ke-classes") >= 180
    page.get_by_role("button", name="Close pane 2").click()
    expect(page.get_by_role("group")).to_have_count(0)
    page.wait_for_function(f"() => {LAYERS_WIDTH} === {before[0]}")
    assert width_of(page, ".ke-classes") == before[1]


def test_layers_that_somebody_sized_or_is_among_do_not_fold_by_themselves(opened):
    page = opened(width=783)
    page.get_by_role("tree", name="Layers").locator("[tabindex='0']").focus()
    page.evaluate("model.python({ panes: [{ class_index: 1 }] })")
    expect(page.get_by_role("group", name="Pane 2")).to_be_visible()
    expect(page.get_by_role("tree", name="Layers").locator(":focus")).to_have_count(1)
    assert width_of(page, ".ke-layers") >= 150
    page.get_by_role("button", name="Close pane 2").click()
    page.get_by_role("separator").first.focus()
    page.keyboard.press("ArrowLeft")
    sized = width_of(page, ".ke-layers")
    two_panes(page)
    assert width_of(page, ".ke-layers") == sized
    page.get_by_role("button", name="Close pane 2").click()
    assert width_of(page, ".ke-layers") == sized


def test_panes_of_one_unit_can_have_one_scale(opened):
    page = opened()
    two_panes(page)
    page.get_by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
    switch, legends = page.get_by_role("switch", name="One scale"), page.locator(".ke-legend")
    expect(page.get_by_role("group", name="Pane 2: triangle")).to_be_visible()
    expect(legends.nth(1)).to_contain_text("0.81 logit")
    expect(switch).not_to_be_checked()
    brightest = """(canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((most, value, at) => (at % 4 === 1 ? Math.max(most, value) : most), 0);
    }"""
    second = page.locator("canvas.ke-map").nth(1)
    before = second.evaluate(brightest)
    switch.click()
    expect(switch).to_be_checked()
    expect(legends).to_have_text([re.compile(r"0\.956 logit$")] * 2)
    assert second.evaluate(brightest) < before, "its most is less than the other's"
    switch.click()
    expect(legends.nth(1)).to_contain_text("0.81 logit")
    # Each bar has the handle, and all are one.
    page.get_by_role("slider", name="Threshold 2").press("End")
    expect(page.get_by_role("slider", name="Threshold", exact=True)).to_have_value("1")
    # Maps of other units, and of none, have no scale in common.
    for method, unit in (("gradients", "logit per unit of input"), ("smooth", "")):
        pick_method(page, method)
        expect(legends.nth(1)).to_have_text(re.compile(rf"\d {unit}$" if unit else r"\d *$"), timeout=15_000)
        expect(switch).to_be_disabled()


def test_a_map_with_both_signs_lies_over_a_grey_picture(opened):
    page = opened()
    image = page.locator("canvas.ke-image")
    grey = "(image) => getComputedStyle(image).filter"
    assert image.evaluate(grey) == "none"

    def colour():
        shot = Image.open(io.BytesIO(page.get_by_role("img", name="Explanation").screenshot())).convert("RGB")
        return np.ptp(np.asarray(shot).astype(int), axis=-1)[-40:, -40:].max()  # the map is nothing there

    assert colour() > 20
    pick_method(page, "gradients")
    expect(page.get_by_role("status")).to_contain_text("Input gradients")
    expect(page.locator(".ke-legend")).to_contain_text("logit per unit of input")
    assert image.evaluate(grey) == "grayscale(1)"
    assert colour() < 8
    # The handle goes from the middle, which is nothing.
    handle, bar = (
        page.get_by_role("slider", name="Threshold").bounding_box(),
        page.locator(".ke-colours").bounding_box(),
    )
    assert handle["x"] + 4 == pytest.approx(bar["x"] + bar["width"] / 2, abs=1)
    # Without a map it is as it is.
    page.get_by_role("combobox", name="View").select_option("image")
    assert image.evaluate(grey) == "none"
    page.get_by_role("combobox", name="View").select_option("overlay")
    page.get_by_role("slider", name="Opacity").press("Home")
    assert image.evaluate(grey) == "none"
