"""Weighted least squares whose samples arrive in steps: their moments are summed, and solved at the end."""

from typing import NamedTuple

from keras import ops

from ke_widgets.typing import Tensor

# Eigenvalues below this share of the largest one are rounding.
_ROUNDING = 1e-10


class Moments(NamedTuple):
    """Sums over samples, float64; the last of the features is the constant 1. `b` is 1 or `B`.

    Attributes:
        features: Sums of weight x feature x feature, `(b, M + 1, M + 1)`.
        scores: Sums of weight x feature x score, `(B, M + 1, U)`.
    """

    features: Tensor
    scores: Tensor


def moments(features: Tensor, weights: Tensor, scores: Tensor) -> Moments:
    """Return the moments of some samples.

    Args:
        features: `(S, M)` of float64.
        weights: `(S, 1)` for all images or `(S, B)`, of float64.
        scores: `(S, B, U)`.

    Returns:
        `Moments`.
    """
    features = ops.concatenate([features, ops.ones_like(features[:, :1])], axis=1)
    weighted = ops.einsum("sb,si->bis", weights, features)
    scores = ops.transpose(ops.cast(scores, "float64"), (1, 0, 2))
    return Moments(ops.matmul(weighted, features), ops.matmul(weighted, scores))


def ridge(found: Moments, alpha: float) -> Tensor:
    """Return the coefficients `(B, M, U)` of a ridge regression with a free intercept.

    Args:
        found: The moments of all samples.
        alpha: Weight of the squared coefficients.

    Returns:
        A tensor of float64; where samples are too few, the solution of least norm.
    """
    total = found.features[:, -1:, -1:]
    total = ops.where(total > 0, total, 1)
    means = found.features[:, :-1, -1:] / total
    matrix = found.features[:, :-1, :-1] - means * found.features[:, -1:, :-1]
    right = found.scores[:, :-1] - ops.matmul(means, found.scores[:, -1:])
    return least_norm(matrix + alpha * ops.eye(matrix.shape[-1], dtype="float64"), right)


def with_sum(found: Moments, intercept: Tensor, total: Tensor, present: Tensor) -> Tensor:
    """Return the coefficients `(B, M, U)` of a regression whose intercept is given, and the sum of the coefficients.

    Args:
        found: The moments of all samples.
        intercept: `(B, U)` of float64.
        total: The sum `(B, U)` of the coefficients, float64.
        present: Which of the features exist, 1 or 0, `(b, M)` of float64; the others get 0.

    Returns:
        A tensor of float64; where samples are too few, the solution nearest to equal coefficients.
    """
    equal = (present / ops.sum(present, axis=1, keepdims=True))[..., None]
    start = equal * total[:, None]
    matrix = found.features[:, :-1, :-1]
    right = found.scores[:, :-1] - found.features[:, :-1, -1:] * intercept[:, None] - ops.matmul(matrix, start)
    # What is left has the sum 0: project onto such vectors.
    projection = present[..., None] * ops.eye(present.shape[1], dtype="float64") - equal * present[:, None]
    matrix = ops.matmul(ops.matmul(projection, matrix), projection)
    # Once more, so that rounding leaves the sum as it is.
    return start + ops.matmul(projection, least_norm(matrix, ops.matmul(projection, right)))


def least_norm(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve symmetric systems without negative eigenvalues; singular ones by the solution of least norm.

    Args:
        matrix: `(b, M, M)`, `b` being 1 or `B`.
        right: `(B, M, U)`.

    Returns:
        A tensor `(B, M, U)`.
    """
    values, vectors = ops.eigh(matrix)
    is_free = values > _ROUNDING * values[:, -1:]
    inverse = ops.where(is_free, 1 / ops.where(is_free, values, 1), 0)[..., None]
    return ops.matmul(vectors, inverse * ops.matmul(ops.swapaxes(vectors, 1, 2), right))
