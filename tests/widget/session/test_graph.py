import gzip
import json

import keras
import pytest

from ke_widgets.widget.session.graph import graph
from tests.widget.architectures import ARCHITECTURES, FIXTURES, multi_output


def test_rows_stand_in_running_order_with_nested_ones_after_their_model(model):
    rows, edges_known = graph(model)
    assert edges_known
    assert [(row["path"], row["level"], row["type"]) for row in rows] == [
        ("image", 0, "InputLayer"),
        ("rescaling", 0, "Rescaling"),
        ("stem", 0, "Conv2D"),
        ("block", 0, "Functional"),
        ("block/conv", 1, "Conv2D"),
        ("block/add", 1, "Add"),
        ("pool", 0, "GlobalAveragePooling2D"),
        ("scores", 0, "Dense"),
    ]
    assert [row["parent"] for row in rows] == [-1, -1, -1, -1, 3, 3, -1, -1]


def test_edges_cross_the_border_of_a_nested_model_both_ways(model):
    rows, _ = graph(model)
    names = [row["path"] for row in rows]
    edges = {(names[start], row["path"]) for row in rows for start in row["inputs"]}
    assert edges == {
        ("image", "rescaling"),
        ("rescaling", "stem"),
        ("stem", "block/conv"),
        ("block/conv", "block/add"),
        ("stem", "block/add"),
        ("block/add", "pool"),
        ("pool", "scores"),
    }


def test_shapes_and_parameter_counts_are_keras_own(model):
    rows = {row["path"]: row for row in graph(model)[0]}
    assert rows["block/conv"]["shape"] == [None, 8, 8, 4]
    assert rows["block/conv"]["params"] == 3 * 3 * 4 * 4 + 4
    assert rows["scores"]["params"] == 4 * 3 + 3


def test_a_shared_layer_has_one_row_fed_by_all_it_is_called_on():
    left, right = keras.Input((4, 4, 1), name="left"), keras.Input((4, 4, 1), name="right")
    shared = keras.layers.Conv2D(2, 3, name="shared")
    model = keras.Model([left, right], keras.layers.Add(name="sum")([shared(left), shared(right)]))
    rows, _ = graph(model)
    row = next(row for row in rows if row["path"] == "shared")
    assert {rows[index]["path"] for index in row["inputs"]} == {"left", "right"}


def test_a_subclassed_model_is_a_tree_without_edges():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.Conv2D(2, 3, name="part"), keras.layers.Conv2D(2, 3, name="part")]

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    net = Net()
    net.build((None, 8, 8, 1))
    rows, edges_known = graph(net, {"part": (None, 6, 6, 2)})
    assert not edges_known
    assert [row["path"] for row in rows] == ["part", "part~1"]
    assert rows[0]["shape"] == [None, 6, 6, 2]
    assert all(row["inputs"] == [] for row in rows)


def test_a_nested_model_with_two_outputs_says_which_feeds_what():
    rows, _ = graph(multi_output())
    names = [row["path"] for row in rows]
    edges = {(names[start], row["path"]) for row in rows for start in row["inputs"]}
    assert edges == {
        ("image", "rescaling"),
        ("rescaling", "backbone/fine"),
        ("backbone/fine", "backbone/coarse"),
        ("backbone/coarse", "lateral"),
        ("lateral", "up"),
        ("up", "merge"),
        ("backbone/fine", "merge"),
        ("merge", "boxes"),
        ("backbone/coarse", "pool"),
        ("pool", "classes"),
    }


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_no_edge_is_missing_or_invented(name):
    model = ARCHITECTURES[name]()
    rows, edges_known = graph(model)
    assert edges_known
    edges = {(rows[start]["path"], row["path"]) for row in rows for start in row["inputs"]}
    assert len(edges) == sum(len(row["inputs"]) for row in rows)
    assert edges == set(_walk_back(model))


def _walk_back(model):
    """Follow each output back to the inputs by what every KerasTensor says of its own history."""
    waiting = [(tensor, (), None) for tensor in model.outputs]
    seen = set()
    while waiting:
        tensor, around, consumer = waiting.pop()
        for path, sources, inside in _makers(tensor, around, model):
            if consumer is not None:
                yield path, consumer
            if (path, inside) not in seen:
                seen.add((path, inside))
                waiting += [(source, inside, path) for source in sources]


def _makers(tensor, around, model):
    """Yield the path of the layer that made `tensor`, what it was called on, and the calls of models around it."""
    operation, index, position = tensor._keras_history
    if isinstance(operation, keras.layers.InputLayer) and around:
        *outer, call = around
        own = next(place for place, candidate in enumerate(call.operation.inputs) if candidate is tensor)
        yield from _makers(call.arguments.keras_tensors[own], tuple(outer), model)
    elif isinstance(operation, keras.Model):
        graph = around[-1].operation if around else model
        # All calls of a nested model give the very same KerasTensor: its history tells only of the last.
        for call in operation._inbound_nodes:
            if any(call in calls for calls in graph._nodes_by_depth.values()):
                yield from _makers(operation.outputs[position], (*around, call), model)
    else:
        path = "/".join([*(call.operation.name for call in around), operation.name])
        yield path, operation._inbound_nodes[index].arguments.keras_tensors, around


# The others are as their Keras made them; another Keras may name a layer differently.
@pytest.mark.parametrize("name", ["siamese", "multi_output"])
def test_the_page_is_tested_on_what_python_sends(name):
    rows, _ = graph(ARCHITECTURES[name]())
    kept = json.loads(gzip.decompress((FIXTURES / f"{name}.json.gz").read_bytes()))["nodes"]
    told = ("name", "inputs", "parent", "level", "params")
    assert [[row[key] for key in told] for row in kept] == [[row[key] for key in told] for row in rows]
