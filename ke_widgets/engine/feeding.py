"""What goes into the loop: images with the units to explain, in any form in which Keras takes data."""

import functools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

_INPUTS, _INDICES = "ke_widgets_inputs", "ke_widgets_indices"
_STREAMS = (tf.data.Dataset, tf.distribute.DistributedDataset, keras.utils.PyDataset)


def pack(x, y, batch_size):
    """Bring data to one thing that `predict` takes: it knows no `y`.

    Args:
        x: Images, or data in batches of its own.
        y: Units to explain, or `None`.
        batch_size: As the user gave it.

    Returns:
        Data in batches as it is, or a dict that `unpack` knows.

    Raises:
        ValueError: If these exclude each other, or `y` does not fit.
    """
    if isinstance(x, _STREAMS) or hasattr(x, "__next__"):
        for name, value in (("y", y), ("batch_size", batch_size)):
            if value is not None:
                raise ValueError(
                    f"`{name}` must not be given where `x` brings batches of its own, such as `(x, y)`. "
                    f"Received: {name} beside x={type(x).__name__}."
                )
        return x
    count = _count(x)
    return {_INPUTS: x} if y is None else {_INPUTS: x, _INDICES: _units(y, count)}


def _count(x):
    counts = {np.shape(array)[0] if np.ndim(array) else None for array in keras.tree.flatten(x)}
    if len(counts) != 1 or not counts - {0, None}:
        raise ValueError(
            "`x` must be at least one image: an array, a tensor, or a list or dict of them of one length. "
            f"Received: x of type {type(x).__name__}, of lengths {sorted(counts, key=str)}."
        )
    return counts.pop()


def _units(y, count):
    array = np.asarray(y)
    if array.dtype.kind not in "iu":
        raise ValueError(f"`y` must hold integers, the units to explain. Received: y of dtype {array.dtype}.")
    if array.ndim != 2:
        raise ValueError(
            "`y` must be of rank 2, (B, U): for each image, the units to explain. "
            f"Received: y of shape {array.shape}. For one unit for each image, say `y[:, None]`."
        )
    if len(array) != count or not array.shape[1]:
        raise ValueError(
            f"`y` must have a row of at least one unit for each of the {count} images. "
            f"Received: y of shape {array.shape}."
        )
    if array.min() < 0:
        raise ValueError(f"`y` must hold units from 0. Received: y with {array.min()}.")
    return array.astype("int32")


def unpack(data):
    """Part one batch, as the step of `predict` gets it, into inputs and units.

    Args:
        data: What `pack` made, `x`, or `(x, y)`.

    Returns:
        Inputs, and units `(B, U)` or `None`.

    Raises:
        ValueError: If `y` is no integers `(B, U)`.
    """
    inputs, indices, _ = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(inputs, dict) and _INPUTS in inputs:
        return inputs[_INPUTS], inputs.get(_INDICES)
    if indices is not None:
        indices = tf.convert_to_tensor(indices)
        if not indices.dtype.is_integer or indices.shape.rank != 2:
            raise ValueError(
                "`y` in the data must be integers (B, U): for each image, the units to explain. Received: y of dtype "
                f"{indices.dtype.name} and shape {indices.shape}. Change it with `.map`, or drop it to explain "
                "all units."
            )
    return inputs, indices


def batches(x, y, batch_size):
    """Read data batch by batch.

    Args:
        x: See `pack`.
        y: See `pack`.
        batch_size: Images in a batch, for images that come in none; 32 by default.

    Yields:
        One batch, as `pack` makes it.

    Raises:
        ValueError: See `pack`.
    """
    data = pack(x, y, batch_size)
    if data is not x:
        size, count = batch_size or 32, int(_count(x) or 0)
        for start in range(0, count, size):
            chosen = slice(start, start + size)
            yield keras.tree.map_structure(functools.partial(_part, chosen), data)
        return
    # A PyDataset knows its length, and is no iterable of its own.
    read = (x[number] for number in range(len(x))) if isinstance(x, keras.utils.PyDataset) else x  # pyright: ignore
    for batch in read:
        inputs, indices = unpack(batch)
        yield {_INPUTS: inputs} if indices is None else {_INPUTS: inputs, _INDICES: indices}


def _part(chosen, array):
    """Take some images, in the precision in which `predict` takes them."""
    part = array[chosen]
    return ops.cast(part, keras.config.floatx()) if keras.backend.is_float_dtype(part.dtype) else part
