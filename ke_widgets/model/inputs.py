"""Find the images among a model's inputs and their spatial axes, and fit data to the inputs.

Only shapes are used. The graph of a model defines its inputs; a model without one takes anything.
"""

import weakref
from typing import Any

import keras
from keras import ops

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import IMAGE_RANKS, SPATIAL_AXIS, spatial_axes
from ke_widgets.model.planes import channels_come_first
from ke_widgets.typing import Inputs, Shape, SpatialAxis

_IN_TIME = (
    keras.layers.RNN,
    keras.layers.Bidirectional,
    keras.layers.TimeDistributed,
    keras.layers.MultiHeadAttention,
    keras.layers.Attention,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)
_CHANNELS_FIRST: "weakref.WeakKeyDictionary[keras.Model, bool]" = weakref.WeakKeyDictionary()
_IS_GREY: "weakref.WeakKeyDictionary[keras.Model, dict[Any, Any]]" = weakref.WeakKeyDictionary()


def graph_of(model: keras.Model) -> Any:
    """Return the graph of the user's model, or `None`."""
    return model_layers.functional(model.model if isinstance(model, Exposed) else model)


def references(model: keras.Model, inputs: Inputs) -> list[keras.KerasTensor | None]:
    """Return the symbolic tensor of the model's graph for each of the flat inputs, `None` if unknown.

    Args:
        model: An exposed or any other Keras model.
        inputs: Its inputs: a tensor, or a list or dict of them.

    Returns:
        A list as long as the flat inputs.
    """
    graph, flat = graph_of(model), keras.tree.flatten(inputs)
    if graph is None:
        return [None] * len(flat)
    if isinstance(inputs, dict):
        whole = graph._inputs_struct
        known = whole if isinstance(whole, dict) else {tensor.name: tensor for tensor in graph.inputs}
        found = [known.get(key) for key in sorted(inputs)]
        return found if len(found) == len(flat) else [None] * len(flat)
    return list(graph.inputs) if len(graph.inputs) == len(flat) else [None] * len(flat)


def names(model: keras.Model, inputs: Inputs) -> list[str]:
    """Return the name of each of the flat inputs: its key, that of the model's graph, or its number."""
    if isinstance(inputs, dict):
        return [str(key) for key in sorted(inputs)]
    known = references(model, inputs)
    return [str(number) if tensor is None else tensor.name for number, tensor in enumerate(known)]


def fitted(model: keras.Model, inputs: Inputs) -> Inputs:
    """Add the channel axis of grey images `(B, H, W)` for a model of `(H, W, 1)`, or drop it, as Keras does itself.

    Args:
        model: An exposed or any other Keras model.
        inputs: Its inputs.

    Returns:
        The inputs; those that fit are unchanged.
    """
    flat = [_fit(x, tensor) for x, tensor in zip(keras.tree.flatten(inputs), references(model, inputs))]
    return keras.tree.pack_sequence_as(inputs, flat)


def fitted_shape(shape: Shape, wanted: Shape) -> Shape:
    """Return the shape of data after `fitted`, for a model that takes `wanted`."""
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        return (*shape, 1)
    return tuple(shape[:-1]) if len(shape) == len(wanted) + 1 and shape[-1] == 1 else tuple(shape)


def _fit(x, tensor):
    if tensor is None or len(x.shape) == len(tensor.shape):
        return x
    depth = len(fitted_shape(x.shape, tensor.shape))
    if depth == len(x.shape):
        return x
    return ops.expand_dims(x, -1) if depth > len(x.shape) else ops.squeeze(x, -1)


def image_positions(inputs: Inputs) -> list[int]:
    """Return which of the flat inputs are images: those of rank 4; without any, those of rank 5, and then of rank 3.

    Args:
        inputs: Inputs of a model.

    Returns:
        A list of positions, empty if no input has spatial axes.
    """
    flat = keras.tree.flatten(inputs)
    for rank in IMAGE_RANKS:
        found = [number for number, x in enumerate(flat) if len(x.shape) == rank]
        if found:
            return found
    return []


def image_position(model: keras.Model, inputs: Inputs, image_input: int | str | None = None) -> int:
    """Return which of the flat inputs is the image.

    Args:
        model: An exposed or any other Keras model.
        inputs: Its inputs.
        image_input: Its name or position, for a model with several images.

    Returns:
        A position.

    Raises:
        ValueError: If there are several and none is chosen, none at all, or `image_input` is not among the inputs.
    """
    known, flat = names(model, inputs), keras.tree.flatten(inputs)
    if image_input is not None:
        tensors = references(model, inputs)
        for number, (name, tensor) in enumerate(zip(known, tensors)):
            if isinstance(image_input, str) and image_input in (name, getattr(tensor, "name", name)):
                return number
        if isinstance(image_input, int) and not isinstance(image_input, bool) and 0 <= image_input < len(flat):
            return image_input
        raise ValueError(
            f"`image_input` must be the name or position of an input: one of {known}. "
            f"Received: image_input={short_repr(image_input)}."
        )
    found = list(range(len(flat))) if len(flat) == 1 else image_positions(inputs)
    if len(found) == 1:
        return found[0]
    shapes = ", ".join(f"{name!r} of shape {tuple(x.shape)}" for name, x in zip(known, flat))
    if not found:
        raise ValueError(f"One of the inputs must be an image (B, H, W, C), to have a map. Received: {shapes}.")
    raise ValueError(
        f"`image_input` must say which input is explained, where several are images: one of "
        f"{[known[number] for number in found]}. Received: image_input=None, and {shapes}."
    )


def axes_of_image(
    model: keras.Model, inputs: Inputs, position: int, spatial_axis: SpatialAxis = SPATIAL_AXIS
) -> tuple[int, ...]:
    """Return the spatial axes of one of the flat inputs, counted from the end.

    Data `(B, H, W)` is a grey image, and both of its axes are spatial, if the model's first decisive layer adds the
    channel axis or flattens both. If that layer runs along time (a 1-D convolution, an RNN, a dense layer), the data
    is a signal `(B, T, C)`.

    Args:
        model: An exposed or any other Keras model.
        inputs: Its inputs, as `fitted` gives it.
        position: Which of the flat inputs.
        spatial_axis: As the user gave it.

    Returns:
        A tuple of negative axes.

    Raises:
        ValueError: If the input does not have these axes.
    """
    x = keras.tree.flatten(inputs)[position]
    rank = len(x.shape)
    if tuple(spatial_axis) == SPATIAL_AXIS and rank == 3 and _is_grey(model, references(model, inputs)[position]):
        return (-2, -1)
    axes = spatial_axes(rank, spatial_axis)
    if tuple(spatial_axis) == SPATIAL_AXIS and rank > 2 and _channels_first(model):
        axes = tuple(range(2 - rank, 0)) if channels_come_first(tuple(x.shape), True) else axes
    if any(not -rank < axis < 0 for axis in axes):
        raise ValueError(
            "`spatial_axis` must be axes of the image, counted from the end, and not its first. "
            f"Received: spatial_axis={tuple(spatial_axis)}, and an image of shape {tuple(x.shape)}."
        )
    return axes


def usual_axes(model: keras.Model, inputs: Inputs, spatial_axis: SpatialAxis = SPATIAL_AXIS) -> tuple[int, ...]:
    """Return the spatial axes of the images and all signals: after the channels if the images have channels first.

    Args:
        model: An exposed or any other Keras model.
        inputs: Its inputs.
        spatial_axis: As the user gave it.

    Returns:
        A tuple of negative axes.
    """
    flat = keras.tree.flatten(inputs)
    if tuple(spatial_axis) != SPATIAL_AXIS or not _channels_first(model):
        return tuple(spatial_axis)
    ranks = [len(x.shape) for x in flat if len(x.shape) > 3 and channels_come_first(tuple(x.shape), True)]
    return tuple(range(2 - ranks[0], 0)) if ranks else tuple(spatial_axis)


def axes_of_signal(model: keras.Model, rank: int, spatial_axis: SpatialAxis = SPATIAL_AXIS) -> tuple[int, ...]:
    """Return the spatial axes of a signal: the usual ones are after the channels if all layers have channels first.

    Args:
        model: An exposed or any other Keras model.
        rank: Number of axes of the signal, its batch among them.
        spatial_axis: As the user gave it.

    Returns:
        A tuple of negative axes.
    """
    usual = tuple(spatial_axis) == SPATIAL_AXIS
    return tuple(range(2 - rank, 0)) if usual and rank > 3 and _channels_first(model) else tuple(spatial_axis)


def _channels_first(model):
    model = model.model if isinstance(model, Exposed) else model
    if model not in _CHANNELS_FIRST:
        _CHANNELS_FIRST[model] = model_layers.channels_first(model_layers.operations(model).values())
    return _CHANNELS_FIRST[model]


def size_of_image(
    model: keras.Model, inputs: Inputs, spatial_axis: SpatialAxis = SPATIAL_AXIS, image_input: int | str | None = None
) -> tuple[Any, ...]:
    """Return the sizes of the image along its spatial axes: `(H, W)`, `(T,)` or `(D, H, W)`; `()` without an image.

    Args:
        model: An exposed or any other Keras model.
        inputs: Its inputs, as `fitted` gives it.
        spatial_axis: As the user gave it.
        image_input: See `image_position`; without it, the first image.

    Returns:
        A tuple of integers, or of tensors, if known only at run time.
    """
    found = image_positions(inputs)
    if image_input is not None:
        found = [image_position(model, inputs, image_input)]
    if not found:
        return ()
    x = keras.tree.flatten(inputs)[found[0]]
    try:
        axes = axes_of_image(model, inputs, found[0], spatial_axis)
    except ValueError:  # The axes are those of the signal, whose layout differs from the image's.
        return ()
    return tuple(ops.shape(x)[axis] for axis in axes)


def _is_grey(model, source):
    """Return whether an input `(B, H, W)` is an image, from the model's layers."""
    model = model.model if isinstance(model, Exposed) else model
    kept, name = _IS_GREY.setdefault(model, {}), getattr(source, "name", None)
    if name not in kept:
        kept[name] = _makes_it_an_image(model, source)
    return kept[name]


def _makes_it_an_image(model, source):
    known, reached = callgraph.from_functional(model), {id(source)}
    if known is None or any(model_layers.opaque(step.operation) for step in known.steps):
        # A trace has tensors of its own.
        known, reached = callgraph.from_trace(model), None
    for step in [] if known is None else known.steps:
        touched = reached is None or any(id(x) in reached for x in step.inputs)
        if not touched or model_layers.functional(step.operation) is not None:
            continue
        decision = _is_image_of(step)
        if decision is not None:
            return decision
        if reached is not None:
            reached.update(id(x) for x in step.outputs)
    return False


def _is_image_of(step):
    """Return whether one call takes an image (`True`), a signal in time (`False`), or either (`None`)."""
    operation, kinds = step.operation, type(step.operation).__mro__
    ranks = {len(x.shape) for x in step.inputs}
    if 3 not in ranks:
        return None
    if isinstance(operation, _IN_TIME) or any(kind.__name__.endswith("1D") for kind in kinds):
        return False
    after = max((len(x.shape) for x in step.outputs), default=3)
    if after == 3:
        return None
    return after > 3 or any(kind.__name__ in ("Flatten", "Reshape") for kind in kinds)
