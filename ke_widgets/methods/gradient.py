"""Gradients of a unit with respect to the pixels and to the biases of the layers."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import resize
from ke_widgets.engine.decomposition import Term, decompose
from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS, expose, find_path, layers_with_biases
from ke_widgets.inspection import biases as biases_of
from ke_widgets.methods import Spec
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import to_grid
from ke_widgets.model.inputs import usual_axes
from ke_widgets.typing import Inputs, SpatialAxis, Tensor

_OVER_CHANNELS = {"max": ops.max, "mean": ops.mean}


def gradients(
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
    r"""Saliency: how strongly each pixel moves the unit's logit.

    $$M_u(p) = \max_c \Big| \frac{\partial y_u}{\partial x_{p,c}} \Big|$$

    where `x` is the image, `c` its colour channel, and `y_u` the unit's logit.

    Args:
        channels: How the colour channels of a pixel become one number: `"max"`, as in the paper, or `"mean"`, as in
            keras-explainable.
        image_input: Name or position of the input that is explained, in a model with several images. Other inputs are
            passed on unchanged. See `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, in logits per unit of input. For signals `(B, T, C)` and
        volumes they are `(B, T, U)` and `(B, D, H, W, U)`. Data `(B, H, W)` are grey images, and each number a pixel,
        if the model adds the channel axis or flattens both axes.

    Raises:
        ValueError: If `channels` is neither, or no input, or more than one, is the image.

    Source:
        Deep Inside Convolutional Networks, arXiv:1312.6034, sec. 3.1.
    """
    check_channels(channels)
    axes = (indices_axis, indices_batch_dims, spatial_axis)
    logits, grads = image_jacobian(model, inputs, indices, *axes, image_input)
    return logits, over_channels(grads, channels)


def over_channels(grads: Tensor, channels: str) -> Tensor:
    """Reduce the colour channels of gradients `(B, U, ..., C)` to maps `(B, ..., U)`; see `gradients`."""
    check_channels(channels)
    return ops.moveaxis(_OVER_CHANNELS[channels](ops.abs(grads), axis=-1), 1, -1)


def check_channels(channels: str) -> None:
    """Refuse an unknown way to reduce colour channels."""
    if channels not in _OVER_CHANNELS:
        raise ValueError(f"`channels` must be 'max' or 'mean'. Received: channels={short_repr(channels)}.")


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
    logits, own, terms = _terms(model, inputs, biases, indices, indices_axis, indices_batch_dims)
    spatial_axis = usual_axes(model, inputs, spatial_axis)
    number, axes, size = _plane(model, inputs, spatial_axis, terms.values())
    found = [_sums(term, size, axes) for term in (_with_channel(own[number], axes), *terms.values())]
    # Resizing is linear: maps of one size are summed first.
    maps = [resize(_psi(group), size) for group in _by_size(each for each in found if each is not None)]
    # The terms of an image have its precision, which may be lower than that of the weights.
    return logits, sum(ops.cast(each, logits.dtype) for each in maps)


def full_gradient_terms(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    *,
    biases: Sequence[Tensor | None] | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    r"""Split each unit's logit into the contributions of the image and of every bias; they sum to the logit.

    $$y_u = \sum_p x_p \frac{\partial y_u}{\partial x_p} + \sum_l \sum_q b_{l,q} \frac{\partial y_u}{\partial z_{l,q}}$$

    For a layer whose bias is not constant (a GELU, LayerNormalization, attention), `b_l` is its value less its
    derivative times its input, at this image. What a subclassed model computes between its layers, such as position
    embeddings that it adds, belongs to no layer: it is the remainder.

    Args:
        biases: See `full_gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)`, and a dict of the terms: `"inputs"` with `(B, U, H, W, C)` (a list of them for a model with
        several inputs), and one `(B, U, ...)` for each biased layer and each of its calls, by its path. The last one is
        `"between layers"`, `(B, U)`, if a model is subclassed and none of its layers were chosen.

    Raises:
        ValueError: See `full_gradients`.

    Source:
        Full-Gradient Representation for Neural Network Visualization, arXiv:1905.00780, prop. 1.

    Examples:
        >>> import keras
        >>> dense = keras.layers.Dense(1, name="dense")
        >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), dense])
        >>> logits, terms = full_gradient_terms(model, np.ones((1, 4, 4, 1)))
        >>> total = sum(float(ops.sum(term)) for term in terms.values())
        >>> list(terms), abs(total - float(logits[0, 0])) < 1e-5
        (['inputs', 'dense'], True)
    """
    logits, own, terms = _terms(model, inputs, biases, indices, indices_axis, indices_batch_dims)
    of_inputs = [term.gradient * term.factor() for term in own]
    of_biases = {name: term.gradient * term.factor() for name, term in terms.items()}
    if _computes_between_layers(model):
        counted = [ops.sum(term, axis=tuple(range(2, len(term.shape)))) for term in (*of_inputs, *of_biases.values())]
        of_biases["between layers"] = logits - sum(counted[1:], counted[0])
    return logits, {"inputs": of_inputs[0] if len(of_inputs) == 1 else of_inputs, **of_biases}


def _computes_between_layers(model: keras.Model) -> bool:
    """Return whether a model, or a nested one, is subclassed; `False` if the caller chose some of its layers."""
    if isinstance(model, Exposed) and len(model.endpoints) > 1:
        return False
    model = getattr(model, "model", model) if isinstance(model, Exposed) else model
    inner = (model, *model_layers.operations(model).values())
    return any(isinstance(each, keras.Model) and model_layers.opaque(each) for each in inner)


def _terms(
    model: keras.Model,
    inputs: Inputs,
    biases: Sequence[Tensor | None] | None,
    indices: Tensor | None,
    indices_axis: int,
    indices_batch_dims: int,
) -> tuple[Tensor, list[Term], dict[str, Term]]:
    model, biased = _biased(model, biases)
    return decompose(model, inputs, biased, indices, indices_axis, indices_batch_dims)


def _biased(
    model: keras.Model, biases: Sequence[Tensor | None] | None
) -> tuple[keras.Model, list[tuple[str, Any, Any]]]:
    """Return the model to read, and the name, layer and bias of each of its biased layers."""
    exposed = isinstance(model, Exposed)
    if not exposed and biases is None and len(getattr(model, "outputs", None) or [None]) > 1:
        raise ValueError(
            "`biases` must be given for a `keras.Model` with several outputs: one for each after the logits. "
            f"Received: biases=None, and {model.name!r}. Or expose the layers: `layers, biases = "
            "ke.inspection.layers_with_biases(model)`, then `ke.inspection.expose(model, layers)`."
        )
    if not exposed and biases is None:
        model, exposed = expose(model, []), True
    if exposed and len(model.endpoints) == 1:  # The logits alone: find all biases.
        layers = layers_with_biases(model.model, return_biases=False)
        known = {id(layer): path for path, layer in reversed(model_layers.operations(model.model).items())}
        names = [known[id(layer)] for layer in layers]
        found = True
    else:
        names = [e.path for e in model.endpoints[1:]] if exposed else [str(n) for n in model.output_names[1:]]
        layers = [find_path(model.model, path) if path else None for path in names] if exposed else [None] * len(names)
        found = False
    if biases is not None and len(biases) != len(names):
        raise ValueError(
            "`biases` must hold one for each signal of the model. "
            f"Received: {len(biases)} for {len(names)} signals of {model.name!r}: {', '.join(names)}."
        )
    biases = biases_of(layers) if biases is None else biases
    if not found or not names:
        _check_biases(model, names, layers, biases, exposed)
    return model, list(zip(names, layers, biases))


def _check_biases(
    model: keras.Model, names: Sequence[str], layers: Sequence[Any], biases: Sequence[Tensor | None], exposed: bool
) -> None:
    if exposed:
        # The caller may choose a layer inside another one if its bias is constant.
        known = {id(layer) for layer in layers_with_biases(model.model, return_biases=False)}
        wrong = [n or "the model" for n, layer, b in zip(names, layers, biases) if b is None and id(layer) not in known]
        expected = "layers that add something of their own, as `ke.inspection.layers_with_biases(model)` lists them"
    else:
        wrong = [name for name, bias in zip(names, biases) if bias is None]
        expected = "signals with a constant bias; expose the model with `ke.inspection.expose` for the others"
    if wrong or not names:
        raise ValueError(f"`model` must expose {expected}. Received: {', '.join(wrong) or 'none'}, of {model.name!r}.")
    inner = [n for n in names if exposed and any(n.startswith(outer + model_layers.SEPARATOR) for outer in names)]
    if inner:
        raise ValueError(
            "`model` must expose each bias once: a layer, or those inside of it. "
            f"Received: {', '.join(inner)}, which run inside of others that are exposed, of {model.name!r}."
        )


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
    gradients: Spec(
        "Gradients",
        reads="inputs",
        source="arXiv:1312.6034, sec. 3.1",
        answers="Which pixels, changed a little, would move the score most?",
        postprocessing=filters.absolute_normalize,
        unit="logit per unit of input",
    ),
    full_gradients: Spec(
        "Full-Gradients",
        reads="biases",
        source="arXiv:1905.00780, eq. 6",
        answers="Where do image and biases together make the score?",
        postprocessing=filters.absolute_normalize,
    ),
}
