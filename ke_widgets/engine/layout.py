"""The layout and precision that methods rely on: rows, columns, channels last, float32 or wider."""

import math

import keras
import tensorflow as tf


def wide(x):
    """Cast half precision to float32, in which sums neither overflow nor stall; leave the rest as it is."""
    return tf.cast(x, "float32") if x.dtype in (tf.float16, tf.bfloat16) else x


def floating(x):
    """Give `x` as a tensor that can be differentiated or scaled: integers become float32."""
    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, "float32")


def image_size(inputs, spatial_axis=(-3, -2)):
    """Give rows and columns of the first image `(B, H, W, C)` among the inputs, or `(1, 1)` where there is none."""
    images = [x for x in keras.tree.flatten(inputs) if len(x.shape) == 4 and len(spatial_axis) == 2]
    return tuple(keras.ops.shape(images[0])[axis] for axis in spatial_axis) if images else (1, 1)


def lay_out(x, size=(1, 1), spatial_axis=(-3, -2), leading=1):
    """Bring a signal, or its gradient, to rows, columns and channels `(..., H', W', K)`.

    Tokens `(..., N, K)` become a grid of the image's own proportions, with `N = H'W'`, or `N = H'W' + 1` where the
    first token stands for the class and has no place.

    Args:
        x: A tensor with `leading` axes before the places.
        size: Rows and columns of the image.
        spatial_axis: Axes of the places in `x`, counted from the end.
        leading: 1 for a signal `(B, ...)`, 2 for its gradient `(B, U, ...)`.

    Returns:
        A tensor of rank `leading + len(spatial_axis) + 1`, channels last.

    Raises:
        ValueError: If `x` has no places.
    """
    number, depth = len(spatial_axis), len(x.shape) - leading
    if depth == number + 1:
        return keras.ops.moveaxis(x, spatial_axis, tuple(range(-1 - number, -1)))
    tokens = keras.ops.shape(x)[-2] if depth == 2 else 0
    grid = _grid(tokens, *size) if number == 2 and depth == 2 else None
    if grid is None:
        raise ValueError(
            "The exposed signal must have places: (B, H, W, K), or tokens (B, N, K) with N = h*w or h*w + 1 for the "
            f"image's proportions. Received: one of shape {tuple(x.shape)}. Expose a layer with a spatial output."
        )
    rows, columns = grid
    return keras.ops.reshape(x[..., tokens - rows * columns :, :], (*keras.ops.shape(x)[:leading], *grid, x.shape[-1]))


def _grid(tokens, height, width):
    """Give rows and columns of a grid of `tokens` places, or one fewer, or `None` where none fits."""
    if not all(isinstance(n, int) for n in (tokens, height, width)):
        tokens, height, width = (tf.cast(n, "float32") for n in (tokens, height, width))
        # The one token too many moves the root by less than half a row; rounding down drops it.
        return tuple(tf.cast(tf.sqrt(tokens * a / b) + 1e-3, "int32") for a, b in ((height, width), (width, height)))
    for places in (tokens, tokens - 1):
        rows = round(math.sqrt(max(places, 0) * height / width))
        if rows and places % rows == 0 and rows * width == places // rows * height:
            return rows, places // rows
    return None
