"""One forward pass: logits and signals, laid out in places, as the gradients that are taken of them are."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.forward import forward, spatial_forward, with_signal
from ke_widgets.engine.gradients import image_jacobian, jacobian, signal_jacobian
from ke_widgets.inspection import expose
from tests import models


def test_tokens_are_laid_out_in_rows():
    model, x = models.attention(), models.images(2)
    logits, grid = spatial_forward(expose(model, "tokens"), x)
    _, conv = expose(model, "conv")(x)
    assert grid.shape == (2, 3, 3, 4)
    np.testing.assert_array_equal(grid, conv)
    np.testing.assert_allclose(ops.softmax(logits), model(x), rtol=1e-5)
    _, _, (grads,) = signal_jacobian(expose(model, "tokens"), x)
    np.testing.assert_allclose(grads, signal_jacobian(expose(model, "conv"), x)[2][0], rtol=1e-4, atol=1e-7)


def test_all_calls_of_a_layer_are_a_list_of_signals_and_gradients():
    model = models.siamese()
    pair = [models.images(2), models.images(2, seed=1)]
    _, (signals,), (grads,) = signal_jacobian(expose(model, {"name": "encoder/conv", "node": "all"}), pair)
    _, seen = spatial_forward(expose(model, {"name": "encoder/conv", "node": "all"}), pair)
    for node in (0, 1):
        _, (signal,), (grad,) = signal_jacobian(expose(model, {"name": "encoder/conv", "node": node}), pair)
        np.testing.assert_allclose(signals[node], signal, rtol=1e-6)
        np.testing.assert_allclose(seen[node], signal, rtol=1e-6)
        np.testing.assert_allclose(grads[node], grad, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_cast_to_float32(policy):
    model = models.flat(dtype=policy)
    logits, (signal,) = forward(expose(model, "conv"), models.images(2))
    _, (image,) = jacobian(expose(model, []), models.images(2))
    _, (_,), (grads,) = signal_jacobian(expose(model, "conv"), models.images(2))
    assert {x.dtype for x in (logits, signal, image, grads)} == {tf.float32}
    assert model.get_layer("conv").compute_dtype != "float32"


def test_a_plain_model_has_no_signal_and_is_given_one_where_it_needs_one():
    model = models.flat()
    logits, signals = forward(model, models.images(2))
    assert signals == []
    np.testing.assert_array_equal(logits, model(models.images(2)))
    manual = keras.Model(model.input, [model.get_layer("logits").output, model.get_layer("conv").output])
    assert with_signal(manual) is manual
    assert [str(e) for e in with_signal(model).endpoints] == ["logits (logits)", "pool (input)"]
    bare = expose(model, [])
    for function in (spatial_forward, signal_jacobian):
        with pytest.raises(ValueError, match=r"at least one signal.* Received: 'flat_exposed', which gives"):
            function(bare, models.images(2))


@pytest.mark.parametrize("function", [jacobian, image_jacobian, signal_jacobian, spatial_forward])
def test_scores_with_places_are_refused_everywhere(function):
    inputs = keras.Input(models.IMAGE)
    model = keras.Model(inputs, layers.Conv2D(3, 1, name="last")(layers.Conv2D(4, 3, name="conv")(inputs)), name="mask")
    with pytest.raises(ValueError, match=r"Received: 'mask_exposed', whose scores have the shape \(2, 6, 6, 3\)"):
        function(expose(model, "conv", "last"), models.images(2))
