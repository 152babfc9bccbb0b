import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import (
    TensorSpec,
    ancestors,
    as_tensor,
    current_trace,
    default_device,
    holds_floats,
    lost_second_derivatives,
    outside_of_traces,
    static_value,
    trace,
)


def test_a_trace_runs_on_what_fits_its_specs_and_has_a_graph():
    runs = []

    def run(pair, z):
        runs.append(current_trace())
        return pair["x"] * z

    traced = trace(run, {"x": TensorSpec((None, 2), "float32")}, TensorSpec((), "float32"))
    for rows in (1, 3):
        np.testing.assert_array_equal(traced({"x": tf.ones((rows, 2))}, tf.constant(3.0)), np.full((rows, 2), 3))
    assert len(runs) == 1
    assert runs[0] is traced.graph
    assert [op.type for op in traced.graph.get_operations()].count("Mul") == 1


def test_a_spec_is_compared_by_value():
    assert TensorSpec((None, 2), "float32") == TensorSpec((None, 2), "float32")
    assert TensorSpec((None, 2), "float32") != TensorSpec((1, 2), "float32")


def test_eagerly_there_is_no_trace_and_outside_of_traces_operations_run_at_once():
    found = []

    def run(x):
        with outside_of_traces():
            found.append((current_trace(), float(tf.constant(2.0) + 1)))
        return x

    assert current_trace() is None
    trace(run, TensorSpec((), "float32"))
    assert found == [(None, 3.0)]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (tf.ones(2), True),
        (tf.ones(2, "bfloat16"), True),
        (tf.ones(2, "int32"), False),
        (tf.constant("a"), False),
        (tf.ones(2, "complex64"), False),
        (np.ones(2), False),
        (1.0, False),
        (None, False),
    ],
    ids=str,
)
def test_only_a_tensor_holds_floats(x, expected):
    assert holds_floats(x) is expected


@pytest.mark.parametrize("wrap", [np.array, tf.constant, tf.Variable])
def test_the_values_of_anything_are_a_tensor(wrap):
    found = as_tensor(wrap([1.0, 2.0]))
    assert isinstance(found, tf.Tensor)
    np.testing.assert_array_equal(found, [1, 2])


def test_a_tensor_that_no_run_changes_has_a_value():
    found = []

    def run(x):
        sides = tf.range(1, 4) * tf.stack([2, tf.constant(5), 3]) - tf.constant([1, 1, 1])
        found.extend(static_value(each) for each in (tf.concat([sides, [7]], 0), x[0, 0] + 1, tf.shape(x)[0] + 1))

    tf.function(run).get_concrete_function(tf.TensorSpec((None, 5), "int32"))
    assert found[0].tolist() == [1 * 2 - 1, 2 * 5 - 1, 3 * 3 - 1, 7]
    assert found[1:] == [None, None]
    assert static_value(tf.constant([3, 4])).tolist() == [3, 4]
    assert static_value(tf.Variable([3, 4])) is None, "it may change"


def test_what_a_tensor_has_no_derivative_in_is_no_ancestor():
    made = {}

    def run(x, y):
        made.update(x=x, y=y, twice=2 * x, stopped=tf.stop_gradient(y))
        made["sum"] = made["twice"] + made["stopped"]
        return made["sum"]

    trace(run, *[TensorSpec((2,), "float32")] * 2)
    found = ancestors(made["sum"])
    assert {name for name, tensor in made.items() if id(tensor) in found} == {"x", "twice", "stopped", "sum"}


def test_the_device_is_one_that_operations_run_on():
    with tf.device(default_device()):
        assert tf.ones(2).device.endswith(default_device().split("/")[-1])


@pytest.mark.parametrize(
    ("function", "lost"),
    [
        (tf.sin, set()),
        (lambda x: tf.nn.moments(x, [1])[1], {"StopGradient"}),
        (lambda x: tf.image.resize(x[..., None, None] ** 2, (6, 1)), {"ResizeBilinearGrad"}),
        (lambda x: tf.map_fn(lambda row: tf.stop_gradient(row) * row, x), {"StopGradient"}),
        (lambda x: x * tf.stop_gradient(tf.ones(())), set()),
    ],
    ids=["sine", "variance", "bilinear", "loop", "constant"],
)
def test_second_derivatives_that_are_lost_are_told_and_those_before_the_signal_do_not_count(function, lost):
    found = []

    def run(x):
        signal = tf.nn.moments(x, [1], keepdims=True)[1] * x
        found.append(lost_second_derivatives(tf.gradients(function(signal) ** 2, signal), [signal]))
        return signal

    tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec((2, 3)))
    assert found == [lost]
