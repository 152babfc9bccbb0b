"""Postprocessing of maps: the sign and the range of their values.

Every filter takes maps `(B, H, W, U)` and returns maps of the same shape; each map is processed on its own. Maps of
signals `(B, T, U)`, volumes `(B, D, H, W, U)` and video frames `(B, T, H, W, U)` work as well: by default a map is
scaled over all of its positions, those of all frames together.
"""

from keras import ops

from ke_widgets.typing import ArrayLike, Axis, Tensor


def normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Scale each map linearly to [0, 1].

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Spatial axes of `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A constant map gives zeros.

    Examples:
        >>> np.asarray(normalize(np.array([-1.0, 0.0, 3.0]).reshape(1, 1, 3, 1))).ravel()
        array([0.  , 0.25, 1.  ])
    """
    x, axis = ops.convert_to_tensor(x), _spatial_axes(x, axis)
    x = x - ops.min(x, axis=axis, keepdims=True)
    top = ops.max(x, axis=axis, keepdims=True)
    return ops.where(top > 0, x / ops.where(top > 0, top, 1), 0)


def positive(x: ArrayLike) -> Tensor:
    """Keep the positive values, which support the unit: `max(x, 0)`.

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
    """Keep the negative values, which oppose the unit, as positive ones: `max(-x, 0)`.

    Args:
        x: Maps, any shape and range.

    Returns:
        Maps of the same shape, at least 0; larger means stronger opposition.

    Examples:
        >>> np.asarray(negative(np.array([-2.0, 3.0])))
        array([2., 0.])
    """
    return ops.maximum(-ops.convert_to_tensor(x), 0)


def absolute(x: ArrayLike) -> Tensor:
    """Return the magnitude, without the sign.

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
    """Keep the positive values and scale each map so that its maximum is 1.

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Spatial axes of `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A map without a positive value gives zeros.

    Examples:
        >>> np.asarray(positive_normalize(np.array([-1.0, 1.0, 4.0]).reshape(1, 1, 3, 1))).ravel()
        array([0.  , 0.25, 1.  ])
    """
    return _scale(positive(x), axis)


def negative_normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Keep the negative values as positive ones and scale each map so that its maximum is 1.

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Spatial axes of `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A map without a negative value gives zeros.

    Examples:
        >>> np.asarray(negative_normalize(np.array([-4.0, -1.0, 4.0]).reshape(1, 1, 3, 1))).ravel()
        array([1.  , 0.25, 0.  ])
    """
    return _scale(negative(x), axis)


def absolute_normalize(x: ArrayLike, axis: Axis | None = None) -> Tensor:
    """Return the magnitude, scaled so that each map's maximum is 1.

    Args:
        x: Maps `(B, H, W, U)`, any range.
        axis: Spatial axes of `x`; `None` for all but the first and the last.

    Returns:
        Maps of the same shape, in [0, 1]. A map of zeros gives zeros.

    Examples:
        >>> np.asarray(absolute_normalize(np.array([-4.0, 1.0, 2.0]).reshape(1, 1, 3, 1))).ravel()
        array([1.  , 0.25, 0.5 ])
    """
    return _scale(absolute(x), axis)


def _scale(x: ArrayLike, axis: Axis | None) -> Tensor:
    """Divide each map by its maximum, so that 0 stays 0."""
    axis = _spatial_axes(x, axis)
    top = ops.max(x, axis=axis, keepdims=True)
    return ops.where(top > 0, x / ops.where(top > 0, top, 1), 0)


def _spatial_axes(x: ArrayLike, axis: Axis | None) -> Axis:
    """Return the spatial axes: all but those of images and units."""
    return tuple(range(1, len(x.shape) - 1)) if axis is None else axis
