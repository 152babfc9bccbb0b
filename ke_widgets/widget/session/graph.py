"""The layer graph of a model as plain data for the page: one row per layer, with its parent and inputs."""

from typing import Any

import keras

from ke_widgets.inspection import output_shape
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers


def graph(model: keras.Model, shapes: dict[str, tuple] | None = None) -> tuple[list[dict[str, Any]], bool]:
    """List every layer of `model` in execution order, each nested model before its own layers.

    Args:
        model: A built Keras model.
        shapes: Output shapes by path, for layers whose shape Keras does not keep (those of a subclassed model).

    Returns:
        Rows, and whether their edges are known. A row has `path, name, type, shape, level, parent, params, inputs`:
        `shape` is a list or `None`, `level` the nesting depth, `parent` the row of the enclosing model or -1, `inputs`
        the rows of its predecessors. A nested model whose graph is known has no edges of its own: they connect its
        inner layers with the outer ones, so that each edge occurs once and shows which output feeds which layer.
    """
    found = model_layers.operations(model)
    rows = {path: _row(path, operation, shapes or {}) for path, operation in found.items() if _shown(path, operation)}
    numbers = {path: number for number, path in enumerate(rows)}
    for start, end in _edges(model, found):
        rows[end]["inputs"].add(numbers[start])
    for row in rows.values():
        row["parent"] = numbers.get(row["parent"], -1)
        row["inputs"] = sorted(row["inputs"])
    return list(rows.values()), model_layers.functional(model) is not None


def _shown(path, operation):
    """Return whether a layer is displayed: the inputs of nested models are not, because their predecessors are."""
    return model_layers.SEPARATOR not in path or not isinstance(operation, keras.layers.InputLayer)


def _row(path, operation, shapes):
    parent, _, name = path.rpartition(model_layers.SEPARATOR)
    shape = output_shape(operation) or shapes.get(path)
    countable = isinstance(operation, keras.Layer) and operation.built
    return {
        "path": path,
        "name": name,
        "type": type(operation).__name__,
        "shape": None if shape is None else list(shape),
        "level": path.count(model_layers.SEPARATOR),
        "parent": parent,
        "params": operation.count_params() if countable else 0,
        "inputs": set(),
    }


def _edges(model, found):
    """Yield the paths at both ends of every edge, in each top-level graph."""
    if model_layers.functional(model) is not None:
        inputs = {id(tensor): tensor._keras_history.operation.name for tensor in model.inputs}
        yield from _edges_of(callgraph.from_functional(model), "", inputs)
    for path, operation in found.items():
        parent = found.get(path.rpartition(model_layers.SEPARATOR)[0], model)
        if model_layers.functional(operation) is not None and model_layers.functional(parent) is None:
            yield from _edges_of(callgraph.from_functional(operation), path + model_layers.SEPARATOR, {})


def _edges_of(known, prefix, producers):
    """Yield the edges of one call graph; `producers` maps the `id` of each tensor to the path of its producer."""
    for step in known.steps:
        if model_layers.functional(step.operation) is not None:
            continue  # Its outputs belong to the last inner layers.
        path = prefix + step.path
        yield from ((producers[id(tensor)], path) for tensor in step.inputs if id(tensor) in producers)
        producers.update((id(tensor), path) for tensor in step.outputs)
