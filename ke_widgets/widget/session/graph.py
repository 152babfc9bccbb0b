"""A model as plain data for the page: one row for each layer, its nesting, and what feeds it."""

from typing import Any

import keras

from ke_widgets.inspection import output_shape
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers


def graph(model, shapes=None) -> tuple[list[dict[str, Any]], bool]:
    """Describe every layer of `model`, in running order, a nested model before what is inside it.

    Args:
        model: A built Keras model.
        shapes: Output shapes by path, for layers whose shape Keras does not keep (those of a subclassed model).

    Returns:
        Rows, and whether their edges are known. A row has `path, name, type, shape, level, parent, params, inputs`:
        `shape` is a list or `None`, `level` counts the models around, `parent` is the row of the model around or -1,
        `inputs` the rows that feed it. A nested model whose graph is known has no edges of its own: they run between
        the layers inside it and those outside, so each edge is told once, and it is clear which output feeds what.
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
    """Hide the inputs of nested models: what feeds them is on show already."""
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
    """Yield the paths at both ends of every edge, in each graph that is not part of another."""
    if model_layers.functional(model) is not None:
        inputs = {id(tensor): tensor._keras_history.operation.name for tensor in model.inputs}
        yield from _edges_of(callgraph.from_functional(model), "", inputs)
    for path, operation in found.items():
        around = found.get(path.rpartition(model_layers.SEPARATOR)[0], model)
        if model_layers.functional(operation) is not None and model_layers.functional(around) is None:
            yield from _edges_of(callgraph.from_functional(operation), path + model_layers.SEPARATOR, {})


def _edges_of(known, prefix, makers):
    """Yield the edges of one call graph; `makers` holds the path of what made each tensor, by its `id`."""
    for step in known.steps:
        if model_layers.functional(step.operation) is not None:
            continue  # What it made, its own last steps made.
        path = prefix + step.path
        yield from ((makers[id(tensor)], path) for tensor in step.inputs if id(tensor) in makers)
        makers.update((id(tensor), path) for tensor in step.outputs)
