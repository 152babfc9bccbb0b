"""Bring tensors to the layout and precision of methods: rows, columns, channels last, float32 or wider."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ke_widgets.backend import as_tensor, holds_floats
from ke_widgets.typing import ArrayLike, SpatialAxis, Tensor

SPATIAL_AXIS = (-3, -2)  # Rows and columns, channels last: the default.
IMAGE_RANKS = (4, 5, 3)  # Of images, then volumes and videos, then signals (B, T, C) and grey images (B, H, W).


def at_least_float32(x: Tensor) -> Tensor:
    """Cast half precision to float32, in which sums neither overflow nor stall; leave others unchanged."""
    half = keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
    return ops.cast(x, "float32") if half else x


def as_float(x: ArrayLike) -> Tensor:
    """Return `x` as a tensor that can be differentiated or scaled: integers become float32."""
    x = as_tensor(x)
    return x if holds_floats(x) else ops.cast(x, "float32")


def spatial_axes(rank: int, spatial_axis: SpatialAxis = SPATIAL_AXIS) -> tuple[int, ...]:
    """Return the spatial axes of data `(B, ..., C)` of a rank.

    The default, the axes of images, stands for all axes between the first and the last: it also fits signals
    `(B, T, C)` and volumes `(B, D, H, W, C)`. Other axes are returned unchanged.

    Args:
        rank: Number of axes of the data.
        spatial_axis: As the user gave it, counted from the end.

    Returns:
        A tuple of negative axes.
    """
    if tuple(spatial_axis) != SPATIAL_AXIS:
        return tuple(spatial_axis)
    return tuple(range(1 - rank, -1)) if rank > 2 else (-1,)


def to_grid(x: Tensor, size: Sequence[Any] = (), spatial_axis: SpatialAxis = SPATIAL_AXIS, leading: int = 1) -> Tensor:
    """Bring a signal, or its gradient, to `(..., H', W', K)`, whatever its layout in the model.

    Tokens `(..., N, K)` become a grid of the image's own proportions (see `token_grid`); tokens before the grid, such
    as the class token, are removed. If the input is not an image, `N` is the number of time steps.

    Args:
        x: A tensor with `leading` axes before the spatial ones.
        size: Sizes of the image, as `inputs.size_of_image` gives them.
        spatial_axis: Spatial axes of `x`, counted from the end; see `spatial_axes`.
        leading: 1 for a signal `(B, ...)`, 2 for its gradient `(B, U, ...)`.

    Returns:
        A tensor with spatial axes in the middle, channels last.

    Raises:
        ValueError: If `x` has no spatial axes.
    """
    depth = len(x.shape) - leading
    spatial_axis = _axes_of_grid(depth, size, spatial_axis)
    number = len(spatial_axis)
    if depth == number + 1:
        return ops.moveaxis(x, spatial_axis, tuple(range(-1 - number, -1)))
    tokens = ops.shape(x)[-2] if depth == 2 else 0
    grid = _grid(tokens, *size) if number == 2 and depth == 2 and len(size) == 2 else None
    if grid is None:
        raise ValueError(
            "The exposed signal must have spatial axes: (B, H, W, K), or tokens (B, N, K) with N = h*w, and up to 8 "
            f"more, for the image's proportions. Received: one of shape {tuple(x.shape)}, with "
            f"spatial_axis={tuple(spatial_axis)}. "
            "Expose a layer with a spatial output."
        )
    rows, columns = grid
    return ops.reshape(x[..., tokens - rows * columns :, :], (*ops.shape(x)[:leading], *grid, x.shape[-1]))


def channel_axis(rank: int, size: Sequence[Any] = (), spatial_axis: SpatialAxis = SPATIAL_AXIS) -> int:
    """Return the axis of the channels of a signal that `to_grid` takes: the last one, but for channels first.

    Args:
        rank: Number of axes of the signal, its batch among them.
        size: See `to_grid`.
        spatial_axis: See `to_grid`.

    Returns:
        An axis, counted from the start.
    """
    spatial_axis = _axes_of_grid(rank - 1, size, spatial_axis)
    others = [axis for axis in range(1, rank) if axis - rank not in spatial_axis]
    return others[0] if len(others) == 1 else rank - 1


def _axes_of_grid(depth: int, size: Sequence[Any], spatial_axis: SpatialAxis) -> tuple[int, ...]:
    return spatial_axes(depth + 1, spatial_axis) if depth == 4 or len(size) != 2 else tuple(spatial_axis)


@functools.lru_cache(maxsize=4096)
def token_grid(tokens: int, height: int, width: int) -> tuple[int, int] | None:
    """Return rows and columns of the grid of an image's tokens.

    The grid divides the image into square patches, rounded up or down if they do not fit. Up to eight more tokens may
    precede it: for the class, for distillation, registers.

    Args:
        tokens: Number of tokens, an integer.
        height: Rows of the image.
        width: Columns of the image.

    Returns:
        Rows and columns, or `None` if no grid fits. A grid of exactly the image's proportions is preferred to a rounded
        one, and fewer extra tokens to more.

    Examples:
        >>> token_grid(24, 32, 48), token_grid(25, 32, 48), token_grid(24, 33, 50), token_grid(26, 32, 48)
        ((4, 6), (4, 6), (4, 6), (4, 6))
    """
    for fits in (_exact, _rounded):
        for others in range(min(_OTHERS, tokens - 1) + 1):
            found = fits(tokens - others, height, width)
            # A small number of tokens fits some grid by chance.
            if found is not None and (others <= 1 or tokens - others >= _LEAST):
                return found
    return None


_OTHERS, _LEAST = 8, 9


def _exact(places, height, width):
    rows = round(math.sqrt(places * height / width))
    fits = rows and places % rows == 0 and rows * width == places // rows * height
    return (rows, places // rows) if fits else None


def _rounded(places, height, width):
    for rows in range(1, min(places, height) + 1):
        columns = places // rows
        if places % rows == 0 and columns <= width and _cuts(rows, columns, height, width):
            return rows, columns
    return None


def _cuts(rows, columns, height, width):
    """Return whether patches of one size divide an image into these rows and columns."""
    for patch in range(1, max(height, width) + 1):
        down, up = (height // patch, width // patch), (-(-height // patch), -(-width // patch))
        if (rows, columns) in (down, up):
            return True
        if up[0] < rows:
            return False
    return False


def _grid(tokens, height, width):
    """Return rows and columns as `token_grid` does, also for sizes known only at run time."""
    if all(isinstance(n, int) for n in (tokens, height, width)):
        return token_grid(tokens, height, width)
    tokens, height, width = (ops.cast(n, "float32") for n in (tokens, height, width))
    # A few extra tokens change the root by less than a row; rounding down removes that.
    return tuple(ops.cast(ops.sqrt(tokens * a / b) + 1e-3, "int32") for a, b in ((height, width), (width, height)))
