"""Resize maps to images or masks."""

from collections.abc import Sequence

import numpy as np
from keras import ops


def resized(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resize maps `(B, H', W', U)` bilinearly; maps of the right size are returned unchanged."""
    if maps.shape[1:3] == tuple(size):
        return maps
    return np.asarray(ops.image.resize(maps.astype("float32"), tuple(size), interpolation="bilinear"))
