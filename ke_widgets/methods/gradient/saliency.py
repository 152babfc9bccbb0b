"""Gradients of a unit's score with respect to the pixels."""

from typing import Literal

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.engine.images import image_of
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec
from ke_widgets.model.inputs import fitted
from ke_widgets.typing import Inputs, SpatialAxis, Tensor

_OVER_CHANNELS = {"max": ops.max, "mean": ops.mean}


def gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    channels: Literal["max", "mean"] = "max",
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Saliency: how strongly each pixel moves the unit's logit.

    $$M_u(p) = \max_c \Big| \frac{\partial y_u}{\partial x_{p,c}} \Big|$$

    where `x` is the image, `c` its colour channel, and `y_u` the unit's logit.

    Args:
        channels: How the colour channels of a pixel become one number: `"max"`, as in the paper, or `"mean"`, as in
            keras-explainable.
        image_input: Name or position of the input that is explained, in a model with several images. Other inputs are
            passed on unchanged. See `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, in logits per unit of input. For signals `(B, T, C)` and
        volumes they are `(B, T, U)` and `(B, D, H, W, U)`. Data `(B, H, W)` are grey images, and each number a pixel,
        if the model adds the channel axis or flattens both axes.

    Raises:
        ValueError: If `channels` is neither, or no input, or more than one, is the image.

    Source:
        Deep Inside Convolutional Networks, arXiv:1312.6034, sec. 3.1.
    """
    check_channels(channels)
    axes = (indices_axis, indices_batch_dims, spatial_axis)
    logits, grads = image_jacobian(model, inputs, indices, *axes, image_input)
    return logits, over_channels(grads, channels)


def over_channels(grads: Tensor, channels: str) -> Tensor:
    """Reduce the colour channels of gradients `(B, U, ..., C)` to maps `(B, ..., U)`; see `gradients`."""
    check_channels(channels)
    return ops.moveaxis(_OVER_CHANNELS[channels](ops.abs(grads), axis=-1), 1, -1)


def check_channels(channels: str) -> None:
    """Refuse an unknown way to reduce colour channels."""
    if channels not in _OVER_CHANNELS:
        raise ValueError(f"`channels` must be 'max' or 'mean'. Received: channels={short_repr(channels)}.")


def gradient_input(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Input x gradient: what each pixel adds to the unit's logit, if the model were linear around the image.

    $$M_u(p) = \sum_c x_{p,c} \, \frac{\partial y_u}{\partial x_{p,c}}$$

    where `x` is the image, `c` its colour channel, and `y_u` the unit's logit. A pixel of 0 has none, whatever 0 means
    in the model's preprocessing.

    Args:
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits. The sum of a map is the logit less the terms of all
        biases (`full_gradient_terms`): for a linear model without biases, the logit.

    Raises:
        ValueError: If no input, or more than one, is the image.

    Source:
        Not Just a Black Box, arXiv:1605.01713.
    """
    axes = (indices_axis, indices_batch_dims, spatial_axis)
    logits, grads = image_jacobian(model, inputs, indices, *axes, image_input)
    image = image_of(model, fitted(model, inputs), image_input, spatial_axis)
    return logits, ops.einsum("b...c,bu...c->b...u", ops.cast(image, grads.dtype), grads)


METHODS = {
    gradients: Spec(
        "Gradients",
        reads="inputs",
        source="arXiv:1312.6034, sec. 3.1",
        answers="Which pixels, changed a little, would move the score most?",
        postprocessing=filters.absolute_normalize,
        unit="logit per unit of input",
    ),
    gradient_input: Spec(
        "Input x gradient",
        reads="inputs",
        source="arXiv:1605.01713",
        answers="What does each pixel add to the score, by its value times its effect?",
        postprocessing=filters.absolute_normalize,
        signed=True,
        unit="logit",
    ),
}
