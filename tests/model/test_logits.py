"""The logits of heads of every spelling: by value, against the softmax taken off by hand."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.model.locate import head_activation, logits_endpoint
from tests import models
from tests.model.test_score_activations import Plain, Warm, by_hand

UNITS = 4


def features():
    inputs = keras.Input(models.IMAGE)
    return inputs, layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, activation="relu")(inputs))


def functional(*ends, activation=None):
    inputs, x = features()
    x = layers.Dense(UNITS, activation=activation, name="scores")(x)
    for end in ends:
        x = end(x)
    return models.randomize(keras.Model(inputs, x))


class Subclassed(keras.Model):
    def __init__(self, end):
        super().__init__()
        self.conv, self.pool = layers.Conv2D(5, 3, activation="relu"), layers.GlobalAveragePooling2D()
        self.scores, self.end = layers.Dense(UNITS, name="scores"), end

    def call(self, x):
        return self.end(self.scores(self.pool(self.conv(x))))


def subclassed(end):
    return models.called(Subclassed(end))


class Probabilities(layers.Layer):
    """A layer whose own code makes the softmax."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(UNITS, name="scores")

    def call(self, x):
        return tf.clip_by_value(tf.nn.softmax(self.dense(x)), 1e-7, 1.0)


class Own(layers.Layer):
    """A dense layer of one's own, with an activation of its own."""

    def __init__(self):
        super().__init__(name="scores")
        self.activation = tf.nn.softmax

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], UNITS), name="kernel")
        self.bias = self.add_weight(shape=(UNITS,), name="bias")

    def call(self, x):
        return self.activation(ops.matmul(x, self.kernel) + self.bias)


def squeezed(function):
    inputs = keras.Input(models.IMAGE)
    x = layers.GlobalAveragePooling2D(keepdims=True)(layers.Conv2D(5, 3, activation="relu")(inputs))
    x = layers.Conv2D(UNITS, 1, name="scores")(x)
    return models.randomize(keras.Model(inputs, ops.squeeze(function(x), (1, 2))))


def of(layer):
    def build():
        inputs, x = features()
        return models.randomize(keras.Model(inputs, layer()(x)))

    return build


clipped = functools.partial(ops.clip, x_min=1e-7, x_max=1 - 1e-7)
HEADS = {
    "tf.nn.softmax": (lambda: functional(activation=tf.nn.softmax), "softmax"),
    "partial": (lambda: functional(activation=functools.partial(ops.softmax, axis=-1)), "softmax"),
    "lambda": (lambda: functional(activation=lambda x: by_hand(x)), "softmax"),
    "Softmax as activation": (lambda: functional(activation=layers.Softmax()), "softmax"),
    "tf.sigmoid": (lambda: functional(activation=tf.sigmoid), "sigmoid"),
    "tanh": (lambda: functional(activation=lambda x: (ops.tanh(x) + 1) / 2), "sigmoid"),
    "hard sigmoid": (lambda: functional(activation="hard_sigmoid"), "sigmoid"),
    "Activation": (lambda: functional(layers.Activation(by_hand)), "softmax"),
    "Lambda": (lambda: functional(layers.Lambda(tf.nn.softmax)), "softmax"),
    "operation": (lambda: functional(ops.softmax), "softmax"),
    "operation, sigmoid": (lambda: functional(ops.sigmoid), "sigmoid"),
    "a layer of one's own": (lambda: functional(Plain()), "softmax"),
    "a learned temperature": (lambda: functional(Warm()), "softmax"),
    "cast and clip": (lambda: functional(ops.softmax, lambda x: ops.cast(x, "float64"), clipped), "softmax"),
    "Lambda clip": (lambda: functional(ops.softmax, layers.Lambda(lambda x: tf.maximum(x, 1e-6))), "softmax"),
    "reshapes": (lambda: functional(ops.softmax, layers.Reshape((UNITS, 1)), layers.Flatten()), "softmax"),
    "dropout and linear": (
        lambda: functional(ops.softmax, layers.Dropout(0.5), layers.Activation("linear")),
        "softmax",
    ),
    "logarithm": (lambda: functional(ops.softmax, clipped, ops.log), "softmax"),
    "log softmax": (lambda: functional(ops.log_softmax), "softmax"),
    "1 x 1": (lambda: squeezed(layers.Softmax()), "softmax"),
    "1 x 1, operation": (lambda: squeezed(ops.softmax), "softmax"),
    "in call": (lambda: subclassed(tf.nn.softmax), "softmax"),
    "in call, by hand": (lambda: subclassed(by_hand), "softmax"),
    "in call, clipped": (lambda: subclassed(lambda x: tf.clip_by_value(tf.nn.softmax(x), 1e-7, 1.0)), "softmax"),
    "in call, minimum": (lambda: subclassed(lambda x: tf.minimum(tf.cast(tf.sigmoid(x), "float64"), 1.0)), "sigmoid"),
    "in call, temperature": (lambda: subclassed(lambda x: tf.nn.softmax(x / 2.0)), "softmax"),
    "in call, another axis": (
        lambda: subclassed(lambda x: ops.reshape(ops.softmax(ops.reshape(x, (-1, UNITS, 1)), axis=1), (-1, UNITS))),
        "softmax",
    ),
    "in a layer's call": (of(Probabilities), "softmax"),
    "an activation of one's own": (of(Own), "softmax"),
    "none": (lambda: functional(), None),
    "none, dropout": (lambda: functional(layers.Dropout(0.5)), None),
    "none, in call": (lambda: subclassed(lambda x: x), None),
}


def by_weights(model):
    """Give the scores as the weights say: kernel and bias of the layer `scores`."""
    weights = {w.path.split("/")[-1]: np.asarray(w) for w in model.weights if "scores" in w.path}
    conv = {
        w.path.split("/")[-1]: np.asarray(w) for w in model.weights if "conv2d" in w.path and "scores" not in w.path
    }
    x = np.asarray(ops.relu(ops.conv(models.images(), conv["kernel"]) + conv["bias"])).mean((1, 2))
    return x @ weights["kernel"].reshape(-1, UNITS) + weights["bias"]


@pytest.mark.parametrize("kind", HEADS)
def test_logits_are_what_the_weights_say_however_the_softmax_is_spelled(kind):
    build, expected = HEADS[kind]
    model = build()
    model(models.images())  # Keras notes what runs for the first time.
    before = models.snapshot(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exposed = expose(model, [])
    (logits,) = exposed(models.images())
    np.testing.assert_allclose(logits, by_weights(model), rtol=1e-5, atol=1e-5)
    assert head_activation(model) == expected
    assert models.same(before, models.snapshot(model)) == []


class Opaque(layers.Layer):
    """A softmax that nobody can split off."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], UNITS))

    def call(self, x):
        return ops.softmax(ops.matmul(x, self.kernel))


def ensemble(join):
    def build():
        inputs, x = features()
        return models.randomize(keras.Model(inputs, join([layers.Dense(UNITS, "softmax")(x) for _ in range(2)])))

    return build


def averaged_maps():
    inputs = keras.Input(models.IMAGE)
    x = layers.Conv2D(UNITS, 3, activation="softmax")(inputs)
    return models.randomize(keras.Model(inputs, layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize(
    ("build", "seen"),
    [
        (ensemble(layers.Average()), "Average"),
        (ensemble(lambda pair: (pair[0] + pair[1]) / 2), "TrueDivide"),
        (ensemble(lambda pair: pair[0] * pair[1]), "Multiply"),
        (of(Opaque), "Opaque"),
        (averaged_maps, "GlobalAveragePooling2D"),
        (lambda: subclassed(lambda x: tf.nn.softmax(x + tf.constant([1.0, 2.0, 3.0, 4.0]))), "Softmax"),
        (lambda: functional(lambda x: ops.softmax(x)[:, 1:3]), "GetItem"),
    ],
)
def test_scores_that_may_be_probabilities_are_warned_of_once(build, seen):
    model = build()
    with pytest.warns(UserWarning, match=rf"explained as the model gives them.*{seen}.*outputs=") as found:
        (scores,) = expose(model, [])(models.images())
    np.testing.assert_allclose(scores, model(models.images()), rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expose(model, [])
    assert len([each for each in found if "explained as" in str(each.message)]) == 1
    assert head_activation(model) is None


@pytest.mark.parametrize(
    "build",
    [
        lambda: functional(activation="relu"),
        lambda: functional(layers.UnitNormalization()),
        lambda: functional(layers.Reshape((2, 2))),
        lambda: functional(lambda x: 2 * x - 1),
        lambda: functional(lambda x: ops.stack([x[:, 0], x[:, 1]], 1)),
        lambda: subclassed(tf.tanh),
        lambda: subclassed(lambda x: tf.concat([x[:, :1], 3 * x[:, 1:]], 1)),
        lambda: models.convolutional_head(),
        ensemble(lambda pair: layers.Dense(3)(layers.Concatenate()(pair))),
    ],
)
def test_heads_that_make_no_probabilities_are_not_warned_of(build):
    model = build()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expose(model, [])


def test_an_activation_in_the_middle_of_a_layer_is_no_place_for_logits():
    class Gate(layers.Layer):
        def __init__(self):
            super().__init__(name="gate")
            self.activation, self.dense = tf.nn.softmax, layers.Dense(UNITS, name="dense")

        def call(self, x):
            return self.dense(self.activation(x))

    inputs, x = features()
    model = models.randomize(keras.Model(inputs, Gate()(x)))
    assert logits_endpoint(model).path == "gate/dense"
    with pytest.raises(ValueError, match=r"`link=\"logits\"` must name a layer whose activation comes last.*gate"):
        expose(model, [], {"name": "gate", "link": "logits"})(models.images())
