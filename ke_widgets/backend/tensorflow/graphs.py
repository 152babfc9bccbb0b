"""Trace a function, and read what a trace tells without running it."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ke_widgets.typing import Tensor

# The shape and dtype of a tensor without values: compared by value, and `None` is a side that is open.
TensorSpec = tf.TensorSpec
# Operations without a derivative: their inputs do not count as ancestors.
_ENDS = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "StopGradient", "ArgMax", "ArgMin"}
_LOST = {"StopGradient", "ResizeBilinearGrad", "ResizeBicubicGrad", "ScaleAndTranslateGrad"}
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "Sub": np.subtract,
    "AddV2": np.add,
    "Mul": np.multiply,
    "Range": np.arange,
    "Pack": lambda *values: np.stack(values),
    "ConcatV2": lambda *values: np.concatenate(values[:-1], values[-1]),
}


def trace(run: Callable[..., Any], *specs: Any) -> Any:
    """Trace a function once.

    Args:
        run: A function of tensors.
        *specs: A `TensorSpec`, or a nest of them, for each of its arguments.

    Returns:
        The compiled function, for tensors that fit the specs; its `graph` holds the operations of the trace.
    """
    return tf.function(run, autograph=False).get_concrete_function(*specs)


def current_trace() -> Any:
    """Return the trace that operations go to now, to be compared by identity; `None` if they run at once."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def outside_of_traces() -> contextlib.AbstractContextManager[Any]:
    """Run operations at once while the block runs, also while a function is being traced."""
    return tf.init_scope()


def as_tensor(x: Any) -> Tensor:
    """Return the values of an array, a tensor or a variable as a tensor; `keras.ops` leaves variables as they are."""
    return tf.convert_to_tensor(x)


def holds_floats(x: Any) -> bool:
    """Return whether something is a tensor of floats."""
    return tf.is_tensor(x) and x.dtype.is_floating


def static_value(tensor: Tensor) -> Any:
    """Return the value of a tensor as an array, or `None` if it is known at run time only."""
    value = tf.get_static_value(tensor)
    if value is None and not isinstance(tensor, tf.Variable) and tensor.op.type in _ARITHMETIC:
        values = [static_value(x) for x in tensor.op.inputs]
        value = None if any(x is None for x in values) else _ARITHMETIC[tensor.op.type](*values)
    return value


def ancestors(tensor: Tensor) -> set[int]:
    """Return the `id`s of all tensors of a trace that `tensor` depends on by a derivative, and its own."""
    seen, waiting = dict[int, Any](), [tensor]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) not in seen:
            seen[id(tensor)] = tensor
            waiting.extend(() if tensor.op.type in _ENDS else tensor.op.inputs)
    return set(seen)


def lost_second_derivatives(gradients: Sequence[Tensor], signals: Sequence[Tensor]) -> set[str]:
    """Return the operations of a trace that make gradients of signals, and whose own derivative is wrongly taken as 0.

    A derivative that ends at `StopGradient` may be right, and its derivative not: the variance of `tf.nn.moments`, and
    so of layer normalization, takes the mean as constant. TensorFlow declares that bilinear resizing has no second one.

    Args:
        gradients: Tensors of the trace.
        signals: What they are differentiated with respect to.

    Returns:
        Types of operations; of functions, loops and branches, all that are in any of them.
    """
    ends, order, seen = {id(x) for x in signals}, list[Any](), set[Any]()
    waiting = [(x.op, False) for x in gradients if id(x) not in ends]
    while waiting:
        op, done = waiting.pop()
        if done:
            order.append(op)
        elif op not in seen:
            seen.add(op)
            waiting.append((op, True))
            waiting.extend((x.op, False) for x in op.inputs if id(x) not in ends)
    dependent = set[Any]()
    for op in order:
        if any(id(x) in ends or x.op in dependent for x in op.inputs):
            dependent.add(op)
    kinds = {op.type for op in dependent}
    if any(kind.endswith(("If", "While", "PartitionedCall", "Case")) for kind in kinds):
        library = next(iter(dependent)).graph.as_graph_def().library
        kinds |= {node.op for function in library.function for node in function.node_def}
    return kinds & _LOST


def default_device() -> str:
    """Return the name, for `keras.device`, of the device that operations run on: the first GPU, else the CPU."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return devices[0].name
