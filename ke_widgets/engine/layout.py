"""The layout and precision that methods rely on: rows, columns, channels last, float32 or wider."""

import math

import keras
import tensorflow as tf

SPATIAL_AXIS = (-3, -2)  # Rows and columns, channels last: what a user gets who says nothing.
IMAGE_RANKS = (4, 5, 3)  # Of images, then volumes and videos, then signals (B, T, C) and grey images (B, H, W).


def wide(x):
    """Cast half precision to float32, in which sums neither overflow nor stall; leave the rest as it is."""
    return tf.cast(x, "float32") if x.dtype in (tf.float16, tf.bfloat16) else x


def floating(x):
    """Give `x` as a tensor that can be differentiated or scaled: integers become float32."""
    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, "float32")


def axes_of_places(rank, spatial_axis=SPATIAL_AXIS):
    """Give the axes of the places in data `(B, ..., C)` of a rank.

    The usual axes, those of images, stand for all axes between the first and the last: so signals `(B, T, C)` and
    volumes `(B, D, H, W, C)` need no others. Axes that were chosen are taken as they are.

    Args:
        rank: Number of axes of the data.
        spatial_axis: As the user gave it, counted from the end.

    Returns:
        A tuple of negative axes.
    """
    if tuple(spatial_axis) != SPATIAL_AXIS:
        return tuple(spatial_axis)
    return tuple(range(1 - rank, -1)) if rank > 2 else (-1,)


def image_size(inputs, spatial_axis=SPATIAL_AXIS):
    """Give the sizes of the first image among the inputs, along the axes of its places; `()` where there is none.

    Args:
        inputs: Inputs of a model. Those of rank 4 are its images; where it has none, those of rank 5, and then of 3.
        spatial_axis: Axes of the places, counted from the end.

    Returns:
        `(H, W)` for images, `(T,)` for signals `(B, T, C)`, `(D, H, W)` for volumes.
    """
    flat = keras.tree.flatten(inputs)
    for rank in IMAGE_RANKS:
        found = [x for x in flat if len(x.shape) == rank]
        if found:
            shape, axes = keras.ops.shape(found[0]), axes_of_places(rank, spatial_axis)
            return tuple(shape[axis] for axis in axes) if all(-rank < axis for axis in axes) else ()
    return ()


def lay_out(x, size=(), spatial_axis=SPATIAL_AXIS, leading=1):
    """Bring a signal, or its gradient, to places and channels `(..., H', W', K)`, whatever its layout in the model.

    Tokens `(..., N, K)` become a grid of the image's own proportions, with `N = H'W'`, or `N = H'W' + 1` where the
    first token stands for the class and has no place. Where the input is no image, `N` are the places in time.

    Args:
        x: A tensor with `leading` axes before the places.
        size: Sizes of the image, as `image_size` gives them.
        spatial_axis: Axes of the places in `x`, counted from the end; see `axes_of_places`.
        leading: 1 for a signal `(B, ...)`, 2 for its gradient `(B, U, ...)`.

    Returns:
        A tensor with the places in the middle, channels last.

    Raises:
        ValueError: If `x` has no places.
    """
    depth = len(x.shape) - leading
    if depth == 4 or len(size) != 2:
        spatial_axis = axes_of_places(depth + 1, spatial_axis)
    number = len(spatial_axis)
    if depth == number + 1:
        return keras.ops.moveaxis(x, spatial_axis, tuple(range(-1 - number, -1)))
    tokens = keras.ops.shape(x)[-2] if depth == 2 else 0
    grid = _grid(tokens, *size) if number == 2 and depth == 2 and len(size) == 2 else None
    if grid is None:
        raise ValueError(
            "The exposed signal must have places: (B, H, W, K), or tokens (B, N, K) with N = h*w or h*w + 1 for the "
            f"image's proportions. Received: one of shape {tuple(x.shape)}, with spatial_axis={tuple(spatial_axis)}. "
            "Expose a layer with a spatial output."
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
