"""Build the call graph of a model: every call at any depth, in the order in which the calls end.

It is read from functional graphs without running the model. Any other model is traced once on symbolic inputs, with
hooks on all of its layers.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import keras

from ke_widgets.backend import ancestors, trace
from ke_widgets.errors import failures
from ke_widgets.model import exposed, hooks, input_specs
from ke_widgets.model import layers as model_layers
from ke_widgets.typing import Inputs, Tensor


@dataclass
class Call:
    """Hold one call. Tensors are compared by identity.

    Attributes:
        path: Path of the called operation.
        operation: The layer, or other Keras operation.
        inputs: Its input tensors.
        outputs: Its output tensors.
        node: The Keras node of the call, in a functional graph.
        arguments: The call's arguments, `(args, kwargs)`.
        logits: The value before the layer's fused activation, in a trace.
    """

    path: str
    operation: Any
    inputs: list[Tensor]
    outputs: list[Tensor]
    node: Any = None
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
    logits: Any = None


class Opaque(Exception):
    """Raised if the graph is incomplete: a layer runs others by code."""


@dataclass
class CallGraph:
    """Hold all calls of one run of a model.

    Attributes:
        steps: The calls, in the order in which they end: the calls inside a nested model before its own.
        outputs: The model's flat outputs.
        inputs: The model's flat inputs.
        keys: For each output, its keys and indices in the nested outputs.
        structure: The nested inputs of the model.
        graph: The framework's graph of a trace; kept, because tensors are compared by identity.
    """

    steps: list[Call]
    outputs: list[Tensor]
    inputs: list[Tensor] = field(default_factory=list)
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    structure: Any = None
    graph: Any = field(default=None, repr=False)

    def producer(self, tensor: Tensor) -> Call | None:
        """Return the innermost call with `tensor` as output, or `None`."""
        return next((step for step in self.steps if _among(tensor, step.outputs)), None)

    def reader(self, tensor: Tensor) -> Call | None:
        """Return the first call with `tensor` as input, or `None`."""
        return next((step for step in self.steps if _among(tensor, step.inputs)), None)

    def ancestors(self, tensor: Tensor) -> set[int]:
        """Return the `id`s of all tensors that `tensor` depends on, and its own."""
        if self.graph is not None:
            return ancestors(tensor)
        wanted = {id(tensor)}
        for step in reversed(self.steps):
            if any(id(x) in wanted for x in step.outputs):
                wanted.update(id(x) for x in step.inputs)
        return wanted

    def backwards(self, tensor: Tensor) -> list[Call]:
        """Return the calls that `tensor` depends on, the latest first."""
        wanted = self.ancestors(tensor)
        return [step for step in reversed(self.steps) if any(id(x) in wanted for x in step.outputs)]

    def number(self, step: Call) -> int | Literal["last"]:
        """Return the number of `step` among the calls of its operation; `"last"` if it is the only one."""
        calls = self.calls(step.operation)
        return [id(call) for call in calls].index(id(step)) if len(calls) > 1 else "last"

    def demand(self, operation: keras.Operation, anyway: bool = False) -> None:
        """Raise `Opaque` if a functional graph lacks the calls inside `operation`; `anyway`: for any such graph."""
        if self.graph is None and (anyway or model_layers.opaque(operation)):
            raise Opaque

    def calls(self, operation: keras.Operation) -> list[Call]:
        """List the calls of `operation`."""
        return [step for step in self.steps if step.operation is operation]


def from_functional(model: keras.Model) -> CallGraph | None:
    """Read the call graph of `model` from its functional graph.

    Args:
        model: A built Keras model.

    Returns:
        A `CallGraph`; it lacks the calls inside layers without a graph. `None` for a model without a graph.
    """
    graph = model_layers.functional(model)
    if graph is None:
        return None
    inputs = {id(tensor): tensor for tensor in graph.inputs}
    steps = list(_written(graph, "", inputs))
    outputs = [inputs[id(tensor)] for tensor in graph.outputs]
    return CallGraph(steps, outputs, list(graph.inputs), _keys(graph._outputs_struct), graph._inputs_struct)


def _written(graph, prefix, known):
    """Yield the calls of `graph`; `known` maps the `id` of each of its tensors to the tensor of this call."""
    for node in model_layers.nodes(graph):
        if node.is_input:
            continue
        operation, path = node.operation, prefix + node.operation.name
        inputs = [known[id(tensor)] for tensor in node.input_tensors]
        inner = model_layers.functional(operation)
        if inner is None:
            made = [_Symbol(tensor.shape, tensor.dtype) for tensor in node.outputs]
        else:
            inside = {id(own): tensor for own, tensor in zip(inner.inputs, inputs)}
            yield from _written(inner, path + model_layers.SEPARATOR, inside)
            made = [inside[id(tensor)] for tensor in inner.outputs]
        known.update({id(tensor): symbol for tensor, symbol in zip(node.outputs, made)})
        yield Call(path, operation, inputs, made, node, (node.arguments.args, node.arguments.kwargs))


class _Symbol:
    """Stand for a tensor of one call. Keras has one KerasTensor for all calls of a nested model."""

    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = dtype


def from_trace(model: keras.Model, inputs: Inputs | None = None) -> CallGraph | None:
    """Trace `model` once on symbolic inputs and note all calls.

    Args:
        model: A built Keras model of any kind.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.

    Returns:
        A `CallGraph`, or `None` if the inputs are unknown.

    Raises:
        ValueError: If the model runs on none of its declared shapes.
    """
    error = None
    for specs in input_specs.attempts(model, inputs):
        try:
            return _trace(model, specs)
        except Exception as met:  # Models may raise anything at an unsupported size.
            error = error or met
    if error is None:
        return None
    raise ValueError(f"{_must_run(model, inputs)}: {failures.sentence(error)}") from error


def _must_run(model, inputs):
    if inputs is None or input_specs.is_known(model):
        return f"`model` must run on what it says that it takes. Received: {model.name!r}, which raised"
    shapes = ", ".join(str(tuple(x.shape)) for x in keras.tree.flatten(inputs))
    return (
        f"`model` must run on the images. Received: {model.name!r}, which does not run on the first one, an array of "
        f"shape {shapes}"
    )


def _trace(model, specs):
    found = model_layers.operations(model)
    paths = {id(operation): path for path, operation in reversed(found.items())}
    kept = CallGraph([], [])

    def run(inputs):
        with hooks.recording(found.values()) as tap:
            outputs = exposed.run(model, inputs)
        kept.steps = [
            Call(
                paths[id(operation)],
                operation,
                tensors((call.args, call.kwargs)),
                tensors(call.outputs),
                arguments=(call.args, call.kwargs),
                logits=call.logits,
            )
            for operation, call in tap.order
            if call.outputs is not None
        ]
        kept.outputs, kept.inputs, kept.keys = tensors(outputs), tensors(inputs), _keys(outputs)
        kept.structure = inputs
        return outputs

    with hooks.suspended():
        kept.graph = trace(run, specs).graph
    return kept


def _keys(outputs):
    return [keys for keys, x in keras.tree.flatten_with_path(outputs) if hasattr(x, "dtype") and hasattr(x, "shape")]


def tensors(nested: Any) -> list[Tensor]:
    """List the tensors in a nested structure of arguments or results."""
    return [x for x in keras.tree.flatten(nested) if hasattr(x, "dtype") and hasattr(x, "shape")]


def _among(tensor, tensors):
    return any(tensor is other for other in tensors)
