"""What feeds what: the graph and a trace say the same; what a graph does not tell is said."""

import keras
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets.model import callgraph
from tests import models


@pytest.mark.parametrize("builder", [models.flat, models.doubly_nested, models.siamese, models.multi_output])
def test_the_flow_read_from_a_graph_is_the_one_that_runs(builder):
    model = builder()
    before = models.snapshot(model)
    written, rehearsed = callgraph.from_functional(model), callgraph.from_trace(model)
    assert [step.path for step in written.steps] == [step.path for step in rehearsed.steps]
    for one, other in zip(written.outputs, rehearsed.outputs):
        assert [s.path for s in written.backwards(one)] == [s.path for s in rehearsed.backwards(other)]
        assert written.producer(one).path == rehearsed.producer(other).path
    assert models.same(before, models.snapshot(model)) == []


def test_calls_of_a_shared_layer_are_counted_in_running_order():
    known = callgraph.from_functional(models.siamese())
    calls = [step for step in known.steps if step.path == "encoder/conv"]
    assert [known.number(step) for step in calls] == [0, 1]
    assert known.number(known.steps[-1]) == "last"


def test_a_subclassed_model_is_rehearsed_with_what_is_inside_of_it():
    model = models.over_backbone()
    before = models.snapshot(model)
    paths = [step.path for step in callgraph.from_trace(model).steps]
    assert paths == ["backbone/conv", "backbone", "head/pool", "head/logits", "head"]
    assert callgraph.from_functional(model) is None
    assert models.same(before, models.snapshot(model)) == []


class Never(layers.Layer):
    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        raise RuntimeError("not today")


def test_a_model_that_runs_at_no_size_says_why():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, Never()(inputs), name="net")
    with pytest.raises(
        ValueError, match=r"`model` must run on what it says that it takes. Received: 'net', which raised"
    ):
        callgraph.from_trace(model)


def diamond():
    """images -> left, right -> sum -> end, and a branch that nothing of it needs."""
    images = keras.Input((4, 4, 2), name="images")
    left, right = layers.ReLU(name="left")(images), layers.Conv2D(2, 1, name="right")(images)
    end = layers.Flatten(name="end")(layers.Add(name="sum")([left, right]))
    beside = layers.Flatten(name="beside")(right)
    return keras.Model(images, {"end": end, "more": [beside]})


@pytest.mark.parametrize("read", [callgraph.from_functional, callgraph.from_trace])
def test_the_way_back_from_an_output_is_all_that_it_needs(read):
    known = read(diamond())
    assert known.keys == [("end",), ("more", 0)]
    end, beside = known.outputs
    (images,) = known.inputs
    assert [step.path for step in known.backwards(beside)] == ["beside", "right"]
    assert sorted(step.path for step in known.backwards(end)) == ["end", "left", "right", "sum"]
    assert known.producer(end).path == "end"
    assert known.producer(images) is None
    assert known.reader(end) is None
    assert known.reader(images).path in ("left", "right")
    (added,) = known.producer(end).inputs
    assert known.producer(added).path == "sum"
    assert {id(images), id(added)} < known.ancestors(end)
    assert id(added) not in known.ancestors(beside)


@pytest.mark.parametrize(
    "function",
    [
        tf.stop_gradient,
        lambda x: tf.raw_ops.ZerosLike(x=x),
        lambda x: tf.fill(tf.shape(x), 1.0),
        lambda x: tf.cast(tf.argmax(x, -1), "float32"),
    ],
    ids=["stop_gradient", "zeros", "shape", "argmax"],
)
def test_what_no_derivative_passes_feeds_nothing(function):
    images = keras.Input((4, 4, 2), name="images")
    cut = layers.Lambda(function, name="cut")(layers.ReLU(name="before")(images))
    known = callgraph.from_trace(keras.Model(images, layers.Flatten(name="end")(cut)))
    assert [step.path for step in known.steps] == ["before", "cut", "end"]
    assert [step.path for step in known.backwards(known.outputs[0])] == ["end", "cut"]


def test_what_runs_inside_a_layer_of_code_is_not_in_a_graph():
    known = callgraph.from_functional(models.over_subclassed())
    assert [step.path for step in known.steps] == ["conv", "head"]
    with pytest.raises(callgraph.Opaque):
        known.demand(known.steps[1].operation)
    known.demand(known.steps[0].operation)
    with pytest.raises(callgraph.Opaque):
        known.demand(known.steps[0].operation, anyway=True)
    callgraph.from_trace(models.flat()).demand(known.steps[1].operation, anyway=True)
