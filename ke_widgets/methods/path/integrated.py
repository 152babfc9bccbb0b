"""Integrated gradients: the gradients at points on the straight way from a baseline to the image."""

from typing import Annotated, Any, Literal

import keras
import numpy as np

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations, image_gradients
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.path import straight
from ke_widgets.typing import Baseline, Inputs, SpatialAxis, Tensor


def _points(steps: int, rule: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where on the way the gradients are taken, 0 to 1, and their weights, whose sum is 1."""
    check_count("steps", steps)
    if rule == "midpoint":
        return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    if rule == "gauss-legendre":
        points, weights = np.polynomial.legendre.leggauss(steps)
        return (points + 1) / 2, weights / 2
    raise ValueError(f"`rule` must be 'midpoint' or 'gauss-legendre'. Received: rule={short_repr(rule)}.")


def _begin(
    model: keras.Model, inputs: Inputs, indices: Any, *, steps: int, rule: str, baseline: Any, **axes: Any
) -> Any:
    channels = straight.channels_of(model, inputs, axes["image_input"], axes["spatial_axis"])
    baselines = straight.several(baseline, channels)
    number, (shares, weights) = len(baselines), _points(steps, rule)
    which = np.tile(np.arange(number), steps)
    points = which, np.repeat(shares, number), np.repeat(weights / number, number)
    return straight.begin(model, inputs, indices, baselines, points, **axes)


@evaluated_by(
    Evaluations(
        count=straight.count,
        draw=straight.draw,
        asks=image_gradients,
        add=straight.add,
        begin=_begin,
        end=straight.end,
        differentiates=True,
        total=lambda image, signal, *, steps, baseline: steps * len(straight.several(baseline)),
    )
)
def integrated_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    steps: Annotated[int, Range(1, 512)] = 50,
    baseline: Baseline = "zero",
    rule: Literal["midpoint", "gauss-legendre"] = "midpoint",
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Integrated gradients: what each pixel adds to the unit's logit on the way from a baseline to the image.

    $$M_u(p) = \sum_c (x - x')_{p,c} \int_0^1 \frac{\partial y_u}{\partial x_{p,c}}\big(x' + t (x - x')\big) \, dt$$

    where `x` is the image, `x'` the baseline, and `y_u` the unit's logit.

    Args:
        steps: Number of gradients on the way.
        baseline: The image to start from: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, an array, or a
            list of several, whose maps are averaged.
        rule: Where the gradients are taken: at the middle of equal steps, or at the points of Gauss and Legendre.
        batch_size: Steps per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits: the sum of a map tends to the logit of the image
        less that of the baseline.

    Source:
        Axiomatic Attribution for Deep Networks, arXiv:1703.01365, eq. 1 and 3 (there, the right end of each step).
    """
    ...


METHODS = {
    integrated_gradients: Spec(
        "Integrated gradients",
        reads="inputs",
        source="arXiv:1703.01365, eq. 1",
        answers="What does each pixel add to the score, on the way from an empty image?",
        postprocessing=filters.absolute_normalize,
        signed=True,
        unit="logit",
        reference=straight.mean_score,
        way=straight.at_shares,
    )
}
