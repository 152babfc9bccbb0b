import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine import compiling
from ke_widgets.engine.evaluations import Evaluations, call, even, known
from ke_widgets.inspection import SPATIAL_AXIS, expose
from ke_widgets.methods import evaluated_by, step_by_step
from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import contrast, negate, smooth, tta
from ke_widgets.targets import Region

SIDE = 3
IMAGES = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, 1))
WEIGHTS = np.random.default_rng(1).normal(size=(SIDE * SIDE, 4))
EACH = np.einsum("bp,pu->bpu", IMAGES.reshape(2, -1), WEIGHTS).reshape(2, SIDE, SIDE, 4)


@functools.cache
def linear():
    inputs = keras.Input((SIDE, SIDE, 1), dtype="float64")
    dense = layers.Dense(4, use_bias=False, dtype="float64")
    model = keras.Model(inputs, dense(layers.Flatten(dtype="float64")(inputs)))
    model.set_weights([WEIGHTS])
    return model


def draw_without(model, images, numbers):
    """Images without one pixel each."""
    left = 1 - ops.one_hot(numbers, SIDE * SIDE, dtype=images.dtype)
    return ops.reshape(images * ops.reshape(left, (-1, 1, SIDE, SIDE, 1)), (-1, SIDE, SIDE, 1))


def add_drop(state, sums, scores, numbers, counts, *, scale):
    """The scores without each pixel, one after the other."""
    known = sums if sums is not None else ops.zeros((SIDE * SIDE, *ops.shape(scores)[1:]), scores.dtype)
    return ops.scatter_update(known, ops.expand_dims(numbers, -1), scale * scores)


@evaluated_by(
    Evaluations(
        count=lambda images: SIDE * SIDE,
        draw=draw_without,
        add=add_drop,
        end=lambda images, found, done: ops.reshape(ops.moveaxis(found, 0, 1), (-1, SIDE, SIDE, ops.shape(found)[-1])),
    )
)
def without_each(
    model,
    inputs,
    indices=None,
    indices_axis=-1,
    indices_batch_dims=-1,
    spatial_axis=SPATIAL_AXIS,
    *,
    scale=1.0,
    batch_size=None,
):
    """The score without each pixel: a student's occlusion."""
    ...


def expected(units=slice(None), scale=1.0):
    logits = IMAGES.reshape(2, -1) @ WEIGHTS
    return logits[:, units], scale * (logits[:, None, None] - EACH)[..., units]


def close(found, wanted):
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 1, 2, 4, 9, 50])
def test_a_linear_model_without_a_pixel_has_the_score_less_that_pixel(batch_size):
    close(without_each(linear(), IMAGES, batch_size=batch_size), expected())
    *_, last = step_by_step(without_each, linear(), IMAGES, batch_size=batch_size)
    close(last.result(), expected())


def test_each_image_has_its_own_units_in_every_step():
    units = np.array([[0, 3], [2, 1]])
    logits, maps = expected()
    wanted = np.take_along_axis(logits, units, 1), np.take_along_axis(maps, units[:, None, None], -1)
    close(without_each(linear(), IMAGES, units, batch_size=4), wanted)
    close(without_each(linear(), IMAGES, np.array([3, 1]), batch_size=4), expected([3, 1]))


def test_compiled_without_the_sizes_it_is_the_same():
    signature = [tf.TensorSpec((None, SIDE, SIDE, 1), "float64"), tf.TensorSpec((None, None), "int32")]
    compiled = tf.function(lambda x, y: without_each(linear(), x, y, batch_size=4), signature, autograph=False)
    close(compiled(IMAGES, np.array([[1], [1]], "int32")), expected(slice(1, 2)))


def test_a_parameter_goes_to_those_that_name_it_and_compiles_no_other():
    model = keras.models.clone_model(linear())
    model.set_weights(linear().get_weights())
    for scale in (1.0, 2.0, 3.0):
        *_, last = step_by_step(without_each, model, IMAGES, scale=scale, batch_size=4)
        close(last.result(), expected(scale=scale))
    assert len(compiling._CACHE[model]) == 2  # Its beginning, and what is asked: neither names `scale`.
    assert known(add_drop, {"scale": 1, "other": 2}) == {"scale": 1}
    assert call(lambda x, *, a: x + a, 1, a=2, b=3) == 3


def test_what_exceeds_the_last_step_does_not_count():
    counted = Evaluations(
        count=lambda images: 7,
        draw=lambda model, images, numbers: ops.tile(images, (numbers.shape[0], 1, 1, 1)),
        asks=lambda model, images, indices: ops.ones((ops.shape(images)[0], SIDE, SIDE, 1)),
        end=lambda images, sums, done: sums,
    )

    @evaluated_by(counted)
    def ones(model, inputs, indices=None, *, batch_size=None): ...

    for size in (1, 3, 5, 7, 9):
        np.testing.assert_array_equal(ones(linear(), IMAGES, batch_size=size)[1], np.full((2, SIDE, SIDE, 1), 7))
    sums = [p.result()[1].numpy().max() for p in step_by_step(ones, linear(), IMAGES, batch_size=3)]
    assert sums == [3, 6, 7]


def test_the_size_of_a_step():
    every = Evaluations(count=len, draw=draw_without)
    assert every.size(IMAGES, 7, 3) == 3
    assert every.size(IMAGES, 2, 3) == 2
    assert 1 <= every.size(IMAGES, 100) <= 48
    assert Evaluations(count=len, draw=draw_without, batch_size=5).size(IMAGES, 7, 3) == 5
    assert Evaluations(count=len, draw=draw_without, unrolled=True).size(IMAGES, 7, 3) == 1
    assert even(25, 8) == 5
    for wrong in (0, 2.5, True, "4"):
        with pytest.raises(ValueError, match=r"`batch_size` must be an integer of at least 1. Received: batch_size="):
            every.size(IMAGES, 7, wrong)


def test_another_target_reaches_every_evaluation_and_nests():
    pair = np.array([[0, 3], [2, 1]])
    logits, maps = expected()
    difference = [
        np.take_along_axis(x, at[..., :1], -1) - np.take_along_axis(x, at[..., 1:], -1)
        for x, at in ((logits, pair), (maps, pair[:, None, None]))
    ]
    close(contrast(without_each)(linear(), IMAGES, pair, batch_size=4), difference)
    with pytest.raises(ValueError, match="`contrast` must have a model whose target is Units"):
        negate(contrast(without_each))(linear(), IMAGES, pair)
    *_, last = step_by_step(negate(without_each), linear(), IMAGES, batch_size=4)
    close(last.result(), [-x for x in expected()])


def segmentation():
    inputs = keras.Input((4, 4, 1), dtype="float64")
    outputs = layers.Conv2D(2, 1, dtype="float64")(inputs)
    model = keras.Model(inputs, outputs)
    model.set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2), np.zeros(2)])
    return model


def test_the_region_where_a_channel_wins_is_chosen_once_at_the_image_itself():
    """The gradient of a mean over n places is 1 / n there. Noise of ten times the image would move the region."""
    image = np.where(np.arange(16) < 5, 1.0, -1.0).reshape(1, 4, 4, 1)
    model = expose(segmentation(), [], target=Region(0))
    wanted = np.where(image > 0, 1 / 5, 0)
    close(smooth(gradients, 6, noise=10, batch_size=2)(model, image), ([[1.0]], wanted))
    *_, last = step_by_step(smooth(gradients, 6, noise=10, batch_size=2), model, image)
    close(last.result(), ([[1.0]], wanted))
    against = smooth(negate(gradients), 3, noise=10)(model, image)
    close(against, ([[-1.0]], wanted))
    # Mirrored images have regions of their own, which lie where their object lies.
    close(tta(gradients)(model, image), ([[1.0]], wanted))
