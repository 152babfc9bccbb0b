"""Segments of an image, the features of LIME, KernelSHAP, Sobol and HSIC: cells of a grid, or an array of labels."""

import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ke_widgets.errors.arguments import check_count
from ke_widgets.methods.perturbation.perturbed import begin, masked
from ke_widgets.typing import ArrayLike, Inputs, Shape, SpatialAxis, Tensor


class Segmented(NamedTuple):
    """What stays the same in all evaluations of a method that covers segments.

    Attributes:
        inputs: See `Perturbed`.
        image: See `Perturbed`.
        baseline: See `Perturbed`.
        logits: See `Perturbed`.
        labels: The segment of each pixel, integers `(1, H, W)` for all images, or `(B, H, W)`.
        present: Which of the `M` segments an image has, 1 or 0, `(1, M)` or `(B, M)` of float64: images may have
            different numbers of them.
    """

    inputs: Inputs
    image: Tensor
    baseline: Tensor
    logits: Tensor
    labels: Tensor
    present: Tensor

    @property
    def number(self) -> int:
        """The number of segments, `M`."""
        return self.present.shape[1]


def begin_segments(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    baseline: Any,
    image_input: int | str | None,
    segments: ArrayLike | None,
    grid: int,
) -> tuple[Tensor, Segmented, None]:
    """Return the logits, the state, and no sums; see `Evaluations.begin`."""
    logits, state, _ = begin(
        model,
        inputs,
        indices,
        indices_axis=indices_axis,
        indices_batch_dims=indices_batch_dims,
        spatial_axis=spatial_axis,
        baseline=baseline,
        image_input=image_input,
    )
    sizes = state.known_sizes("a method that covers segments")
    labels = cells(sizes, grid) if segments is None else _numbered(segments, state.image.shape[0], sizes)
    present = np.array([np.bincount(each.ravel(), minlength=labels.max() + 1) > 0 for each in labels], "float64")
    return logits, Segmented(*state, ops.convert_to_tensor(labels), ops.convert_to_tensor(present)), None


def number_of_segments(image: Shape, grid: int, segments: ArrayLike | None) -> int:
    """Return the number of segments of an image of a shape `(H, W, C)`."""
    if segments is not None:
        return len(np.unique(ops.convert_to_numpy(segments)))
    return math.prod(min(grid, int(side or grid)) for side in image[:-1])


def cells(sizes: tuple[int, ...], grid: int) -> np.ndarray:
    """Return the cell of each pixel in a grid of `grid` cells along each axis, integers `(1, *sizes)` from 0.

    Raises:
        ValueError: If `grid` is not an integer of at least 1.
    """
    check_count("grid", grid)
    labels = np.zeros((), "int32")
    for size in sizes:
        number = min(grid, size)
        labels = np.add.outer(labels * number, np.arange(size) * number // size)
    return labels[None].astype("int32")


def _numbered(segments: ArrayLike, images: int | None, sizes: tuple[int, ...]) -> np.ndarray:
    """Return labels `(1 or B, *sizes)` that count from 0 in each image."""
    array = np.asarray(ops.convert_to_numpy(segments))
    labels = array[None] if array.ndim == len(sizes) else array
    if labels.shape[1:] != sizes or array.dtype.kind not in "iu":
        raise ValueError(
            f"`segments` must be integers of the size of the image, {sizes}, or one such array for each image. "
            f"Received: segments of the shape {array.shape} and dtype {array.dtype}."
        )
    if len(labels) > 1 and len(labels) != images:
        # In a loop over batches, the next one would get the segments of the first.
        known = "batches of any number of images" if images is None else f"{images} images"
        raise ValueError(
            "`segments` must be one array for all images, or one for each image of a single batch. "
            f"Received: segments of the shape {array.shape}, and {known}. Explain the images one by one, "
            "each with `segments=segments[i]`."
        )
    return np.array([np.unique(each, return_inverse=True)[1].reshape(sizes) for each in labels], "int32")


def shown(state: Segmented, values: Tensor) -> Tensor:
    """Return masks `(S, 1, H, W)` or `(S, B, H, W)`, in the image's dtype, of the values `(S, M)` of the segments."""
    return ops.take(ops.cast(values, state.image.dtype), state.labels, axis=1)


def showing(values: Callable[[int, int, int, Tensor], Tensor]) -> Callable[..., Inputs]:
    """Return an `Evaluations.draw` that shows segments by drawn values.

    Args:
        values: From the number of samples, that of segments, a seed and the numbers of the evaluations `(S,)` to how
            much of each segment is shown, `(S, M)`, 0 to 1.

    Returns:
        A function for methods with the parameters `samples` and `seed`.
    """

    def draw(
        model: keras.Model,
        state: Segmented,
        numbers: Tensor,
        *,
        samples: int,
        seed: int,
        spatial_axis: SpatialAxis,
        image_input: int | str | None,
    ) -> Inputs:
        masks = shown(state, values(samples, state.number, seed, numbers))
        return masked(model, state, masks, spatial_axis=spatial_axis, image_input=image_input)

    return draw


def spread(state: Segmented, values: Tensor) -> Tensor:
    """Return maps `(B, H, W, U)`, in the dtype of the logits, whose pixels have their segment's value `(B, M, U)`."""
    values, labels = ops.cast(values, state.logits.dtype), state.labels
    if labels.shape[0] == 1:
        return ops.take(values, labels[0], axis=1)
    flat = ops.reshape(labels, (labels.shape[0], -1, 1))
    found = ops.take_along_axis(values, flat, axis=1)
    return ops.reshape(found, (*labels.shape, ops.shape(values)[-1]))


def superpixels(images: ArrayLike, count: int = 50, compactness: float = 10.0) -> np.ndarray:
    """Return segments along the edges of images, for the argument `segments`: SLIC, of scikit-image.

    Args:
        images: Images `(B, H, W, C)` or `(B, H, W)` of any range; a volume `(B, D, H, W, C)` too.
        count: About how many segments an image gets.
        compactness: Weight of distance beside that of colour; more makes squarer segments.

    Returns:
        Integers `(B, H, W)` from 0; give `segments[i]` with the image `images[i : i + 1]`.

    Raises:
        ValueError: If `count` is not an integer of at least 1.
        ImportError: If scikit-image is not installed.
    """
    check_count("count", count)
    try:
        segmentation = importlib.import_module("skimage.segmentation")
    except ImportError as error:
        raise ImportError(
            "`superpixels` needs scikit-image: pip install scikit-image. "
            "Or give any integers of the size of the image as `segments`, or none for a grid."
        ) from error

    def segmented(image: np.ndarray) -> np.ndarray:
        low, high = image.min(), image.max()
        image = (image - low) / (high - low if high > low else 1)
        axis = None if image.ndim == 2 else -1
        return segmentation.slic(image, count, compactness=compactness, start_label=0, channel_axis=axis)

    return np.array([segmented(image) for image in np.asarray(ops.convert_to_numpy(images), "float64")], "int32")
