"""Coalitions: which segments of an image are shown. All of them where that is few, else seeded samples."""

import math

import numpy as np
from keras import ops

from ke_widgets.backend import stateless_uniform
from ke_widgets.errors.arguments import check_count
from ke_widgets.typing import Tensor


def count_coalitions(samples: int, number: int) -> int:
    """Return how many coalitions are evaluated: at most `samples`, or all `2^number` if these are fewer.

    Raises:
        ValueError: If `samples` is not an integer of at least 1, or below the number of segments.
    """
    check_count("samples", samples)
    if samples < number:
        raise ValueError(
            "`samples` must be at least the number of segments, whose values it determines. "
            f"Received: samples={samples}, and {number} segments. Take more samples, or fewer segments (`grid`)."
        )
    return samples if _is_sampled(samples, number) else 2**number


def coins(samples: int, number: int, seed: int, numbers: Tensor) -> Tensor:
    """Return coalitions that show each segment or not with equal probability; the first one shows all.

    Args:
        samples: See `count_coalitions`.
        number: The number of segments.
        seed: Seed of the draws.
        numbers: Numbers of the coalitions `(S,)`.

    Returns:
        A tensor `(S, number)` of 0 and 1, float64.
    """
    if not _is_sampled(samples, number):
        return 1 - _all(number, numbers)
    drawn = stateless_uniform((number,), seed, numbers, "float32")
    return ops.cast(ops.logical_or(drawn < 0.5, numbers[:, None] == 0), "float64")


def by_shapley_kernel(samples: int, number: int, seed: int, numbers: Tensor) -> Tensor:
    """Return coalitions as probable as their Shapley kernel, each followed by its complement; the first is empty.

    Args:
        samples: See `count_coalitions`.
        number: The number of segments.
        seed: Seed of the draws.
        numbers: Numbers of the coalitions `(S,)`.

    Returns:
        A tensor `(S, number)` of 0 and 1, float64.
    """
    if not _is_sampled(samples, number):
        return _all(number, numbers)
    drawn = stateless_uniform((number + 1,), seed, ops.maximum(numbers - 1, 0) // 2, "float32")
    sizes = np.arange(1, number)
    bounds = np.cumsum(1 / (sizes * (number - sizes))) / np.sum(1 / (sizes * (number - sizes)))
    size = 1 + ops.sum(ops.cast(drawn[:, :1] >= bounds[:-1].astype("float32"), "int32"), axis=1, keepdims=True)
    rank = ops.argsort(ops.argsort(drawn[:, 1:], axis=-1), axis=-1)
    chosen = ops.cast(ops.cast(rank, "int32") < size, "float64")
    chosen = ops.where((numbers % 2 == 0)[:, None], 1 - chosen, chosen)
    return ops.where((numbers == 0)[:, None], ops.zeros_like(chosen), chosen)


def shapley_weights(samples: int, number: int, coalitions: Tensor) -> Tensor:
    """Return the weights `(S, 1)` of the coalitions of `by_shapley_kernel`, float64.

    Where all are evaluated they are the Shapley kernel; samples are drawn by it, and weigh the same. That of the empty
    and of the full coalition is 0: they are constraints.
    """
    sizes = [0.0] * (number + 1)
    for k in range(1, number):
        sizes[k] = 1.0 if _is_sampled(samples, number) else (number - 1) / (math.comb(number, k) * k * (number - k))
    table = ops.convert_to_tensor(np.array(sizes))
    return ops.take(table, ops.cast(ops.round(ops.sum(coalitions, axis=1, keepdims=True)), "int32"), axis=0)


def _is_sampled(samples: int, number: int) -> bool:
    return samples < 2**number


def _all(number: int, numbers: Tensor) -> Tensor:
    """Return the coalitions whose binary digits are `numbers`; the first one is empty."""
    digits = numbers[:, None] // ops.convert_to_tensor(2 ** np.arange(number), numbers.dtype)
    return ops.cast(digits % 2, "float64")
