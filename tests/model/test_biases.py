"""What layers add: which do, and how much."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import biases, get_logits_layer, layers_with_biases
from tests import models
from tests.methods.networks import WIDE


def test_biases_are_those_worked_out_by_hand():
    layer = layers.BatchNormalization(epsilon=0.25, **WIDE)
    layer.build((None, 4, 4, 1))
    for name, value in {"gamma": 3.0, "beta": 1.0, "moving_mean": 2.0, "moving_variance": 2.0}.items():
        getattr(layer, name).assign([value])
    dense = layers.Dense(2, bias_initializer="ones")
    dense.build((None, 3))
    found = biases([layer, dense, layers.LayerNormalization()])
    np.testing.assert_allclose(found[0], [1 - 3 * 2 / 1.5])
    np.testing.assert_allclose(found[1], [1, 1])
    assert found[2] is None


def test_layers_with_biases_lists_what_adds_something_and_nothing_else():
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255, offset=-1, name="rescaling")(inputs)
    x = layers.Conv2D(4, 3, use_bias=False, name="bare")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.MaxPooling2D()(layers.ReLU()(x))
    x = layers.Conv2D(4, 1, use_bias=False, activation="silu", name="curved")(x)
    x = layers.Flatten()(layers.Dropout(0.5)(x))
    x = layers.Dense(2, name="logits")(x)
    model = keras.Model(inputs, layers.Activation("softmax", name="predictions")(x))
    found, constants = layers_with_biases(model)
    assert [layer.name for layer in found] == ["rescaling", "norm", "curved", "logits"]
    assert [bias is None for bias in constants] == [True, False, True, False]
    logits = get_logits_layer(model)
    assert [layer.name for layer in layers_with_biases(model, [logits], False)] == ["rescaling", "norm", "curved"]


@pytest.mark.parametrize("kind", ["subclassed", "in_lists", "nested", "doubly_nested"])
def test_layers_with_biases_looks_into_models(kind):
    found = layers_with_biases(getattr(models, kind)(), return_biases=False)
    assert {layer.name for layer in found} == {"conv", "logits"}


def test_what_adds_nothing_of_its_own_is_not_listed():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    x = inputs[..., ::-1] / 127.5 * tf.constant(3.0, "float64")
    x = layers.Resizing(4, 4, **WIDE)(x)
    x = ops.transpose(
        ops.concatenate([x, -x], axis=1) + layers.Identity(**WIDE)(ops.concatenate([x, x], 1)), (0, 2, 1, 3)
    )
    model = keras.Model(inputs, layers.Dense(3, **WIDE)(layers.Flatten(**WIDE)(x)))
    assert [layer.name for layer in layers_with_biases(model, return_biases=False)] == [model.layers[-1].name]
    shifted = keras.Model(inputs, layers.Dense(3, use_bias=False, **WIDE)(layers.Flatten(**WIDE)(1.0 - inputs)))
    assert len(layers_with_biases(shifted, return_biases=False)) == 1
