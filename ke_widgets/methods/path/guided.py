"""Guided integrated gradients: a way to the image on which the pixels that matter least for now move first."""

import math
from typing import Annotated, Any

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations, image_gradients, plain
from ke_widgets.engine.images import baseline_image, image_of, with_images
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.path import straight
from ke_widgets.typing import Baseline, Inputs, SpatialAxis, Tensor


def _begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    steps: int,
    baseline: Any,
    fraction: float,
    distance: float,
    image_input: int | str | None,
) -> tuple[Tensor, Any, Any]:
    check_count("steps", steps)
    if not 0 < fraction <= 1 or not 0 <= distance <= 1:
        raise ValueError(
            "`fraction` must be above 0 and at most 1, and `distance` from 0 to 1. "
            f"Received: fraction={short_repr(fraction)}, distance={short_repr(distance)}."
        )
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    logits, inputs, _ = plain(model, inputs, indices, **axes)
    image = image_of(model, inputs, image_input, spatial_axis)
    start = baseline_image(model, inputs, baseline, image_input, spatial_axis)
    # Each unit has a way of its own: (U, B, H, W, C).
    units = ops.cast(ops.swapaxes(ops.zeros_like(logits), 0, 1), image.dtype)
    points = start[None] + _like(units, start[None])
    return logits, (inputs, image, start), (points, ops.zeros_like(points))


def _draw(
    model: keras.Model,
    state: Any,
    numbers: Tensor,
    *,
    sums: Any,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Inputs:
    return with_images(model, state[0], sums[0], image_input, spatial_axis)


def _own_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Tensor:
    """Return of inputs `(U * B, ...)` the gradient of the unit that each belongs to, `(U * B, H, W, C)`."""
    number = ops.shape(keras.tree.flatten(inputs)[0])[0]
    if indices is not None and len(indices.shape) > 1:
        times = number // ops.shape(indices)[0]
        indices = ops.tile(indices, (times, *[1] * (len(indices.shape) - 1)))
    gradients = image_gradients(
        model,
        inputs,
        indices,
        indices_axis=indices_axis,
        indices_batch_dims=indices_batch_dims,
        spatial_axis=spatial_axis,
        image_input=image_input,
    )
    units = ops.shape(gradients)[1]
    own = ops.repeat(ops.arange(units, dtype="int32"), number // units)
    own = ops.reshape(own, (-1, *[1] * (len(gradients.shape) - 1)))
    return ops.squeeze(ops.take_along_axis(gradients, own, axis=1), 1)


def _add(
    state: Any,
    sums: Any,
    gradients: Tensor,
    numbers: Tensor,
    counts: Tensor,
    *,
    steps: int,
    fraction: float,
    distance: float,
) -> Any:
    _, image, start = state
    points, maps = sums
    gradients = ops.cast(ops.reshape(gradients, ops.shape(points)), points.dtype)
    share = ops.cast(numbers[0] + 1, points.dtype) / steps
    moved = _moved(points, image, start, ops.abs(gradients), share, fraction, distance)
    return moved, maps + (moved - points) * gradients


def _moved(
    points: Tensor, image: Tensor, start: Tensor, strength: Tensor, share: Tensor, fraction: float, distance: float
) -> Tensor:
    """Move points `(U, B, H, W, C)` until their L1 distance from the image is the rest of the way, `1 - share` of it.

    The values with the weakest gradients move first, a `fraction` of all at a time, within `distance` of the line.
    """
    axes, whole = tuple(range(2, len(points.shape))), image - start
    nearest = start + ops.maximum(share - distance, 0) * whole
    farthest = start + ops.minimum(share + distance, 1) * whole
    points = ops.where(ops.abs(points - start) < ops.abs(nearest - start), nearest, points)
    lengths = ops.sum(ops.abs(whole)[None], axis=axes)
    left = ops.sum(ops.abs(points - image), axis=axes) - (1 - share) * lengths
    strength = ops.where(ops.equal(points, farthest), float("inf"), strength)
    ranked = ops.sort(ops.reshape(strength, (*ops.shape(points)[:2], -1)), axis=-1)
    last = ops.shape(ranked)[-1] - 1
    group = ops.cast(ops.floor(fraction * ops.cast(last, "float32")), "int32")

    def unfinished(points: Tensor, left: Tensor, before: Tensor, done: Tensor) -> Tensor:
        return ops.any(left > 0)

    def move(points: Tensor, left: Tensor, before: Tensor, done: Tensor) -> tuple[Tensor, ...]:
        """Move the next group, or as much of its way as is left; `before` is the strength of the last one."""
        limit = ops.take_along_axis(ranked, ops.minimum(done + group, last)[..., None], axis=-1)[..., 0]
        below = strength <= _like(limit, strength)
        chosen = below & (strength > _like(before, strength)) & ops.isfinite(strength)
        way = ops.where(chosen, farthest - points, 0)
        room = ops.sum(ops.abs(way), axis=axes)
        part = ops.where(room > 0, ops.clip(left / ops.where(room > 0, room, 1), 0, 1), 0)
        arrived = chosen & (_like(part, points) >= 1)
        points = ops.where(arrived, farthest, points + _like(part, points) * way)
        return points, left - part * room, limit, ops.sum(ops.cast(below, "int32"), axis=axes)

    before, done = ops.full_like(left, -1), ops.zeros_like(left, dtype="int32")
    most = math.ceil(1 / fraction) + 1
    return ops.while_loop(unfinished, move, (points, left, before, done), maximum_iterations=most)[0]


def _like(x: Tensor, whole: Tensor) -> Tensor:
    """Give `(U, B)` the axes of `(U, B, H, W, C)`."""
    return ops.reshape(x, (*ops.shape(x), *[1] * (len(whole.shape) - 2)))


@evaluated_by(
    Evaluations(
        count=lambda state, *, steps: steps,
        draw=_draw,
        asks=_own_gradients,
        add=_add,
        begin=_begin,
        end=lambda state, sums, done: ops.transpose(ops.sum(sums[1], axis=-1), _units_last(sums[1])),
        differentiates=True,
        sequential=True,
    )
)
def guided_integrated_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    steps: Annotated[int, Range(1, 512)] = 200,
    baseline: Baseline = "zero",
    fraction: Annotated[float, Range(0.01, 1)] = 0.25,
    distance: Annotated[float, Range(0, 1)] = 0.02,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Guided integrated gradients: what each pixel adds to the logit on a way that avoids steep, noisy regions.

    $$M_u(p) = \sum_c \int_0^1 \frac{\partial y_u}{\partial x_{p,c}}\big(\gamma(t)\big)
    \frac{\partial \gamma_{p,c}(t)}{\partial t} \, dt$$

    where the way `γ` from the baseline to the image moves, at each step, the values with the least absolute gradients
    first, so far that the L1 distance from the image falls evenly. Each unit has its own way, and each step needs the
    one before: `steps` passes, one after the other.

    Args:
        steps: Number of steps on the way.
        baseline: The image to start from: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number or an array.
        fraction: Share of all values that move at a time.
        distance: How far a value may be ahead of or behind the straight way, as a share of it; 0 is the straight way.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits: with many steps, the sum of a map tends to the logit
        of the image less that of the baseline.

    Raises:
        ValueError: If `fraction` or `distance` is out of range.

    Source:
        Guided Integrated Gradients: An Adaptive Path Method for Removing Noise, arXiv:2106.09788, sec. 4.
    """
    ...


def _units_last(maps: Tensor) -> tuple[int, ...]:
    """Return the axes of maps `(U, B, H, W, C)`, without channels, as `(B, H, W, U)`."""
    return (*range(1, len(maps.shape) - 1), 0)


METHODS = {
    guided_integrated_gradients: Spec(
        "Guided integrated gradients",
        reads="inputs",
        source="arXiv:2106.09788, sec. 4",
        answers="What does each pixel add to the score, on a way around noisy regions?",
        postprocessing=filters.absolute_normalize,
        signed=True,
        unit="logit",
        reference=straight.mean_score,
    )
}
