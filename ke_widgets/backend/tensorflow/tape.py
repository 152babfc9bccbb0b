"""Differentiate what a run computes with respect to its sources, and to tensors inside of it."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import record  # No public function tells what a tape records.

from ke_widgets.typing import Tensor

_ZERO, _NONE = tf.UnconnectedGradients.ZERO, tf.UnconnectedGradients.NONE


def vjp(
    run: Callable[[list[Tensor], Callable[[Any], object]], tuple[Tensor, Any]],
    sources: Sequence[Tensor],
    variables: bool = False,
) -> tuple[Tensor, Any, "Pullback"]:
    """Run a function so that its result can be differentiated: the vector-Jacobian product.

    Args:
        run: A function `(sources, watch) -> (outputs, rest)`. It calls `watch` with a list of tensors, as soon as they
            exist, to differentiate with respect to them too.
        sources: Floating tensors.
        variables: Whether to differentiate with respect to what variables alone make too, such as embeddings of
            integers.

    Returns:
        The outputs, the rest, and the `Pullback` of the outputs.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=variables) as tape:
        tape.watch(sources)
        outputs, rest = run(list(sources), tape.watch)
    return outputs, rest, Pullback(tape, outputs)


def is_differentiated(x: Tensor) -> bool:
    """Return whether a tensor depends on a source, or on a watched tensor, of a `vjp` that is running."""
    return record.should_record_backprop([x])


class Pullback:
    """Pull changes of the outputs of a run back to its sources, or to tensors watched inside of it.

    Args:
        tape: The tape that recorded the run.
        outputs: The outputs of the run.
    """

    def __init__(self, tape: tf.GradientTape, outputs: Tensor) -> None:
        self._tape = tape
        self._outputs = outputs

    def __call__(self, sources: Sequence[Tensor], weights: Tensor | None = None, zeros: bool = False) -> list[Any]:
        """Compute the gradient of the sum of all outputs.

        Args:
            sources: Tensors that were differentiated.
            weights: A weight for each of the outputs; 1 by default.
            zeros: Whether the gradient is 0, and not `None`, where the outputs do not depend on a source.

        Returns:
            One gradient for each source.
        """
        unconnected = _ZERO if zeros else _NONE
        found: list[Any] = self._tape.gradient(self._outputs, sources, weights, unconnected)
        return [None if each is None else tf.convert_to_tensor(each) for each in found]

    def rows(
        self, sources: Sequence[Tensor], each: Callable[[list[Any]], list[Tensor]], zeros: bool = False
    ) -> list[Tensor]:
        """Compute the gradients of each column of the outputs `(B, U)`, where images do not depend on one another.

        Args:
            sources: See `__call__`.
            each: Applied to the gradients of each column; it may change their dtype, as it does that of the sources.
            zeros: See `__call__`.

        Returns:
            One tensor `(U, B, ...)` for each source.
        """
        number = tf.shape(self._outputs)[1]

        def row(unit: Any) -> list[Tensor]:
            # One unit of every image at once: images are independent, so the gradient of the sum is that of each.
            dtype = self._outputs.dtype
            chosen = tf.broadcast_to(tf.one_hot(unit, number, dtype=dtype), tf.shape(self._outputs))
            return each(self(sources, chosen, zeros))

        if tf.executing_eagerly():
            return [tf.stack(found) for found in zip(*(row(unit) for unit in range(int(number))))]
        # Vectorized over units, a product of (U, 1, ...) by (1, 1, ...), as in attention on one image, is wrong with
        # oneDNN on CPUs (TensorFlow 2.21), or crashes the process.
        if any(op.type.startswith("BatchMatMul") for op in _before(self._outputs)):
            return tf.map_fn(row, tf.range(number), fn_output_signature=[x.dtype for x in each(list(sources))])
        return tf.vectorized_map(row, tf.range(number))

    def reached(self, tensors: Sequence[Tensor]) -> list[int]:
        """List which watched tensors the outputs depend on; in a trace, other than through one another."""
        if tf.executing_eagerly():
            return [index for index, gradient in enumerate(self(tensors)) if gradient is not None]
        ends, found, met, waiting = {id(x): n for n, x in enumerate(tensors)}, set[int](), set[Any](), [self._outputs]
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in ends:
                found.add(ends[id(tensor)])
            elif tensor.op not in met:
                met.add(tensor.op)
                waiting.extend(tensor.op.inputs)
        return sorted(found)


def _before(tensor: Tensor) -> set[tf.Operation]:
    """Return the operations of the graph that a tensor depends on."""
    found, waiting = set[Any](), [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting.extend(x.op for x in operation.inputs)
    return found
