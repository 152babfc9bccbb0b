"""Score-CAM: channels weighted by the score of the image that they mask."""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import resize
from ke_widgets.engine.forward import forward, spatial_forward, with_signal
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS, find_path
from ke_widgets.methods import Evaluations, Spec, evaluated_by
from ke_widgets.methods.cams.combining import channels_of, each_frame
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import as_float
from ke_widgets.model.inputs import axes_of_image, fitted, image_positions
from ke_widgets.model.units import scores_of
from ke_widgets.targets import Units
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _begin_scorecam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    weights: str,
    baseline: bool,
) -> tuple[Tensor, Any, Tensor]:
    if weights not in ("channels", "classes", "logits"):
        raise ValueError(
            f"`weights` must be 'channels', 'classes' or 'logits'. Received: weights={short_repr(weights)}."
        )
    model = with_signal(model)
    inputs = fitted(model, inputs)
    logits, signal = spatial_forward(model, inputs, spatial_axis)
    masked_axes = _axes_under(model, inputs, signal, spatial_axis)
    flat = [as_float(x) if axes else x for x, axes in zip(keras.tree.flatten(inputs), masked_axes)]
    inputs = keras.tree.pack_sequence_as(inputs, flat)
    if weights == "classes" and not isinstance(getattr(model, "target", None) or Units(), Units):
        raise ValueError(
            "`weights` must be 'channels' or 'logits' for a target that is no unit: there is no softmax over it. "
            "Received: weights='classes'."
        )
    if weights == "classes" and logits.shape[indices_axis] == 1:
        raise ValueError(
            "`weights` must be 'channels' or 'logits' for a model with one unit: a softmax over it is always 1. "
            "Received: weights='classes'."
        )
    units = scores_of(model, logits, indices, indices_axis, indices_batch_dims)
    empty = ops.zeros_like(units)
    if baseline and weights != "channels":
        blank = forward(model, keras.tree.map_structure(ops.zeros_like, inputs))[0]
        empty = scores_of(model, _scores(blank, weights, indices_axis), indices, indices_axis, indices_batch_dims)
    # Channels without a score yet have weight 0.
    unscored = -float("inf") if weights == "channels" else 0.0
    signal = tuple(signal) if isinstance(signal, list) else signal
    scores = ops.zeros((channels_of(signal), *ops.shape(units)), dtype=units.dtype) + unscored
    return units, (inputs, empty, signal), scores


def _draw_masked(model: keras.Model, state: Any, numbers: Tensor, *, spatial_axis: SpatialAxis) -> Inputs:
    inputs, _, signal = state
    model = with_signal(model)
    channels = ops.take(ops.concatenate(signal, axis=-1) if isinstance(signal, tuple) else signal, numbers, axis=-1)
    frames = ops.take(_frames(model, signal), numbers)
    masked_axes = _axes_under(model, inputs, signal, spatial_axis)
    masked = [_masked(x, channels, axes, frames) for x, axes in zip(keras.tree.flatten(inputs), masked_axes)]
    return keras.tree.pack_sequence_as(inputs, masked)


def _masked_scores(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    weights: str,
) -> Tensor:
    model = with_signal(model)
    logits, _ = forward(model, inputs)
    return scores_of(model, _scores(logits, weights, indices_axis), indices, indices_axis, indices_batch_dims)


def _add_scores(state: Any, scores: Tensor, found: Tensor, numbers: Tensor, counts: Tensor) -> Tensor:
    _, empty, _ = state
    return ops.scatter_update(scores, ops.expand_dims(numbers, -1), found - empty)


def _scores(logits: Tensor, weights: str, axis: int) -> Tensor:
    return ops.softmax(logits, axis=axis) if weights == "classes" else logits


def _axes_under(model: keras.Model, inputs: Inputs, signal: Tensor, spatial_axis: SpatialAxis) -> list[tuple[int, ...]]:
    """Return the axes of each flat input to mask by the signal `(B, H', W', K)`; `()` for inputs that stay as they are.

    An input is masked if it has as many spatial axes as the signal, or one more: a video, of which the signal shows
    one frame.
    """
    number = len(keras.tree.flatten(signal)[0].shape) - 2
    flat, found = keras.tree.flatten(inputs), []
    for position, x in enumerate(flat):
        is_image = position in image_positions(inputs)
        axes = axes_of_image(model, inputs, position, spatial_axis) if is_image else ()
        same = len(axes) == number and len(x.shape) <= number + 2
        found.append(axes if same or (len(axes) == number + 1 and _is_frame(model)) else ())
    if not any(found):
        raise ValueError(
            f"An input must have the spatial axes of the signal, to be masked by Score-CAM. Received: a signal with "
            f"{number} spatial axes, and inputs of the shapes {[tuple(x.shape) for x in flat]}. Choose a layer with "
            "the spatial axes of the input, or `gradcam`, which masks nothing."
        )
    return found


def _is_frame(model: keras.Model) -> bool:
    """Return whether the exposed layer runs once for each frame of a video."""
    if not isinstance(model, Exposed) or len(model.endpoints) < 2:
        return False
    parts = model.endpoints[1].path.split("/")
    around = [find_path(model.model, "/".join(parts[:depth])) for depth in range(1, len(parts))]
    return any(isinstance(layer, keras.layers.TimeDistributed) for layer in around)


def _frames(model: keras.Model, signal: Tensor) -> np.ndarray:
    """Return the number of the frame that each channel shows; the last one counts from the end."""
    if isinstance(signal, tuple):
        return np.repeat(np.arange(len(signal), dtype="int32"), [x.shape[-1] for x in signal])
    node = model.endpoints[1].node if _is_frame(model) else -1
    return np.full(signal.shape[-1], -1 if node == "last" else node, "int32")


def _masked(x: Tensor, channels: Tensor, axes: tuple[int, ...], frames: Tensor) -> Tensor:
    """Return an input `(B, H, W, C)` masked by each channel `(B, H', W', K)`: `(K * B, H, W, C)`.

    Args:
        x: The input.
        channels: The channels.
        axes: Its axes to mask; `()` leaves it as it is, one more than the channels have masks a single frame.
        frames: Which frame each channel shows, `(K,)`.
    """
    if not axes:
        return ops.tile(x, (channels.shape[-1], *[1] * (len(x.shape) - 1)))
    number = len(channels.shape) - 2
    masks = resize(channels, [ops.shape(x)[axis] for axis in axes[-number:]])
    # (K, B, H, W), then one axis for each of the input's: its channels, and the frames.
    masks = ops.moveaxis(filters.normalize(ops.cast(masks, x.dtype)), -1, 0)
    masks = ops.expand_dims(masks, -1) if len(x.shape) == len(axes) + 2 else masks
    if len(axes) > number:
        count = ops.shape(x)[axes[0]]
        shown = ops.cast(ops.equal(ops.arange(count, dtype="int32"), ops.mod(frames, count)[:, None]), x.dtype)
        shown = ops.reshape(shown, (channels.shape[-1], 1, count, *[1] * (len(x.shape) - 2)))
        masks = 1 - shown * (1 - ops.expand_dims(masks, 2))
    elif len(x.shape) == len(axes) + 2:
        masks = ops.moveaxis(masks, tuple(range(-1 - number, -1)), axes)
    return ops.reshape(x * masks, (-1, *ops.shape(x)[1:]))


def _end_scorecam(state: Any, scores: Tensor, done: int, *, weights: str) -> Tensor:
    def of_frame(signal: Tensor, scores: Tensor) -> Tensor:
        if weights == "channels":
            scores = ops.where(ops.isfinite(scores), ops.softmax(scores, axis=0), 0)
        return ops.einsum("b...k,kbu->b...u", signal, scores)

    return each_frame(of_frame, state[2], scores)


@evaluated_by(
    Evaluations(
        count=lambda state: channels_of(state[2]),
        draw=_draw_masked,
        asks=_masked_scores,
        add=_add_scores,
        begin=_begin_scorecam,
        end=_end_scorecam,
        total=lambda image, signal: signal[-1],
    )
)
def scorecam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    weights: Literal["channels", "classes", "logits"] = "channels",
    baseline: bool = False,
    batch_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Score-CAM: channels weighted by the unit's score on the image masked by the channel.

    $$M_u(i,j) = \sum_k w_{k,u} A_k(i,j), \qquad
    w_{\cdot,u} = \mathrm{softmax}_k \big(y_u(x \odot H_k) - y_u(x_0)\big)$$

    where `H_k` is channel `k` of the signal, resized to the image and then scaled to [0, 1] (a constant channel gives
    0), `y_u` the unit's logit, and `x_0` the image of zeros, which cancels in the softmax. Signals and volumes are
    masked like images. Of several inputs, all with the signal's spatial axes are masked alike; of a video, only the
    frame that the signal shows.

    Args:
        weights: How scores become weights: `"channels"`, their softmax over the channels, as in the paper;
            `"classes"`, the unit's probability, as in the authors' code; `"logits"`, the scores themselves.
        baseline: Whether to subtract the score of the image of zeros, where it does not cancel.
        batch_size: Channels per forward pass, for each image; `None` takes the fastest on this device. It does not
            change the maps. See `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, at least 0 where the signal is. With `"channels"`, weighted means
        of the channels.

    Raises:
        ValueError: If `weights` or `batch_size` is invalid, `"classes"` is used with a single unit, or no input has the
            signal's spatial axes.

    Source:
        Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks, arXiv:1910.01279, alg. 1.
    """
    ...


METHODS = {
    scorecam: Spec(
        "Score-CAM",
        source="arXiv:1910.01279, alg. 1",
        answers="Where do the channels respond whose part of the image alone keeps the score high?",
        postprocessing=filters.positive_normalize,
    ),
}
