"""Provide sampling and perturbing methods with a sequential loop, reproducible noise, and resizing."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ke_widgets.typing import Tensor


def while_loop(step: Callable[[Tensor, Any], Any], first: int, total: int | Tensor, sums: Any) -> Any:
    """Run steps in order, with one step in memory at a time.

    Args:
        step: A function `(number, sums) -> sums` of tensors; the shapes stay as they are.
        first: Number of the first step.
        total: Number of the last step and one, an integer or a tensor.
        sums: Tensors before the first step.

    Returns:
        The sums after the last step.
    """
    if isinstance(total, int) and total <= first:
        return sums

    def body(number: Tensor, before: Any) -> tuple[Tensor, Any]:
        after = step(number, before)
        return number + 1, tf.nest.map_structure(lambda new, old: tf.ensure_shape(new, old.shape), after, before)

    # In a graph, tf.while_loop runs up to ten steps in parallel by default, with as many in memory.
    return tf.while_loop(lambda number, _: number < total, body, (tf.constant(first), sums), parallel_iterations=1)[1]


def stateless_normal(shape: Sequence[Any], seed: int, numbers: Tensor, dtype: Any) -> Tensor:
    """Draw standard normal noise, one tensor for each number; it depends on seed and number only.

    Args:
        shape: Shape of one tensor.
        seed: An integer.
        numbers: Integers `(N,)`, which may be computed in a graph; `N` itself is known.
        dtype: A floating dtype.

    Returns:
        A tensor `(N, *shape)`.
    """
    numbers = tf.unstack(tf.cast(numbers, "int32"))
    return tf.stack([tf.random.stateless_normal(shape, tf.stack([seed, number]), dtype=dtype) for number in numbers])


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
