"""A name that the widget does not have is never taken in silence: the message says which one was meant."""

import contextlib
import inspect

import numpy as np
import pytest

import ke_widgets as ke
from ke_widgets.widget.view import ExplainerWidget


@pytest.fixture(scope="module")
def widget(model, images):
    widget = ExplainerWidget(model, images, charts=False)
    yield widget
    widget.close()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("labls", "'labels'"),
        ("Labels", "'labels'"),
        ("label", "'labels'"),
        ("class_names", "'labels'"),
        ("preprocessing", "'preprocess'"),
        ("preprocess_input", "'preprocess'"),
        ("targets", "'y_true'"),
        ("target_data", "'target_y'"),
        ("y_test", "'y_true'"),
        ("class_idx", "'class_index'"),
        ("layer_name", "'layer'"),
        ("colourmap", "'colormap'"),
        ("alpha", "'opacity'"),
        ("pane", "'panes'"),
        ("repetitions", r"`params=\{'repetitions': 7\}`"),
        ("repetition", r"`params=\{'repetitions': 7\}`"),
        ("samples", r"`params=\{'repetitions': 7\}`"),
        ("noise", "SmoothGrad write `params="),
        ("whatever", "labels, preprocess, head, y_true"),
    ],
)
def test_a_misspelt_keyword_is_refused_with_the_one_that_was_meant(model, images, name, meant):
    with pytest.raises(TypeError, match=f"`ke.ExplainerWidget` has no argument '{name}'.*{meant}"):
        ExplainerWidget(model, images, **{name: 7})


def test_every_keyword_that_there_is_is_taken(model, images):
    given = {"labels": ["a", "b", "c"], "head": 0, "y_true": [0, 1, 2, 0, 1], "charts": False, "preprocess": np.array}
    chosen = {
        "image_index": 1,
        "layer": "stem",
        "class_index": 2,
        "method": "gradients",
        "params": {"channels": "mean"},
    }
    chosen |= {"contrast_index": 1, "panes": [{"image_index": 2}]}
    look = {"view": "map", "opacity": 1.0, "colormap": "gray", "threshold": 0.0, "tooltip": "maps"}
    with contextlib.closing(
        ExplainerWidget(model, images, layout={"width": "50%"}, **given, **chosen, **look)
    ) as widget:
        assert {name: getattr(widget, name) for name in {**chosen, **look}} == {**chosen, **look}
        assert widget.layout.width == "50%"


@pytest.mark.parametrize(
    ("third", "name"),
    [(["a", "b", "c"], "labels"), ({"a": 0}, "labels"), (np.arange(5), "y_true"), (np.tanh, "preprocess")],
)
def test_what_is_given_by_place_behind_the_images_is_told_its_name(model, images, third, name):
    with pytest.raises(TypeError, match=rf"Write `ke.ExplainerWidget\(model, images, {name}=...\)`"):
        ExplainerWidget(model, images, third)


def test_model_and_images_in_each_others_place_are_named_and_no_array_is_printed(model, images):
    for call in (ke.ExplainerWidget, ke.gradcam, ke.smoothgrad):
        with pytest.raises(
            TypeError, match=r"`model` must come first.*shape \(5, 8, 8, 3\), uint8, .*Swap the two"
        ) as e:
            call(images, model)
        assert len(str(e.value)) < 200
    with pytest.raises(TypeError, match=r"`method` must come first, then `model`.*Swap the two"):
        ke.explain(model, ke.methods.cams.gradcam, images)
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model. Received: an array of shape"):
        ke.inspection.expose(images)


def test_the_same_holds_for_functions_and_for_the_widgets_own(model, images, widget, tmp_path):
    for call, near in (
        (lambda: ke.inspection.expose(model, argument="stem"), "`ke.inspection.expose` .*'arguments'"),
        (lambda: widget.to_html(tmp_path / "a.html", layer="stem"), "`widget.to_html` .*'layers'"),
        (lambda: widget.save(tmp_path / "a.png", paths=2), "`widget.save` has no argument 'paths'.*'path'"),
        (lambda: ke.gradcam(model, images, bach_size=2), "`ke.gradcam` .*'batch_size'"),
        (lambda: ke.smoothgrad(model, images, repetition=2), "`ke.smoothgrad` .*'repetitions'"),
        (lambda: ke.explain(ke.methods.meta.smoothgrad, model, images, noises=2), "`explain` .*'noise'"),
        (lambda: list(ke.explain_batches(ke.methods.cams.gradcam, model, images, resize=2)), "batches` .*'resizing'"),
    ):
        with pytest.raises(TypeError, match=near):
            call()
    assert not list(tmp_path.iterdir())
    assert "layers" in inspect.signature(widget.to_html).parameters


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("class_idx", "Did you mean 'class_index'"),
        ("colourmap", "Did you mean 'colormap'"),
        ("layers", "Did you mean 'layer'"),
        ("contrast", "Did you mean 'contrast_index'"),
        ("alpha", "Did you mean 'opacity'"),
        ("repetitions", "`params = {'repetitions': ...}`"),
        ("labels", r"create another: `ke.ExplainerWidget\(model, images, labels=...\)`"),
        ("preprocessing", r"create another: `ke.ExplainerWidget\(model, images, preprocess=...\)`"),
        ("images", r"create another: `ke.ExplainerWidget\(model, images\)`"),
        ("model", "Did you mean 'model_index'"),
        ("targets", r"create another: `ke.ExplainerWidget\(model, images, y_true=...\)`"),
        ("result", "no setter"),
    ],
)
def test_an_attribute_called_like_a_trait_is_refused_not_kept_in_silence(widget, name, meant):
    with pytest.raises(AttributeError, match=meant):
        setattr(widget, name, 1)


def test_a_user_may_keep_notes_on_a_widget(widget):
    for name in ("note", "student", "fig", "_mine", "images_seen"):
        setattr(widget, name, 1)
        assert getattr(widget, name) == 1
        setattr(widget, name, 2)
        delattr(widget, name)
