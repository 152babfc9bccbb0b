"""Resolve a user's descriptor (an index, a name, a path, a layer, a tensor, a dict) to an `Endpoint` of a model."""

import difflib
from collections.abc import Iterable
from typing import Any

import keras

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Endpoint
from ke_widgets.typing import EndpointLike, Shape

_LINKS = ("output", "input", "logits")


def endpoints(model: keras.Model, endpoints: Iterable[EndpointLike]) -> list[Endpoint]:
    """Resolve descriptors of inner tensors against a model.

    Args:
        model: A built Keras model.
        endpoints: A list of descriptors, in any of the forms that `ke.inspection` lists.

    Returns:
        A list of `Endpoint`, one for each.

    Raises:
        TypeError: If a descriptor is of none of those forms.
        ValueError: If it is not in `model`, or its `link` or `node` is unknown.
    """
    return [_endpoint(model, descriptor) for descriptor in endpoints]


def _endpoint(model, descriptor):
    if isinstance(descriptor, Endpoint):
        return descriptor
    if isinstance(descriptor, dict):
        unknown = set(descriptor) - {"name", "layer", "link", "node", "index"}
        if unknown or ("name" in descriptor) == ("layer" in descriptor):
            raise ValueError(
                "An endpoint must have either `name` or `layer`, and at most `link`, `node` and `index` beside it. "
                f"Received: {short_repr(descriptor)}."
            )
        where = descriptor["layer"] if "layer" in descriptor else descriptor["name"]
        options = {key: descriptor[key] for key in ("link", "node", "index") if key in descriptor}
    else:
        where, options = descriptor, {}
    _check_options(descriptor, options)
    if isinstance(where, keras.KerasTensor):
        return _tensor_endpoint(model, where)
    path, operation = _locate(model, where)
    if isinstance(operation, keras.layers.InputLayer):
        return _input_endpoint(model, path, operation)
    _check_call(model, operation, descriptor, options.get("node", "last"))
    return Endpoint(path, **options)


def _check_options(descriptor, options):
    link, node = options.get("link", "output"), options.get("node", "last")
    if link not in _LINKS:
        raise ValueError(f"`link` must be one of {_LINKS}. Received: {short_repr(descriptor)}.")
    if node not in ("last", "all") and (isinstance(node, bool) or not isinstance(node, int) or node < 0):
        raise ValueError(f"`node` must be 'last' or a call's number, from 0. Received: {short_repr(descriptor)}.")


def _check_call(model, operation, descriptor, number):
    known = callgraph.from_functional(model) if isinstance(number, int) else None
    calls = [] if known is None else known.calls(operation)
    if calls and number >= len(calls):
        raise ValueError(
            f"`node` must be 'last' or count one of the layer's {len(calls)} calls, from 0. "
            f"Received: {short_repr(descriptor)}."
        )


def _locate(model, where):
    if isinstance(where, int) and not isinstance(where, bool):
        if not -len(model.layers) <= where < len(model.layers):
            raise ValueError(
                f"A layer's index must count one of the {len(model.layers)} layers of {model.name!r}. "
                f"Received: {where}."
            )
        where = model.layers[where]
    if isinstance(where, keras.Operation):
        path = "" if where is model else model_layers.path_of(model, where)
        if path is None:
            raise ValueError(
                f"An endpoint's layer must be part of {model.name!r}. Received: {short_repr(where)}, which is not."
            )
        return path, where
    if isinstance(where, list | tuple) and where and all(isinstance(name, str) for name in where):
        where = model_layers.SEPARATOR.join(where)
    if not isinstance(where, str):
        raise TypeError(
            "An endpoint must be a layer's index, name, path, a layer, a KerasTensor, or a dict with `name` or "
            f"`layer`. Received: {short_repr(where)}."
        )
    return where, find_path(model, where)


def find_path(model: keras.Model, path: str) -> keras.Operation:
    """Return the layer at a path such as `"backbone/conv1"`.

    Args:
        model: A Keras model.
        path: Names from the outermost layer inwards, joined by `/`.

    Returns:
        The layer, or other Keras operation.

    Raises:
        ValueError: If there is none; the message lists the nearest paths.
    """
    found = model_layers.operations(model)
    if path in found:
        return found[path]
    lower = {name.lower(): name for name in found}
    near = [lower[name] for name in difflib.get_close_matches(path.lower(), lower, n=3, cutoff=0.4)]
    inner = [name for name in found if name.endswith(model_layers.SEPARATOR + path)]
    near = list(dict.fromkeys([*inner, *near])) or list(found)[-3:]
    raise ValueError(
        f"`layer` must name a layer of {model.name!r}. Received: {path!r}. Nearest: {', '.join(map(repr, near))}."
    )


def _tensor_endpoint(model, tensor):
    history = getattr(tensor, "_keras_history", None)
    path = None if history is None else model_layers.path_of(model, history.operation)
    if history is None or path is None:
        raise ValueError(f"An endpoint's tensor must belong to {model.name!r}. Received: {short_repr(tensor)}.")
    if isinstance(history.operation, keras.layers.InputLayer):
        return _input_endpoint(model, path, history.operation)
    node, known = history.operation._inbound_nodes[history.node_index], callgraph.from_functional(model)
    steps = [] if known is None else [step for step in known.steps if step.node is node]
    # One KerasTensor of a shared nested model stands for all of its runs.
    number = known.number(steps[0]) if known is not None and len(steps) == 1 else "last"
    return Endpoint(path, node=number, index=history.tensor_index)


def _parent(model, path):
    above, _, _ = path.rpartition(model_layers.SEPARATOR)
    return find_path(model, above) if above else model


def _input_endpoint(model, path, layer):
    # An InputLayer never runs: its value is what goes into the model around it.
    above, _, _ = path.rpartition(model_layers.SEPARATOR)
    graph: Any = model_layers.functional(_parent(model, path))
    return Endpoint(above, link="input", index=[tensor is layer.output for tensor in graph.inputs].index(True))


def output_shape(operation: keras.Operation) -> Shape | None:
    """Return the static shape of an operation's last output, `None` if Keras does not know it or it has several.

    Args:
        operation: A layer or another Keras operation.

    Returns:
        A tuple of integers and `None`, or `None`.
    """
    called = getattr(operation, "_inbound_nodes", None)
    if not called or len(called[-1].outputs) != 1:
        return None
    return tuple(called[-1].outputs[0].shape)
