"""What the eye gets: room for the picture, names that can be told apart, scales, depth beside the layers."""

import pytest
from playwright.sync_api import expect

SEEN = """(rows) => rows.map((row) => {
  const range = document.createRange();
  const name = row.querySelector('.ke-name');
  const box = name.getBoundingClientRect();
  let text = '';
  for (const part of name.children) {
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


def test_of_a_thousand_classes_no_two_look_alike(opened):
    page = opened("large")
    page.get_by_role("searchbox", name="Find class").fill("square number 1")
    rows = page.get_by_role("listbox", name="Classes").get_by_role("option")
    titles = rows.evaluate_all("(rows) => rows.map((row) => row.title)")
    seen = rows.evaluate_all(SEEN)
    assert len(titles) > 5
    assert len(set(seen)) == len(set(titles)), seen
    for score in rows.locator(".ke-score").all()[:3]:
        assert score.bounding_box()["width"] == 48


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
    page.get_by_role("combobox", name="Method").select_option("smooth")
    expect(page.get_by_role("spinbutton")).to_have_count(0)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    samples = page.get_by_role("spinbutton", name="samples")
    samples.fill("30")
    samples.press("Enter")
    expect(button).to_have_text("samples 30")
    button.click()
    expect(samples).to_have_count(0)
    expect(button).to_have_accessible_name("Parameters: samples 30")


def test_what_the_threshold_hides_is_said_and_the_legend_fades_as_the_map_does(opened):
    page = opened()
    legend = page.locator(".ke-legend")
    expect(page.locator(".ke-sliders")).to_contain_text("0 % hidden")
    page.evaluate("model.python({ threshold: 0.1 })")
    expect(page.locator(".ke-sliders")).to_contain_text("10 % hidden")
    expect(page.get_by_role("slider", name="Threshold")).to_have_attribute("aria-valuetext", "10 % hidden")
    colours = legend.locator("i").evaluate("(bar) => getComputedStyle(bar).backgroundImage")
    assert colours.startswith("linear-gradient(90deg, rgba(0, 0, 0, 0)")
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
    page.get_by_role("combobox", name="Method").select_option("smooth")
    line = page.get_by_role("progressbar", name="Progress")
    expect(line).to_be_visible()
    box, picture = line.bounding_box(), page.locator(".ke-picture").bounding_box()
    assert (box["x"], box["y"], box["width"]) == (picture["x"], picture["y"], picture["width"])
    assert box["height"] == 3
    assert 0 < line.evaluate("(line) => line.position") < 1
    expect(page.get_by_role("status")).to_contain_text("so far")
    page.get_by_role("button", name="Cancel").click()
    expect(line).to_have_count(0)
    # Where nobody knows how far it is, there is one too.
    mute = opened("mute")
    mute.get_by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
    expect(mute.get_by_role("progressbar", name="Progress")).to_be_visible()
    assert mute.get_by_role("progressbar", name="Progress").evaluate("(line) => line.position") == -1
    expect(mute.get_by_role("status")).to_contain_text("Computing triangle")


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
        expect(page.locator(".ke-under").first).to_contain_text(f"{place + 1}/{count}")
    depth.focus()
    page.keyboard.press("ArrowLeft")
    expect(depth).to_have_value(str(count - 1))
    page.keyboard.press("Home")
    expect(depth).to_have_value("1")
    switch.click()
    expect(switch).not_to_be_checked()
    expect(page.locator(".ke-bars")).to_have_count(0)
    page.get_by_role("combobox", name="Method").select_option("gradients")
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
    layers.dblclick()
    classes.focus()
    page.keyboard.press("Enter")
    assert width_of(page, ".ke-layers") == before[".ke-layers"]
    expect(page.get_by_role("listbox", name="Classes")).to_be_visible()
