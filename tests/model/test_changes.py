import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.model import hooks
from ke_widgets.model.changes import Change
from ke_widgets.model.exposed import run

X = np.array([[1.0, -2.0, 3.0]], "float32")
KERNEL = np.array([[1.0, -1.0], [2.0, 0.0], [0.0, 1.0]])  # X @ KERNEL = (-3, 2)


def dense(activation="relu"):
    layer = layers.Dense(2, activation=activation, use_bias=False)
    layer(X)
    layer.kernel.assign(KERNEL)
    return layer


def tenfold_arguments(given):
    return keras.tree.map_structure(lambda x: 10 * x, given)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change("input", tenfold_arguments), [[0, 20]]),
        (Change("output", lambda y: y + 1), [[1, 3]]),
        (Change("logits", lambda y: y + 4), [[1, 6]]),
        (Change("logits", lambda y: 0 * y), [[0, 0]]),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_call_goes_on_with_what_it_was_changed_to_and_is_noted_so(change, expected, compiled):
    layer = dense()
    before = dict(vars(layer))

    def call(x):
        with hooks.changing(layer, change), hooks.recording([layer]) as tap:
            found = layer(x)
        return found, tap.calls[id(layer)][0].outputs

    found, noted = (tf.function(call, autograph=False) if compiled else call)(X)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(noted, expected)
    assert vars(layer) == before
    np.testing.assert_allclose(layer(X), [[0, 2]])


def test_logits_of_a_layer_without_a_fused_activation_are_its_outputs():
    for layer in (dense(None), layers.Rescaling(1.0)):
        plain = np.asarray(layer(X))
        with hooks.changing(layer, Change("logits", lambda y: y + 4)):
            np.testing.assert_allclose(layer(X), plain + 4)


def test_each_call_of_a_shared_layer_is_changed_in_running_order():
    inputs = keras.Input((3,))
    shared = layers.Rescaling(1.0, name="shared")
    model = keras.Model(inputs, shared(shared(inputs)))
    numbers = iter((10.0, 1.0))
    with hooks.changing(shared, Change("output", lambda y: y + next(numbers))):
        np.testing.assert_allclose(model(X), X + 11)
    assert next(numbers, None) is None


def test_the_arguments_of_a_whole_model_and_of_a_layer_of_each_time_step_are_changed():
    inputs = keras.Input((2, 3))
    step = dense()
    model = keras.Model(inputs, layers.TimeDistributed(step)(inputs))
    x = np.stack([X, 2 * X], axis=1)
    plain = np.asarray(model(x))

    def doubled(given):
        (inputs, *others), named = given
        return (2 * inputs, *others), named

    for operation in (model, step):
        with hooks.changing(operation, Change("input", doubled)):
            np.testing.assert_allclose(run(model, x), 2 * plain)


def test_what_nobody_needs_any_more_is_pruned_from_a_compiled_function():
    inputs = keras.Input((3,))
    x = layers.Lambda(lambda x: ops.exp(x))(inputs)
    layer = dense()
    model = keras.Model(inputs, layer(x))

    def run_changed(x):
        with hooks.changing(layer, Change("output", lambda y: ops.ones((1, 2)))):
            return run(model, x)

    graph = tf.function(run_changed, autograph=False).get_concrete_function(X).graph
    ends = {op.type for op in ancestors(graph.outputs[0].op)}
    assert "Exp" not in ends
    assert "MatMul" not in ends


def ancestors(operation):
    found, waiting = set(), [operation]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting.extend(x.op for x in operation.inputs)
    return found
