"""Check values while a compiled function runs, and name the errors of a run."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ke_widgets.typing import Tensor

FrameworkError = tf.errors.OpError
OutOfMemory = tf.errors.ResourceExhaustedError
# What a failed `check` raises when the compiled function runs.
CheckError = tf.errors.InvalidArgumentError


def check(fits: Tensor, x: Tensor, words: Sequence[Any]) -> Tensor:
    """Refuse values when they are computed, which in a compiled function is when it runs.

    Args:
        fits: Whether all is well, a bool.
        x: A tensor.
        words: Texts and tensors of the message; a tensor of bools `(N,)` is shown as the positions of those that are
            true, the first eight.

    Returns:
        The tensor `x`, computed after the check: what reads it would raise an error of its own.

    Raises:
        CheckError: If it does not fit.
    """
    shown = [tf.reshape(tf.where(each), (-1,)) if _is_mask(each) else each for each in words]
    done = tf.debugging.Assert(fits, shown, summarize=8)
    with tf.control_dependencies([] if done is None else [done]):
        return tf.identity(x)


def _is_mask(word: Any) -> bool:
    return tf.is_tensor(word) and word.dtype == tf.bool


def message(error: Any) -> str | None:
    """Return the message of an error of the framework, `None` for any other error."""
    return error.message if isinstance(error, FrameworkError) else None
