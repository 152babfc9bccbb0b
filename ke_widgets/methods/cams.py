"""Class activation maps: weighted sums of the channels of one spatial signal."""

import functools
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import resize
from ke_widgets.engine.forward import forward, spatial_forward, with_signal
from ke_widgets.engine.gradients import signal_jacobian
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS, find_layer_with, find_path, gather_units, logits_endpoint
from ke_widgets.methods import Evaluations, Spec, evaluated_by
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import as_float
from ke_widgets.model.inputs import axes_of_image, fitted, image_positions
from ke_widgets.model.units import scores_of
from ke_widgets.targets import Contrast, Units
from ke_widgets.typing import Combine, Inputs, SpatialAxis, Tensor


def cam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""CAM: channels weighted by the weights of the unit in the dense layer that follows the pooling.

    $$M_u(i,j) = \sum_k w_{k,u} A_k(i,j)$$

    where `A_k` is channel `k` of the signal, and `w` the kernel of the layer that gives the logits (dense, or a 1x1
    convolution). The signal must reach that layer through global pooling alone.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed. For global average pooling, the mean of a map is the logit
        less its bias.

    Raises:
        ValueError: If the kernel does not have one weight for each channel of the signal.

    Source:
        Learning Deep Features for Discriminative Localization, arXiv:1512.04150, eq. 2.
    """
    pair = _is_pair(model)
    logits, signal = spatial_forward(model, inputs, spatial_axis)
    signal = ops.stack(signal, axis=1) if isinstance(signal, list) else signal
    kernel = _head_kernel(model, signal.shape[-1])
    # A kernel has no batch axis: all of its axes but the last are channels.
    weights = kernel if indices is None else ops.take(kernel, indices, axis=-1)
    letters = "ku" if len(weights.shape) == 2 else "kbu"
    maps = ops.einsum(f"b...k,{letters}->b...u", signal, ops.cast(weights, signal.dtype))
    units = gather_units(logits, indices, indices_axis, indices_batch_dims)
    return (units[..., :1] - units[..., 1:], maps[..., :1] - maps[..., 1:]) if pair else (units, maps)


def _is_pair(model: keras.Model) -> bool:
    """Return whether the target is a contrast of two units; check that it is, or units, whose weights CAM reads."""
    target = getattr(model, "target", None)
    if target is not None and not isinstance(target, Units | Contrast):
        raise ValueError(
            f"The target of CAM must be Units or Contrast, whose weights it reads. Received: {target}. Use `gradcam`, "
            "which takes any target."
        )
    return isinstance(target, Contrast)


_RESHAPING = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)


def _head_kernel(model: keras.Model, channels: int) -> Tensor:
    """Return the kernel `(K, U)` of the layer whose output is the logits."""
    path, kernel = _kernel_at_the_end(model)
    shape = () if kernel is None else tuple(kernel.shape)
    if not _is_dense(shape) or shape[-2:-1] != (channels,):
        raise ValueError(
            "`model` must end in global pooling and one dense layer (or 1x1 convolution) for CAM, with one weight for "
            f"each of the {channels} channels of the signal. Received: logits from {path!r}, whose kernel has the "
            f"shape {shape}. Use `gradcam`, which takes any model."
        )
    return ops.reshape(kernel, shape[-2:])


def _kernel_at_the_end(model: keras.Model) -> tuple[str, Any]:
    """Return the path of the logits, and the kernel of the layer that makes them, or `None`."""
    if isinstance(model, Exposed):
        path, model = model.endpoints[0].path, model.model
    else:
        path = logits_endpoint(model, 0).path
    layer = find_path(model, path) if path else None
    if isinstance(layer, _RESHAPING) and len(getattr(model, "outputs", ())) == 1:
        # The scores of a 1x1 convolution are reshaped or averaged to the logits.
        layer = find_layer_with(model, properties=("kernel",))
    return path or model.name, getattr(layer, "kernel", None)


def _is_dense(shape: tuple[int, ...]) -> bool:
    """Return whether a kernel is that of a dense layer, or of a 1x1 convolution."""
    return len(shape) >= 2 and all(n == 1 for n in shape[:-2])


def _why_not_cam(view: Any) -> str | None:
    """Return why CAM cannot explain a view, as far as its head tells; see `Spec.applies`."""
    target = getattr(view, "target", None)
    if target is not None and not isinstance(target, Units | Contrast):
        return f"CAM reads the weights of units, and {target} is none."
    path, kernel = _kernel_at_the_end(view)
    if kernel is not None and _is_dense(tuple(kernel.shape)):
        return None
    return f"CAM needs one dense layer, or 1x1 convolution, after global pooling, and {path!r} has no such kernel."


def at_each_call(combine: Combine) -> Combine:
    """Return a `Spec.combine` that takes the signals of all calls of a layer too, such as all frames of a video.

    Args:
        combine: A function of signal and gradients at one call.

    Returns:
        A function that returns the maps of a list of signals stacked on axis 1, `(B, T, H', W', U)`. The maps of each
        call do not depend on the others.
    """

    @functools.wraps(combine)
    def each(signal: Tensor, gradients: Tensor) -> Tensor:
        if not isinstance(signal, list):
            return combine(signal, gradients)
        return ops.stack([combine(*pair) for pair in zip(signal, gradients)], axis=1)

    return each


def gradcam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""Grad-CAM: channels weighted by the mean gradient of the unit with respect to them.

    $$M_u(i,j) = \sum_k \Big(\frac{1}{Z} \sum_{a,b} \frac{\partial y_u}{\partial A_k(a,b)}\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal, `Z` its number of positions, and `y_u` the unit's logit.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed: positive where the signal supports the unit. The paper's
        ReLU is the filter `positive`. For a model that is global average pooling and one dense layer, a map sums to
        the logit less its bias.

    Source:
        Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, arXiv:1610.02391, eq. 1-2.

    Examples:
        >>> ones = {"use_bias": False, "kernel_initializer": "ones"}
        >>> model = keras.Sequential([
        ...     keras.Input((2, 2, 1)),
        ...     keras.layers.Conv2D(1, 1, **ones),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(1, **ones),
        ... ])
        >>> image = np.array([[0.0, 4.0], [8.0, -4.0]]).reshape(1, 2, 2, 1)
        >>> logits, maps = gradcam(ke.inspection.expose(model), image)
        >>> np.asarray(logits).ravel(), np.asarray(maps).ravel()
        (array([2.], dtype=float32), array([ 0.,  1.,  2., -1.], dtype=float32))
    """
    return _at_one_layer(_gradcam, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _gradcam(signal: Tensor, gradients: Tensor) -> Tensor:
    return _weighted(signal, ops.mean(gradients, axis=_spatial_axes(gradients)))


def gradcampp(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""Grad-CAM++: channels weighted by their positive gradients, each position by its share in the channel.

    $$M_u(i,j) = \sum_k \Big(\sum_{a,b} \alpha_k(a,b) \max(g_k(a,b), 0)\Big) A_k(i,j), \qquad
    \alpha_k(a,b) = \frac{g_k^2(a,b)}{2 g_k^2(a,b) + g_k^3(a,b) \sum_{m,n} A_k(m,n)}$$

    where `A_k` is channel `k` of the signal and `g_k` the gradient of the unit's logit with respect to it. The paper
    differentiates `exp(y_u)`, which multiplies all weights of a unit by the same positive number; it may overflow
    and is left out. Divided by `g^2`, alpha needs no small constant against 0 / 0.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, at least 0 where the signal is. Their scale has no meaning.

    Source:
        Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks, arXiv:1710.11063, eq. 10 and 19.
    """
    return _at_one_layer(_gradcampp, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _gradcampp(signal: Tensor, gradients: Tensor) -> Tensor:
    totals = ops.expand_dims(ops.sum(signal, axis=tuple(range(1, len(signal.shape) - 1)), keepdims=True), 1)
    below = 2 + totals * gradients
    positive = ops.maximum(gradients, 0)
    # For negative signals alpha has a pole; the weight there is set to 0.
    weights = ops.sum(
        ops.where(below == 0, 0, positive / ops.where(below == 0, 1, below)), axis=_spatial_axes(gradients)
    )
    return _weighted(signal, weights)


def layercam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""LayerCAM: each cell of each channel weighted by its own positive gradient, sharp in early layers too.

    $$M_u(i,j) = \sum_k \max\Big(\frac{\partial y_u}{\partial A_k(i,j)}, 0\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal and `y_u` the unit's logit. The authors scale maps of early layers by tanh
    before they fuse those of several; a single map is left as it is.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)` in logits, at least 0 where the signal is.

    Source:
        LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE TIP 2021,
        doi:10.1109/TIP.2021.3089943, eq. 4.
    """
    return _at_one_layer(_layercam, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _layercam(signal: Tensor, gradients: Tensor) -> Tensor:
    return ops.einsum("b...k,bu...k->b...u", signal, ops.maximum(gradients, 0))


def _weighted(signal: Tensor, weights: Tensor) -> Tensor:
    """Sum the channels of a signal `(B, ..., K)` by weights `(B, U, K)`: `(B, ..., U)`.

    (The einsum "b...k,buk->b...u" is slower: all layers of MobileNetV2 took 3.34 forward passes with it, 2.91 without,
    measured in turn in one process; at one layer the difference is noise.)
    """
    flat = ops.reshape(signal, (ops.shape(signal)[0], -1, signal.shape[-1]))
    maps = ops.matmul(flat, ops.swapaxes(weights, 1, 2))
    return ops.reshape(maps, (*ops.shape(signal)[:-1], ops.shape(weights)[1]))


def _at_one_layer(combine: Combine, model: keras.Model, inputs: Inputs, *axes: Any) -> tuple[Tensor, Tensor]:
    logits, (signal, *_), (gradients, *_) = signal_jacobian(model, inputs, *axes)
    return logits, combine(signal, gradients)


def _spatial_axes(gradients: Tensor) -> tuple[int, ...]:
    """Return the spatial axes of gradients `(B, U, ..., K)`."""
    return tuple(range(2, len(gradients.shape) - 1))


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
    scores = ops.zeros((_channels(signal), *ops.shape(units)), dtype=units.dtype) + unscored
    return units, (inputs, empty, signal), scores


def _channels(signal: Tensor) -> int:
    """Count the channels of a signal, or of the signals of all frames together."""
    return sum(x.shape[-1] for x in keras.tree.flatten(signal))


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
    _, _, signal = state
    if not isinstance(signal, tuple):
        return _by_scores(signal, scores, weights)
    by_frame = ops.split(scores, np.cumsum([x.shape[-1] for x in signal])[:-1].tolist(), axis=0)
    return ops.stack([_by_scores(x, each, weights) for x, each in zip(signal, by_frame)], axis=1)


def _by_scores(signal: Tensor, scores: Tensor, weights: str) -> Tensor:
    if weights == "channels":
        scores = ops.where(ops.isfinite(scores), ops.softmax(scores, axis=0), 0)
    return ops.einsum("b...k,kbu->b...u", signal, scores)


@evaluated_by(
    Evaluations(
        count=lambda state: _channels(state[2]),
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
    cam: Spec(
        "CAM",
        source="arXiv:1512.04150, eq. 2",
        answers="Where at the last layer does the class score come from?",
        applies=_why_not_cam,
        postprocessing=filters.positive_normalize,
        unit="logit",
    ),
    gradcam: Spec(
        "Grad-CAM",
        source="arXiv:1610.02391, eq. 1-2",
        answers="Where do the channels that raise the class score respond?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_gradcam,
    ),
    gradcampp: Spec(
        "Grad-CAM++",
        source="arXiv:1710.11063, eq. 10 and 19",
        answers="The same for several objects of a class: where do they lie?",
        postprocessing=filters.positive_normalize,
        combine=_gradcampp,
    ),
    layercam: Spec(
        "LayerCAM",
        source="doi:10.1109/TIP.2021.3089943, eq. 4",
        answers="Which cells of this layer raise the class score, each by itself?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_layercam,
    ),
    scorecam: Spec(
        "Score-CAM",
        source="arXiv:1910.01279, alg. 1",
        answers="Where do the channels respond whose part of the image alone keeps the score high?",
        postprocessing=filters.positive_normalize,
    ),
}
