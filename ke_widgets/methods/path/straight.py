"""The straight way from one or several baselines to the image, and what gradients on it add up to."""

import numbers as numeric
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.evaluations import plain, scores
from ke_widgets.engine.images import baseline_image, image_of, with_images
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.inputs import fitted
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


class Way(NamedTuple):
    """Points between baselines and the image.

    Attributes:
        inputs: The model's inputs.
        image: The image among them, `(B, H, W, C)`.
        starts: The baselines, `(N, B, H, W, C)`.
        which: The baseline of each point, `(S,)`.
        shares: Where it lies: 0 at the baseline, 1 at the image, `(S,)`.
        weights: Its weight; their sum is 1, `(S,)`.
    """

    inputs: Inputs
    image: Tensor
    starts: Tensor
    which: Tensor
    shares: Tensor
    weights: Tensor


def begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    baselines: Sequence[Any],
    points: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
    **_others: Any,
) -> tuple[Tensor, Way, None]:
    """Begin with the logits, and a way through `points`: `which`, `shares` and `weights`; see `Evaluations.begin`."""
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    logits, inputs, _ = plain(model, inputs, indices, **axes)
    image = image_of(model, inputs, image_input, spatial_axis)
    starts = ops.stack([baseline_image(model, inputs, each, image_input, spatial_axis) for each in baselines])
    which, shares, weights = points
    shares, weights = (ops.convert_to_tensor(x, image.dtype) for x in (shares, weights))
    return logits, Way(inputs, image, starts, ops.convert_to_tensor(which, "int32"), shares, weights), None


def count(way: Way) -> int:
    """Return the number of points."""
    return way.shares.shape[0]


def draw(
    model: keras.Model, way: Way, numbers: Tensor, *, spatial_axis: SpatialAxis, image_input: int | str | None
) -> Inputs:
    """Return the inputs with the images at the points `numbers`; see `Evaluations.draw`."""
    start, share = ops.take(way.starts, ops.take(way.which, numbers), axis=0), ops.take(way.shares, numbers)
    images = start + ops.einsum("s,sb...->sb...", share, way.image - start)
    return with_images(model, way.inputs, images, image_input, spatial_axis)


def add(way: Way, sums: Tensor | None, gradients: Tensor, numbers: Tensor, counts: Tensor) -> Tensor:
    """Add the gradients `(S, B, U, H, W, C)` at the points, times the whole way; see `Evaluations.add`."""
    weights = ops.take(way.weights, numbers) * ops.cast(counts, way.weights.dtype)
    whole = way.image - ops.take(way.starts, ops.take(way.which, numbers), axis=0)
    whole = ops.cast(ops.einsum("s,sb...->sb...", weights, whole), gradients.dtype)
    found = ops.einsum("sb...c,sbu...c->b...u", whole, gradients)
    return found if sums is None else sums + found


def end(way: Way, sums: Tensor, done: int) -> Tensor:
    """Return maps `(B, H, W, U)`: of all points, or as if those that are done were all; see `Evaluations.end`."""
    weight = ops.sum(ops.where(ops.arange(count(way), dtype="int32") < done, way.weights, 0))
    return sums / ops.cast(weight, sums.dtype)


def several(baseline: Any, channels: int | None = None) -> tuple[Any, ...]:
    """Return the baselines that a parameter names: those of a list or tuple, or one.

    Args:
        baseline: See `ke_widgets.engine.baselines.baseline_of`, or a list or tuple of several.
        channels: Number of the image's channels.

    Raises:
        ValueError: If it is empty, or numbers that may be one colour as well.
    """
    if not isinstance(baseline, list | tuple):
        return (baseline,)
    if not baseline:
        raise ValueError(f"`baseline` must name at least one baseline. Received: baseline={baseline!r}.")
    if len(baseline) == channels and all(isinstance(each, numeric.Number) for each in baseline):
        raise ValueError(
            f"`baseline` must be an array for one colour, or a list of names or arrays for several baselines: "
            f"{len(baseline)} numbers may be both. Received: baseline={short_repr(baseline)}. Write "
            f"`np.array({list(baseline)})` for the colour."
        )
    return tuple(baseline)


def channels_of(model: keras.Model, inputs: Inputs, image_input: int | str | None, axes: SpatialAxis) -> int | None:
    """Return the number of the image's channels."""
    return image_of(model, fitted(model, inputs), image_input, axes).shape[-1]


def mean_score(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = (-3, -2),
    *,
    baseline: Any = "zero",
    image_input: int | str | None = None,
) -> Tensor:
    """Return the mean score `(B, U)` of the baselines: what the sum of a map lacks to the logit of the image."""
    inputs = fitted(model, inputs)
    channels = channels_of(model, inputs, image_input, spatial_axis)
    found = []
    for each in several(baseline, channels):
        images = baseline_image(model, inputs, each, image_input, spatial_axis)[None]
        replaced = with_images(model, inputs, images, image_input, spatial_axis)
        found.append(scores(model, replaced, indices, indices_axis=indices_axis, indices_batch_dims=indices_batch_dims))
    return ops.mean(ops.stack(found), axis=0)


def at_shares(
    model: keras.Model,
    inputs: Inputs,
    shares: Tensor,
    *,
    baseline: Any = "zero",
    spatial_axis: SpatialAxis = (-3, -2),
    image_input: int | str | None = None,
) -> Inputs:
    """Return the inputs at shares of the way from the first baseline to the image; see `Spec.way`."""
    inputs = fitted(model, inputs)
    first, *_ = several(baseline, channels_of(model, inputs, image_input, spatial_axis))
    image = image_of(model, inputs, image_input, spatial_axis)
    start = baseline_image(model, inputs, first, image_input, spatial_axis)
    images = start + ops.einsum("s,b...->sb...", ops.cast(shares, image.dtype), image - start)
    return with_images(model, inputs, images, image_input, spatial_axis)
