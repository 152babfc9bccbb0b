import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import vjp
from ke_widgets.engine.rows import gradient_rows

X = np.array([[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0]], "float32")
A = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")


def rows(units_of, compiled, where=None, dtype="float32"):
    """The gradients with respect to what the units may depend on, and to what they do not."""

    def run(x, other):
        units, _, back = vjp(lambda given, _: (units_of(given[0]), None), [x, other])
        return gradient_rows(back, units, [x] if where == "x" else [x, other], where)

    given = tf.constant(X, dtype), tf.constant(X, dtype)
    return (tf.function(run, autograph=False) if compiled else run)(*given)


def linear(weights):
    return lambda x: tf.matmul(tf.cast(x, "float32"), weights.T)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_one_gradient_for_each_image_and_unit(compiled, number):
    (found,) = rows(linear(A[:number]), compiled, "x")
    np.testing.assert_allclose(found, np.broadcast_to(A[:number], (3, number, 2)))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_what_the_units_do_not_depend_on_is_0_or_refused(compiled, number):
    _, found = rows(linear(A[:number]), compiled)
    np.testing.assert_array_equal(found, np.zeros((3, number, 2)))
    with pytest.raises(ValueError, match=r"must depend on the signal. Received: x, other, which they do not depend on"):
        rows(linear(A[:number]), compiled, "x, other")


@pytest.mark.parametrize("number", [1, 2])
def test_half_precision_becomes_float32(number):
    (found,) = rows(linear(A[:number]), True, "x", "float16")
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, np.broadcast_to(A[:number], (3, number, 2)))
