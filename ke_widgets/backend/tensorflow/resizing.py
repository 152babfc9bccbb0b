"""Resize along any number of axes, to sizes that may be computed in a graph."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ke_widgets.typing import Tensor


def resize(images: Tensor, size: Sequence[Any]) -> Tensor:
    """Resize linearly along each axis, as `keras.ops.image.resize` does, to a size that may be computed in a graph.

    Args:
        images: A tensor `(B, H, W, K)`, or with one spatial axis, `(B, T, K)`, or three, `(B, D, H, W, K)`.
        size: Sizes along these axes, integers or tensors.

    Returns:
        A tensor `(B, *size, K)` of the same dtype, computed in float32.
    """
    if len(size) == 1:
        return keras.ops.squeeze(resize(keras.ops.expand_dims(images, 2), (*size, 1)), 2)
    if len(size) > 2:
        return _resize_first(_resize_last_two(images, size[-2:]), size[:-2])
    if all(isinstance(n, int) for n in size):
        resized = keras.ops.image.resize(images, tuple(size), data_format="channels_last")
    else:
        resized = tf.image.resize(images, tf.stack(size))
    return tf.cast(resized, images.dtype)


def _resize_last_two(images: Tensor, size: Sequence[Any]) -> Tensor:
    shape = keras.ops.shape(images)
    flat = resize(keras.ops.reshape(images, (-1, *shape[-3:])), size)
    return keras.ops.reshape(flat, (*shape[:-3], *size, shape[-1]))


def _resize_first(images: Tensor, size: Sequence[Any]) -> Tensor:
    """Resize all spatial axes but the last two, flattened to one: an axis of constant size does not change."""
    shape = keras.ops.shape(images)
    if all(isinstance(n, int) for n in (*shape[1:-3], *size)) and tuple(shape[1:-3]) == tuple(size):
        return images
    pixels = shape[-3] * shape[-2]
    flat = keras.ops.reshape(images, (*shape[:-3], pixels, shape[-1]))
    return keras.ops.reshape(resize(flat, (*size, pixels)), (shape[0], *size, *shape[-3:]))
