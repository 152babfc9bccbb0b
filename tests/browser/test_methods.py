"""The menu of methods, what they cost, what their maps sum to, and the way that they go, on a real kernel."""

import re

import numpy as np
from playwright.sync_api import expect

from tests.browser.explainer import open_explainer, pick_method

WIDGET = """
w = ke.ExplainerWidget(model, scenes.images, labels=demo.LABELS, charts=False)
w
"""
SCORES = """
import numpy as np
def along(alpha):
    image = scenes.images[w.image_index : w.image_index + 1].astype("float32")
    from ke_widgets.engine.forward import forward
    logits, _ = forward(ke.inspection.expose(model, []), alpha * image)
    return float(np.asarray(logits)[0, w.class_index])
"""


def test_methods_are_found_by_family_and_words_with_their_question_and_their_cost(lab):
    explainer = open_explainer(lab, WIDGET)
    page, field = lab.page, explainer.part("combobox", "Method")
    field.click()
    menu = explainer.part("listbox", "Methods")
    known = explainer.ask("[s.title for _, s in ke.methods.table().values()]")
    expect(menu.get_by_role("option")).to_have_count(len(known))
    families = [group.get_attribute("aria-label") for group in menu.get_by_role("group").all()]
    assert families == explainer.ask("list(ke.methods.FAMILIES.values())")
    chosen = menu.get_by_role("option", selected=True)
    expect(chosen).to_contain_text("Where do the channels that raise the class score respond?")
    # Measured on this machine, the first time after a while of rest.
    integrated = menu.locator('[data-value="integrated_gradients"]')
    expect(integrated).to_contain_text(re.compile(r"\d forwards · [\d.]+ m?s"), timeout=30_000)
    lab.execute("import time\nwhile w._session.models[0].passes is None: time.sleep(0.1)")
    passes = explainer.ask("list(w._session.models[0].passes)")
    page.keyboard.press("Escape")
    field.click()  # It asks again, and the answer is complete.
    expect(integrated).to_contain_text(re.compile(r"\d forwards"))
    page.wait_for_timeout(500)
    forwards = float(re.search(r"([\d.,]+) forwards", integrated.inner_text())[1].replace(",", ""))
    np.testing.assert_allclose(forwards, 1 + 50 * passes[1], rtol=0.06)
    page.screenshot(path="tests/browser/screenshots/methods-menu.png")

    # Words of title, family or question; the first match is active, arrows move, Enter picks.
    page.keyboard.type("baseline sco")
    expect(menu.get_by_role("option").first).to_have_attribute("data-value", "integrated_gradients")
    active = field.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("data-value") == "integrated_gradients"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(menu).to_have_count(0)
    expect(field).to_have_value("Integrated gradients")
    assert explainer.settled(60_000).ask("w.method") == "integrated_gradients"
    expect(explainer.root.get_by_role("status")).to_contain_text("Integrated gradients of")

    # Escape leaves everything as it was, and the next Escape is not the menu's.
    field.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("rise")
    page.keyboard.press("Escape")
    expect(field).to_have_value("Integrated gradients")
    assert explainer.ask("w.method") == "integrated_gradients"


def test_a_method_that_does_not_apply_is_grey_and_says_why(lab):
    explainer = open_explainer(lab, "w = ke.ExplainerWidget(model, scenes.images, charts=False)\nw")
    lab.execute("w.close()")
    lab.run_cell(
        "import keras\n"
        "x = keras.layers.Conv2D(4, 3, activation='relu')(i := keras.Input((96, 96, 3)))\n"
        "other = keras.Model(i, keras.layers.GlobalMaxPooling2D()(x))\n"
        "v = ke.ExplainerWidget(other, scenes.images, charts=False)\nv",
        timeout=120,
    )
    explainer = type(explainer)(lab).settled()
    explainer.root.scroll_into_view_if_needed()
    field = explainer.part("combobox", "Method")
    before = field.input_value()
    field.click()
    option = explainer.part("listbox", "Methods").locator('[data-value="cam"]')
    expect(option).to_have_attribute("aria-disabled", "true")
    expect(option).to_contain_text("CAM needs one dense layer, or 1x1 convolution, after global pooling")
    option.click(force=True)
    expect(explainer.part("listbox", "Methods")).to_be_visible()
    lab.page.keyboard.press("Escape")
    expect(field).to_have_value(before)


def test_the_sum_of_a_map_and_the_way_to_the_image(lab):
    explainer = open_explainer(lab, WIDGET)
    page = lab.page
    lab.execute(SCORES)
    pick_method(explainer.root, "integrated_gradients")
    status = explainer.root.get_by_role("status")
    expect(status).to_contain_text("sums to", timeout=60_000)
    total, expected = explainer.ask("list(w.wait(60).completeness)")
    np.testing.assert_allclose(expected, explainer.ask("along(1) - along(0)"), rtol=1e-4, atol=1e-4)
    said = re.search(r"sums to ([−\d.]+) of ([−\d.]+)", status.inner_text())
    np.testing.assert_allclose([float(x.replace("−", "-")) for x in said.groups()], [total, expected], rtol=0.01)

    explainer.part("tab", "Path").click()
    slider = explainer.part("slider", "Alpha")
    expect(slider).to_be_visible(timeout=30_000)
    for alpha in (0.0, 0.5, 1.0):
        slider.fill(str(alpha))
        expect(explainer.root.get_by_role("img", name=f"The image at alpha {alpha:.2f}")).to_be_visible()
        score = explainer.root.locator(".ke-path p b")
        expect(score).not_to_have_text("…", timeout=30_000)
        score = score.inner_text()
        np.testing.assert_allclose(
            float(score.replace("−", "-")), explainer.ask(f"along({alpha})"), rtol=0.01, atol=1e-3
        )
    page.screenshot(path="tests/browser/screenshots/methods-path.png")
    # By the keyboard: an arrow is a hundredth of the way.
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "0.99"

    # Another method has no way, and says which have one.
    pick_method(explainer.root, "gradcam")
    explainer.settled()
    expect(explainer.root.get_by_role("tabpanel")).to_contain_text("Those that do: Integrated gradients, Blur")
