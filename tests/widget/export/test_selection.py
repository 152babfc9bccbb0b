import keras
import numpy as np
import pytest

from ke_widgets.widget.export.selection import initial_traits, page_setup, select
from ke_widgets.widget.session.describe import describe
from ke_widgets.widget.session.session import Session

SHOWN = {
    "image_index": 0,
    "layer": "stem",
    "class_index": 0,
    "contrast_index": None,
    "method": "gradcam",
    "model_index": 0,
}
TRAITS = {**SHOWN, "params": {}, "opacity": 0.6, "panes": []}


@pytest.fixture(scope="module")
def setup(model, images):
    return describe(Session(model, images, ["cat", "dog", "bird"]))


def scores(images):
    """The best of image i are the classes i, i + 1, ... of ten."""
    return np.array([[-((c - i) % 10) for c in range(10)] for i in images])


def planned(setup, shown=SHOWN, **asked):
    return select(setup, shown, scores, **asked)


def test_what_is_asked_for_is_planned_by_number_and_by_name(setup):
    made = planned(setup, images=[4, np.int64(1), 4], layers="stem", classes=["bird", 0], methods=["gradients", "cam"])
    assert (made.images, made.layers, made.classes, made.methods) == (
        [4, 1],
        [["stem"]],
        [2, 0],
        ["gradients", "cam"],
    )
    assert str(made) == "2 images × 1 layer × 2 classes × 2 methods"


def test_classes_and_methods_go_by_what_the_page_calls_them(setup):
    made = planned(setup, classes=["Bird", "cat"], methods=["Grad-CAM", "grad-cam++", "SmoothGrad"])
    assert (made.classes, made.methods) == ([2, 0], ["gradcam", "gradcampp", "smoothgrad"])


def test_layers_come_in_running_order_and_may_be_all(setup):
    assert planned(setup, layers=["block/add", "stem"]).layers == [["stem", "block/add"]]
    assert planned(setup, layers="all").layers == [["rescaling", "stem", "block", "block/conv", "block/add"]]


def test_by_default_there_are_eight_images_and_the_one_on_show_is_one_of_them(setup):
    many = {**setup, "images": 100}
    assert planned(many).images == list(range(8))
    assert planned(many, {**SHOWN, "image_index": 40}).images == [*range(7), 40]
    assert planned(setup).images == [0, 1, 2, 3, 4]


def test_by_default_there_are_the_best_three_classes_of_each_image_and_the_one_on_show(setup):
    many = {**setup, "labels": [str(c) for c in range(13)]}
    assert planned(many, {**SHOWN, "class_index": 8}, images=[0, 1]).classes == [0, 1, 2, 3, 8]


@pytest.mark.parametrize("count", [1, 3, 12])
def test_of_few_classes_there_are_all_unless_some_are_asked_for(setup, count):
    few = {**setup, "labels": [str(c) for c in range(count)]}
    assert planned(few, images=[0]).classes == list(range(count))
    assert planned(few, images=[0], classes=["0"]).classes == [0]


def test_by_default_there_is_the_last_layer_of_each_resolution():
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(2, 3, padding="same", name="fine1")(inputs)
    x = keras.layers.Conv2D(2, 3, padding="same", name="fine2")(x)
    x = keras.layers.ZeroPadding2D(name="padding")(x)
    x = keras.layers.Conv2D(2, 3, strides=2, name="middle1")(x)
    x = keras.layers.Conv2D(2, 3, padding="same", name="middle2")(x)
    x = keras.layers.MaxPooling2D(name="coarse")(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    setup = describe(Session(model, np.zeros((1, 32, 32, 3), "float32")))
    shown = {**SHOWN, "layer": "middle1"}
    assert planned(setup, shown).layers == [["fine2", "middle1", "middle2", "coarse"]]
    assert planned(setup, {**shown, "layer": "coarse"}, methods="gradients").layers == [["coarse"]]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"images": [5]}, "`images` must be the index of one of the 5 images, 0 to 4. Received: images=5"),
        ({"images": []}, r"`images` must have at least one entry. Received: images=\[\]"),
        ({"images": True}, "Received: images=True"),
        ({"layers": "stm"}, "`layers` must be paths of layers with a spatial output .* 'stm'. Nearest: 'stem'"),
        ({"layers": ["pool"]}, "Received: 'pool'"),
        ({"classes": ["brid"]}, "`classes` .* 0 to 2, or a label. Received: 'brid'. Nearest: 'bird'"),
        ({"classes": -1}, "Received: classes=-1"),
        (
            {"methods": ["gradcan"]},
            "`methods` must be one of cam, gradcam.* Received: methods='gradcan'. Nearest: 'gradcam'",
        ),
        ({"methods": []}, "`methods` must have at least one entry"),
    ],
)
def test_what_is_not_there_is_refused_and_what_fits_is_named(setup, asked, message):
    with pytest.raises((TypeError, ValueError), match=message):
        planned(setup, **asked)


def test_the_page_is_offered_only_what_the_file_holds(setup):
    made = planned(setup, images=[3, 1], layers=["stem", "block/add"], classes=[1], methods=["gradcam", "gradients"])
    page = page_setup(setup, made)
    (model,) = page["models"]
    assert [node["path"] for node in model["nodes"] if node["spatial"]] == ["stem", "block/add"]
    assert [node["path"] for node in model["nodes"] if node["absent"]] == ["rescaling", "block", "block/conv"]
    assert (model["default_layer"], model["all_layers"]["layers"]) == ("block/add", ["stem", "block/add"])
    assert [method["name"] for method in page["methods"]] == ["gradcam", "gradients"]
    assert (page["images"], page["image_indices"]) == (2, [3, 1])
    assert (page["file"], page["all_layers_methods"]) == ({"classes": [1]}, ["gradcam"])
    assert page["labels"] == ["cat", "dog", "bird"], "predictions may be of any class"


def test_what_is_on_show_is_shown_first_if_the_file_holds_it(setup):
    made = planned(setup, images=[3, 1], layers=["stem", "block/add"], classes=[1, 2])
    held = {**TRAITS, "image_index": 1, "class_index": 2, "panes": [{"layer": "block/add"}, {"layer": "block"}]}
    assert initial_traits(made, held) == {**held, "image_index": 1, "panes": []}, "whoever opens it finds one pane"
    other = initial_traits(made, {**TRAITS, "layer": "block", "contrast_index": 1})
    assert (other["image_index"], other["class_index"], other["layer"]) == (0, 1, "block/add")
    assert (other["method"], other["contrast_index"]) == ("gradcam", None)
