"""What `ke_widgets.methods` promises of every method, whichever it is."""

import gc
import inspect
import re
import weakref
from typing import Literal

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import SPATIAL_AXIS, expose
from ke_widgets.methods import Parameter, parameters, step_by_step, table
from ke_widgets.methods.cams import gradcam, scorecam
from ke_widgets.methods.gradient import full_gradients, gradients
from ke_widgets.methods.meta import smooth, smoothgrad, tta
from tests import models
from tests.methods.fewer import fewer
from tests.methods.networks import SHAPE, WIDE, conv, images, network, one_conv

IMAGES = images(3)
EVERY = [*(method for method, _ in table().values()), smooth(gradcam, 3, batch_size=2), tta(gradients), tta(scorecam)]
PIECEWISE = [scorecam, smoothgrad, smooth(gradcam, 6, batch_size=2), tta(gradients)]


def by_name(method):
    return method.__name__


def prepared(model, method):
    """The model as the method takes it."""
    return model if method is full_gradients else expose(model)


def run(method, model, inputs, indices=None, **own):
    """Run a method with few samples."""
    return method(prepared(model, method), inputs, indices, **{**fewer(method, inputs.shape[1:]), **own})


def close(actual, expected, tolerance=1e-12):
    for one, other in zip(actual, expected):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, np.abs(np.asarray(other)).max()))


@pytest.fixture(scope="module")
def model():
    return one_conv(units=4)


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_method_gives_logits_and_one_map_for_each_unit(model, method):
    logits, maps = run(method, model, IMAGES, np.array([[0, 3], [1, 1], [2, 0]]))
    assert logits.shape == (3, 2)
    assert maps.shape in [(3, 4, 4, 2), (3, 6, 6, 2)]
    assert keras.backend.standardize_dtype(maps.dtype) == "float64"


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_unit_has_the_same_map_alone_among_others_and_among_all(model, method):
    logits, maps = map(np.asarray, run(method, model, IMAGES))
    assert maps.shape[-1] == 4
    indices = np.array([[0, 3], [1, 1], [2, 0]])
    expected = np.take_along_axis(logits, indices, 1), np.take_along_axis(maps, indices[:, None, None], -1)
    close(run(method, model, IMAGES, indices), expected)
    for unit in range(2):
        alone = run(method, model, IMAGES, indices[:, unit : unit + 1])
        close(alone, [x[..., unit : unit + 1] for x in expected])
    # The same units for all images may be given once.
    close(run(method, model, IMAGES, np.array([3, 1])), (logits[:, [3, 1]], maps[..., [3, 1]]))


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_an_image_has_the_same_map_in_any_batch(model, method):
    whole = run(method, model, IMAGES)
    close(run(method, model, IMAGES[1:2]), [np.asarray(x)[1:2] for x in whole])


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_compiled_method_gives_what_the_eager_one_gives(model, method):
    # Without autograph and with sizes unknown, as in Keras's predict loop.
    compiled = tf.function(lambda x, i: run(method, model, x, i), reduce_retracing=True, autograph=False)
    for count, units in ((3, 1), (2, 2), (1, 3)):
        indices = np.arange(count * units).reshape(count, units) % 4
        close(compiled(IMAGES[:count], indices), run(method, model, IMAGES[:count], indices))
    assert compiled.experimental_get_tracing_count() <= 3


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_compiled_method_may_know_neither_the_number_of_images_nor_of_units(model, method):
    signature = [tf.TensorSpec((None, *SHAPE), "float64"), tf.TensorSpec((None, None), "int32")]
    compiled = tf.function(lambda x, i: run(method, model, x, i), input_signature=signature, autograph=False)
    indices = np.array([[0, 3], [1, 1]], "int32")
    close(compiled(IMAGES[:2], indices), run(method, model, IMAGES[:2], indices))


@pytest.mark.parametrize("kind", ["flat", "nested", "subclassed", "in_lists"])
@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_method_leaves_the_model_as_it_was(kind, method):
    model = getattr(models, kind)()
    before = models.snapshot(model)
    run(method, model, models.images(1), np.array([[0]]))
    assert not models.same(before, models.snapshot(model))


class Stops(layers.Layer):
    """Passes on what comes in, until it is told to stop."""

    stopped = False

    def call(self, x):
        if Stops.stopped:
            raise RuntimeError("stopped")
        return x


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_method_that_raises_leaves_the_model_as_it_was(monkeypatch, method):
    model = network(lambda x: Stops(name="stops", **WIDE)(conv(activation="relu")(x)))
    run(method, model, IMAGES[:1])
    before = models.snapshot(model)
    monkeypatch.setattr(Stops, "stopped", True)
    with pytest.raises(RuntimeError, match="stopped"):
        run(method, model, IMAGES)
    assert not models.same(before, models.snapshot(model))


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_a_nested_model_has_the_maps_of_its_flat_twin(method):
    twin, _ = models.TWINS["nested"]
    flat = models.flat()
    nested = models.copy_weights(flat, twin())
    # tta makes float32 of what it scales; the others differ by rounding.
    close(run(method, nested, models.images(2)), run(method, flat, models.images(2)), 2e-5)


# Pieces


@pytest.mark.parametrize("method", EVERY, ids=by_name)
def test_the_last_step_is_what_the_method_gives(model, method):
    exposed = prepared(model, method)
    indices = np.array([[0, 3], [1, 1], [2, 0]])
    small = fewer(method, SHAPE) | ({"batch_size": 2} if "batch_size" in inspect.signature(method).parameters else {})
    found = list(step_by_step(method, exposed, IMAGES, indices, **small))
    assert [progress.done for progress in found] == list(range(1, len(found) + 1))
    assert {progress.total for progress in found} == {len(found)}
    close(found[-1].result(), run(method, model, IMAGES, indices))
    assert (len(found) > 1) == hasattr(method, "evaluations")


@pytest.mark.parametrize("method", PIECEWISE, ids=by_name)
def test_every_step_has_finite_maps_to_show(model, method):
    for progress in step_by_step(method, expose(model), IMAGES):
        logits, maps = progress.result()
        assert np.isfinite(logits).all()
        assert np.isfinite(maps).all()


def test_a_step_of_smooth_is_smooth_of_fewer_samples(model):
    exposed = expose(model)
    for progress in step_by_step(smooth(gradcam, 6, batch_size=2), exposed, IMAGES):
        close(progress.result(), smooth(gradcam, 2 * progress.done, batch_size=2)(exposed, IMAGES))


def counting(calls):
    def count(x):
        calls.append(x)
        return x

    return network(lambda x: layers.Lambda(count, **WIDE)(conv(6, activation="relu")(x)))


def test_who_leaves_the_loop_stops_the_work():
    calls = []
    exposed = expose(counting(calls), "conv")
    steps = step_by_step(scorecam, exposed, IMAGES, batch_size=2)
    next(steps)
    before = len(calls)
    steps.close()
    assert len(calls) == before
    assert list(steps) == []


@pytest.mark.parametrize("method", PIECEWISE, ids=by_name)
def test_a_second_round_of_steps_traces_nothing(method):
    calls = []
    exposed = expose(counting(calls), "conv")
    list(step_by_step(method, exposed, IMAGES))
    traced = len(calls)
    list(step_by_step(method, exposed, 2 * IMAGES))
    assert len(calls) == traced


@pytest.mark.parametrize(
    ("method", "own"),
    [
        (smooth(scorecam, 1, noise=0), {"batch_size": 4}),
        (smoothgrad, {"batch_size": 5}),
        (smooth(gradcam, batch_size=5), {}),
    ],
)
def test_a_compiled_method_holds_one_piece_at_a_time(method, own):
    exposed = expose(network(lambda x: conv(20, activation="relu")(x)))
    traced = tf.function(lambda x: method(exposed, x, **own), autograph=False).get_concrete_function(IMAGES)
    loops = [op for op in traced.graph.get_operations() if op.type in ("While", "StatelessWhile")]
    assert [op.get_attr("parallel_iterations") for op in loops if op.inputs] == [1]


def test_the_number_of_samples_does_not_change_the_graph(model):
    exposed = expose(model)

    def size(repetitions):
        method = smooth(gradcam, repetitions, batch_size=2)
        return len(tf.function(lambda x: method(exposed, x)).get_concrete_function(IMAGES).graph.get_operations())

    assert size(4) == size(400)


def test_wrong_arguments_of_steps_are_refused(model):
    with pytest.raises(TypeError, match="wieghts"):
        next(step_by_step(scorecam, expose(model), IMAGES, wieghts="logits"))
    with pytest.raises(ValueError, match="Received: weights='none'"):
        next(step_by_step(scorecam, expose(model), IMAGES, weights="none"))


def test_steps_keep_no_model_alive():
    model = one_conv()
    list(step_by_step(smooth(gradcam, 2), expose(model), IMAGES))
    gone = weakref.ref(model)
    del model
    for _ in range(3):
        gc.collect()
    assert gone() is None


# The table


def test_the_table_names_every_method_once_with_a_title():
    found = table()
    assert {"cam", "gradcam", "gradcampp", "scorecam", "gradients", "full_gradients", "smoothgrad"} <= set(found)
    titles = [spec.title for _, spec in found.values()]
    assert len(set(titles)) == len(titles)
    for method, spec in found.values():
        assert spec.postprocessing is not None
        assert method.__doc__
        for part in ("Returns:", "Source:", "$$"):
            assert part in method.__doc__, (method.__name__, part)
        assert re.search(r"(arXiv|doi):\S", method.__doc__), method.__name__


def rescaled(logits=1, signal=1, inputs=1):
    """`one_conv` with larger logits, or with the same logits by a signal, or of an input, of another scale."""
    model = one_conv()
    kernel, bias = model.get_layer("conv").weights
    kernel.assign(kernel * signal / inputs)
    bias.assign(bias * signal)
    kernel, bias = model.get_layer("logits").weights
    kernel.assign(kernel * logits / signal)
    bias.assign(bias * logits)
    return model, IMAGES * inputs


def factor(method, **scales):
    """How many times as large a method's maps become; `None` where they change their shape."""
    maps = []
    for given in ({}, scales):
        model, inputs = rescaled(**given)
        own = {"background": given.get("inputs", 1) * IMAGES} if "background" in fewer(method, SHAPE) else {}
        maps.append(run(method, model, inputs, **own)[1])
    plain, other = maps
    found = np.asarray(other).ravel() @ np.asarray(plain).ravel() / np.sum(np.square(plain))
    return round(float(found), 6) if np.allclose(other, found * plain, rtol=1e-6) else None


@pytest.mark.parametrize("name", table())
def test_the_unit_of_a_map_is_what_its_numbers_scale_with(name):
    """A map in logits is twice as large for logits twice as large, whatever the layer's or the image's own scale. A
    gradient with respect to the image is less where the image's numbers are more. All others have no unit: the weights
    of Grad-CAM++ are no multiple of the logits, those of Score-CAM are shares, so that its map is the signal's own
    scale, and Full-Gradients brings every term to [0, 1]."""
    method, spec = table()[name]
    twice = [factor(method, **{what: 2}) for what in ("logits", "signal", "inputs")]
    units = {(2, 1, 1): "logit", (2, 1, 0.5): "logit per unit of input"}
    assert spec.unit == units.get(tuple(twice), ""), twice


def test_a_method_of_ones_own_needs_nothing_but_a_function(model):
    def sums(
        model,
        inputs,
        indices=None,
        indices_axis=-1,
        indices_batch_dims=-1,
        spatial_axis=SPATIAL_AXIS,
        *,
        kind: Literal["a", "b"] = "a",
        weight: float = 2.0,
    ):
        logits, signal = model(inputs)
        return logits, weight * ops.sum(signal, axis=-1, keepdims=True) + 0 * logits[:, None, None]

    assert parameters(sums) == [Parameter("kind", "choice", "a", ("a", "b")), Parameter("weight", "float", 2.0)]
    (progress,) = step_by_step(sums, expose(model), IMAGES, weight=3.0)
    close(progress.result(), sums(expose(model), IMAGES, weight=3.0))
    close(smooth(sums, noise=0)(expose(model), IMAGES), sums(expose(model), IMAGES))
