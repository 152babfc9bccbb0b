"""The image among a model's inputs, with rows and columns first whatever its layout, for methods that change it."""

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.baselines import baseline_of
from ke_widgets.engine.gradients import spatial_first
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.first_operations import value_range
from ke_widgets.model.grids import as_float
from ke_widgets.model.inputs import axes_of_image, image_position
from ke_widgets.typing import Baseline, Inputs, SpatialAxis, Tensor


def image_of(model: keras.Model, inputs: Inputs, image_input: int | str | None, spatial_axis: SpatialAxis) -> Tensor:
    """Return the image among the inputs as floats, spatial axes first.

    Args:
        model: The model.
        inputs: Its inputs.
        image_input: Name or position of the image, in a model of several.
        spatial_axis: Spatial axes of the image, counted from the end.

    Returns:
        A tensor `(B, H, W, C)`, `(B, T, C)` or `(B, D, H, W, C)`; grey images `(B, H, W)` get one channel.
    """
    _, x, axes = _found(model, inputs, image_input, spatial_axis)
    return spatial_first(x, axes, leading=1)


def baseline_image(
    model: keras.Model, inputs: Inputs, baseline: Baseline, image_input: int | str | None, spatial_axis: SpatialAxis
) -> Tensor:
    """Return the baseline of the image, in the layout of `image_of`.

    Args:
        model: The model.
        inputs: Its inputs.
        baseline: See `baseline_of`; an array has the layout of the input.
        image_input: See `image_of`.
        spatial_axis: See `image_of`.

    Returns:
        A tensor of the shape of `image_of`.

    Raises:
        ValueError: If it has an entry for each of several images, and the number of images is unknown, as in a loop
            over batches: the next batch would get those of the first.
    """
    position, x, axes = _found(model, inputs, image_input, spatial_axis)
    if isinstance(baseline, str):
        own = model.model if isinstance(model, Exposed) else model
        ends = value_range(own, position if len(keras.tree.flatten(inputs)) > 1 else None)
        return baseline_of(spatial_first(x, axes, leading=1), baseline, ends)
    shape: tuple[int, ...] = np.shape(baseline)
    if len(shape) == len(x.shape) and shape[0] > 1 and x.shape[0] is None:
        raise ValueError(
            "`baseline` must be one for all images, in batches of any number of them. "
            f"Received: a baseline of the shape {shape}, for images {tuple(x.shape)}. Explain the images one by one, "
            "each with `baseline=baseline[i]`."
        )
    return spatial_first(baseline_of(x, baseline), axes, leading=1)


def with_images(
    model: keras.Model, inputs: Inputs, images: Tensor, image_input: int | str | None, spatial_axis: SpatialAxis
) -> Inputs:
    """Put images in the place of the model's image, in its own layout, and repeat its other inputs.

    Args:
        model: The model.
        inputs: Its inputs, with the image.
        images: Images `(S, B, ...)`, `S` for each of them, in the layout of `image_of`.
        image_input: See `image_of`.
        spatial_axis: See `image_of`.

    Returns:
        Inputs `(S * B, ...)`.
    """
    size, flat = ops.shape(images)[0], keras.tree.flatten(inputs)
    position, x, axes = _found(model, inputs, image_input, spatial_axis)
    rank = len(x.shape)
    spatial = [axis % rank for axis in axes]
    others = [axis for axis in range(1, rank) if axis not in spatial]
    shape = ops.shape(x)
    images = ops.reshape(images, (-1, *(shape[axis] for axis in (*spatial, *others))))
    order = [0, *spatial, *others]
    flat = [ops.tile(each, (size, *[1] * (len(each.shape) - 1))) for each in flat]
    flat[position] = ops.transpose(images, [order.index(axis) for axis in range(rank)])
    return keras.tree.pack_sequence_as(inputs, flat)


def _found(
    model: keras.Model, inputs: Inputs, image_input: int | str | None, spatial_axis: SpatialAxis
) -> tuple[int, Tensor, tuple[int, ...]]:
    """Return the position of the image, the image in its own layout, and its spatial axes."""
    position = image_position(model, inputs, image_input)
    x = as_float(keras.tree.flatten(inputs)[position])
    return position, x, axes_of_image(model, inputs, position, spatial_axis)
