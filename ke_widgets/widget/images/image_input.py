"""The inputs of a model: which of them are its images, their size and channels, and the structure of all of them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import layers as model_layers
from ke_widgets.model.planes import channels_come_first

_ANY = (None, None, None)


@dataclass(frozen=True)
class ImageInput:
    """The image input of a model, among all of its inputs.

    Attributes:
        shape: `(H, W, C)`, or `(H, W)` for grey images; `None` for a side of any or unknown size.
        required: Whether the model requires that size; otherwise it was merely built on it.
        structure: The dict, list or nest of them in which the model takes its tensors, with a placeholder for each;
            `None` for the tensor itself.
        position: Which of the flat inputs the images are.
        names: The name of each of the flat inputs.
        aliases: A second name of each, that of its tensor.
        shapes: The shape of each, with its batch.
    """

    shape: tuple
    required: bool
    structure: Any = None
    position: int = 0
    names: tuple[str, ...] = ("images",)
    aliases: tuple[str, ...] = ("images",)
    shapes: tuple[tuple, ...] = ()

    def index(self, name: Any) -> int | None:
        """Return the position of an input by its name or alias, or `None`."""
        return next((known.index(name) for known in (self.names, self.aliases) if name in known), None)

    def pack(self, x: Any, others: Sequence[Any] = ()) -> Any:
        """Pack a tensor of images, and those of the other inputs in flat order, as the model takes them."""
        flat = [*others[: self.position], x, *others[self.position :]]
        return x if self.structure is None else keras.tree.pack_sequence_as(self.structure, flat)


def image_input(model: keras.Model, chosen: int | str | None = None) -> ImageInput:
    """Find the image input of a model: the one of rank 4; without any, the one of rank 3, for grey images.

    Args:
        model: A built Keras model.
        chosen: Its name or index, for a model that takes several inputs of images.

    Returns:
        An `ImageInput`.

    Raises:
        ValueError: If the model takes no image, several and none is chosen, or `chosen` is not one of them.
    """
    graph = model_layers.functional(model)
    if graph is not None:
        structure, shapes = graph._inputs_struct, [tuple(x.shape) for x in graph.inputs]
        aliases = [x.name for x in graph.inputs]
    else:
        structure = (model.get_build_config() or {}).get("input_shape")
        shapes = _shapes(structure)
        aliases = [str(number) for number in range(len(shapes))]
    if graph is None and structure is None:  # Built by hand: the first image determines it.
        return ImageInput(_ANY, required=False)
    names = sorted(structure) if isinstance(structure, dict) and len(structure) == len(shapes) else aliases
    taken = ImageInput((), graph is not None, None, 0, tuple(map(str, names)), tuple(aliases), tuple(shapes))
    position = _position(model, taken, chosen)
    _check_channels(model, shapes[position][1:])
    return dataclasses.replace(taken, shape=shapes[position][1:], position=position, structure=_packing(structure))


def _packing(structure):
    """Return a structure of placeholders, or `None` for a tensor alone."""
    if isinstance(structure, dict):
        return {key: _packing(each) or 0 for key, each in structure.items()}
    if isinstance(structure, list | tuple) and not _is_shape(structure):
        return type(structure)(_packing(each) or 0 for each in structure)
    return None


def _position(model, taken, chosen):
    """Return which of the flat inputs are the images."""
    shapes = taken.shapes
    fitting = [number for number, shape in enumerate(shapes) if len(shape) == 4]
    if not fitting and not _of_signals(model):
        fitting = [number for number, shape in enumerate(shapes) if len(shape) == 3]
    if chosen is not None:
        known = range(len(shapes)) if isinstance(chosen, int) and not isinstance(chosen, bool) else ()
        position = chosen if chosen in known else taken.index(chosen)
        if position in fitting:
            return position
        raise ValueError(
            f"`image_input` must be the name or index of an input of images (B, H, W, C), one of "
            f"{[taken.names[number] for number in fitting]}. Received: image_input={short_repr(chosen)}, and inputs "
            f"{_described(taken)}."
        )
    if len(fitting) == 1:
        return fitting[0]
    choose = f", or `image_input` must choose one of {[taken.names[number] for number in fitting]}" if fitting else ""
    raise ValueError(
        f"`model` must take one input of images (B, H, W, C){choose}. Received: {model.name!r}, whose inputs have the "
        f"shapes {list(shapes)}."
    )


def _described(taken):
    return ", ".join(f"{name!r} of shape {shape}" for name, shape in zip(taken.names, taken.shapes))


def _check_channels(model, shape):
    """Refuse a model whose images are channels first, because such images cannot be displayed."""
    first = model_layers.channels_first(model_layers.operations(model).values())
    if first and len(shape) == 3 and channels_come_first((None, *shape), True):
        channels, height, width = shape
        raise ValueError(
            "`model` must take images with their channels last, (B, H, W, C). Received: "
            f"{model.name!r}, which takes {(None, *shape)}. Put a layer before it that permutes the axes: "
            f"`keras.Sequential([keras.Input(({height}, {width}, {channels})), keras.layers.Permute((3, 1, 2)), "
            "model])`."
        )


def _shapes(structure):
    """List the shapes in a structure of shapes."""
    if structure is None:
        return []
    if isinstance(structure, dict):
        return [shape for key in sorted(structure) for shape in _shapes(structure[key])]
    if _is_shape(structure):
        return [tuple(structure)]
    return [shape for each in structure for shape in _shapes(each)]


def _is_shape(structure):
    return all(side is None or isinstance(side, int) for side in structure)


def _of_signals(model):
    """Return whether an input `(B, T, C)` is a 1D signal: the first layer with weights is one-dimensional."""
    layers = (op for op in model_layers.operations(model).values() if not model_layers.children(op))
    first = next((op for op in layers if getattr(op, "weights", None)), None)
    return any("1D" in cls.__name__ for cls in type(first).__mro__)
