"""Gradients of a unit with respect to the pixels."""

from typing import Literal

from keras import ops

from ke_widgets import filters
from ke_widgets.engine.gradient import jacobian
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec

_OVER_CHANNELS = {"max": ops.max, "mean": ops.mean}


def gradients(
    model,
    inputs,
    indices=None,
    indices_axis=KERNEL_AXIS,
    indices_batch_dims=-1,
    spatial_axis=SPATIAL_AXIS,
    *,
    channels: Literal["max", "mean"] = "max",
):
    r"""Saliency: how strongly each pixel moves the unit's logit.

    $$M_u(p) = \max_c \Big| \frac{\partial y_u}{\partial x_{p,c}} \Big|$$

    where `x` is the image, `c` its colour channel, and `y_u` the unit's logit.

    Args:
        channels: How the colour channels of a pixel become one number: `"max"`, as in the paper, or `"mean"`, as in
            the library that the seed documents describe. See `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, in logits per unit of input.

    Raises:
        ValueError: If `channels` is neither.

    Source:
        Deep Inside Convolutional Networks, arXiv:1312.6034, sec. 3.1.
    """
    if channels not in _OVER_CHANNELS:
        raise ValueError(f"`channels` must be 'max' or 'mean'. Received: channels={channels!r}.")
    logits, (grads, *_) = jacobian(model, inputs, indices, indices_axis, indices_batch_dims)
    return logits, ops.moveaxis(_OVER_CHANNELS[channels](ops.abs(grads), axis=-1), 1, -1)


METHODS = {gradients: Spec("Gradients", signals="none", postprocessing=filters.absolute_normalize)}
