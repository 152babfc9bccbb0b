"""Segmentations, and models of an image and more, in a notebook: channels are picked, and the page shows their maps."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.explainer import bare_map, open_explainer

LABELS = ["ground", "edge", "shape", "never"]
UNET = """
import json
import keras
import numpy as np
from keras import layers
import ke_widgets as ke
from ke_widgets import demo
scenes = demo.scenes(6, seed=7)
keras.utils.set_random_seed(2)
inputs = keras.Input(scenes.images.shape[1:])
x = first = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(layers.Rescaling(1 / 255)(inputs))
x = layers.Conv2D(8, 3, padding="same", activation="relu", name="bottom")(layers.MaxPooling2D(4, name="pool")(x))
x = layers.Concatenate(name="skip")([layers.UpSampling2D(4, name="up")(x), first])
x = layers.Conv2D(6, 3, padding="same", activation="relu", name="last")(x)
unet = keras.Model(inputs, layers.Conv2D(4, 1, activation="softmax", name="out")(x), name="unet")
logits = np.asarray(ke.inspection.expose(unet, [])(scenes.images[:1].astype("float32"))[0])
unet.get_layer("out").bias.assign(np.array([0, 0, 0, -1e4]) - np.median(logits, axis=(0, 1, 2)))
"""
SHOW = f"""
w = ke.ExplainerWidget(unet, scenes.images, labels={LABELS}, charts=False)
w
"""
GATED = """
image, age = keras.Input(scenes.images.shape[1:], name="image"), keras.Input((1,), name="age")
x = layers.Conv2D(8, 3, activation="relu", name="conv")(layers.Rescaling(1 / 255)(image))
x = layers.GlobalAveragePooling2D(name="pool")(x)
x = layers.Multiply(name="gated")([x, layers.Dense(8, activation="sigmoid", name="gate")(age)])
gated = keras.Model([image, age], layers.Dense(3, activation="softmax", name="scores")(x), name="gated")
ages = np.array([-9.0, 9.0, 0.0])
same = np.repeat(scenes.images[:1], 3, axis=0)
w = ke.ExplainerWidget(gated, {"image": same, "age": ages}, charts=False)
w
"""
BY_LIBRARY = """
_logits, _maps = ke.gradcam(unet, scenes.images[w.image_index][None], target=ke.targets.Region(w.class_index),
                            resizing=False, postprocessing=None, verbose=0)
print(json.dumps(_maps[0, ..., 0].tolist()))
"""


def picked(explainer, label):
    expect(explainer.part("listbox", "Classes").get_by_role("option", selected=True)).to_contain_text(label)
    return explainer.settled()


def by_library(explainer):
    return np.array(json.loads(explainer.lab.execute(BY_LIBRARY)))


def has_the_map_of_its_channel(explainer):
    result, expected = explainer.result(), by_library(explainer)
    np.testing.assert_allclose(result["map"], expected, atol=1e-6)
    assert np.abs(expected).max() > 0
    assert explainer.shows(result)
    return expected


def test_a_channel_of_a_segmentation_is_picked_by_mouse_and_by_keyboard(lab):
    explainer = open_explainer(lab, SHOW, start=UNET)
    expect(explainer.root).to_contain_text("explained as a segmentation")
    classes = explainer.part("listbox", "Classes")
    shares = explainer.ask("w.result.scores.tolist()")
    for label, share in zip(LABELS, shares):
        written = "0 %" if share == 0 else f"{100 * share:.1f} %"
        expect(classes.get_by_role("option", name=re.compile(label))).to_contain_text(written)
    for theme in ("light", "dark"):
        lab.theme(theme)
        lab.screenshot(f"targets-unet-{theme}", explainer.root)
    lab.theme("light")
    bare_map(explainer)
    maps = {}
    for label in ("edge", "shape", "ground"):
        classes.get_by_role("option", name=re.compile(label)).click()
        picked(explainer, label)
        maps[label] = has_the_map_of_its_channel(explainer)
    order = sorted(LABELS, key=lambda label: -shares[LABELS.index(label)])
    at = order.index("ground")
    key, label = ("ArrowDown", order[at + 1]) if at < 2 else ("ArrowUp", order[at - 1])
    classes.press(key)
    picked(explainer, label)
    np.testing.assert_allclose(has_the_map_of_its_channel(explainer), maps[label], atol=1e-6)
    assert np.abs(maps["edge"] - maps["shape"]).max() > 1e-3 * np.abs(maps["edge"]).max()
    classes.press("n")  # By its first letter.
    picked(explainer, "never")
    expect(explainer.root).to_contain_text("wins at no pixel of the image")
    lab.screenshot("targets-unet-nowhere", explainer.root)
    assert lab.traffic.problems == []


def test_channels_are_contrasted_compared_and_exported(lab):
    explainer = open_explainer(lab, SHOW, start=UNET)
    classes = explainer.part("listbox", "Classes")
    classes.get_by_role("option", name=re.compile("edge")).click()
    picked(explainer, "edge")
    classes.get_by_role("option", name=re.compile("shape")).click(modifiers=["Shift"])
    explainer.settled()
    assert explainer.ask("[w.class_index, w.contrast_index]") == [1, 2]
    bare_map(explainer)
    result = explainer.result()
    values = np.array(result["map"])
    # Most of it is 0, where the page's white is a little darker than matplotlib's.
    assert explainer.distance(values, signed=True) < min(0.03, explainer.distance(-values, signed=True))
    classes.get_by_role("option", name=re.compile("ground")).click(modifiers=["Control"])
    explainer.settled()
    # The page saves its traits once they rest.
    lab.execute(
        "import time\nend = time.monotonic() + 10\nwhile not w.panes and time.monotonic() < end: time.sleep(0.05)"
    )
    assert [pane["class_index"] for pane in explainer.ask("w.panes")] == [0]
    lab.execute("w.panes = []; w.contrast_index = None; _ = w.wait(60); path = w.to_html('unet.html', verbose=0)")
    page = lab.page.context.new_page()
    page.goto((lab.folder / "unet.html").as_uri())
    options = page.get_by_role("listbox", name="Classes").get_by_role("option")
    expect(options).to_have_count(4)
    expect(options.first).to_contain_text(" %")
    options.filter(has_text="never").click()
    expect(page.get_by_role("region", name="Explainer")).to_contain_text("wins at no pixel of the image")
    page.close()
    assert lab.traffic.problems == []


def test_a_model_of_an_image_and_a_vector_shows_the_map_of_the_images_row(lab):
    explainer = open_explainer(lab, UNET, GATED, start="1")
    for theme in ("light", "dark"):
        lab.theme(theme)
        lab.screenshot(f"targets-gated-{theme}", explainer.root)
    lab.theme("light")
    bare_map(explainer)
    images, maps = explainer.part("listbox", "Images").get_by_role("option"), []
    explainer.lab.execute("w.class_index = 1; _ = w.wait(60)")
    for index in (1, 0):
        images.nth(index).click()
        explainer.settled()
        result = explainer.result()
        assert (result["image"], result["unit"]) == (index, 1)
        code = f"ke.gradcam(gated, [same[{index}:{index + 1}], ages[{index}:{index + 1}, None]], 1, resizing=False, "
        code += "postprocessing=None, verbose=0)[1][0, ..., 0].tolist()"
        np.testing.assert_allclose(result["map"], explainer.ask(code), atol=1e-6)
        assert explainer.shows(result)
        maps.append(np.array(result["map"]))
    assert np.abs(maps[0] - maps[1]).max() > 0.01 * np.abs(maps).max(), "the picture is the same, its row is not"
    assert lab.traffic.problems == []


@pytest.mark.parametrize("width", [560])
def test_shares_and_their_unit_fit_a_narrow_cell(lab, width):
    lab.page.set_viewport_size({"width": width, "height": 1000})
    explainer = open_explainer(lab, SHOW, start=UNET)
    options = explainer.part("listbox", "Classes").get_by_role("option")
    cut = "(row) => row.querySelector('.ke-number').scrollWidth > row.querySelector('.ke-number').clientWidth"
    assert not any(options.nth(at).evaluate(cut) for at in range(4))
    lab.screenshot("targets-narrow", explainer.root)
