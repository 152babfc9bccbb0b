"""What sampling and perturbing methods need of the backend: one piece after the other, repeatable noise, resizing."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ke_widgets.typing import Tensor


def while_loop(step: Callable[[Tensor, Any], Any], total: int | Tensor, sums: Any) -> Any:
    """Go on from piece 0 to the last, holding one piece in memory at a time.

    Args:
        step: A function `(number, sums) -> sums` of tensors; the shapes stay as they are.
        total: Number of pieces, an integer or a tensor; piece 0 is done already.
        sums: Tensors after piece 0.

    Returns:
        The sums after piece `total - 1`.
    """
    if isinstance(total, int) and total <= 1:
        return sums

    def body(number: Tensor, before: Any) -> tuple[Tensor, Any]:
        after = step(number, before)
        return number + 1, tf.nest.map_structure(lambda new, old: tf.ensure_shape(new, old.shape), after, before)

    # In a graph, tf.while_loop runs up to ten pieces at once by default, and holds as many in memory.
    return tf.while_loop(lambda number, _: number < total, body, (tf.constant(1), sums), parallel_iterations=1)[1]


def stateless_normal(shape: Sequence[Any], seed: int, numbers: Tensor, dtype: Any) -> Tensor:
    """Draw standard normal noise, one tensor for each number: the same number gives the same noise, in any company.

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
        images: A tensor `(B, H, W, K)`, or with one axis of places, as `(B, T, K)`, or with more, as `(B, D, H, W, K)`.
        size: Sizes along these axes, integers or tensors.

    Returns:
        A tensor `(B, *size, K)` of the same dtype; the numbers are those of float32.
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
    """Resize all axes of places but the last two, which are one meanwhile: along an axis that stays, nothing moves."""
    shape = keras.ops.shape(images)
    if all(isinstance(n, int) for n in (*shape[1:-3], *size)) and tuple(shape[1:-3]) == tuple(size):
        return images
    places = shape[-3] * shape[-2]
    flat = keras.ops.reshape(images, (*shape[:-3], places, shape[-1]))
    return keras.ops.reshape(resize(flat, (*size, places)), (shape[0], *size, *shape[-3:]))
