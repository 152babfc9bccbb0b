"""ShapleyCAM: class activation maps whose weights see the curvature of the score too."""

from typing import Any, Literal

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.curvature import signal_curvature
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec
from ke_widgets.methods.cams.combining import at_each_call, spatial_axes_of, weighted
from ke_widgets.targets import Units
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def shapleycam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    score: Literal["rest", "logit"] = "rest",
) -> tuple[Tensor, Tensor]:
    r"""ShapleyCAM: channels weighted by their share in the score, as a game between them would pay it out.

    $$M_u(i,j) = \sum_k \Big(\frac{1}{Z} \sum_{a,b} \big(g - \tfrac{1}{2} H A\big)_k(a,b)\Big) A_k(i,j)$$

    where `A` is the signal with `Z` positions, and `g` and `H` are gradient and Hessian of the score with respect to
    it: Grad-CAM, corrected by a second-order estimate of the Shapley value.

    Args:
        score: `"rest"`, the unit's logit plus the logarithm of its softmax, as in the paper; or `"logit"`, whose `H` is
            0 in networks of ReLUs, so that the map is that of `gradcam`. The score of a target other than `Units`, and
            of a single unit, is always taken as it is.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed: positive where the signal supports the unit. Their scale has
        no meaning.

    Raises:
        ValueError: If `score` is invalid, or the layers after the signal have no second derivative.

    Source:
        CAMs as Shapley Value-based Explainers, arXiv:2501.06261.
    """
    if score not in ("rest", "logit"):
        raise ValueError(f"`score` must be 'rest' or 'logit'. Received: score={short_repr(score)}.")
    target = getattr(model, "target", None)
    objective = _rest if score == "rest" and (target is None or type(target) is Units) else None
    axes = indices, indices_axis, indices_batch_dims, spatial_axis
    logits, signal, gradients, curved = signal_curvature(model, inputs, *axes, objective=objective)
    if isinstance(signal, list):
        return logits, _shapleycam(signal, [g - h / 2 for g, h in zip(gradients, curved)])
    return logits, _shapleycam(signal, gradients - curved / 2)


def _rest(outputs: Any, units: Tensor) -> Tensor:
    """Add the logarithm of the softmax to each unit's logit."""
    # From the first unit: a log-sum-exp stops a gradient, which is refused where it might be wrong.
    total = outputs[:, :1] - ops.log_softmax(outputs, axis=-1)[:, :1] if outputs.shape[-1] != 1 else outputs
    return 2 * units - total


@at_each_call
def _shapleycam(signal: Tensor, slopes: Tensor) -> Tensor:
    return weighted(signal, ops.mean(slopes, axis=spatial_axes_of(slopes)))


METHODS = {
    shapleycam: Spec(
        "ShapleyCAM",
        source="arXiv:2501.06261",
        answers="Where do the channels respond to which a fair division of the score gives most?",
        postprocessing=filters.positive_normalize,
    )
}
