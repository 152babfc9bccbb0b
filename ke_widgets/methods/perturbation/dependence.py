"""How strongly scores depend on random choices: the Hilbert-Schmidt independence criterion."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.typing import Tensor


def constant(scores: Tensor, dtype: Any) -> Tensor:
    """Tell which scores `(N, B, U)`, computed in a dtype, vary by no more than rounding; `(B, U)` of bools."""
    epsilon = float(np.finfo(keras.backend.standardize_dtype(dtype)).eps)
    spread = ops.max(scores, axis=0) - ops.min(scores, axis=0)
    return spread <= 16 * epsilon * ops.max(ops.abs(scores), axis=0)


def hilbert_schmidt(chosen: Tensor, scores: Tensor) -> Tensor:
    """Return the criterion for each choice and score, with the kernel of equality and a Gaussian one.

    Args:
        chosen: Choices `(N, M)` of 0 and 1, float64.
        scores: `(N, B, U)` of float64.

    Returns:
        A tensor `(B, M, U)`, at least 0; 0 for a single sample.
    """
    number, sides = chosen.shape[0], ops.shape(scores)[1:]
    centred = chosen - ops.mean(chosen, axis=0)

    def criterion(values: Tensor) -> Tensor:
        # Of two choices z and z', 1 where they are equal is 1 - z - z' + 2 z z', of which centring leaves the last.
        return 2 * ops.sum(centred * ops.matmul(gaussian(values), centred), axis=0)

    columns = ops.transpose(ops.reshape(scores, (number, -1)))
    # One after the other: N x N distances for each.
    found = ops.map(criterion, columns) / max(number - 1, 1) ** 2
    return ops.transpose(ops.reshape(found, (*sides, chosen.shape[1])), (0, 2, 1))


def gaussian(values: Tensor) -> Tensor:
    """Return the Gaussian kernel `(N, N)` of values `(N,)`, as wide as the median distance of two of them.

    Where most pairs are equal, and the median 0, the kernel is its limit: 1 for equal values, 0 for others.
    """
    number = values.shape[0]
    distances = ops.abs(values[:, None] - values)
    # Sorted, the distances of values to themselves come first, then that of each pair twice.
    ordered, pairs = ops.sort(ops.reshape(distances, (-1,))), number * (number - 1) // 2
    if not pairs:
        return ops.ones_like(distances)
    width = (ordered[number + 2 * ((pairs - 1) // 2)] + ordered[number + 2 * (pairs // 2)]) / 2
    wide = ops.exp(-0.5 * ops.square(distances / ops.where(width > 0, width, 1)))
    return ops.where(width > 0, wide, ops.cast(distances == 0, wide.dtype))
