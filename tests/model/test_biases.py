"""What layers add: which do, and how much."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import get_logits_layer
from ke_widgets.model.biases import biases, is_homogeneous, layers_with_biases
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


def between(layer):
    """A model whose one layer that may add something is this one."""
    x = layers.Flatten(**WIDE)(layer(keras.Input((4, 4, 2), dtype="float64", name="images")))
    return models.randomize(keras.Model(layer.input, layers.Dense(3, use_bias=False, name="logits", **WIDE)(x)))


LAYERS = {
    "relu": layers.ReLU(**WIDE),
    "relu that stops": layers.ReLU(max_value=0.5, **WIDE),
    "relu from a threshold": layers.ReLU(threshold=0.5, **WIDE),
    "leaky relu": layers.LeakyReLU(**WIDE),
    "prelu": layers.PReLU(alpha_initializer="ones", **WIDE),
    "gelu": layers.Activation("gelu", **WIDE),
    "linear": layers.Activation("linear", **WIDE),
    "softmax": layers.Softmax(**WIDE),
    "maximum": layers.MaxPooling2D(**WIDE),
    "mean": layers.AveragePooling2D(2, **WIDE),
    "zeros around": layers.ZeroPadding2D(**WIDE),
    "larger": layers.UpSampling2D(**WIDE),
    "resized": layers.Resizing(3, 3, **WIDE),
    "resized, padded with ones": layers.Resizing(3, 6, pad_to_aspect_ratio=True, fill_value=1.0, **WIDE),
    "rescaled": layers.Rescaling(0.5, offset=0.1, **WIDE),
    "layer normalization": layers.LayerNormalization(**WIDE),
    "batch normalization": layers.BatchNormalization(**WIDE),
    "convolution": layers.Conv2D(3, 2, **WIDE),
    "bare convolution": layers.Conv2D(3, 2, use_bias=False, **WIDE),
    "bare convolution, relu": layers.Conv2D(3, 2, use_bias=False, activation="relu", **WIDE),
    "bare convolution, silu": layers.Conv2D(3, 2, use_bias=False, activation="silu", **WIDE),
    "depthwise": layers.DepthwiseConv2D(2, use_bias=False, **WIDE),
    "dropout": layers.Dropout(0.5, **WIDE),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_listed_if_twice_its_input_is_not_twice_its_output(kind):
    layer = LAYERS[kind]
    model = between(layer)
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 2))
    scales = np.allclose(layer(2 * images), 2 * np.asarray(layer(images)), rtol=1e-9)
    assert (layers_with_biases(model, return_biases=False) == [layer]) is not scales


@pytest.mark.parametrize(
    "name", ["relu", "linear", "leaky_relu", "relu6", "gelu", "sigmoid", "tanh", "softplus", "elu"]
)
def test_an_activation_is_homogeneous_if_it_scales_with_its_input(name):
    x, function = np.linspace(-5, 5, 11), keras.activations.get(name)
    assert is_homogeneous(name) is is_homogeneous(function) is np.allclose(function(2 * x), 2 * np.asarray(function(x)))


def test_no_activation_is_homogeneous_and_an_unknown_word_is_not():
    assert is_homogeneous(None)
    assert not is_homogeneous("a word of the layer's own")
    assert not is_homogeneous(lambda x: x)


class OwnRelu(layers.ReLU):
    def call(self, x):
        return super().call(x) + 1


def test_a_subclass_with_code_of_its_own_may_add_anything():
    layer = OwnRelu(**WIDE)
    assert layers_with_biases(between(layer)) == ([layer], [None])


def test_a_sum_adds_something_where_a_constant_is_in_it():
    inputs = keras.Input((4, 4, 2))
    both = layers.Add(name="both")([inputs, layers.ReLU()(inputs)])
    one = layers.Add(name="one")([both, ops.ones((1, 4, 4, 2))])
    model = keras.Model(inputs, layers.Dense(3, use_bias=False)(layers.Flatten()(one)))
    assert [layer.name for layer in layers_with_biases(model, return_biases=False)] == ["one"]


@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"center": False}, {"scale": False}, {"epsilon": 0.5}], ids=str)
def test_batch_normalization_adds_what_it_makes_of_zeros(options):
    shape, others = (1, 3, 4, 5), [layers.BatchNormalization(epsilon=0.1 * n, **WIDE) for n in (1, 2)]
    layer = layers.BatchNormalization(**options, **WIDE)
    for number, each in enumerate((others[0], layer, others[1])):
        each.build(shape if each is layer else (1, 2 + number))
        models.randomize(each, seed=number)
    expected = np.asarray(layer(np.zeros(shape)))
    for found in (biases([layer])[0], biases([others[0], layer, others[1]])[1]):
        np.testing.assert_allclose(np.broadcast_to(found, shape), expected, rtol=1e-12)


def test_where_channels_come_first_a_bias_does_too():
    layer = layers.Conv2D(2, 3, data_format="channels_first", bias_initializer="ones")
    layer.build((None, 1, 4, 4))
    layer.bias.assign([1.0, 2.0])
    (found,) = biases([layer])
    assert np.asarray(found).tolist() == [[[1.0]], [[2.0]]]


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model. Received: \[\]"):
        layers_with_biases([])
