"""What is asked of a model: the image that it takes, and the scores of the units of a layer."""

import numbers
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.forward import outputs_of
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import input_specs
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import at_least_float32
from ke_widgets.model.inputs import axes_of_image, axes_of_signal
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Shape, Tensor

_USUAL = 224


def layout(view: Exposed, size: int | tuple[int, int] | None) -> tuple[int, ...]:
    """Return the shape of the image that a model takes, in the model's own layout.

    Args:
        view: The model.
        size: Rows and columns, for a model of open sides; one number for both.

    Returns:
        `(H, W, C)`, `(C, H, W)` or `(H, W)`.

    Raises:
        ValueError: If it does not take one image, or `size` is none, or not the model's.
    """
    sides = (_USUAL, _USUAL) if size is None else (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or n < 2 for n in sides):
        raise ValueError(f"`size` must be rows and columns, integers of at least 2. Received: size={short_repr(size)}.")
    declared = input_specs.declared(view.model)
    # A subclassed model that Keras knows nothing of takes what most do.
    shapes = [(None, None, None, 3)] if declared is None else [tuple(x.shape) for x in keras.tree.flatten(declared)]
    if len(shapes) != 1 or len(shapes[0]) not in (3, 4):
        raise ValueError(
            f"`model` must take one image (B, H, W, C). Received: {view.model.name!r}, which takes {shapes}."
        )
    (shape,) = shapes
    axes = _spatial(view, shape)
    wanted = {axis % len(shape): side for axis, side in zip(axes, sides)}
    found = tuple(wanted.get(axis, 1) if side is None else int(side) for axis, side in enumerate(shape))
    if size is not None and tuple(found[axis] for axis in axes) != sides:
        raise ValueError(f"`size` must be that of the model's image, {shape[1:]}. Received: size={short_repr(size)}.")
    return found[1:]


def _spatial(view: Exposed, shape: Shape) -> tuple[int, ...]:
    """Return the axes of rows and columns of an input, counted from the end."""
    example = np.zeros([1, *(3 if side is None else side for side in shape[1:])], "float32")
    axes = axes_of_image(view, example, 0)
    if len(axes) != 2:
        raise ValueError(f"`model` must take images (B, H, W, C). Received: {view.model.name!r}, which takes {shape}.")
    return axes


def score_each(view: Exposed, outputs: Any, of_layer: bool) -> Tensor:
    """Return the scores of all units of the first output: of a layer, the mean of each channel over its positions.

    Args:
        view: The model.
        outputs: Its first output.
        of_layer: Whether that is a layer's own.

    Returns:
        Scores `(B, U_all)`.
    """
    if not of_layer:
        return scores_of(view, outputs, None)
    x = at_least_float32(outputs)
    rank = len(x.shape)
    channels = 1 if rank > 3 and axes_of_signal(view, rank) == tuple(range(2 - rank, 0)) else rank - 1
    return ops.mean(x, axis=[axis for axis in range(1, rank) if axis != channels]) if rank > 2 else x


def units_of(view: Exposed, shape: tuple[int, ...], unit: Any, of_layer: bool) -> np.ndarray:
    """Return the units that are asked for.

    Args:
        view: The model.
        shape: The shape of its image.
        unit: As the user gave it.
        of_layer: See `score_each`.

    Returns:
        Integers `(U,)`.

    Raises:
        ValueError: If there is no such unit, or the layer has none.
    """
    outputs, *_ = outputs_of(view, ops.zeros((1, *shape)))
    if of_layer and (not ops.is_tensor(outputs) or len(outputs.shape) < 2):
        raise ValueError(
            "`layer` must give one tensor with channels, to have units. "
            f"Received: {view.endpoints[0]}, which gives {short_repr(outputs)}."
        )
    number = int(score_each(view, outputs, of_layer).shape[-1])
    if unit is None:
        return np.arange(number, dtype="int32")
    units = list(unit) if isinstance(unit, Sequence | np.ndarray) else [unit]
    if not units or not all(_is_unit(each, number) for each in units):
        raise ValueError(
            f"`unit` must be one of the {number} units, counted from 0, or a list of them. "
            f"Received: unit={short_repr(unit)}, of {view.endpoints[0]}."
        )
    return np.array(units, dtype="int32")


def _is_unit(value: Any, number: int) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and 0 <= int(value) < number


def check_range(value_range: Any) -> tuple[float, float]:
    """Return the least and the largest value of a pixel, checked."""
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            "`value_range` must be two numbers, the smaller one first. "
            f"Received: value_range={short_repr(value_range)}."
        )
    return low, high


def check_number(name: str, value: Any, low: float, high: float) -> None:
    """Refuse a number out of its range."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= float(value) <= high:
        raise ValueError(f"`{name}` must be a number from {low} to {high}. Received: {name}={short_repr(value)}.")
