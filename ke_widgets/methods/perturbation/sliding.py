"""Windows that slide over an image: their number, the pixels under each, and how many cover a pixel."""

import math
from typing import Any

import numpy as np
from keras import ops

from ke_widgets.errors.arguments import check_count
from ke_widgets.typing import Tensor


def count_windows(sizes: tuple[int, ...], window: int, stride: int) -> int:
    """Return the number of windows.

    Args:
        sizes: Spatial sizes of the image.
        window: Pixels of a window along each axis.
        stride: Pixels from one window to the next; the last one ends at the border.

    Returns:
        An integer.

    Raises:
        ValueError: If `window` or `stride` is not an integer of at least 1.
    """
    check_count("window", window)
    check_count("stride", stride)
    return math.prod(len(_starts(size, window, stride)) for size in sizes)


def windows(sizes: tuple[int, ...], window: int, stride: int, numbers: Tensor) -> Tensor:
    """Return the pixels under windows, 1 under them and 0 elsewhere.

    Args:
        sizes: See `count_windows`.
        window: See `count_windows`.
        stride: See `count_windows`.
        numbers: Numbers of the windows `(S,)`, row by row.

    Returns:
        A tensor `(S, *sizes)` of float32.
    """
    found, rest = ops.ones(ops.shape(numbers), "float32"), numbers
    for size in reversed(sizes):
        starts = _starts(size, window, stride)
        first = ops.take(ops.convert_to_tensor(starts), rest % len(starts), axis=0)[:, None]
        rest, pixels = rest // len(starts), ops.arange(size, dtype="int32")
        under = ops.cast(ops.logical_and(pixels >= first, pixels < first + window), "float32")
        found = ops.einsum("n...,nw->nw...", found, under)
    return found


def coverage(sizes: tuple[int, ...], window: int, stride: int, dtype: Any) -> Tensor:
    """Return how many windows cover each pixel, a tensor `(*sizes, 1)`."""
    found = np.ones(())
    for size in sizes:
        starts, pixels = _starts(size, window, stride)[:, None], np.arange(size)
        found = np.multiply.outer(found, ((pixels >= starts) & (pixels < starts + window)).sum(axis=0))
    return ops.convert_to_tensor(found[..., None], dtype)


def _starts(size: int, window: int, stride: int) -> np.ndarray:
    last = max(size - window, 0)
    return np.array([*range(0, last, stride), last], "int32")
