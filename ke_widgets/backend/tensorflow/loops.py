"""Run a sequential loop of any number of steps."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ke_widgets.typing import Tensor


def while_loop(step: Callable[[Tensor, Any], Any], first: int, total: int | Tensor, sums: Any) -> Any:
    """Run steps in order, with one step in memory at a time.

    Args:
        step: A function `(number, sums) -> sums` of tensors; the shapes stay as they are.
        first: Number of the first step.
        total: Number of the last step and one, an integer or a tensor.
        sums: Tensors before the first step.

    Returns:
        The sums after the last step.
    """
    if isinstance(total, int) and total <= first:
        return sums

    def body(number: Tensor, before: Any) -> tuple[Tensor, Any]:
        after = step(number, before)
        return number + 1, tf.nest.map_structure(lambda new, old: tf.ensure_shape(new, old.shape), after, before)

    # In a graph, tf.while_loop runs up to ten steps in parallel by default, with as many in memory.
    return tf.while_loop(lambda number, _: number < total, body, (tf.constant(first), sums), parallel_iterations=1)[1]
