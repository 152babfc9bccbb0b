"""Ablation-CAM: channels weighted by how much the score falls without them."""

from typing import Any

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.evaluations import scores
from ke_widgets.engine.forward import on_grid, with_signal
from ke_widgets.engine.substitution import run_for_substitution, substituted
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Evaluations, Spec, evaluated_by
from ke_widgets.methods.cams.combining import channels_of, each_frame
from ke_widgets.model.grids import channel_axis
from ke_widgets.model.inputs import axes_of_signal, fitted, size_of_image
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
) -> tuple[Tensor, Any, Tensor]:
    model = with_signal(model)
    inputs = fitted(model, inputs)
    outputs, signal, number = run_for_substitution(model, inputs)
    units = scores_of(model, outputs, indices, indices_axis, indices_batch_dims)
    grid = on_grid(model, inputs, outputs, list(signal) if isinstance(signal, tuple) else signal, spatial_axis)
    grid = tuple(grid) if isinstance(grid, list) else grid
    # Channels that were not removed yet have weight 0.
    falls = ops.zeros((channels_of(grid), *ops.shape(units)), units.dtype)
    return units, (inputs, signal, number, grid, units), falls


def _without_channels(model: keras.Model, state: Any, numbers: Tensor, *, spatial_axis: SpatialAxis) -> Any:
    """Return inputs and signals `(S * B, ...)`, and what of each signal is kept where channel `numbers` is removed."""
    inputs, signal, number, *_ = state
    model, first, kept = with_signal(model), 0, []
    image = size_of_image(model, inputs, spatial_axis)
    for x in keras.tree.flatten(signal):
        rank = len(x.shape)
        axis = channel_axis(rank, image, axes_of_signal(model, rank, spatial_axis))
        others = ops.not_equal(ops.expand_dims(numbers - first, -1), ops.arange(x.shape[axis], dtype="int32"))
        others = ops.reshape(others, (numbers.shape[0], *(-1 if each == axis else 1 for each in range(1, rank))))
        kept.append(ops.repeat(others, ops.shape(x)[0], axis=0))
        first += x.shape[axis]

    def tiled(x: Tensor) -> Tensor:
        return ops.tile(x, (numbers.shape[0], *[1] * (len(x.shape) - 1)))

    return keras.tree.map_structure(tiled, inputs), keras.tree.map_structure(tiled, signal), kept, number


def _ask(
    model: keras.Model, ablated: Any, indices: Tensor | None, *, indices_axis: int, indices_batch_dims: int
) -> Tensor:
    inputs, signal, kept, number = ablated
    model = with_signal(model)

    def other(call: int, own: Tensor) -> Tensor:
        # Of several calls, one may depend on another. A single one need not run again, nor what comes before it.
        x, others = (own, kept[call]) if isinstance(signal, tuple) else (signal, kept[0])
        return ops.where(others, x, ops.zeros((), x.dtype))

    with substituted(model, other, number):
        return scores(model, inputs, indices, indices_axis=indices_axis, indices_batch_dims=indices_batch_dims)


def _add(state: Any, falls: Tensor, found: Tensor, numbers: Tensor, counts: Tensor) -> Tensor:
    return ops.scatter_update(falls, ops.expand_dims(numbers, -1), state[-1] - found)


def _end(state: Any, falls: Tensor, done: int, *, relative: bool) -> Tensor:
    *_, grid, units = state
    if relative:
        falls = ops.where(units == 0, 0, falls / ops.where(units == 0, 1, units))
    return each_frame(lambda signal, weights: ops.einsum("b...k,kbu->b...u", signal, weights), grid, falls)


@evaluated_by(
    Evaluations(
        count=lambda state: channels_of(state[3]),
        draw=_without_channels,
        asks=_ask,
        add=_add,
        begin=_begin,
        end=_end,
        total=lambda image, signal: signal[-1],
    )
)
def ablationcam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    relative: bool = False,
    batch_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Ablation-CAM: channels weighted by how much the unit's logit falls when the channel is set to 0.

    $$M_u(i,j) = \sum_k \big(y_u - y_u^{A_k = 0}\big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal and `y_u` the unit's logit. The channel is 0 at all positions of the layer,
    of tokens before the grid too. Only the layers after it run again, once for each channel.

    Args:
        relative: Whether to divide the fall by the logit, as in the paper and in pytorch-grad-cam. For a logit below 0
            that turns the map's sign, and for one near 0 it has no limit; a logit of 0 gives 0.
        batch_size: Channels per forward pass, for each image; `None` takes the fastest on this device. It does not
            change the maps. See `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed: positive where the signal supports the unit. Their scale has
        no meaning.

    Raises:
        ValueError: If `batch_size` is invalid, or the signal is not a layer's.

    Source:
        Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization, WACV 2020,
        doi:10.1109/WACV45572.2020.9093360, eq. 1-2.
    """
    ...


METHODS = {
    ablationcam: Spec(
        "Ablation-CAM",
        source="doi:10.1109/WACV45572.2020.9093360, eq. 1-2",
        answers="Where do the channels respond without which the class score falls?",
        postprocessing=filters.positive_normalize,
    )
}
