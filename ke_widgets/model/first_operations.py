"""The first operations of a model: those that scale or crop its images before the first weights."""

import itertools
from typing import Any

import keras
import numpy as np

from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers

_LAYERS = keras.layers
_NORMALIZERS = (
    _LAYERS.Rescaling,
    _LAYERS.Normalization,
    _LAYERS.BatchNormalization,
    _LAYERS.LayerNormalization,
    _LAYERS.GroupNormalization,
    _LAYERS.UnitNormalization,
)
_JOINED = f"{{}}{model_layers.SEPARATOR}{{}}".format
CROPS = ("CenterCrop", "Cropping2D", "CropImages", "GetItem")
MAY_CROP = ("Resizing", "RandomCrop")  # These crop only if the aspect ratio changes.


def first_operations(model: keras.Model, position: int | None = None) -> list[keras.Operation]:
    """List the operations that may scale or crop the images, up to the first layer with weights.

    Args:
        model: A built Keras model.
        position: Which of its inputs the images are, in a model of several; what the graph leads to from the others
            alone is left out.

    Returns:
        A list of operations; all of them if no graph gives their order.
    """
    found, known = [], model_layers.functional(model) is not None
    reached = None if position is None else _reached(model, position)
    opaque = None  # Path of an opaque layer; the order of its inner operations is unknown.
    for path, operation in model_layers.operations(model).items():
        if reached is not None and not reached.intersection(
            itertools.accumulate(path.split(model_layers.SEPARATOR), _JOINED)
        ):
            continue
        if opaque is not None and not path.startswith(opaque + model_layers.SEPARATOR):
            if any(map(weighs, found)):
                break
            opaque = None
        if opaque is None and model_layers.functional(operation) is None and model_layers.children(operation):
            opaque = path
        if scales(operation) or weighs(operation) or type(operation).__name__ in (*CROPS, *MAY_CROP):
            found.append(operation)
        if known and opaque is None and weighs(operation):
            break
    return found


def value_range(model: keras.Model, position: int | None = None) -> tuple[float, float] | None:
    """Return the values of black and white in the images of a model that rescales them itself.

    Args:
        model: A Keras model.
        position: See `first_operations`.

    Returns:
        `(0.0, 255.0)` where a Rescaling layer before the first weights brings images of 8 bits to [0, 1] or [-1, 1];
        `None` where nothing tells.
    """
    for operation in first_operations(model, position):
        if isinstance(operation, _LAYERS.Rescaling):
            whole = 255 * np.asarray(operation.scale, "float64")
            return (0.0, 255.0) if np.allclose(whole, 1, rtol=0.01) or np.allclose(whole, 2, rtol=0.01) else None
    return None


def _reached(model: keras.Model, position: int) -> set[str] | None:
    """Return the paths of the calls that depend on an input, or `None` without a graph.

    A layer that calls others by code stands for them.
    """
    known = callgraph.from_functional(model)
    if known is None:
        return None
    reached, paths = {id(known.inputs[position])}, set()
    for step in known.steps:
        if any(id(x) in reached for x in step.inputs):
            reached.update(id(x) for x in step.outputs)
            paths.add(step.path)
    return paths


def scales(operation: keras.Operation) -> bool:
    """Return whether an operation only rescales its input."""
    if isinstance(operation, _NORMALIZERS):
        return True
    own = _own_weights(operation)
    return bool(own) and all(len(weight.shape) < 2 for weight in own)


def weighs(operation: keras.Operation) -> bool:
    """Return whether an operation has weights that do more than rescale."""
    return not scales(operation) and bool(_own_weights(operation))


def _own_weights(operation: keras.Operation) -> list[Any]:
    return operation.weights if isinstance(operation, keras.Layer) and not model_layers.children(operation) else []
