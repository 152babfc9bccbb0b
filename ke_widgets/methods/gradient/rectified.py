"""Gradients whose way back through the ReLUs is another one: guided backpropagation, the deconvnet, Guided Grad-CAM."""

from typing import Any, Literal

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import Rule, rectified, resize
from ke_widgets.engine.forward import with_signal
from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient.saliency import check_channels, over_channels
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.rectifiers import may_hold_rectifier
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _guided(grad: Tensor, back: Any) -> Tensor:
    return back(ops.maximum(grad, 0))


def _deconvolved(grad: Tensor, back: Any) -> Tensor:
    return ops.maximum(grad, 0)


def _maps(
    rule: Rule,
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    axes: tuple[int, int, SpatialAxis],
    channels: str,
    image_input: int | str | None,
) -> tuple[Tensor, Tensor]:
    check_channels(channels)
    with rectified(rule) as found:
        logits, grads = image_jacobian(model, inputs, indices, *axes, image_input)
    if not found.met:
        raise ValueError(
            "`model` must have a ReLU between the image and the score. "
            f"Received: {model.name!r}, which has none. Use `gradients`, which would give the same."
        )
    return logits, over_channels(grads, channels)


def guided_backprop(
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
    r"""Guided backpropagation: the gradient at each pixel, without what any ReLU on the way passes back negatively.

    $$M_u(p) = \max_c |R_{p,c}|, \qquad R^{in} = [z > 0] \, \max(R^{out}, 0)$$

    where `R` is what each ReLU passes back instead of the gradient, `z` its input, and `R` at the score is 1. All ReLUs
    count, however they are written; a leaky one has its slope instead of `[z > 0]`, and one with a maximum 0 above it.
    Other activations, such as GELU, pass back their gradient.

    It fails the test of drawing weights anew (arXiv:1810.03292): it shows the image's edges rather than what the model
    learned. With the last dense layer of the demo model drawn anew, its ranks correlate by 0.90 with those before, and
    with the last block too by 0.78; those of Grad-CAM by 0.52 and 0.05 (`tests/benchmarks/randomized.py`).

    Args:
        channels: See `gradients`.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, in logits per unit of input. Where no gradient is negative
        they are those of `gradients`.

    Raises:
        ValueError: If there is no ReLU between the image and the score, or one in a compiled function without Python
            code; see `gradients` for others.

    Source:
        Striving for Simplicity: The All Convolutional Net, arXiv:1412.6806, sec. 3.4.
    """
    axes = (indices_axis, indices_batch_dims, spatial_axis)
    return _maps(_guided, model, inputs, indices, axes, channels, image_input)


def deconvnet(
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
    r"""Deconvnet: the unit's score projected back to the pixels, through ReLUs that look at what comes back alone.

    $$M_u(p) = \max_c |R_{p,c}|, \qquad R^{in} = \max(R^{out}, 0)$$

    where `R` is what each ReLU passes back instead of the gradient, and `R` at the score is 1. The input of the ReLU
    has no part in it, so neither has the slope of a leaky one, nor a maximum.

    Args:
        channels: See `gradients`.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, in logits per unit of input.

    Raises:
        ValueError: See `guided_backprop`.

    Source:
        Visualizing and Understanding Convolutional Networks, arXiv:1311.2901, sec. 2.1 (there, of a feature map).
    """
    axes = (indices_axis, indices_batch_dims, spatial_axis)
    return _maps(_deconvolved, model, inputs, indices, axes, channels, image_input)


def guided_gradcam(
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
    r"""Guided Grad-CAM: the fine lines of guided backpropagation, where Grad-CAM speaks for the unit.

    $$M_u = G_u \odot \operatorname{resize}\big(\max(L_u, 0)\big)$$

    where `G_u` is the map of `guided_backprop`, and `L_u` that of `gradcam`, resized to the image, bilinearly.

    Args:
        channels: See `gradients`.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)` at the size of the image, as the product requires; at least 0, without
        a unit.

    Raises:
        ValueError: See `guided_backprop` and `gradcam`.

    Source:
        Grad-CAM: Visual Explanations from Deep Networks, arXiv:1610.02391, sec. 3.2.
    """
    model = with_signal(model)
    axes = (indices_axis, indices_batch_dims, spatial_axis)
    logits, coarse = gradcam(model, inputs, indices, *axes)
    _, fine = _maps(_guided, model, inputs, indices, axes, channels, image_input)
    if len(coarse.shape) != len(fine.shape):
        raise ValueError(
            "The signal must lie over the image, to be multiplied by its gradient. "
            f"Received: maps of the shape {tuple(coarse.shape)} for an image of {tuple(fine.shape)}."
        )
    return logits, fine * ops.cast(resize(ops.maximum(coarse, 0), ops.shape(fine)[1:-1]), fine.dtype)


def _why_not(view: Any) -> str | None:
    """Return why no ReLU of a view can be guided, as far as its layers tell; see `Spec.applies`."""
    model = view.model if isinstance(view, Exposed) else view
    if may_hold_rectifier(model):
        return None
    return f"It changes the gradients of ReLUs, and {model.name!r} has none."


METHODS = {
    guided_backprop: Spec(
        "Guided backpropagation",
        reads="inputs",
        source="arXiv:1412.6806, sec. 3.4",
        answers="Which edges and textures of the image excite what excites the score?",
        postprocessing=filters.absolute_normalize,
        unit="logit per unit of input",
        applies=_why_not,
    ),
    deconvnet: Spec(
        "Deconvnet",
        reads="inputs",
        source="arXiv:1311.2901, sec. 2.1",
        answers="Which pattern in the pixels does the score project back to?",
        postprocessing=filters.absolute_normalize,
        unit="logit per unit of input",
        applies=_why_not,
    ),
    guided_gradcam: Spec(
        "Guided Grad-CAM",
        source="arXiv:1610.02391, sec. 3.2",
        answers="Which fine lines lie where this layer speaks for the class?",
        postprocessing=filters.absolute_normalize,
        applies=_why_not,
    ),
}
