"""Measure how well scores rank positives above negatives."""

import numpy as np

from ke_widgets.typing import ArrayLike


def average_precision(targets: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """Compute the mean precision at the ranks of the positives, for each class.

    Args:
        targets: `(B, U)`; 1 where the class occurs, else 0.
        scores: `(B, U)`; higher means more likely. Of equal scores the earlier row ranks first.

    Returns:
        `(U,)`, in [0, 1]; 1 if every positive ranks above every negative, NaN for a class without positives.

    Raises:
        ValueError: If the shapes differ or are not `(B, U)`.

    Examples:
        >>> average_precision([[1], [0], [1]], [[0.9], [0.8], [0.7]]).round(3)
        array([0.833])
    """
    targets, scores = np.asarray(targets, float), np.asarray(scores)
    if targets.ndim != 2 or targets.shape != scores.shape:
        raise ValueError(
            "`targets` and `scores` must have the same shape (B, U). "
            f"Received: shapes {targets.shape} and {scores.shape}"
        )
    ranked = np.take_along_axis(targets, np.argsort(-scores, axis=0, kind="stable"), axis=0)
    precision = np.cumsum(ranked, axis=0) / np.arange(1, len(ranked) + 1)[:, None]
    positives = ranked.sum(axis=0)
    return np.where(positives > 0, (precision * ranked).sum(axis=0) / np.maximum(positives, 1), np.nan)
