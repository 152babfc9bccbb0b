"""What a function does to scores, whatever it is called."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.model.score_activations import activation_kind
from tests import models


def by_hand(x):
    e = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
    return e / tf.reduce_sum(e, -1, keepdims=True)


def true_sparsemax(x):
    z = tf.sort(x, direction="DESCENDING")
    k = tf.range(1, tf.shape(x)[-1] + 1, dtype=x.dtype)
    total = tf.cumsum(z, -1)
    support = tf.reduce_sum(tf.cast(1 + k * z > total, tf.int32), -1, keepdims=True)
    tau = (tf.gather(total, support - 1, batch_dims=len(x.shape) - 1) - 1) / tf.cast(support, x.dtype)
    return tf.nn.relu(x - tau)


class Plain(layers.Layer):
    def call(self, x):
        return tf.nn.softmax(x)


class Warm(layers.Layer):
    def build(self, shape):
        self.temperature = self.add_weight(shape=(), initializer=keras.initializers.Constant(2.5))

    def call(self, x):
        return ops.softmax(x / self.temperature)


def built(layer):
    layer.build((None, 5))
    return layer


SOFTMAX = {
    "tf": tf.nn.softmax,
    "ops": ops.softmax,
    "partial": functools.partial(ops.softmax, axis=-1),
    "by hand": by_hand,
    "hot": lambda x: ops.softmax(10 * x),
    "cold": lambda x: ops.softmax(x / 20),
    "sparsemax": true_sparsemax,
    "log": tf.nn.log_softmax,
    "name": "softmax",
    "layer": layers.Softmax(),
    "Activation": layers.Activation("softmax"),
    "Lambda": layers.Lambda(tf.nn.softmax),
    "a layer of one's own": Plain(),
    "a learned temperature": built(Warm()),
}
SIGMOID = {
    "tf": tf.sigmoid,
    "ops": ops.sigmoid,
    "hard": ops.hard_sigmoid,
    "tanh": lambda x: (ops.tanh(x) + 1) / 2,
    "steep": lambda x: ops.sigmoid(8 * x),
    "flat": lambda x: ops.sigmoid(x / 30),
    "by hand": lambda x: 1 / (1 + tf.exp(-x)),
    "arctan": lambda x: 0.5 + ops.arctan(x) / np.pi,
    "log": ops.log_sigmoid,
    "layer": layers.Activation(tf.sigmoid),
}
NEITHER = {
    "tanh": ops.tanh,
    "softplus": ops.softplus,
    "gelu": ops.gelu,
    "exp": ops.exp,
    "unit length": ops.normalize,
    "shares of the positive": lambda x: ops.relu(x) / (ops.sum(ops.relu(x), -1, keepdims=True) + 1e-6),
    "half a softmax": lambda x: ops.softmax(x) / 2,
    "falling": lambda x: 1 - ops.sigmoid(x),
    "a unit in another's place": lambda x: ops.flip(ops.sigmoid(x), -1),
    "an error": lambda x: ops.reshape(x, (7, 11)),
    "no tensor": lambda x: "softmax",
    "a name that nobody knows": "gelu_approximate",
}
SHAPES = [(None, 5), (None, 1, 1, 5), (None, None, None, 5)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    ("functions", "expected"),
    [(SOFTMAX, "softmax"), (SIGMOID, "sigmoid"), (NEITHER, None)],
    ids=["softmax", "sigmoid", "neither"],
)
def test_what_a_function_does_is_seen_whatever_it_is_called(functions, expected, shape):
    assert {name: activation_kind(each, shape) for name, each in functions.items()} == dict.fromkeys(
        functions, expected
    )


def test_a_function_is_seen_through_while_another_one_is_traced():
    found = []

    @tf.function
    def traced(x):
        found.extend(activation_kind(each, (None, 4)) for each in (tf.nn.softmax, tf.sigmoid, ops.tanh))
        return x

    traced(tf.constant(1.0))
    assert found == ["softmax", "sigmoid", None]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (None, "identity"),
        ("linear", "identity"),
        (lambda x: x, "identity"),
        (layers.Identity(), "identity"),
        (lambda x: ops.clip(x, 1e-7, 1 - 1e-7), "scores"),
        (lambda x: tf.maximum(x, 1e-6), "scores"),
        (lambda x: ops.reshape(x, (-1, 5, 1)), "scores"),
        (tf.math.log, "log"),
    ],
)
def test_what_leaves_scores_or_probabilities_is_told(function, expected):
    assert activation_kind(function, (None, 5)) == expected


def test_the_softmax_of_a_single_unit_is_one_too():
    assert activation_kind(by_hand, (None, 1)) == "softmax"
    assert activation_kind(tf.sigmoid, (None, 1)) == "sigmoid"


def test_nothing_is_written_to_a_layer_that_is_tried_out():
    model = keras.Sequential([keras.Input((5,)), Warm()])
    before = models.snapshot(model)
    assert activation_kind(model.layers[0], (None, 5)) == "softmax"
    assert models.same(before, models.snapshot(model)) == []
