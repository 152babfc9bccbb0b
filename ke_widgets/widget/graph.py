"""A model as plain data for the page: one row for each layer, its nesting, and what feeds it."""

from typing import Any

import keras

from ke_widgets.engine import structure
from ke_widgets.inspection import output_shape


def graph(model, shapes=None) -> tuple[list[dict[str, Any]], bool]:
    """Describe every layer of `model`, in running order, a nested model before what is inside it.

    Args:
        model: A built Keras model.
        shapes: Output shapes by path, for layers whose shape Keras does not keep (those of a subclassed model).

    Returns:
        Rows, and whether their edges are known. A row has `path, name, type, shape, level, parent, params, inputs`:
        `shape` is a list or `None`, `level` counts the models around, `parent` is the row of the model around or -1,
        `inputs` the rows that feed it. The inputs of nested models are left out: their edges go to what feeds them.
    """
    rows: list[dict[str, Any]] = []
    _add(model, "", -1, {}, rows, shapes or {})
    return rows, structure.functional(model) is not None


def _add(parent, prefix, parent_row, feeds, rows, shapes):
    """Add the rows inside `parent`; `feeds` gives the rows behind each of its symbolic inputs."""
    known = structure.functional(parent)
    if known is None:
        for child in structure.children(parent):
            path = _free_path(prefix + child.name, rows)
            row = _row(child, path, prefix, parent_row, [], rows, shapes)
            _add(child, path + structure.SEPARATOR, row, {}, rows, shapes)
        return
    made = dict(feeds)
    rows_of: dict[int, int] = {}
    for node in structure.nodes(known):
        operation = node.operation
        if isinstance(operation, keras.layers.InputLayer) and prefix:
            continue
        inputs = [row for tensor in node.input_tensors for row in made.get(id(tensor), [])]
        if id(operation) in rows_of:  # A shared layer has one row, fed by all that it is called on.
            row = rows_of[id(operation)]
            rows[row]["inputs"] = sorted({*rows[row]["inputs"], *inputs})
        else:
            path = prefix + operation.name
            row = rows_of[id(operation)] = _row(operation, path, prefix, parent_row, inputs, rows, shapes)
            inner = structure.functional(operation)
            behind = inner.inputs if inner is not None else []
            fed = {id(x): made.get(id(y), []) for x, y in zip(behind, node.input_tensors, strict=False)}
            _add(operation, path + structure.SEPARATOR, row, fed, rows, shapes)
        for tensor in node.outputs:
            made[id(tensor)] = [row]


def _free_path(path, rows):
    """Tell layers of one name apart as `structure.operations` does."""
    taken = {row["path"] for row in rows}
    count = 0
    free = path
    while free in taken:
        count += 1
        free = f"{path}~{count}"
    return free


def _row(operation, path, prefix, parent_row, inputs, rows, shapes):
    shape = output_shape(operation) or shapes.get(path)
    countable = isinstance(operation, keras.Layer) and operation.built
    rows.append(
        {
            "path": path,
            "name": path[len(prefix) :],
            "type": type(operation).__name__,
            "shape": None if shape is None else list(shape),
            "level": path.count(structure.SEPARATOR),
            "parent": parent_row,
            "params": operation.count_params() if countable else 0,
            "inputs": sorted(set(inputs)),
        }
    )
    return len(rows) - 1
