"""A shortcut is its method with its loop, its filter and its sizes."""

import inspect

import keras
import numpy as np
import pytest

import ke_widgets as ke
from ke_widgets import methods
from ke_widgets.explaining import shortcuts
from ke_widgets.explaining.shortcuts import partial_explain
from ke_widgets.methods.cams import gradcam
from tests import models
from tests.explaining.streams import UNITS


def test_a_shortcut_names_the_nearest_argument(model):
    for wrong, near in (("chanels", "channels"), ("batchsize", "batch_size"), ("postprocesing", "postprocessing")):
        with pytest.raises(TypeError, match=f"`ke.gradients` has no argument '{wrong}'. Did you mean '{near}'"):
            ke.gradients(model, models.images(1), **{wrong: 1})


def test_explain_resizes_and_is_the_shortcut_with_its_filter(model):
    x = models.images(3)
    exposed = ke.inspection.expose(model)
    found = ke.explain(gradcam, exposed, x, UNITS, postprocessing=ke.filters.positive_normalize, verbose=0)
    for one, other in zip(found, ke.gradcam(exposed, x, UNITS, verbose=0)):
        np.testing.assert_array_equal(one, other)
    assert ke.explain(gradcam, exposed, x, UNITS, verbose=0)[1].shape == (3, 8, 8, 2)
    assert next(ke.explain_batches(gradcam, exposed, x, UNITS))[1].shape == (3, 8, 8, 2)
    assert ke.explain(gradcam, exposed, x, UNITS, verbose=0, resizing=False)[1].shape == (3, 6, 6, 2)


def test_every_method_has_a_shortcut_with_a_signature_and_a_text():
    for name, (method, spec) in methods.table().items():
        shortcut = getattr(ke, name)
        assert name in ke.__all__
        parameters = inspect.signature(shortcut).parameters
        order = ["model", "x", "y", "batch_size", "verbose", "steps", "callbacks"]
        # A method's own `steps` comes in place of the loop's, by keyword.
        order = [each for each in order if each not in methods.own_names(method) or each == "batch_size"]
        assert list(parameters)[: len(order)] == order
        own = {p.name for p in methods.parameters(method)} - {"batch_size"}
        assert own <= set(parameters)
        assert parameters["postprocessing"].default is spec.postprocessing
        first, text = inspect.getdoc(method).splitlines()[0], inspect.getdoc(shortcut)
        assert text.startswith(first)
        assert "Units to explain, integers `(B, U)`" in text
        assert "Source:" in text


def part(maps, sign):
    """What of raw maps is shown: what speaks for the unit, or how much there is."""
    return np.maximum(maps, 0) if sign == "positive" else np.abs(maps)


SIGNS = {
    **dict.fromkeys(("cam", "gradcam", "gradcampp", "scorecam"), "positive"),
    **dict.fromkeys(("gradients", "smoothgrad", "full_gradients"), "absolute"),
}


@pytest.mark.parametrize("name", SIGNS)
def test_a_shortcut_scales_each_map_of_its_method_and_gives_it_the_size_of_the_image(model, name):
    shortcut, x = getattr(shortcuts, name), models.images(3)
    kept = part(shortcut(model, x, UNITS, postprocessing=None, resizing=False, verbose=0)[1], SIGNS[name])
    expected = kept / np.maximum(kept.max((1, 2), keepdims=True), 1e-30)
    found = shortcut(model, x, UNITS, resizing=False, verbose=0)[1]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    whole = shortcut(model, x, UNITS, verbose=0)[1]
    np.testing.assert_allclose(whole, keras.ops.image.resize(found, (8, 8)), atol=1e-6)


def test_each_is_named_after_the_method_that_it_explains():
    assert {name: getattr(shortcuts, name).explains.__name__ for name in SIGNS} == {name: name for name in SIGNS}
    assert [getattr(ke, name) for name in SIGNS] == [getattr(shortcuts, name) for name in SIGNS]


def test_what_a_plain_model_gives_is_exposed_as_the_method_wants_it(model):
    x = models.images(2)
    logits = np.asarray(ke.inspection.expose(model, [])(x)[0])
    for name in SIGNS:
        np.testing.assert_allclose(getattr(ke, name)(model, x, verbose=0)[0], logits, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(keras.ops.softmax(logits), model(x), rtol=1e-5)


def walked(
    model,
    inputs,
    indices=None,
    indices_axis=-1,
    indices_batch_dims=-1,
    spatial_axis=(-3, -2),
    *,
    steps: int = 4,
):
    """Walk: Grad-CAM, as many times.

    Args:
        steps: How many times.

    Returns:
        Logits and maps.
    """
    logits, maps = methods.cams.gradcam(model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)
    return logits, steps * maps


def test_a_parameter_of_a_methods_own_may_be_called_steps():
    model, x = ke.inspection.expose(models.fused()), models.images(3)
    _, once = ke.explain(methods.cams.gradcam, model, x, 1, verbose=0)
    shortcut = partial_explain(walked, "signal")
    for steps, run in (
        (4, lambda: shortcut(model, x, 1, verbose=0)),
        (7, lambda: shortcut(model, x, 1, steps=7, verbose=0)),
        (7, lambda: ke.explain(walked, model, x, 1, steps=7, verbose=0)),
        (9, lambda: partial_explain(walked, "signal", steps=9)(model, x, 1, verbose=0)),
    ):
        np.testing.assert_allclose(run()[1], steps * once, rtol=1e-5, atol=1e-6)
    assert "batches to run" not in (shortcut.__doc__ or "")
    assert "steps: How many times." in (shortcut.__doc__ or "")
