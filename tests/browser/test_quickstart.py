"""The main job, in a real JupyterLab with a real kernel: open the quickstart, pick, drag, see the picture follow."""

import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.explainer import Explainer


@pytest.fixture
def explainer(lab):
    lab.open("01-quickstart.ipynb").run_all()
    explainer = Explainer(lab)
    explainer.root.scroll_into_view_if_needed()
    lab.execute("w.class_index = int(scenes.targets[w.image_index].argmax())")
    lab.execute("w.view = 'map'; w.opacity = 1.0; w.threshold = 0.0; w.wait()")
    expect(explainer.part("slider", "Opacity")).to_have_value("1")
    expect(explainer.part("slider", "Threshold")).to_have_value("0")
    return explainer.settled()


def test_layer_class_image_and_opacity_change_the_picture(explainer):
    lab, page = explainer.lab, explainer.lab.page
    first = explainer.result()
    assert explainer.shows(first)

    # Another layer, by mouse.
    tree = explainer.part("tree", "Layers")
    tree.get_by_role("treeitem", name="conv1").last.click()
    by_mouse = explainer.settled().result()
    assert by_mouse["layer"] == by_mouse["trait_layer"] == "block4/conv1"
    assert explainer.shows(by_mouse)
    assert not explainer.shows(first)

    # Another layer, by keyboard: up to a spatial row above.
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    by_keyboard = explainer.settled().result()
    assert by_keyboard["layer"] not in ("block4/conv1", first["layer"])
    assert explainer.shows(by_keyboard)
    lab.execute(f"w.layer = {first['layer']!r}")

    # Another class, by mouse and by keyboard.
    classes = explainer.part("listbox", "Classes")
    classes.get_by_role("option").nth(1).click()
    second_class = explainer.settled().result()
    assert second_class["unit"] != first["unit"]
    assert explainer.shows(second_class)
    page.keyboard.press("ArrowDown")
    third_class = explainer.settled().result()
    assert third_class["unit"] != second_class["unit"]
    assert explainer.shows(third_class)

    # Another image.
    explainer.part("listbox", "Images").get_by_role("option").nth(2).click()
    other_image = explainer.settled().result()
    assert other_image["image"] == 2
    assert explainer.shows(other_image)
    assert lab.traffic.problems == []
    assert lab.traffic.foreign == []


def test_dragging_opacity_changes_pixels_and_asks_the_kernel_nothing(explainer):
    lab, page = explainer.lab, explainer.lab.page
    lab.execute("w.view = 'overlay'; w.opacity = 0.0")
    slider = explainer.part("slider", "Opacity")
    expect(slider).to_have_value("0")
    image = np.asarray(json.loads(lab.execute("import json; print(json.dumps(scenes.images[0].tolist()))")), "uint8")
    grey = np.asarray(Image.fromarray(image).convert("L")) / 255
    assert np.abs(explainer.pixels() - grey).mean() < 0.03, "at opacity 0 the picture is the image"

    # The page acknowledges what Python set above, in its own time; that is no question either.
    acknowledged = "print(w._controller.resend._acknowledged >= w._controller.resend._number)"
    for _ in range(10):
        page.wait_for_timeout(2000)  # Python says it when it has rested, and each cell wakes it.
        if lab.execute(acknowledged).strip() == "True":
            break
    else:
        raise AssertionError("the page never acknowledged what Python set")
    before = len(lab.traffic.widget_messages())
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 4, middle)
    page.mouse.down()
    seen = []
    for step in range(1, 61):
        page.mouse.move(box["x"] + 4 + (box["width"] - 8) * step / 60, middle)
        if step % 20 == 0:
            seen.append(explainer.pixels())
    page.mouse.up()
    distances = [np.abs(pixels - grey).mean() for pixels in seen]
    assert distances == sorted(distances), "the more opacity, the further from the bare image"
    assert distances[-1] > 1.5 * distances[0] > 0.01
    page.wait_for_timeout(1000)
    sent = lab.traffic.widget_messages()[before:]
    assert [message for message in sent if message.data["method"] == "custom"] == []
    assert len(sent) <= 2, "at most a save of the trait or two"
    assert explainer.result()["opacity"] > 0.9


def test_the_page_follows_python(explainer):
    lab = explainer.lab
    lab.run_cell("w.layer = 'block3/conv2'; w.class_index = 3; w.opacity = 0.25")
    expect(explainer.part("slider", "Opacity")).to_have_value("0.25")
    tree = explainer.part("tree", "Layers")
    expect(tree.locator('[aria-selected="true"]')).to_contain_text("conv2")
    chosen = explainer.part("listbox", "Classes").locator('[aria-selected="true"]')
    expect(chosen).to_contain_text(lab.execute("print(demo.LABELS[3])"))
    expect(explainer.root.get_by_role("status")).to_contain_text("block3/conv2")
    result = explainer.settled().result()
    assert (result["layer"], result["unit"]) == ("block3/conv2", 3)
    lab.execute("w.opacity = 1.0")
    expect(explainer.part("slider", "Opacity")).to_have_value("1")
    assert explainer.shows(result)


def test_it_looks_right_in_light_and_dark(explainer):
    lab = explainer.lab
    lab.execute("w.opacity = 0.6; w.threshold = 0.1")
    for theme in ("light", "dark"):
        lab.theme(theme)
        explainer.settled()
        assert lab.screenshot(f"quickstart-{theme}", explainer.root).stat().st_size > 10_000
        lab.screenshot(f"quickstart-{theme}-page")


def test_an_exception_in_a_method_is_an_alert_and_the_widget_goes_on(explainer):
    lab = explainer.lab
    lab.execute("""
_kept = w._session.models[0].steps
def _broken(choice):
    raise RuntimeError("broken on purpose")
w._session.models[0].steps = _broken
""")
    before = explainer.pixels()
    tree = explainer.part("tree", "Layers")
    tree.get_by_role("treeitem", name="conv1").last.click()
    alert = explainer.root.get_by_role("alert")
    expect(alert).to_contain_text("broken on purpose")
    expect(alert).to_contain_text("choose another layer or method")
    kept = np.abs(explainer.pixels() - before)[:84]
    assert kept.max() < 0.1, "what was shown stays, but for the words below that it is the last map"
    expect(explainer.root.get_by_role("status")).to_contain_text("Last map: Grad-CAM of")
    lab.screenshot("quickstart-error", explainer.root)
    lab.execute("w._session.models[0].steps = _kept")
    tree.get_by_role("treeitem", name="conv2").last.click()
    assert explainer.settled().result()["layer"] == "block4/conv2"
    expect(alert).to_have_count(0)


def test_images_that_are_not_finite_are_said_so(explainer):
    lab = explainer.lab
    lab.run_cell("""
import numpy as np
bad = scenes.images[:3].astype("float32")
bad[1, 0, 0, 0] = np.nan
w.close()
w = ke.ExplainerWidget(honest, bad, labels=demo.LABELS, image_index=1)
w
""")
    region = lab.page.get_by_role("region", name="Explainer").last
    expect(region.get_by_role("status")).to_contain_text("NaN or infinite")
    region.get_by_role("listbox", name="Images").get_by_role("option").nth(0).click()
    expect(region.get_by_role("status")).not_to_contain_text("NaN or infinite")
    expect(region).to_have_attribute("aria-busy", "false")
