"""List the layers of a model: their paths, their running order, the way back from an output.

Nothing here runs the model. A path joins the names from the outermost layer inwards with `/`,
which Keras forbids inside a name.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import keras

from ke_widgets.errors.short_repr import short_repr

SEPARATOR = "/"


def functional(operation: keras.Operation) -> Any:
    """Return the Functional graph that `operation` runs, or `None` when it has none (a plain or a subclassed layer)."""
    if isinstance(operation, keras.Sequential):
        # A Sequential keeps its graph in a Functional of its own, once it is built.
        return operation._functional if type(operation).call is keras.Sequential.call else None
    base = next((cls for cls in type(operation).__mro__ if cls.__name__ == "Functional"), None)
    # A subclass of Functional with a `call` of its own does not run its graph as written.
    if isinstance(operation, keras.Model) and base is not None and type(operation).call is base.call:
        return operation if hasattr(operation, "_nodes_by_depth") else None
    return None


def children(operation: keras.Operation) -> list[keras.Operation]:
    """List the operations directly inside `operation`, in running order if there is a graph."""
    graph = functional(operation)
    if graph is not None:
        return list(dict.fromkeys(node.operation for node in nodes(graph)))
    if isinstance(operation, keras.Layer):
        return operation._flatten_layers(include_self=False, recursive=False)
    return []


def nodes(graph: Any) -> list[Any]:
    """List the calls (Keras nodes) of a Functional graph in running order, inputs first."""
    by_depth = graph._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def operations(model: keras.Model) -> dict[str, keras.Operation]:
    """Map the path of every operation in `model`, at any depth, to the operation; an outer one before its inner ones.

    Operations of one name in one subclassed parent are distinguished by `~1`, `~2`... after the name.
    """
    found = {}
    _collect(model, "", found, {id(model)})
    return found


def _collect(parent, prefix, found, above):
    for child in children(parent):
        if id(child) in above:  # A layer that refers to its parent.
            continue
        path, count = prefix + child.name, 0
        while path in found:
            count += 1
            path = f"{prefix}{child.name}~{count}"
        found[path] = child
        _collect(child, path + SEPARATOR, found, above | {id(child)})


def path_of(model: keras.Model, operation: keras.Operation) -> str | None:
    """Return the path of `operation` in `model`, or `None` if it is not inside."""
    return next((path for path, candidate in operations(model).items() if candidate is operation), None)


def channels_first(operations: Iterable[keras.Operation]) -> bool:
    """Return whether all layers with a `data_format` have channels first."""
    return {operation.data_format for operation in operations if _slides(operation)} == {"channels_first"}


def _slides(operation):
    """Return whether a layer's `data_format` is the layout of a signal; a Flatten has one too, for any input."""
    families = ("keras.src.layers.convolutional", "keras.src.layers.pooling")
    return hasattr(operation, "data_format") and any(c.__module__.startswith(families) for c in type(operation).__mro__)


def opaque(operation: keras.Operation) -> bool:
    """Return whether layers run inside `operation` without a graph."""
    if functional(operation) is not None or not children(operation):
        return False
    # What is inside Keras's own layers, such as attention, is a detail; a wrapper's layer is not.
    return isinstance(operation, keras.layers.Wrapper) or not type(operation).__module__.startswith("keras.")


def backwards(model: keras.Model, output: int = 0) -> Iterator[tuple[str, keras.Operation]]:
    """Walk from one output of `model` to its inputs, latest operation first.

    A nested graph comes before the operation that contains it. Only operations that the output depends on are yielded,
    and none for a model without a graph.

    Args:
        model: A Keras model.
        output: Which of its flat outputs to start from.

    Yields:
        Path and operation.
    """
    yield from _backwards(functional(model), "", [output])


def _backwards(graph, prefix, outputs):
    if graph is None:
        return
    wanted = {id(graph.outputs[index]) for index in outputs}
    for node in reversed(nodes(graph)):
        made = [index for index, tensor in enumerate(node.outputs) if id(tensor) in wanted]
        if not made or node.is_input:
            continue
        path = prefix + node.operation.name
        yield from _backwards(functional(node.operation), path + SEPARATOR, made)
        yield path, node.operation
        wanted.update(id(tensor) for tensor in node.input_tensors)


def check_model(model: Any) -> None:
    """Refuse anything but a built Keras model.

    Args:
        model: Anything.

    Raises:
        TypeError: If `model` is not a `keras.Model`.
        ValueError: If it has no weights yet because it was never built.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {short_repr(model)}.{_instead_of(model)}")
    if not model.built:
        raise ValueError(
            "`model` must be built, so that its layers have weights: call it once on data, or `model.build(...)`. "
            f"Received: {model.name!r}, which is not."
        )


def _instead_of(value):
    """Return advice on something that is often mistaken for a model."""
    if isinstance(value, str | os.PathLike):
        return f" Load it first: `keras.models.load_model({str(value)!r})`."
    if isinstance(value, keras.callbacks.Callback) and isinstance(getattr(value, "model", None), keras.Model):
        return " What `fit` returns is a history: pass the model itself."
    if isinstance(value, keras.Layer):
        return " A layer is no model: `keras.Sequential([keras.Input(shape), layer])`."
    if isinstance(value, type) or callable(value):
        return f" Call it first: `{getattr(value, '__name__', 'model')}(...)`."
    return ""
