"""Draw reproducible noise."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ke_widgets.typing import Tensor


def stateless_normal(shape: Sequence[Any], seed: int, numbers: Tensor, dtype: Any) -> Tensor:
    """Draw standard normal noise, one tensor for each number; it depends on seed and number only.

    Args:
        shape: Shape of one tensor.
        seed: An integer.
        numbers: Integers `(N,)`, which may be computed in a graph; `N` itself is known.
        dtype: A floating dtype.

    Returns:
        A tensor `(N, *shape)`.
    """
    return _each(tf.random.stateless_normal, shape, seed, numbers, dtype)


def stateless_uniform(shape: Sequence[Any], seed: int, numbers: Tensor, dtype: Any) -> Tensor:
    """Draw uniform noise in [0, 1), one tensor for each number; it depends on seed and number only.

    Args:
        shape: See `stateless_normal`.
        seed: See `stateless_normal`.
        numbers: See `stateless_normal`.
        dtype: See `stateless_normal`.

    Returns:
        A tensor `(N, *shape)`.
    """
    return _each(tf.random.stateless_uniform, shape, seed, numbers, dtype)


def _each(draw: Callable[..., Tensor], shape: Sequence[Any], seed: int, numbers: Tensor, dtype: Any) -> Tensor:
    numbers = tf.unstack(tf.cast(numbers, "int32"))
    return tf.stack([draw(shape, tf.stack([seed, number]), dtype=dtype) for number in numbers])
