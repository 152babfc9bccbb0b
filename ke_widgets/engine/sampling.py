"""What sampling and perturbing methods need of the backend: one piece after the other, repeatable noise, resizing."""

import keras
import tensorflow as tf


def repeat(step, total, sums):
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

    def body(number, before):
        after = step(number, before)
        return number + 1, tf.nest.map_structure(lambda new, old: tf.ensure_shape(new, old.shape), after, before)

    # In a graph, tf.while_loop runs up to ten pieces at once by default, and holds as many in memory.
    return tf.while_loop(lambda number, _: number < total, body, (tf.constant(1), sums), parallel_iterations=1)[1]


def noise(shape, seed, numbers, dtype):
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


def resize(images, size):
    """Resize bilinearly, as `keras.ops.image.resize` does, to a size that may be computed in a graph.

    Args:
        images: A tensor `(B, H, W, K)`.
        size: Rows and columns, integers or tensors.

    Returns:
        A tensor `(B, *size, K)` of the same dtype; the numbers are those of float32.
    """
    if all(isinstance(n, int) for n in size):
        resized = keras.ops.image.resize(images, tuple(size), data_format="channels_last")
    else:
        resized = tf.image.resize(images, tf.stack(size))
    return tf.cast(resized, images.dtype)
