"""What feeds what when a model runs: every call, at any depth, in the order in which the calls end.

A model made of graphs all the way down tells it without running. Any other model is rehearsed: traced once on symbols,
with taps on all of its layers.
"""

from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from ke_widgets.engine import structure, taps

# Operations of TensorFlow, and Keras operations of the same names, that act on finished scores.
SCORE_FUNCTIONS = {"Softmax", "Sigmoid", "LogSoftmax", "Identity", "Cast"}


@dataclass
class Step:
    """One call. Tensors are compared by identity: two are one if they are the same object.

    Attributes:
        path: Path of what was called.
        operation: The layer, or other Keras operation.
        inputs: The tensors that went in.
        outputs: The tensors that came out.
        node: The Keras node of the call, where a graph tells of it.
    """

    path: str
    operation: Any
    inputs: list
    outputs: list
    node: Any = None


@dataclass
class Flow:
    """All calls of one run of a model.

    Attributes:
        steps: The calls, in the order in which they end: what is inside a nested model before the nested model.
        outputs: The model's flat outputs.
        graph: The TensorFlow graph of a rehearsal; kept, because tensors are known by their identity.
    """

    steps: list[Step]
    outputs: list
    graph: Any = field(default=None, repr=False)

    def producer(self, tensor):
        """Give the innermost step that made `tensor`, or `None`."""
        return next((step for step in self.steps if _among(tensor, step.outputs)), None)

    def before(self, tensor):
        """Give what a function outside any layer acted on to make `tensor`, if it acts on scores; else `None`."""
        operation = getattr(tensor, "op", None) if self.graph is not None else None
        return operation.inputs[0] if operation is not None and operation.type in SCORE_FUNCTIONS else None

    def backwards(self, tensor):
        """List the steps that `tensor` depends on, the latest first."""
        wanted = {id(tensor)} if self.graph is None else _ancestors(tensor)
        found = []
        for step in reversed(self.steps):
            if any(id(x) in wanted for x in step.outputs):
                found.append(step)
                wanted.update(id(x) for x in step.inputs)
        return found

    def number(self, step):
        """Tell which call of its operation `step` is, in running order; `"last"` where there is one only."""
        calls = self.calls(step.operation)
        return [id(call) for call in calls].index(id(step)) if len(calls) > 1 else "last"

    def calls(self, operation):
        """List the calls of `operation`."""
        return [step for step in self.steps if step.operation is operation]


def written(model):
    """Read the flow of `model` from its graph.

    Args:
        model: A built Keras model.

    Returns:
        A `Flow`; what runs inside a layer without a graph is not in it. `None` for a model without a graph.
    """
    graph = structure.functional(model)
    if graph is None:
        return None
    inputs = {id(tensor): tensor for tensor in graph.inputs}
    steps = list(_written(graph, "", inputs))
    return Flow(steps, [inputs[id(tensor)] for tensor in graph.outputs])


def _written(graph, prefix, known):
    """Yield the steps of `graph`; `known` maps the `id` of each of its own tensors to the one of this very run."""
    for node in structure.nodes(graph):
        if node.is_input:
            continue
        operation, path = node.operation, prefix + node.operation.name
        inputs = [known[id(tensor)] for tensor in node.input_tensors]
        inner = structure.functional(operation)
        if inner is None:
            made = [_Symbol(tensor.shape) for tensor in node.outputs]
        else:
            inside = {id(own): tensor for own, tensor in zip(inner.inputs, inputs)}
            yield from _written(inner, path + structure.SEPARATOR, inside)
            made = [inside[id(tensor)] for tensor in inner.outputs]
        known.update({id(tensor): symbol for tensor, symbol in zip(node.outputs, made)})
        yield Step(path, operation, inputs, made, node)


class _Symbol:
    """A tensor of one call. Keras has one KerasTensor for all calls of a nested model."""

    def __init__(self, shape):
        self.shape = shape


def rehearsed(model):
    """Trace `model` once on symbols and note all calls.

    Args:
        model: A built Keras model of any kind.

    Returns:
        A `Flow`, or `None` where nobody knows what the model takes.
    """
    specs = _input_specs(model)
    if specs is None:
        return None
    found = structure.operations(model)
    paths = {id(operation): path for path, operation in reversed(found.items())}
    kept = Flow([], [])

    def run(inputs):
        with keras.StatelessScope(), taps.recording(found.values(), fused=()) as tap:
            outputs = model(inputs, training=False)
        kept.steps = [
            Step(paths[id(operation)], operation, _tensors((call.args, call.kwargs)), _tensors(call.outputs))
            for operation, call in tap.order
            if call.outputs is not None
        ]
        kept.outputs = _tensors(outputs)
        return outputs

    kept.graph = tf.function(run, autograph=False).get_concrete_function(specs).graph
    return kept


def _input_specs(model):
    graph = structure.functional(model)
    if graph is not None:
        return keras.tree.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), graph._inputs_struct)
    config = model.get_build_config() or {}
    shape = config.get("input_shape")
    if shape is None:
        return None
    is_shape = isinstance(shape, list | tuple) and all(side is None or isinstance(side, int) for side in shape)
    spec = _any_batch(shape) if is_shape else keras.tree.map_shape_structure(_any_batch, shape)
    return spec


def _any_batch(shape):
    return tf.TensorSpec((None, *shape[1:]), keras.config.floatx())


def _tensors(structure_):
    """List the tensors in a nested structure of arguments or results."""
    return [x for x in keras.tree.flatten(structure_) if hasattr(x, "dtype") and hasattr(x, "shape")]


def _ancestors(tensor):
    seen, waiting = {}, [tensor]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) not in seen:
            seen[id(tensor)] = tensor
            waiting.extend(tensor.op.inputs)
    return set(seen)


def _among(tensor, tensors):
    return any(tensor is other for other in tensors)
