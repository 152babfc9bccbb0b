"""Baseline images: what stands for "nothing there", in metrics and methods that remove pixels."""

import typing
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.grids import at_least_float32
from ke_widgets.typing import ArrayLike, Baseline, NamedBaseline, Tensor

# Standard deviation of the usual blur, as a share of the longer side. It must hide the object: the five pixels of 224
# that others take often do not.
_BLUR = 0.1
NAMED = typing.get_args(NamedBaseline)


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
    return blurred(images, ops.full((1,), deviation, images.dtype))[0]


def blurred(images: Tensor, deviations: Tensor) -> Tensor:
    """Blur images by several Gaussians, each cut off at the borders and normalized there too.

    Args:
        images: Images `(B, H, W, C)`, or signals or volumes, floats.
        deviations: Standard deviations in pixels, `(S,)`, at least 0; 0 leaves an image as it is.

    Returns:
        Images `(S, B, H, W, C)`.
    """
    wide = at_least_float32(images)
    deviations, found = ops.cast(deviations, wide.dtype), wide[None]
    for axis in range(1, len(images.shape) - 1):
        place = np.arange(images.shape[axis], dtype="float64")
        distance = ops.convert_to_tensor((place[:, None] - place) ** 2, wide.dtype)
        spread = ops.maximum(2 * deviations**2, np.finfo("float32").tiny)
        bell = ops.exp(-distance / spread[:, None, None])
        weights = bell / ops.sum(bell, axis=-1, keepdims=True)
        # s: deviations; i and j: places on this axis; one image for all deviations before the first of them.
        if axis == 1:
            found = ops.einsum("sij,bj...->sbi...", weights, wide)
        else:
            along = ops.einsum("sij,sb...j->sb...i", weights, ops.moveaxis(found, axis + 1, -1))
            found = ops.moveaxis(along, -1, axis + 1)
    return ops.cast(found, images.dtype)


def baseline_of(images: Tensor, baseline: Baseline, ends: tuple[float, float] | None = None) -> Tensor:
    """Return the values that replace the pixels of images `(B, H, W, C)`.

    Args:
        images: The images, floats.
        baseline: A number, an array that broadcasts to the images (what `preprocess` makes of a black image, for one),
            or a name: `"zero"`, `"mean"` (of each image and channel), `"blur"` (`blur` with a tenth of the longer
            side); `"black"` and `"white"`, where their values are known.
        ends: The values of black and white in the images, where they are known.

    Returns:
        A tensor of the shape of the images.

    Raises:
        ValueError: If `baseline` is none of these, or black and white are not known.
    """
    if not isinstance(baseline, str):
        return _of_values(images, baseline)
    if baseline == "blur":
        return blur(images, _BLUR * max(images.shape[1:-1]))
    if baseline == "mean":
        return ops.zeros_like(images) + ops.mean(images, axis=tuple(range(1, len(images.shape) - 1)), keepdims=True)
    if baseline == "zero":
        return ops.zeros_like(images)
    if baseline not in ("black", "white"):
        raise ValueError(
            f"`baseline` must be a number, an array, {', '.join(map(repr, NAMED[:-1]))} or {NAMED[-1]!r}. "
            f"Received: baseline={short_repr(baseline)}."
        )
    if ends is None:
        raise ValueError(
            f"`baseline` must be the values of a {baseline} image in the model's input: they are known only where the "
            f"model itself rescales images of 0 to 255. Received: baseline={baseline!r}. Give what `preprocess` makes "
            "of such an image: a number, or an array, one value for each channel."
        )
    return ops.full_like(images, ends[baseline == "white"])


def _of_values(images: Tensor, baseline: Any) -> Tensor:
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
