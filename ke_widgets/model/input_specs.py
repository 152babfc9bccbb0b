"""Specify the inputs of a model, as far as Keras knows them, and make examples."""

import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import TensorSpec
from ke_widgets.model import layers as model_layers
from ke_widgets.typing import Inputs, Tensor

# Sizes of the batch and of open sides in a trace: axes of unknown size cannot be tracked through a reshape. Rows and
# columns differ, so that they can be distinguished; 7 divides few sides.
BATCH = 7
_SIDES = ((BATCH, 224, 192), (BATCH, 64, 64), (BATCH, 224, 224), (None, None, None))


def attempts(model: keras.Model, inputs: Inputs | None = None) -> Iterator[Any]:
    """Yield input specs to trace a model with, open sides at several sizes.

    Args:
        model: A built Keras model.
        inputs: An example of what it takes, for a model whose input shape Keras does not know.

    Yields:
        `TensorSpec`s, nested as the model takes its inputs.
    """
    specs = declared(model)
    if specs is None and inputs is None:
        return
    if specs is None:
        specs = keras.tree.map_structure(lambda x: TensorSpec((None, *x.shape[1:]), x.dtype), inputs)
    tried = []
    for sides in _SIDES:
        closed = keras.tree.map_structure(functools.partial(_closed, sides=sides), specs)
        if closed not in tried:
            tried.append(closed)
            yield closed


def _closed(spec, sides):
    """Return an input's spec with fixed batch and image sides."""
    shape, first = list(spec.shape), keras.config.image_data_format() == "channels_first"
    places = () if len(shape) != 4 else (2, 3) if first and shape[1] is not None else (1, 2)
    for axis, side in zip((0, *places), sides):
        if shape and shape[axis] is None:
            shape[axis] = side
    return TensorSpec(shape, spec.dtype)


def has_open_sides(model: keras.Model) -> bool:
    """Return whether a model takes images of any size."""
    specs = keras.tree.flatten(declared(model))
    return any(x is not None and len(x.shape) == 4 and None in x.shape[1:] for x in specs)


def is_known(model: keras.Model) -> bool:
    """Return whether Keras knows the input shape of a model."""
    return declared(model) is not None


def noise(spec: TensorSpec, rng: np.random.Generator, strength: float = 1) -> Tensor:
    """Return noise for one image that fits a `TensorSpec`."""
    shape, dtype = [1, *(1 if side is None else side for side in spec.shape[1:])], spec.dtype
    if keras.backend.is_float_dtype(dtype):
        return ops.cast(rng.normal(size=shape) * strength, dtype)
    return ops.cast(rng.integers(0, 256 if strength > 1 and len(shape) > 2 else 2, size=shape), dtype)


def declared(model: keras.Model) -> Any:
    """Return the declared inputs of a model, as `TensorSpec`s nested as it wants them, or `None`."""
    graph = model_layers.functional(model)
    if graph is not None:
        return keras.tree.map_structure(lambda x: TensorSpec(x.shape, x.dtype), graph._inputs_struct)
    config = model.get_build_config() or {}
    shape = config.get("input_shape")
    if shape is None:
        return None
    is_shape = isinstance(shape, list | tuple) and all(side is None or isinstance(side, int) for side in shape)
    return _any_batch(shape) if is_shape else keras.tree.map_shape_structure(_any_batch, shape)


def _any_batch(shape):
    return TensorSpec((None, *shape[1:]), keras.config.floatx())
