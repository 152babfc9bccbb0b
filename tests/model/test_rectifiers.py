import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.backend import rectified
from ke_widgets.model.rectifiers import may_hold_rectifier
from tests import models

X = np.linspace(-4, 8, 25).reshape(5, 5)


def slopes(function, grad):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return np.asarray(tape.gradient(y, x, grad * tf.ones_like(x)))


COMPOSED = {
    "threshold": layers.ReLU(threshold=1.2, dtype="float64"),
    "slope and maximum": layers.ReLU(max_value=5.1, negative_slope=0.3, dtype="float64"),
    "slope and threshold": lambda x: keras.activations.relu(x, negative_slope=0.3, threshold=0.3),
    "maximum": layers.Activation(lambda x: keras.activations.relu(x, max_value=5.1), dtype="float64"),
    "learned": layers.PReLU(alpha_initializer=keras.initializers.Constant(0.3), dtype="float64"),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composition_is_one_rectifier(name):
    function = COMPOSED[name]
    function(tf.constant(X))
    plain = slopes(function, 1.0)
    assert np.ptp(plain) > 0
    for grad in (2.0, -2.0):
        with rectified(lambda grad, back: back(tf.maximum(grad, 0))) as found:
            np.testing.assert_allclose(slopes(function, grad), max(grad, 0) * plain, atol=1e-14)
        assert found.met == 1
        with rectified(lambda grad, back: tf.maximum(grad, 0)):
            np.testing.assert_allclose(slopes(function, grad), np.full((5, 5), max(grad, 0)), atol=1e-14)
        np.testing.assert_allclose(slopes(function, grad), grad * plain, atol=1e-14)


def test_it_computes_what_it_computes_without_a_rule():
    for function in COMPOSED.values():
        expected = np.asarray(function(tf.constant(X)))
        with rectified(lambda grad, back: grad):
            np.testing.assert_array_equal(function(tf.constant(X)), expected)


class Own(layers.Layer):
    def call(self, x):
        return x


def around(*body):
    return keras.Sequential([keras.Input((4, 4, 3)), *body, layers.Flatten(), layers.Dense(2, activation="softmax")])


@pytest.mark.parametrize(
    "body",
    [
        layers.ReLU(),
        layers.LeakyReLU(),
        layers.PReLU(),
        layers.Activation("relu6"),
        layers.Activation(keras.activations.leaky_relu),
        layers.Activation(lambda x: x),  # May be one.
        layers.Activation("hard_silu"),
        layers.Conv2D(3, 1, activation="relu"),
        layers.Lambda(lambda x: x),
        Own(),
        layers.TimeDistributed(layers.Dense(3, activation="relu")),
        keras.Sequential([keras.Input((4, 4, 3)), layers.Conv2D(3, 1, activation="relu")]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_model_may_hold_a_relu_where_one_is_known_or_something_is_not(body):
    assert may_hold_rectifier(around(body))


def test_operations_count_too():
    for function in (ops.relu, ops.relu6, lambda x: ops.maximum(x, 0), ops.leaky_relu):
        x = inputs = keras.Input((4,))
        assert may_hold_rectifier(keras.Model(inputs, layers.Dense(2)(function(x))))


@pytest.mark.parametrize("kind", ["flat", "nested", "doubly_nested"])
def test_relus_at_any_depth_are_found(kind):
    assert may_hold_rectifier(getattr(models, kind)())


def test_a_model_of_other_activations_holds_none():
    body = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Conv2D(3, 1, activation="gelu"), layers.BatchNormalization()]
    )
    assert not may_hold_rectifier(around(body, layers.Activation("tanh"), layers.ELU(), layers.MaxPooling2D()))
    assert may_hold_rectifier(models.called(models.Subclassed()))
