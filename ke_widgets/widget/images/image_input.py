"""What a model takes: one input of images, of which size, and in what it must be handed over."""

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
    """The one input of a model.

    Attributes:
        shape: `(H, W, C)`, or `(H, W)` for grey images, with `None` where any size is taken or nobody knows it.
        required: Whether the model demands that size; otherwise it was merely built on it.
        around: The dict or list of one in which the model wants it, with its tensor's place held by anything; `None`
            for the tensor itself.
    """

    shape: tuple
    required: bool
    around: Any = None

    def pack(self, x):
        """Put a tensor of images in what the model takes."""
        return x if self.around is None else keras.tree.pack_sequence_as(self.around, [x])


def image_input(model):
    """Find out what a model takes.

    Args:
        model: A built Keras model.

    Returns:
        An `ImageInput`.

    Raises:
        ValueError: If it is no image, or more than one.
    """
    graph = model_layers.functional(model)
    if graph is not None:
        around, shapes = graph._inputs_struct, [tuple(x.shape) for x in graph.inputs]
    else:
        around = (model.get_build_config() or {}).get("input_shape")
        shapes = _shapes(around)
    if graph is None and around is None:  # Built by hand: the first image must show it.
        return ImageInput(_ANY, required=False)
    if len(shapes) != 1 or not (len(shapes[0]) == 4 or (len(shapes[0]) == 3 and not _of_signals(model))):
        raise ValueError(
            f"`model` must take one input of images (B, H, W, C). Received: {model.name!r}, whose inputs have the "
            f"shapes {shapes}."
        )
    _check_channels(model, shapes[0][1:])
    held = None
    if isinstance(around, dict):
        held = dict.fromkeys(around, 0)
    elif isinstance(around, list | tuple) and not _is_shape(around):
        held = type(around)([0])
    return ImageInput(shapes[0][1:], graph is not None, held)


def _check_channels(model, shape):
    """Refuse images whose channels come first: nobody has pictures like that to show."""
    first = model_layers.channels_first(model_layers.operations(model).values())
    if first and len(shape) == 3 and channels_come_first((None, *shape), True):
        channels, height, width = shape
        raise ValueError(
            "`model` must take images with their channels last, (B, H, W, C). Received: "
            f"{model.name!r}, which takes {(None, *shape)}. Explain it behind a layer that permutes them: "
            f"`keras.Sequential([keras.Input(({height}, {width}, {channels})), keras.layers.Permute((3, 1, 2)), "
            "model])`."
        )


def _shapes(around):
    """List the shapes in a structure of shapes."""
    if around is None:
        return []
    if isinstance(around, dict):
        return [shape for each in around.values() for shape in _shapes(each)]
    if _is_shape(around):
        return [tuple(around)]
    return [shape for each in around for shape in _shapes(each)]


def _is_shape(around):
    return all(side is None or isinstance(side, int) for side in around)


def _of_signals(model):
    """Tell whether an input `(B, T, C)` is a signal: the first layer with weights moves along one axis."""
    layers = (op for op in model_layers.operations(model).values() if not model_layers.children(op))
    first = next((op for op in layers if getattr(op, "weights", None)), None)
    return any("1D" in cls.__name__ for cls in type(first).__mro__)


def fitting_images(model, taken, images, preprocess):
    """Make the `Images` for a model; a size that it does not demand, but was built on, is no demand of ours.

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


def of_another_size(model, taken, images):
    """Say that images go into a model at another size than it was built on.

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
        f"{model.name!r} was built on images of {height} × {width}, and runs on others too: the images go in at their "
        "own size. If it was trained on one size, pass images of that."
    ]


def _runs(model, inputs):
    try:
        Exposed(model, [Endpoint("")])(inputs, training=False)
    except Exception:
        return False
    return True
