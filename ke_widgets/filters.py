"""What maps are turned into before they are looked at: sign and range.

All take maps `(B, H, W, U)` and give maps of the same shape, each one map on its own. Maps of signals `(B, T, U)`, of
volumes `(B, D, H, W, U)` and of the frames of a video `(B, T, H, W, U)` are taken as well: by default, what is scaled
is scaled over all places, those of all frames together.
"""

from keras import ops

from ke_widgets.typing import ArrayLike, Axis, Tensor


def normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Scale each map linearly to [0, 1].

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Axes of the places in `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A constant map gives zeros.

    Examples:
        >>> np.asarray(normalize(np.array([-1.0, 0.0, 3.0]).reshape(1, 1, 3, 1))).ravel()
        array([0.  , 0.25, 1.  ])
    """
    x, axis = ops.convert_to_tensor(x), _places(x, axis)
    x = x - ops.min(x, axis=axis, keepdims=True)
    top = ops.max(x, axis=axis, keepdims=True)
    return ops.where(top > 0, x / ops.where(top > 0, top, 1), 0)


def positive(x: ArrayLike) -> Tensor:
    """Keep what speaks for the unit, `max(x, 0)`.

    Args:
        x: Maps, any shape and range.

    Returns:
        Maps of the same shape, at least 0.

    Examples:
        >>> np.asarray(positive(np.array([-2.0, 3.0])))
        array([0., 3.])
    """
    return ops.maximum(ops.convert_to_tensor(x), 0)


def negative(x: ArrayLike) -> Tensor:
    """Keep what speaks against the unit, `max(-x, 0)`.

    Args:
        x: Maps, any shape and range.

    Returns:
        Maps of the same shape, at least 0: larger means more against.

    Examples:
        >>> np.asarray(negative(np.array([-2.0, 3.0])))
        array([2., 0.])
    """
    return ops.maximum(-ops.convert_to_tensor(x), 0)


def absolute(x: ArrayLike) -> Tensor:
    """Keep how much, drop for or against.

    Args:
        x: Maps, any shape and range.

    Returns:
        Maps of the same shape, at least 0.

    Examples:
        >>> np.asarray(absolute(np.array([-2.0, 3.0])))
        array([2., 3.])
    """
    return ops.abs(ops.convert_to_tensor(x))


def positive_normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Keep what speaks for the unit, scaled so that each map's maximum is 1.

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Axes of the places in `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A map without a positive value gives zeros.

    Examples:
        >>> np.asarray(positive_normalize(np.array([-1.0, 1.0, 4.0]).reshape(1, 1, 3, 1))).ravel()
        array([0.  , 0.25, 1.  ])
    """
    return _scale(positive(x), axis)


def negative_normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Keep what speaks against the unit, scaled so that each map's maximum is 1.

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Axes of the places in `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A map without a negative value gives zeros.

    Examples:
        >>> np.asarray(negative_normalize(np.array([-4.0, -1.0, 4.0]).reshape(1, 1, 3, 1))).ravel()
        array([1.  , 0.25, 0.  ])
    """
    return _scale(negative(x), axis)


def absolute_normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Keep how much, drop for or against, scaled so that each map's maximum is 1.

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Axes of the places in `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A map of zeros gives zeros.

    Examples:
        >>> np.asarray(absolute_normalize(np.array([-4.0, 1.0, 2.0]).reshape(1, 1, 3, 1))).ravel()
        array([1.  , 0.25, 0.5 ])
    """
    return _scale(absolute(x), axis)


def _scale(x: ArrayLike, axis: Axis | None) -> Tensor:
    """Divide each map by its maximum, so that 0 stays 0."""
    axis = _places(x, axis)
    top = ops.max(x, axis=axis, keepdims=True)
    return ops.where(top > 0, x / ops.where(top > 0, top, 1), 0)


def _places(x: ArrayLike, axis: Axis | None) -> Axis:
    """Give the axes of the places: all but that of the images and that of the units."""
    return tuple(range(1, len(x.shape) - 1)) if axis is None else axis
