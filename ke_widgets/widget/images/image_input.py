"""The input of a model: image size, channels, and the structure that holds the tensor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.planes import channels_come_first
from ke_widgets.widget.images.images import Images

_ANY = (None, None, None)


@dataclass(frozen=True)
class ImageInput:
    """The single image input of a model.

    Attributes:
        shape: `(H, W, C)`, or `(H, W)` for grey images; `None` for a side of any or unknown size.
        required: Whether the model requires that size; otherwise it was merely built on it.
        structure: The dict or list of one in which the model takes the tensor, with a placeholder for the tensor;
            `None` for the tensor itself.
    """

    shape: tuple
    required: bool
    structure: Any = None

    def pack(self, x: Any) -> Any:
        """Pack a tensor of images into the structure that the model takes."""
        return x if self.structure is None else keras.tree.pack_sequence_as(self.structure, [x])


def image_input(model: keras.Model) -> ImageInput:
    """Find the image input of a model.

    Args:
        model: A built Keras model.

    Returns:
        An `ImageInput`.

    Raises:
        ValueError: If the model takes no image, or more than one input.
    """
    graph = model_layers.functional(model)
    if graph is not None:
        structure, shapes = graph._inputs_struct, [tuple(x.shape) for x in graph.inputs]
    else:
        structure = (model.get_build_config() or {}).get("input_shape")
        shapes = _shapes(structure)
    if graph is None and structure is None:  # Built by hand: the first image determines it.
        return ImageInput(_ANY, required=False)
    if len(shapes) != 1 or not (len(shapes[0]) == 4 or (len(shapes[0]) == 3 and not _of_signals(model))):
        raise ValueError(
            f"`model` must take one input of images (B, H, W, C). Received: {model.name!r}, whose inputs have the "
            f"shapes {shapes}."
        )
    _check_channels(model, shapes[0][1:])
    packed = None
    if isinstance(structure, dict):
        packed = dict.fromkeys(structure, 0)
    elif isinstance(structure, list | tuple) and not _is_shape(structure):
        packed = type(structure)([0])
    return ImageInput(shapes[0][1:], graph is not None, packed)


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
        return [shape for each in structure.values() for shape in _shapes(each)]
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


def fitting_images(
    model: keras.Model, taken: ImageInput, images: Any, preprocess: Callable[[Any], Any] | None
) -> Images:
    """Build the `Images` for a model; resize them only if the model does not run at their own size.

    Args:
        model: A built Keras model.
        taken: Its `ImageInput`.
        images: See `Images`.
        preprocess: See `Images`.

    Returns:
        `Images`.
    """
    if taken.required or None in taken.shape:
        return Images(images, taken.shape, preprocess)
    free = Images(images, (None, None, *taken.shape[2:]), preprocess)
    first = free.inputs(0)
    if first.shape[1:3] != taken.shape[:2] and _runs(model, taken.pack(keras.ops.convert_to_tensor(first))):
        return free
    return Images(images, taken.shape, preprocess)


def of_another_size(model: keras.Model, taken: ImageInput, images: Images) -> list[str]:
    """Report that images enter a model at another size than it was built on.

    Args:
        model: A built Keras model.
        taken: Its `ImageInput`.
        images: Its `Images`.

    Returns:
        A list of sentences.
    """
    if images.size == taken.shape[:2] or images.prepared:
        return []
    height, width = taken.shape[:2]
    return [
        f"{model.name!r} was built on images of {height} × {width} but also runs on other sizes: the images enter at "
        "their own size. If it was trained on one size, pass images of that size."
    ]


def _runs(model, inputs):
    try:
        Exposed(model, [Endpoint("")])(inputs, training=False)
    except Exception:
        return False
    return True
