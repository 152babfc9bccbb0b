"""Maps at the size of images or masks."""

from collections.abc import Sequence

import numpy as np
from keras import ops


def resized(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Resize maps `(B, H', W', U)` bilinearly; those of the right size keep every bit."""
    if maps.shape[1:3] == tuple(size):
        return maps
    return np.asarray(ops.image.resize(maps.astype("float32"), tuple(size), interpolation="bilinear"))
