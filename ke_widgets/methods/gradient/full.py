"""Full-gradients: the contributions of the image and of all biases, as one map."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import resize
from ke_widgets.engine.decomposition import Term
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec
from ke_widgets.methods.gradient.terms import terms_of
from ke_widgets.model import layers as model_layers
from ke_widgets.model.grids import to_grid
from ke_widgets.model.inputs import usual_axes
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def full_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    biases: Sequence[Tensor | None] | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Full-gradients: where the unit's logit comes from, with the contributions of all biases.

    $$M_u = \sum_c \psi\Big(x \odot \frac{\partial y_u}{\partial x}\Big)_c
    + \sum_l \sum_k \psi\Big(b_l \odot \frac{\partial y_u}{\partial z_l}\Big)_k$$

    where `x` is the image, `b_l` the bias that layer `l` adds, and `z_l` its value right after that, before its
    activation; `psi` takes the absolute value, scales it to [0, 1] over all channels of the layer, and resizes it to
    the image, bilinearly. Biases without a position (dense layers) are in no map. See `full_gradient_terms` for the
    terms before `psi`, which are complete.

    Args:
        biases: As `ke.inspection.layers_with_biases` gives them, one for each exposed layer; `None` reads them from the
            layers. Needed for a manual `keras.Model(inputs, [logits, *signals])`, in which each signal is `z_l`. For
            an exposed model, `z_l` is found at every call of the layer, whatever its endpoint. A model without signals
            is taken with all of its biases. See `ke_widgets.methods` for the other
            arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)` at the size of the image, as the sum in the formula requires; at
        least 0, larger where more of the logit comes from, without a unit.

    Raises:
        ValueError: If `biases` do not fit the signals of the model, or a layer cannot be read.

    Source:
        Full-Gradient Representation for Neural Network Visualization, arXiv:1905.00780, eq. 6 and sec. 4.
    """
    logits, own, terms = terms_of(model, inputs, biases, indices, indices_axis, indices_batch_dims)
    spatial_axis = usual_axes(model, inputs, spatial_axis)
    number, axes, size = _plane(model, inputs, spatial_axis, terms.values())
    found = [_sums(term, size, axes) for term in (_with_channel(own[number], axes), *terms.values())]
    # Resizing is linear: maps of one size are summed first.
    maps = [resize(_psi(group), size) for group in _by_size(each for each in found if each is not None)]
    # The terms of an image have its precision, which may be lower than that of the weights.
    return logits, sum(ops.cast(each, logits.dtype) for each in maps)


def _plane(
    model: keras.Model, inputs: Inputs, spatial_axis: SpatialAxis, terms: Iterable[Term]
) -> tuple[int, tuple[int, ...], tuple[Any, ...]]:
    """Return the position of the input that the map covers, the spatial axes of all signals, and the map's size."""
    flat = keras.tree.flatten(inputs)
    found = [(number, _axes(len(x.shape), spatial_axis, model, terms)) for number, x in enumerate(flat)]
    fit = [(number, axes) for number, axes in found if axes]
    if len(fit) != 1:
        raise ValueError(
            "`inputs` must have one image (B, H, W, C), or one signal (B, T, C) or volume (B, D, H, W, C), whose "
            f"axes `spatial_axis` names. Received: spatial_axis={tuple(spatial_axis)}, and inputs of shape "
            f"{', '.join(str(tuple(x.shape)) for x in flat)}: {len(fit) or 'none'} of them fit. "
            "`full_gradient_terms` gives the terms of any model."
        )
    number, axes = fit[0]
    shape = ops.shape(flat[number])
    without_channels = len(shape) == len(axes) + 1
    return number, axes, tuple(shape[1:] if without_channels else (shape[axis] for axis in axes))


def _axes(rank: int, spatial_axis: SpatialAxis, model: keras.Model, terms: Iterable[Term]) -> tuple[int, ...]:
    """Return the spatial axes for an input of this rank, `()` if it has none."""
    axes = tuple(spatial_axis)
    if rank == len(axes) + 2:
        return axes
    if rank == len(axes) + 1 and rank > 2:  # Without channels.
        if axes == SPATIAL_AXIS and _is_sequence(model, terms):
            return (-2,)
        # They may be the axes of the image itself; the signals have channels.
        shifted = max(axes) == -1 and keras.config.image_data_format() == "channels_last"
        return tuple(axis - 1 for axis in axes) if shifted else axes
    return (-4, -3, -2) if axes == SPATIAL_AXIS and rank == 5 else ()


def _is_sequence(model: keras.Model, terms: Iterable[Term]) -> bool:
    """Return whether the model treats (B, T, C) as a signal over time, and not as a grey image."""
    ranks = {len(term.gradient.shape) - 2 for term in terms}
    inner = model_layers.operations(getattr(model, "model", model)).values()
    return 3 not in ranks and (2 in ranks or any(isinstance(x, _RECURRENT) for x in inner))


_RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)


def _with_channel(term: Term, axes: tuple[int, ...]) -> Term:
    """Add the channel axis to the term of a grey image (B, H, W)."""
    if len(term.gradient.shape) == len(axes) + 3:
        return term
    where = 2 if -1 in axes else -1
    gradient = ops.expand_dims(term.gradient, where)
    return term._replace(gradient=gradient, factor=lambda: ops.expand_dims(term.factor(), where))


def _to_spatial(x: Tensor, size: tuple[Any, ...], axes: tuple[int, ...]) -> Tensor:
    """Bring a gradient `(B, U, ...)` to spatial axes, channels last; see `to_grid`."""
    as_it_is = len(x.shape) == len(axes) + 3 and tuple(axes) == tuple(range(-1 - len(axes), -1))
    return x if as_it_is else to_grid(x, size, axes, leading=2)


def _sums(term: Term, size: tuple[Any, ...], axes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, int] | None:
    """Sum `|gradient * factor|` over the channels, `(B, U, H', W')`, and return it with the numbers that `_psi` needs.

    Returns:
        The sums, the minimum and maximum `(B, U)` over positions and channels, and the number of channels; or `None`
        for a term without spatial axes.
    """
    try:
        gradient = _to_spatial(term.gradient, size, axes)
    except ValueError:
        return None
    sums, channels = functools.partial(_sums_of, term, size, axes), gradient.shape[-1]
    if term.some is None:
        return *sums(), channels
    nothing = ops.zeros_like(gradient[..., 0])
    none = nothing[(..., *[0] * len(axes))]
    return *ops.cond(term.some, sums, lambda: (nothing, none, none)), channels


def _sums_of(term: Term, size: tuple[Any, ...], axes: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Compute sums, minimum and maximum for `_sums`.

    The gradient is by far the largest tensor, so it is read as seldom as possible: reduce over positions before
    multiplying by the factors of channels. There are hundreds of terms: each operation here costs a second of tracing.
    """
    gradient, factor = term.gradient, term.factor()
    if len(factor.shape) != 1 or -1 in axes:
        values = ops.abs(_to_spatial(gradient * factor, size, axes))
        everywhere = tuple(range(2, len(values.shape)))
        return ops.sum(values, axis=-1), ops.min(values, axis=everywhere), ops.max(values, axis=everywhere)
    values = ops.abs(_to_spatial(gradient, size, axes))
    weights, spatial = ops.abs(factor), tuple(range(2, len(values.shape) - 1))
    least = ops.min(ops.min(values, axis=spatial) * weights, axis=-1)
    most = ops.max(ops.max(values, axis=spatial) * weights, axis=-1)
    sums = ops.matmul(ops.reshape(values, (-1, values.shape[-1])), weights[:, None])
    shape = tuple(-1 if n is None else n for n in values.shape[:-1])
    return ops.reshape(sums, shape if shape.count(-1) < 2 else ops.shape(values)[:-1]), least, most


def _by_size(found: Iterable[Any]) -> Iterable[list[Any]]:
    """Group the results of `_sums` by the size of the maps, if known."""
    groups = {}
    for number, each in enumerate(found):
        size = tuple(each[0].shape[2:])
        groups.setdefault(number if None in size else size, []).append(each)
    return groups.values()


def _psi(group: Iterable[Any]) -> Tensor:
    """Scale each term to [0, 1] over all of its channels and positions, and sum all terms: `(B, H', W', U)`."""
    sums, least, most, channels = zip(*group)
    sums, least, most = (ops.stack(each, axis=2) for each in (sums, least, most))
    scale = ops.where(most > least, 1 / ops.where(most > least, most - least, 1), 0)
    lowest = ops.sum(least * scale * np.array(channels, "float32"), axis=-1)
    expanded = (..., *[None] * (len(sums.shape) - 3))
    summed = ops.sum(sums * scale[expanded], axis=2) - lowest[expanded]
    return ops.moveaxis(summed, 1, -1)


METHODS = {
    full_gradients: Spec(
        "Full-Gradients",
        reads="biases",
        source="arXiv:1905.00780, eq. 6",
        answers="Where do image and biases together make the score?",
        postprocessing=filters.absolute_normalize,
    ),
}
