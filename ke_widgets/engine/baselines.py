"""Baseline images: what stands for "nothing there", in metrics and methods that remove pixels."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.typing import ArrayLike, Tensor

# Standard deviation of the usual blur, as a share of the longer side. It must hide the object: the five pixels of 224
# that others take often do not.
_BLUR = 0.1


def blur(images: ArrayLike, deviation: float) -> Tensor:
    """Blur images with a Gaussian, cut off at the borders and normalized there too.

    Args:
        images: Images `(B, H, W, C)`, or signals or volumes.
        deviation: Standard deviation of the Gaussian in pixels, above 0.

    Returns:
        Images of the same shape; a constant one does not change.

    Raises:
        ValueError: If `deviation` is not above 0.

    Examples:
        >>> np.asarray(blur(np.array([0.0, 0.0, 1.0, 0.0, 0.0]).reshape(1, 1, 5, 1), 1.0)).ravel().round(2)
        array([0.08, 0.26, 0.4 , 0.26, 0.08])
    """
    if not deviation > 0:
        raise ValueError(f"`deviation` must be above 0. Received: deviation={short_repr(deviation)}.")
    images = as_floats(images)

    def weights(size: int) -> Tensor:
        bell = np.exp(-0.5 * ((np.arange(size)[:, None] - np.arange(size)) / deviation) ** 2)
        return ops.convert_to_tensor(bell / bell.sum(axis=1, keepdims=True), images.dtype)

    for axis in range(1, len(images.shape) - 1):
        images = ops.moveaxis(ops.tensordot(weights(images.shape[axis]), images, axes=([1], [axis])), 0, axis)
    return images


def baseline_of(images: Tensor, baseline: Any) -> Tensor:
    """Return the values that replace the pixels of images `(B, H, W, C)`.

    Args:
        images: The images, floats.
        baseline: A number, an array that broadcasts to the images, `"mean"` or `"blur"`; see `deletion`.

    Returns:
        A tensor of the shape of the images.

    Raises:
        ValueError: If `baseline` is none of these.
    """
    if isinstance(baseline, str):
        if baseline not in ("mean", "blur"):
            raise ValueError(
                f"`baseline` must be a number, an array, 'mean' or 'blur'. Received: baseline={short_repr(baseline)}."
            )
        if baseline == "blur":
            return blur(images, _BLUR * max(images.shape[1:-1]))
        return ops.zeros_like(images) + ops.mean(images, axis=tuple(range(1, len(images.shape) - 1)), keepdims=True)
    # In a compiled function the number of images may be unknown; it is then that of the baseline.
    values = np.asarray(baseline)
    entries = len(values) if values.ndim == len(images.shape) else 1
    shape = [entries if side is None else side for side in images.shape]
    try:
        np.broadcast_to(values, shape)
    except ValueError as error:
        raise ValueError(
            f"`baseline` must broadcast to the images, {tuple(images.shape)}. Received: shape {values.shape}."
        ) from error
    return ops.zeros_like(images) + ops.convert_to_tensor(values, images.dtype)


def as_floats(images: ArrayLike) -> Tensor:
    """Return images as a tensor of floats; integers become float32."""
    images = ops.convert_to_tensor(images)
    return images if "float" in keras.backend.standardize_dtype(images.dtype) else ops.cast(images, "float32")
