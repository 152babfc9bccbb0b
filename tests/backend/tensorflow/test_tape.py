"""Gradients of polynomials, against derivatives by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import is_differentiated, vjp

A, X = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]]), np.array([[1.0, 2.0], [-1.0, 0.5]])


def run_in_both_ways(function, *args):
    """What a function of tensors returns eagerly, and compiled."""
    return [function(*args), tf.function(function, autograph=False)(*args)]


def test_the_gradient_of_a_sum_of_squares_is_twice_the_source():
    def run(x):
        outputs, rest, back = vjp(lambda given, _: (tf.reduce_sum(given[0] ** 2, 1, keepdims=True), "rest"), [x])
        assert rest == "rest"
        return outputs, back([x])[0], back([x], tf.constant([[1.0], [10.0]], "float64"))[0]

    for outputs, plain, weighted in run_in_both_ways(run, tf.constant(X)):
        np.testing.assert_allclose(outputs, (X**2).sum(1, keepdims=True))
        np.testing.assert_allclose(plain, 2 * X)
        np.testing.assert_allclose(weighted, 2 * X * [[1], [10]])


def test_inner_tensors_that_are_watched_have_gradients_of_their_own():
    def run(x):
        def inner(given, watch):
            squared = given[0] ** 2
            watch([squared])
            return squared**3, squared

        _, squared, back = vjp(inner, [x])
        return back([squared, x])

    for inner, outer in run_in_both_ways(run, tf.constant(X)):
        np.testing.assert_allclose(inner, 3 * X**4)
        np.testing.assert_allclose(outer, 6 * X**5)


def test_what_the_outputs_do_not_depend_on_has_none_or_0():
    x, y = tf.constant(X), tf.constant(X)
    _, _, back = vjp(lambda given, _: (given[0] * 2, None), [x, y])
    assert back([x, y])[1] is None
    np.testing.assert_array_equal(back([x, y], zeros=True)[1], np.zeros_like(X))


def test_a_sparse_gradient_of_a_gather_is_dense():
    table = tf.constant(X)
    _, _, back = vjp(lambda given, _: (tf.gather(given[0], [1, 1]), None), [table])
    (found,) = back([table])
    assert isinstance(found, tf.Tensor)
    np.testing.assert_array_equal(found, [[0, 0], [2, 2]])


@pytest.mark.parametrize("recorded", [False, True])
def test_variables_are_differentiated_only_where_asked(recorded):
    table = tf.Variable(X)

    def inner(_, watch):
        rows = tf.gather(table, [0, 1])
        return rows**2, rows

    _, rows, back = vjp(inner, [], variables=recorded)
    (found,) = back([rows])
    if recorded:
        np.testing.assert_allclose(found, 2 * X)
    else:
        assert found is None


def columns(product):
    """Units `(B, 3)` of images `(B, 2)`, by an elementwise product or by a product of matrices."""
    if product == "matrices":
        return lambda x: tf.linalg.matmul(x[:, None], tf.constant(A.T)[None])[:, 0] ** 2
    return lambda x: tf.reduce_sum(x[:, None] * A, -1) ** 2


@pytest.mark.parametrize("product", ["elementwise", "matrices"])
def test_the_rows_are_the_gradients_of_each_unit(product):
    def run(x):
        units, _, back = vjp(lambda given, _: (columns(product)(given[0]), None), [x])
        return units, *back.rows([x], lambda found: found)

    # d (a . x)^2 / dx = 2 (a . x) a
    expected = 2 * np.einsum("bk,uk->ub", X, A)[..., None] * A[:, None]
    for units, rows in run_in_both_ways(run, tf.constant(X)):
        np.testing.assert_allclose(units, (X @ A.T) ** 2)
        np.testing.assert_allclose(rows, expected)


@pytest.mark.parametrize("product", ["elementwise", "matrices"])
def test_rows_may_be_cast_as_their_sources_would_be(product):
    def run(x):
        _, _, back = vjp(lambda given, _: (columns(product)(tf.cast(given[0], "float64")), None), [x])
        return back.rows([x], lambda found: [tf.cast(each, "float32") for each in found])[0]

    expected = 2 * np.einsum("bk,uk->ub", X, A)[..., None] * A[:, None]
    for rows in run_in_both_ways(run, tf.constant(X, "float16")):
        assert rows.dtype == tf.float32
        np.testing.assert_allclose(rows, expected, rtol=1e-3)


def test_an_error_about_a_row_comes_out():
    def refuse(found):
        raise ValueError(f"{len(found)} gradients")

    def run(x):
        _, _, back = vjp(lambda given, _: (columns("elementwise")(given[0]), None), [x])
        return back.rows([x], refuse)

    with pytest.raises(ValueError, match="1 gradients"):
        run(tf.constant(X))
    with pytest.raises(ValueError, match="1 gradients"):
        tf.function(run, autograph=False)(tf.constant(X))


def test_only_what_depends_on_a_source_is_differentiated():
    x, y, found = tf.constant(X), tf.constant(X), []

    def inner(given, watch):
        watched = y + 1
        watch([watched])
        found.extend(is_differentiated(each) for each in (given[0], 2 * given[0], y, watched, watched**2))
        return given[0], None

    vjp(inner, [x])
    assert found == [True, True, False, True, True]
    assert not is_differentiated(x)


def reached(read):
    """Which of three outputs of a call the units depend on, if `read` makes them from these."""

    def run(x):
        def inner(given, watch):
            first = given[0] * 2
            watch([first])
            second = first * 3
            watch([second])
            third = given[0] * 5
            watch([third])
            return read(first, second, third), [first, second, third]

        _, tensors, back = vjp(inner, [x])
        return back.reached(tensors)

    found = []
    tf.function(lambda x: found.extend(run(x)), autograph=False)(tf.constant(X))
    return run(tf.constant(X)), found


def test_outputs_that_the_units_depend_on_are_listed():
    assert reached(lambda first, second, third: second + third) == ([0, 1, 2], [1, 2])
    assert reached(lambda first, second, third: first + third) == ([0, 2], [0, 2])
