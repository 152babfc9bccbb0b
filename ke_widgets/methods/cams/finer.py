"""Finer-CAM: class activation maps of what tells a class from those that look alike."""

import functools
import math
from typing import Annotated, Any, Literal

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.gradients import signal_jacobian
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec
from ke_widgets.methods.cams.gradient_weighted import METHODS as BASES
from ke_widgets.methods.cams.head_weighted import kernel_at_the_end
from ke_widgets.model.units import gather_units
from ke_widgets.targets import Units
from ke_widgets.typing import Combine, Inputs, SpatialAxis, Tensor


def finercam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    classes: Annotated[int, Range(1, 20)] = 3,
    gamma: Annotated[float, Range(0, 2)] = 0.6,
    mean: Literal["equal", "softmax"] = "equal",
    base: Literal["gradcam", "gradcampp", "layercam", "hirescam", "xgradcam"] = "gradcam",
) -> tuple[Tensor, Tensor]:
    r"""Finer-CAM: what speaks for the unit and not for those whose scores are nearest to its own.

    $$M_u = \mathrm{CAM}\Big(y_u - \gamma \sum_{d \in D} w_d \, y_d\Big)$$

    where `y` are the logits, `D` the units whose logits are nearest to `y_u` for this image, and `w` their weights,
    which sum to 1. With one class and `gamma=1` it is the contrast of both (`ke.targets.Contrast`).

    Args:
        classes: Number of units to compare with; all others, if there are fewer.
        gamma: Strength of the comparison; with 0, the map is that of `base`. The authors take 0.6 for the mean of three
            classes, as torchcam does, and 1 for a single one; pytorch-grad-cam takes 1.
        mean: `"equal"` weights, as in the paper and in torchcam; or `"softmax"` of the compared logits, which are
            differentiated too, as in pytorch-grad-cam.
        base: The method that makes the map of the difference.

    Returns:
        Logits `(B, U)` of the units themselves, and maps `(B, H', W', U)`, signed: positive where the signal speaks for
        the unit rather than for the others; in logits, except for `"gradcampp"`.

    Raises:
        ValueError: If a parameter is invalid, the model has one unit, or its target is not `Units`.

    Source:
        Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation, arXiv:2501.11309, sec. 3.
    """
    check_count("classes", classes)
    _check(model, gamma, mean, base)

    def difference(outputs: Tensor, units: Tensor) -> Tensor:
        _check_several(outputs)
        every = ops.broadcast_to(ops.arange(ops.shape(outputs)[-1], dtype="int32"), ops.shape(outputs))
        numbers = gather_units(every, indices, indices_axis, indices_batch_dims)
        others = _nearest(outputs, units, numbers, classes)
        if mean == "softmax":
            return units - gamma * ops.sum(ops.softmax(others, axis=-1) * others, axis=-1)
        return units - gamma * ops.mean(others, axis=-1)

    axes = indices, indices_axis, indices_batch_dims, spatial_axis
    logits, (signal, *_), (gradients, *_) = signal_jacobian(model, inputs, *axes, objective=difference)
    return logits, _combinations()[base](signal, gradients)


def _nearest(outputs: Tensor, units: Tensor, numbers: Tensor, classes: int) -> Tensor:
    """Return the logits `(B, U, D)` that are nearest to those of units.

    Args:
        outputs: All logits, `(B, U_all)`.
        units: Logits of the units, `(B, U)`.
        numbers: Which of all logits they are, `(B, U)`.
        classes: The most to return.
    """
    total = outputs.shape[-1]
    every = ops.expand_dims(outputs, 1)
    distances = ops.abs(every - ops.expand_dims(units, -1))
    itself = ops.equal(ops.expand_dims(numbers, -1), ops.arange(ops.shape(outputs)[-1], dtype="int32"))
    # Another unit may have the same logit: only the unit itself is excluded.
    distances = ops.where(itself, math.inf, distances)
    _, nearest = ops.top_k(-distances, classes if total is None else min(classes, total - 1))
    return ops.take_along_axis(ops.broadcast_to(every, ops.shape(distances)), nearest, axis=-1)


@functools.cache
def _combinations() -> dict[str, Combine]:
    return {method.__name__: spec.combine for method, spec in BASES.items() if spec.combine is not None}


def _check(model: keras.Model, gamma: Any, mean: Any, base: Any) -> None:
    if not 0 <= gamma < math.inf:
        raise ValueError(f"`gamma` must be a number of at least 0. Received: gamma={short_repr(gamma)}.")
    if mean not in ("equal", "softmax"):
        raise ValueError(f"`mean` must be 'equal' or 'softmax'. Received: mean={short_repr(mean)}.")
    if base not in _combinations():
        raise ValueError(f"`base` must be one of {sorted(_combinations())}. Received: base={short_repr(base)}.")
    target = getattr(model, "target", None)
    if not _is_units(target):
        raise ValueError(
            f"The target of Finer-CAM must be Units, which it compares with one another. Received: {target}. Use "
            "`gradcam`, which takes any target."
        )


def _check_several(outputs: Tensor) -> None:
    if outputs.shape[-1] == 1:
        raise ValueError(
            "`model` must have at least two units for Finer-CAM, which compares them. Received: logits of the shape "
            f"{tuple(outputs.shape)}. Use `gradcam`, which takes any model."
        )


def _is_units(target: Any) -> bool:
    return target is None or type(target) is Units


def _why_not(view: Any) -> str | None:
    """Return why Finer-CAM cannot explain a view, as far as its head tells; see `Spec.applies`."""
    target = getattr(view, "target", None)
    if not _is_units(target):
        return f"Finer-CAM compares units with one another, and {target} is none."
    path, kernel = kernel_at_the_end(view)
    if kernel is not None and kernel.shape[-1] == 1:
        return f"Finer-CAM compares units with one another, and {path!r} has a single one."
    return None


METHODS = {
    finercam: Spec(
        "Finer-CAM",
        source="arXiv:2501.11309, sec. 3",
        answers="What speaks for this class and not for those with the nearest scores?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        applies=_why_not,
    )
}
