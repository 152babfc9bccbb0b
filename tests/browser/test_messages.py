"""An error is told once, where it was caused, in two lines; whoever asks gets the rest."""

import pytest
from playwright.sync_api import expect

from tests.browser.explainer import open_explainer

TRACEBACK = "Traceback (most recent call last):\n" + "\n".join(f'  File "layer_{n}.py", line {n}' for n in range(40))
# A model that raises on the white image, number 2.
FAILING = """
import keras, numpy as np, tensorflow as tf
import ke_widgets as ke

class Strict(keras.layers.Layer):
    def call(self, x):
        with tf.control_dependencies([tf.debugging.assert_less(x, 0.99, message="a pixel is white")]):
            return tf.identity(x)

model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255), Strict(),
                          keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Conv2D(4, 3, name="conv2"),
                          keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3)])
images = np.random.default_rng(0).integers(0, 200, (5, 32, 32, 3), dtype="uint8")
images[2] = 255
"""
OF_FAILING = "w = ke.ExplainerWidget(model, images, labels=['cat', 'dog', 'bird'], charts=False)\nw"
OVERLAP = """([one, others]) => {
  const a = document.querySelector(one).getBoundingClientRect();
  return [...document.querySelectorAll(others)].map((each) => {
    const b = each.getBoundingClientRect();
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    return Math.max(0, across) * Math.max(0, down) / (b.width * b.height);
  });
}"""


@pytest.fixture
def opened(browser, address):
    pages = []

    def at(width=968, theme="light"):
        page = browser.new_page(viewport={"width": width + 40, "height": 1000})
        pages.append(page)
        page.goto(f"{address}?case=small&width={width}&theme={theme}&host=lab")
        page.get_by_role("status").filter(has_text=" · ").wait_for()
        return page

    yield at
    for page in pages:
        page.close()


def pick(page, place):
    page.get_by_role("listbox", name="Classes").get_by_role("option").nth(place).click()


def test_it_is_told_once_and_lies_over_neither_list_nor_picture_and_goes_with_the_next_pick(opened):
    page = opened()
    page.evaluate("model.fail({})")
    pick(page, 1)
    alert = page.get_by_role("alert")
    expect(alert).to_have_count(1)
    expect(alert.locator("p").first).to_have_text("`layer` must name a layer with a spatial output (B, H, W, K).")
    expect(alert).to_contain_text("Layers that fit: block1, block2.")
    assert page.evaluate(OVERLAP, [".ke-alert", ".ke-sidebar, .ke-picture"]) == [0, 0, 0]
    expect(alert.locator("pre")).not_to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Last map: Grad-CAM of star")
    page.evaluate("model.fail(null)")
    pick(page, 2)
    expect(alert).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("Grad-CAM of square at")


@pytest.mark.parametrize("width", [968, 480])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_rest_is_behind_details_which_cover_little_of_the_picture(opened, width, theme):
    page = opened(width, theme)
    page.evaluate("(details) => model.fail({ message: 'It broke.', hint: 'Try another.', details })", TRACEBACK)
    pick(page, 1)
    page.get_by_text("Details", exact=True).click()
    text = page.get_by_role("alert").locator("pre")
    expect(text).to_be_visible()
    expect(text).to_contain_text('File "layer_39.py"')
    lists_and_picture = page.evaluate(OVERLAP, [".ke-details pre", ".ke-sidebar, .ke-picture"])
    assert sorted(lists_and_picture)[:2] == [0, 0]
    assert max(lists_and_picture) < 0.45
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelector('.ke-details pre').scrollTop > 0")  # scrolled by key
    page.screenshot(path=f"tests/browser/screenshots/details-{width}-{theme}.png")
    page.evaluate("model.fail(null)")
    pick(page, 2)
    expect(text).to_have_count(0)


@pytest.mark.parametrize(
    ("message", "shown", "more"),
    [
        ("It broke.", "It broke.", False),
        ("no full stop at all", "no full stop at all", False),
        ("First. Second.", "First.", True),
        ("Graph execution error:\n\nat node", "Graph execution error:", True),
        ("long " * 100, "long " * 47 + "long…", True),
    ],
)
def test_where_the_kernel_says_it_at_length_the_first_sentence_is_told(opened, message, shown, more):
    page = opened()
    page.evaluate("(message) => model.fail({ message, hint: null })", message)
    pick(page, 1)
    expect(page.get_by_role("alert").locator("p").first).to_have_text(shown)
    expect(page.get_by_text("Details", exact=True)).to_be_visible(visible=more)
    page.get_by_role("button", name="Dismiss error").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text("Grad-CAM of star")


def test_an_image_whose_map_failed_has_none_and_is_said_to(opened):
    page = opened()
    page.evaluate("model.fail({ message: 'It broke.', hint: null })")
    page.get_by_role("listbox", name="Images").get_by_role("option").nth(3).click()
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("Image 3 has no map")
    expect(page.get_by_role("region", name="Explainer")).to_have_attribute("aria-busy", "false")
    described = page.get_by_role("img", name="Explanation").locator(".ke-hidden")
    expect(described).to_contain_text("no map")


def test_of_several_panes_the_one_that_caused_it_tells_it(opened):
    page = opened()
    page.get_by_role("button", name="Compare").click()
    panes = page.get_by_role("group", name="Pane")
    expect(panes).to_have_count(2)
    page.evaluate("model.fail({})")
    pick(page, 1)  # of the second, which is the active one
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(panes.nth(1).get_by_role("alert")).to_have_count(1)
    expect(panes.nth(0)).to_contain_text("Grad-CAM of star")
    # There is little room: all of it is behind the details, also where it is short.
    page.evaluate("model.fail({ message: 'RuntimeError: broken on purpose', hint: 'Choose another layer or method.' })")
    pick(page, 3)
    sentence = panes.nth(1).get_by_role("alert").locator("p").first
    expect(sentence).to_have_text("RuntimeError: broken on purpose")
    assert sentence.bounding_box()["height"] > 24, "on both lines"
    page.get_by_text("Details", exact=True).click()
    expect(panes.nth(1).locator("pre")).to_be_visible()
    expect(panes.nth(1).locator("pre")).to_contain_text("Choose another layer or method.")
    page.screenshot(path="tests/browser/screenshots/error-in-narrow-pane.png")
    page.evaluate("model.fail(null)")
    pick(page, 2)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_model_that_raises_in_jupyterlab_is_told_in_one_sentence_and_the_lists_go_on(lab):
    explainer = open_explainer(lab, OF_FAILING, start=FAILING)
    expect(lab.page.get_by_role("alert")).to_have_count(0)  # its prediction failed, too, which nobody asked to see
    images = explainer.part("listbox", "Images").get_by_role("option")
    images.nth(2).click()
    alert = lab.page.get_by_role("alert")
    expect(alert).to_have_count(1, timeout=30_000)
    expect(alert.locator("p").first).to_have_text("a pixel is white")
    expect(alert).to_contain_text("choose another layer or method")
    for noise in ("{{", "[Op:", "Arguments received", "\x1b"):
        expect(alert.locator("p").first).not_to_contain_text(noise)
    expect(explainer.root.get_by_role("status")).to_contain_text("Image 2 has no map")
    assert max(lab.page.evaluate(OVERLAP, [".ke-alert", ".ke-sidebar, .ke-picture"])) == 0
    lab.screenshot("item5-failing-model", explainer.root)
    alert.get_by_text("Details", exact=True).click()
    expect(alert.locator("pre")).to_be_visible()
    expect(alert.locator("pre")).to_contain_text("Traceback (most recent call last)")
    expect(alert.locator("pre")).to_contain_text("InvalidArgumentError")
    lab.screenshot("item5-failing-model-details", explainer.root)
    explainer.part("listbox", "Classes").get_by_role("option").nth(1).click()  # Lists can be clicked meanwhile.
    expect(alert).to_have_count(1, timeout=30_000)
    explainer.part("tree", "Layers").locator("[data-path=conv]").click()
    expect(alert).to_have_count(1, timeout=30_000)
    images.nth(3).click()
    expect(alert).to_have_count(0, timeout=30_000)
    expect(explainer.root.get_by_role("status")).to_contain_text("at conv")
    found = explainer.ask("{'image': w.wait(60).image_index, 'layer': w.layer}")
    assert found == {"image": 3, "layer": "conv"}
