"""Measure whether a map points at the object."""

import numpy as np

from ke_widgets.metrics.sizes import resized
from ke_widgets.metrics.spec import Result, Spec
from ke_widgets.typing import ArrayLike


def pointing_game(maps: ArrayLike, masks: ArrayLike) -> Result:
    """Return for each map whether its maximum lies on the object.

    Maps are resized bilinearly to the masks' size first, so that the maximum is a pixel of the image.

    Args:
        maps: Maps `(B, H', W', U)`, any range.
        masks: The pixels of each unit's object, `(B, H, W, U)`, bool.

    Returns:
        A `Result` of hits `(B, U)`, bool. The first maximum counts, in reading order; a constant map points at the
        first pixel.

    Raises:
        ValueError: If maps and masks do not have the same number of images and units.

    Source:
        Top-down Neural Attention by Excitation Backprop, arXiv:1608.00507, sec. 4.2 (without its tolerance).

    Examples:
        >>> maps = np.array([[0.0, 0.5], [3.0, 0.0]]).reshape(1, 2, 2, 1)
        >>> masks = np.array([[False, False], [True, True]]).reshape(1, 2, 2, 1)
        >>> pointing_game(maps, masks).values
        array([[ True]])
    """
    maps, masks = _alike(maps, masks)
    top = maps.argmax(axis=1)
    return Result(np.take_along_axis(masks, top[:, None], axis=1)[:, 0])


def energy_pointing_game(maps: ArrayLike, masks: ArrayLike) -> Result:
    """Return for each map the share of its positive values that lies on the object.

    Args:
        maps: Maps `(B, H', W', U)`, any range; resized bilinearly to the masks' size.
        masks: The pixels of each unit's object, `(B, H, W, U)`, bool.

    Returns:
        A `Result` of shares `(B, U)`, 0 to 1; NaN for a map without a positive value.

    Raises:
        ValueError: If maps and masks do not have the same number of images and units.

    Source:
        Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks, arXiv:1910.01279, sec. 4.2.

    Examples:
        >>> maps = np.array([[1.0, -2.0], [3.0, 0.0]]).reshape(1, 2, 2, 1)
        >>> masks = np.array([[False, False], [True, True]]).reshape(1, 2, 2, 1)
        >>> energy_pointing_game(maps, masks).values
        array([[0.75]])
    """
    maps, masks = _alike(maps, masks)
    positive = np.maximum(maps, 0, dtype="float64")
    total, inside = positive.sum(axis=1), (positive * masks).sum(axis=1)
    return Result(np.divide(inside, total, out=np.full(total.shape, np.nan), where=total > 0))


def _alike(maps: ArrayLike, masks: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return maps of the masks' size, and masks, with one axis for all places: `(B, H * W, U)`."""
    maps, masks = np.asarray(maps), np.asarray(masks, bool)
    if maps.ndim != 4 or masks.ndim != 4 or (len(maps), maps.shape[-1]) != (len(masks), masks.shape[-1]):
        raise ValueError(
            "`maps` (B, H', W', U) and `masks` (B, H, W, U) must have the same B and U. "
            f"Received: shapes {maps.shape} and {masks.shape}."
        )
    batch, *size, units = masks.shape
    shape = (batch, size[0] * size[1], units)
    return resized(maps, size).reshape(shape), masks.reshape(shape)


METRICS = {
    pointing_game: Spec("Pointing game", better="higher", needs=("masks",), source="arXiv:1608.00507, sec. 4.2"),
    energy_pointing_game: Spec(
        "Energy pointing game", better="higher", needs=("masks",), source="arXiv:1910.01279, sec. 4.2"
    ),
}
