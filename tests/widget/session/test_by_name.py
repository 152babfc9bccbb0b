"""Classes by their labels, methods by their titles, layers by objects: one form is kept, and the map is the same."""

import contextlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import ke_widgets as ke
from ke_widgets.widget.session.by_name import class_number, method_name, number, one_of, share
from ke_widgets.widget.view import ExplainerWidget

LABELS = ["cat", "dog", "Dog", "tabby, cat", "7", "bird", "bird"]
TITLES = {name: spec.title for name, (_, spec) in ke.methods.table().items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("cat", 0), ("CAT", 0), ("dog", 1), ("Dog", 2), ("tabby, cat", 3), ("7", 4), (5, 5), (np.int64(6), 6)],
)
def test_a_class_goes_by_its_label_or_number(value, expected):
    assert class_number("class_index", value, LABELS) == expected


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("DOG", ValueError, "must name one class. Received: 'DOG', the label of 1, 2: use the index"),
        ("bird", ValueError, "must name one class. Received: 'bird', the label of 5, 6: use the index"),
        ("catt", ValueError, "0 to 6, or a label. Received: 'catt'. Nearest: 'cat'"),
        ("#####", ValueError, "Labels: 'cat', 'dog', 'Dog', 'tabby, cat', '7', ..."),
        ("x" * 999, ValueError, "Received: 'xxxx"),
        (7, ValueError, "one of the 7 classes, 0 to 6. Received: class_index=7"),
        (-1, ValueError, "Received: class_index=-1"),
        (1.0, TypeError, "Received: class_index=1.0"),
        (True, TypeError, "Received: class_index=True"),
        (np.zeros((900, 7)), TypeError, r"Received: class_index=an array of shape \(900, 7\), float64"),
        (["cat", "dog"], TypeError, r"Received: class_index=\['cat', 'dog'\]"),
    ],
)
def test_a_label_that_names_no_class_or_several_is_refused(value, error, message):
    with pytest.raises(error, match=message) as caught:
        class_number("class_index", value, LABELS)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "value",
    [3, np.int32(3), np.uint8(3), np.array(3), np.array([3]), np.array([[3]]), tf.constant(3), tf.constant([3])],
)
def test_a_number_may_come_from_argmax_or_a_row_of_labels(value):
    found = number("class_index", value, 4, "classes")
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((title, name) for name, title in TITLES.items()),
        *((title.lower(), name) for name, title in TITLES.items()),
        *((title.upper().replace("-", "_"), name) for name, title in TITLES.items()),
        ("gradcam++", "gradcampp"),
        ("Grad CAM", "gradcam"),
        ("grad_cam", "gradcam"),
        ("full-gradients", "full_gradients"),
        (ke.gradcam, "gradcam"),
        (ke.methods.cams.gradcam, "gradcam"),
        (ke.methods.meta.smoothgrad, "smoothgrad"),
    ],
)
def test_a_method_goes_by_its_name_its_title_or_itself(value, expected):
    assert method_name("method", value, TITLES) == expected


def gradcam(model, inputs):
    """A method of the user's own that is called like one of ours."""


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("gradcan", ValueError, "must be one of cam, gradcam, .* Received: method='gradcan'. Nearest: 'gradcam'"),
        ("lrp", ValueError, "Received: method='lrp'"),
        ("", ValueError, "Received: method=''"),
        (gradcam, TypeError, "must be the name of a method: cam, .* Received: method=the function 'gradcam'"),
        (["gradcam"], TypeError, r"Received: method=\['gradcam'\]"),
        (None, TypeError, "Received: method=None"),
    ],
)
def test_what_is_no_method_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        method_name("method", value, TITLES)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.float64(0.25), np.array(0.5), tf.constant(0.5)])
def test_a_share_may_be_any_number(value):
    found = share("opacity", value)
    assert (found, type(found)) == (float(value), float)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (60, ValueError, "from 0 to 1. Received: opacity=60. For 60 %, write 0.6"),
        (-0.1, ValueError, "Received: opacity=-0.1"),
        (float("nan"), ValueError, "Received: opacity=nan"),
        ("0.1", TypeError, "Received: opacity='0.1'. Without quotation marks: 0.1"),
        ("half", TypeError, "Received: opacity='half'"),
        (True, TypeError, "Received: opacity=True"),
        (np.zeros(99), TypeError, r"Received: opacity=an array of shape \(99,\)"),
    ],
)
def test_what_is_no_share_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        share("opacity", value)


def test_traits_are_set_by_name_and_hold_numbers(model, images):
    names = {"labels": ["cat", "dog", "bird"], "charts": False}
    with contextlib.closing(ExplainerWidget(model, images, class_index="bird", method="Grad-CAM", **names)) as widget:
        assert (widget.class_index, widget.method) == (2, "gradcam")
        expected = widget.wait(60).map
        widget.class_index, widget.method, widget.view, widget.colormap = "Dog", "Gradients", "Map", "rdbu_R"
        assert (widget.class_index, widget.method, widget.view, widget.colormap) == (1, "gradients", "map", "RdBu_r")
        widget.contrast_index = "cat"
        widget.panes = {"class_index": "bird", "method": ke.gradcam, "contrast_index": None}
        assert widget.panes == [{"class_index": 2, "method": "gradcam", "contrast_index": None}]
        assert widget.contrast_index == 0
        widget.wait(60)
        np.testing.assert_array_equal(widget.results[1].map, expected)
        widget.panes = [{"class_index": np.int64(1), "contrast_index": "bird"}]
        assert widget.panes == [{"class_index": 1, "contrast_index": 2}]
        assert widget.get_state("panes")["panes"] == widget.panes


def test_a_layer_may_be_given_as_itself_by_its_place_or_by_its_inner_name(model, images):
    with contextlib.closing(ExplainerWidget(model, images, charts=False, layer=model.get_layer("stem"))) as widget:
        assert widget.layer == "stem"
        widget.layer = model.get_layer("block").get_layer("conv")
        assert widget.layer == "block/conv"
        widget.layer = 2
        assert widget.layer == "stem"
        widget.layer = ("block", "add")
        assert widget.layer == "block/add"
        widget.layer = "conv"
        assert widget.layer == "block/conv"
        for value, message in (
            (keras.layers.Dense(2, name="other"), "must be a layer of the model. Received: a Dense named 'other'"),
            (99, "must be the index of one of the model's"),
            (1.5, "must be the path of a layer"),
            (model.get_layer("pool"), "'pool', whose output is"),
        ):
            with pytest.raises((TypeError, ValueError), match=message):
                widget.layer = value
        assert widget.layer == "block/conv"


def test_what_is_refused_leaves_a_held_widget_as_it_was(model, images):
    with contextlib.closing(ExplainerWidget(model, images, charts=False)) as widget:
        before = widget.choice
        for name, value in {
            "class_index": 99,
            "image_index": 99,
            "method": "x",
            "model_index": 3,
            "opacity": 60,
        }.items():
            with pytest.raises(ValueError, match=name), widget.hold_trait_notifications():
                setattr(widget, name, value)
        assert widget.choice == before


def test_a_file_is_asked_for_by_labels_titles_and_layers(model, images, tmp_path):
    with contextlib.closing(ExplainerWidget(model, images, charts=False, labels=["cat", "dog", "bird"])) as widget:
        asked = {"classes": "Bird", "methods": "Grad-CAM", "layers": [model.get_layer("stem"), "conv"], "images": [1]}
        text = widget.to_html(tmp_path / "a.html", verbose=0, **asked).read_text("utf-8")
    assert sorted(set(re.findall(r'"(0 0 \d \w+ [\w/]+)":', text))) == [
        "0 0 2 gradcam block/conv",
        "0 0 2 gradcam stem",
    ]


def test_one_of_several_words_says_what_else_would_fit():
    assert one_of("panel", "Curves", ["curves", "tea"]) == "curves"
    with pytest.raises(ValueError, match=r"^`panel` must be one of curves, tea. Received: panel=3.$"):
        one_of("panel", 3, ["curves", "tea"])
    with pytest.raises(ValueError, match=r"one of curves, tea, or '' for none. .* Nearest: 'curves'.$"):
        one_of("panel", "curve", ["curves", "tea"], "or '' for none")
