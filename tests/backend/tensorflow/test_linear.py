"""Derivatives along tangents, against derivatives by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import linearize

X, Y, T, S = (tf.constant(np.random.default_rng(n).normal(size=(2, 3))) for n in range(4))


def changes(run, *signals, tangents):
    """Results of a function, and their changes along tangents."""
    return linearize(run, lambda given, results, along: [*results, *along(tangents)], *signals)


def test_the_derivative_of_a_product_along_tangents():
    product, change = changes(lambda x, y: [x * x * y], X, Y, tangents=[T, S])
    np.testing.assert_allclose(product, X * X * Y)
    np.testing.assert_allclose(change, 2 * X * Y * T + X * X * S)


def test_a_tangent_of_none_is_0():
    _, change = changes(lambda x, y: [x * y], X, Y, tangents=[None, S])
    np.testing.assert_allclose(change, X * S)


def test_the_arguments_come_back_as_the_tangents_of_their_own_ray():
    (change,) = linearize(lambda x: [x**3], lambda given, _, along: along(given), X)
    np.testing.assert_allclose(change, 3 * X**3)


def test_what_depends_on_no_argument_does_not_change():
    found = []
    linearize(lambda x: [Y * 2], lambda given, results, along: found.extend(along(given)) or results, X)
    assert found == [None]


def test_a_result_that_depends_on_another_changes_with_it():
    def run(x):
        hidden = x**2
        return [hidden * 5, hidden]

    # Along x alone the head counts the way through `hidden`; along `hidden` alone, its own factor.
    head, hidden, by_x, _ = changes(run, X, tangents=[T, None, None])
    np.testing.assert_allclose(head, 5 * X**2)
    np.testing.assert_allclose(hidden, X**2)
    np.testing.assert_allclose(by_x, 10 * X * T)
    *_, by_hidden, own = changes(run, X, tangents=[None, None, T])
    np.testing.assert_allclose(by_hidden, 5 * T)
    np.testing.assert_allclose(own, T)


@tf.custom_gradient
def cubed(x):
    return x**3, lambda change: change * 3 * x**2


def looped(x):
    return tf.while_loop(lambda n, _: n < 3, lambda n, y: (n + 1, y * x), (0, tf.ones_like(x)))[1]


@pytest.mark.parametrize("function", [cubed, looped])
def test_it_goes_through_custom_gradients_and_loops(function):
    _, change = changes(lambda x: [function(x)], X, tangents=[T])
    np.testing.assert_allclose(change, 3 * X**2 * T)


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "nearest", "lanczos3", "area"])
def test_resizing_is_linear(method):
    image, tangent = (tf.random.stateless_normal((1, 4, 5, 2), [n, n]) for n in range(2))

    def run(x):
        return [tf.image.resize(x, (7, 3), method, antialias=method == "lanczos3")]

    if method == "area":  # TensorFlow has no derivative of it at all.
        with pytest.raises(ValueError, match=r"cannot differentiate it twice: .*ResizeArea"):
            changes(run, image, tangents=[tangent])
        return
    _, change = changes(run, image, tangents=[tangent])
    np.testing.assert_allclose(change, run(tangent)[0], atol=1e-5)


def test_resizing_inside_a_function_is_refused():
    inner = tf.function(lambda x: tf.image.resize(x, (7, 3)))
    with pytest.raises(ValueError, match=r"cannot differentiate it twice: ResizeBilinear inside a `tf.function`"):
        changes(lambda x: [inner(x)], tf.ones((1, 4, 5, 2)), tangents=[None])
