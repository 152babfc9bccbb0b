import threading

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import rectified, rectifier

RNG = np.random.default_rng(0)
X, W = tf.constant(RNG.normal(size=(4, 5))), tf.constant(RNG.normal(size=(5, 5)))


@tf.function
def compiled(x):
    return tf.nn.relu(x)


@tf.function
def branching(x):
    if tf.reduce_sum(x) > 1e9:
        return x
    return tf.nn.relu(x)


WAYS = {
    "tf.nn": tf.nn.relu,
    "raw": lambda x: tf.raw_ops.Relu(features=x),
    "maximum": lambda x: tf.maximum(x, 0.0),
    "maximum of 0": lambda x: tf.maximum(tf.zeros((), x.dtype), x),
    "tf.function": compiled,
    "nested tf.function": tf.function(lambda x: compiled(x) + 0),
    "XLA": tf.function(tf.nn.relu, jit_compile=True),
    "AutoGraph": branching,
    "cond": lambda x: tf.cond(tf.reduce_sum(x) > 1e9, lambda: x, lambda: tf.nn.relu(x)),
    "while": lambda x: tf.while_loop(lambda n, y: n < 1, lambda n, y: (n + 1, tf.nn.relu(y)), [0, x])[1],
    "vectorized_map": lambda x: tf.vectorized_map(tf.nn.relu, x),
    "a composition": rectifier(lambda x: x * tf.cast(x > 0, x.dtype)),
}


def guided(grad, back):
    return back(tf.maximum(grad, 0))


def gradient(way):
    with tf.GradientTape() as tape:
        tape.watch(X)
        y = tf.reduce_sum(way(X @ W) @ W, axis=1)
    return tape.gradient(y, X)


def by_hand(rule):
    """The backward pass of `gradient` in NumPy."""
    z, g = np.asarray(X) @ np.asarray(W), np.asarray(W).sum(1)
    return np.broadcast_to(rule(z, g), z.shape) @ np.asarray(W).T


PLAIN = by_hand(lambda z, g: g * (z > 0))
GUIDED = by_hand(lambda z, g: np.maximum(g, 0) * (z > 0))


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("name", WAYS)
def test_a_rule_reaches_a_rectifier_however_it_is_written_and_nobody_after_it(name, traced):
    way = WAYS[name]
    np.testing.assert_allclose(gradient(way), PLAIN, atol=1e-14)

    def run():
        with rectified(guided) as found:
            return gradient(way), found.met

    found, met = tf.function(run, autograph=False)() if traced else run()
    assert met > 0
    np.testing.assert_allclose(found, GUIDED, atol=1e-14)
    # A function keeps the gradient that it was first called for.
    np.testing.assert_allclose(gradient(way), PLAIN, atol=1e-14)


def test_a_function_that_nobody_called_before_keeps_no_rule():
    fresh = tf.function(lambda x: tf.nn.relu(x))
    with rectified(guided):
        np.testing.assert_allclose(gradient(fresh), GUIDED, atol=1e-14)
    np.testing.assert_allclose(gradient(fresh), PLAIN, atol=1e-14)


SLOPES = {
    "leaky": (lambda x: tf.nn.leaky_relu(x, 0.25), lambda z: np.where(z > 0, 1, 0.25)),
    "relu6": (lambda x: tf.nn.relu6(6 * x), lambda z: np.where((z > 0) & (z < 1), 6, 0)),
    "learned slopes": (
        rectifier(lambda x: tf.nn.relu(x) - 0.3 * tf.nn.relu(-x)),
        lambda z: np.where(z > 0, 1, 0.3),
    ),
}


@pytest.mark.parametrize("name", SLOPES)
def test_the_rule_gets_the_gradient_and_the_way_back(name):
    way, slope = SLOPES[name]
    with rectified(guided):
        found = gradient(way)
    inner = 6 if name == "relu6" else 1  # The factor 6 is not of the rectifier, but positive.
    np.testing.assert_allclose(found, by_hand(lambda z, g: np.maximum(g, 0) * slope(z)), atol=1e-13)
    with rectified(lambda grad, back: tf.maximum(grad, 0)) as counted:
        found = gradient(way)
    np.testing.assert_allclose(found, by_hand(lambda z, g: np.maximum(g, 0) * inner), atol=1e-13)
    assert counted.met == 1


@pytest.mark.parametrize("other", [lambda x: tf.maximum(x, 0.5), lambda x: tf.maximum(x, 0 * x), tf.nn.elu, tf.tanh])
def test_what_is_no_rectifier_has_its_own_gradient(other):
    plain = gradient(other)
    with rectified(guided) as found:
        np.testing.assert_array_equal(gradient(other), plain)
    assert found.met == 0


def test_another_thread_has_its_own_gradient():
    found = []
    with rectified(guided):
        thread = threading.Thread(target=lambda: found.append(gradient(compiled)))
        thread.start()
        thread.join()
        found.append(gradient(compiled))
    np.testing.assert_allclose(found[0], PLAIN, atol=1e-14)
    np.testing.assert_allclose(found[1], GUIDED, atol=1e-14)


def test_a_rule_ends_with_its_block_also_if_that_raises():
    with pytest.raises(KeyError), rectified(guided):
        raise KeyError
    np.testing.assert_allclose(gradient(tf.nn.relu), PLAIN, atol=1e-14)


def test_a_function_without_its_code_is_refused_if_it_has_a_rectifier():
    signature = tf.TensorSpec((None, 5), "float64")
    concrete = compiled.get_concrete_function(signature)
    with rectified(guided), pytest.raises(ValueError, match=r"must be made of Python code.*Received: a compiled funct"):
        gradient(concrete)
    np.testing.assert_allclose(gradient(concrete), PLAIN, atol=1e-14)
    smooth = tf.function(tf.tanh).get_concrete_function(signature)
    plain = gradient(smooth)
    with rectified(guided):
        np.testing.assert_array_equal(gradient(smooth), plain)
