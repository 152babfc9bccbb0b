import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import compiled


@pytest.fixture
def counted():
    """A compiled function `x * scale + sum of all in a dict`, with a list of the shapes that it was traced for."""
    shapes = []

    def run(inputs, added):
        shapes.append(tuple(inputs["x"].shape))
        return inputs["x"] * inputs["scale"] + sum(added or [0.0])

    return compiled(run), shapes


def given(rows, scale=2.0):
    return {"x": tf.ones((rows, 2)), "scale": tf.constant(scale)}


def test_one_trace_serves_all_values_of_a_shape(counted):
    run, shapes = counted
    for scale in (2.0, 5.0):
        np.testing.assert_array_equal(run(given(1, scale), None), np.full((1, 2), scale))
    assert shapes == [(1, 2)]
    np.testing.assert_array_equal(run(given(1), [tf.constant(1.0), tf.constant(3.0)]), np.full((1, 2), 6.0))
    assert len(shapes) == 2


def test_there_is_a_trace_after_a_call_and_for_such_arguments_only(counted):
    run, shapes = counted
    assert run.trace(given(1), None) is None
    run.prepare(given(1), None)
    np.testing.assert_array_equal(run.trace(given(1), None)(given(1, 4.0), None), np.full((1, 2), 4.0))
    assert run.trace(given(3), None) is None
    assert run.trace({**given(1), "scale": tf.constant(2)}, None) is None, "another dtype"
    assert shapes == [(1, 2)]


def test_arrays_run_without_a_trace_of_their_own(counted):
    run, _ = counted
    np.testing.assert_array_equal(run({"x": np.ones((1, 2)), "scale": np.array(3.0)}, None), np.full((1, 2), 3.0))
    assert run._traces == {}


def test_what_failed_is_not_prepared_again_and_a_call_raises():
    tried = []

    def run(inputs, _):
        tried.append(inputs)
        raise ValueError("never")

    function = compiled(run)
    function.prepare(tf.ones(2), None)
    function.prepare(tf.ones(2), None)
    assert len(tried) == 1
    with pytest.raises(ValueError, match="never"):
        function(tf.ones(2), None)


def test_at_most_32_traces_are_kept(counted):
    run, _ = counted
    for rows in range(1, 35):
        run(given(rows), None)
    assert len(run._traces) == 32
    assert run.trace(given(1), None) is None
    assert run.trace(given(34), None) is not None


@pytest.mark.parametrize("jit_compile", [None, True])
def test_xla_gives_the_same(jit_compile):
    run = compiled(lambda x, y: tf.reduce_sum(x**2) + y, jit_compile)
    assert float(run(tf.constant([1.0, 2.0]), tf.constant(3.0))) == 8
