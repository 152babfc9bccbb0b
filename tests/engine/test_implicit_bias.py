import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.implicit_bias import activation_bias, added_by, floats, implicit_bias
from ke_widgets.model import hooks
from tests.methods.networks import WIDE

X = tf.constant(np.random.default_rng(0).normal(size=(2, 6, 6, 3)))
Y = tf.constant(np.random.default_rng(1).normal(size=(2, 6, 6, 3)))
C = tf.constant(np.random.default_rng(2).normal(size=(6, 6, 3)))


def along(function, *signals, step=1e-5):
    """J x by central differences: the slope along the ray through 0."""
    ahead, behind = (function(*[x * (1 + s) for x in signals]) for s in (step, -step))
    return [(a - b) / (2 * step) for a, b in zip(keras.tree.flatten(ahead), keras.tree.flatten(behind))]


def bias_by_hand(function, *signals):
    return [f - change for f, change in zip(keras.tree.flatten(function(*signals)), along(function, *signals))]


# In closed form


def call_of(operation, *args, **kwargs):
    with hooks.recording([operation]) as tap:
        operation(*args, **kwargs)
    (call,) = tap.calls[id(operation)]
    return call


def operation_of(function, signals):
    """The Keras operation that makes the value of `function`, and its arguments at these signals."""
    symbols = [keras.Input(x.shape[1:], dtype=x.dtype) for x in signals]
    history = function(*symbols)._keras_history
    arguments = history.operation._inbound_nodes[history.node_index].arguments
    known = {id(symbol): x for symbol, x in zip(symbols, signals)}
    args, kwargs = keras.tree.map_structure(lambda x: known.get(id(x), x), (arguments.args, arguments.kwargs))
    return history.operation, args, kwargs


P = tf.abs(X) + 0.1  # positive
OPERATIONS = {
    "sum of signals": (lambda x, y: x + y, (X, Y)),
    "sum with a constant": (lambda x: C + x, (X,)),
    "sum with a number": (lambda x: x + 2.0, (X,)),
    "constant less signal": (lambda x: C - x, (X,)),
    "less an array": (lambda x: x - np.array([1.0, 2.0, 3.0]), (X,)),
    "product": (lambda x, y: x * y, (X, Y)),
    "square by a product": (lambda x: x * x, (X,)),
    "product with a constant": (lambda x: C * x, (X,)),
    "quotient": (lambda x, y: x / y, (X, P)),
    "constant by signal": (lambda x: C / x, (P,)),
    "signal by constant": (lambda x: x / C, (X,)),
    "matrices": (lambda x, y: x @ y, (X, tf.transpose(Y, (0, 1, 3, 2)))),
    "matrix of a constant": (lambda x: ops.matmul(x, C[0, :3]), (X,)),
    "einsum": (lambda x, y: ops.einsum("bhwc,bhvc->bhwv", x, y), (X, Y)),
    "product layer of three": (lambda x, y: layers.Multiply(**WIDE)([x, y, x]), (X, Y)),
    "mean with a constant": (lambda x, y: layers.Average(**WIDE)([x, C[None], y]), (X, Y)),
    "joined with a constant": (lambda x: layers.Concatenate(axis=0, **WIDE)([x, C[None]]), (X,)),
    "stacked with a constant": (lambda x: ops.stack([x, tf.stack([C, C])], axis=-1), (X,)),
    "larger of two": (lambda x: layers.Maximum(**WIDE)([x, C[None]]), (X,)),
    "chosen": (lambda x: ops.where(C > 0, x, C), (X,)),
    "padded": (lambda x: ops.pad(x, ((0, 0), (1, 1), (0, 2), (0, 0)), constant_values=3.0), (X,)),
    "rescaling": (layers.Rescaling([1.0, 2.0, 3.0], offset=[0.5, 0.0, -1.0], **WIDE), (X,)),
    "normalized": (layers.LayerNormalization(epsilon=0.3, beta_initializer="ones", **WIDE), (X,)),
    "normalized, no center": (layers.LayerNormalization(center=False, epsilon=0.3, **WIDE), (X,)),
    "normalized over rows": (layers.LayerNormalization(axis=(1, 2), epsilon=0.3, **WIDE), (X,)),
    "unit": (layers.UnitNormalization(**WIDE), (X,)),
    "angle": (lambda x, y: layers.Dot(axes=(3, 3), normalize=True, **WIDE)([x, y]), (X, Y)),
    "silu": (layers.Activation("silu", **WIDE), (X,)),
    "softmax": (layers.Activation("softmax", **WIDE), (X,)),
    "gelu": (lambda x: ops.gelu(x, approximate=False), (X,)),
    "log": (lambda x: ops.log(x), (P,)),
    "root": (lambda x: ops.sqrt(x), (P,)),
    "power": (lambda x: x**1.5, (P,)),
    "clip": (lambda x: ops.clip(x, -0.5, 0.25), (X,)),
}


@pytest.mark.parametrize("kind", OPERATIONS)
def test_what_an_operation_adds_is_its_value_less_its_slope_along_the_signals(kind):
    function, signals = OPERATIONS[kind]
    operation, args, kwargs = operation_of(function, signals)

    def run(*signals):
        operation, args, kwargs = operation_of(function, signals)
        return operation(*args, **kwargs)

    (expected,) = bias_by_hand(run, *signals)
    call = call_of(operation, *args, **kwargs)
    found = added_by(operation, call, list(signals))
    if not found:
        np.testing.assert_allclose(expected, np.zeros_like(expected), atol=1e-8)
    for bias in found:
        np.testing.assert_allclose(bias, expected, rtol=1e-6, atol=1e-7)


def test_sums_and_scalings_of_signals_alone_add_nothing():
    for kind in ("sum of signals", "product with a constant", "signal by constant"):
        operation, args, _ = operation_of(*OPERATIONS[kind])
        assert added_by(operation, call_of(operation, *args), list(OPERATIONS[kind][1])) == []


def test_what_is_made_of_constants_is_the_calls_own():
    dense = layers.Dense(2, **WIDE)
    call = call_of(dense, C)
    np.testing.assert_array_equal(added_by(dense, call, []), [call.outputs])


class Multiply(layers.Multiply):
    """One of Keras's names, with a call of its own."""

    def call(self, inputs):
        return ops.tanh(inputs[0]) * inputs[1]


def test_a_subclass_with_a_call_of_its_own_is_differentiated():
    operation = Multiply(**WIDE)
    (bias,) = added_by(operation, call_of(operation, [X, Y]), [X, Y])
    np.testing.assert_allclose(bias, bias_by_hand(lambda x, y: operation([x, y]), X, Y)[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "name", ["silu", "gelu", "elu", "selu", "softplus", "tanh", "sigmoid", "mish", "exponential", "softmax", "glu"]
)
def test_activations(name):
    activation = keras.activations.get(name)
    x = tf.concat([X, Y[..., :1]], axis=-1)
    found = activation_bias(activation, x, activation(x))
    np.testing.assert_allclose(found, bias_by_hand(activation, x)[0], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found, implicit_bias(activation, (x,), {}, [x])[0], rtol=1e-11, atol=1e-14)


def test_rounding_is_no_bias():
    large = tf.constant(np.linspace(40, 90, 50, dtype="float32")[None])
    for name in ("gelu", "silu", "elu", "softplus"):
        activation = keras.activations.get(name)
        assert not np.any(activation_bias(activation, large, activation(large)))
    assert not np.any(implicit_bias(lambda x: x * 0.1 / 0.3, (large,), {}, [large])[0])


# Resizing: linear, though TensorFlow has no second derivative for it


def resized(x, method="bilinear", **options):
    return tf.image.resize(tf.cast(x, "float32"), (4, 9), method, **options)


RESIZING = {
    "bilinear": resized,
    "nearest": lambda x: resized(x, "nearest"),
    "bicubic": lambda x: resized(x, "bicubic"),
    "area of lanczos": lambda x: resized(x, "lanczos3", antialias=True),
    "antialias": lambda x: resized(x, antialias=True),
    "old corners": lambda x: tf.compat.v1.image.resize_bilinear(tf.cast(x, "float32"), (4, 9), align_corners=True),
    "old nearest": lambda x: tf.compat.v1.image.resize_nearest_neighbor(x, (4, 9), align_corners=True),
    "keras": lambda x: ops.image.resize(x, (9, 5), interpolation="bilinear"),
    "up": layers.UpSampling2D(3, interpolation="bilinear", **WIDE),
    "layer": layers.Resizing(5, 8, interpolation="bicubic", **WIDE),
}


@pytest.mark.parametrize("kind", RESIZING)
def test_resizing_adds_nothing(kind):
    x = tf.cast(X, "float32")
    function = RESIZING[kind]
    (bias,) = implicit_bias(lambda x: tf.cast(function(x), "float32"), (x,), {}, [x])
    np.testing.assert_allclose(bias, np.zeros(bias.shape), atol=2e-6)


@pytest.mark.parametrize("kind", RESIZING)
def test_resizing_between_nonlinearities_counts_them(kind):
    x = tf.cast(X, "float32")

    def function(x):
        return ops.square(tf.cast(RESIZING[kind](x + 1.0), "float32")) + 0.5

    after, linear = (np.asarray(RESIZING[kind](each), "float64") for each in (x + 1.0, x))
    expected = after**2 + 0.5 - 2 * after * linear
    np.testing.assert_allclose(implicit_bias(function, (x,), {}, [x])[0], expected, rtol=1e-5, atol=1e-5)


@tf.function(autograph=False)
def hidden(x):
    return resized(x)


def branch(x):
    return tf.cond(tf.reduce_sum(x) > -1e9, lambda: resized(x), lambda: resized(x, "bicubic"))


def loop(x):
    return tf.while_loop(lambda n, y: n < 2, lambda n, y: (n + 1, tf.image.resize(y, (6, 6))), (0, x))[1]


@pytest.mark.parametrize(
    "function", [hidden, branch, loop, lambda x: tf.image.crop_and_resize(x, [[0, 0, 1, 1]], [0], (3, 3))]
)
def test_what_cannot_be_differentiated_twice_is_refused(function):
    x = tf.cast(X, "float32")
    with pytest.raises(ValueError, match=r"cannot differentiate it twice: .*Resize"):
        implicit_bias(lambda x: function(ops.tanh(x)) + x[0, 0, 0, 0], (x,), {}, [x])


# Several outputs


def matrices(seed, count=4):
    return [tf.constant(m) for m in np.random.default_rng(seed).normal(size=(count, 3, 3))]


A, B, D, E = matrices(5)


def chain(x):
    first = ops.tanh(x @ A) + 1.0
    second = ops.square(first @ B)
    return {"third": ops.exp(0.1 * second @ D) + x, "second": second, "first": first}


SEVERAL = {
    "value and hidden": lambda x: (ops.square(h := ops.tanh(x @ A) + 1.0), h),
    "hidden and value": lambda x: ((h := ops.sigmoid(x @ A)), ops.tanh(h @ B)),
    "a chain of three": chain,
    "what came in": lambda x: (ops.gelu(x), x),
    "apart": lambda x: (ops.gelu(x), ops.square(x) + 1.0),
    "one is a constant": lambda x: (ops.tanh(x @ A), ops.ones_like(x)),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_what_several_outputs_add_is_counted_once(kind):
    """With the gradients that a tape gives, which go through the other outputs as well."""
    x = X[:, 0, 0]
    weights = [tf.constant(w) for w in np.random.default_rng(7).normal(size=(3, 2, 3))]
    with tf.GradientTape() as tape:
        tape.watch(x)
        made = floats(SEVERAL[kind](x))
        tape.watch(made)
        score = sum(tf.reduce_sum(w * ops.sin(y)) for w, y in zip(weights, made))
    gradients = tape.gradient(score, made)
    biases = implicit_bias(SEVERAL[kind], (x,), {}, [x], range(len(made)))
    found = sum(float(tf.reduce_sum(g * b)) for g, b in zip(gradients, biases))
    outer = [w * ops.cos(y) for w, y in zip(weights, made)]  # each output by itself
    expected = sum(float(tf.reduce_sum(g * b)) for g, b in zip(outer, bias_by_hand(SEVERAL[kind], x)))
    assert abs(found - expected) < 1e-7 * max(1, abs(expected))
