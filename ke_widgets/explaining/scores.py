"""Checks of `y` and of the scores before a run, as far as the graph tells their shape."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ke_widgets.inspection import KERNEL_AXIS, find_path, output_shape
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.inputs import graph_of
from ke_widgets.model.units import check_scores_shape, check_units
from ke_widgets.targets import Target, Units
from ke_widgets.targets.target import as_columns, rows
from ke_widgets.typing import Shape


def prepared(model: keras.Model, indices_axis: int, y: Any, count: int) -> np.ndarray | None:
    """Check `y`, and bring it to one entry for each image.

    Args:
        model: The model that is explained; its target says what `y` is.
        indices_axis: Axis of the units in the logits.
        y: As the user gave it.
        count: Number of images.

    Returns:
        An array with one entry for each image, or `None`.

    Raises:
        ValueError: If it does not fit the target, or the model.
    """
    target: Any = getattr(model, "target", None)
    if takes_units(model):
        return None if y is None else units_of(y, count, number_of_units(model, indices_axis))
    if not isinstance(target, Target):
        return None if y is None else rows(y, count, getattr(target, "__name__", type(target).__name__))
    y = target.prepare(y, count)
    shape = scores_shape(model)
    if shape is not None:
        target.check_data(y, shape, _name(model))
    return y


def takes_units(view: Any) -> bool:
    """Return whether `y` of a model, or of a view of it, are units of its logits."""
    target = getattr(view, "target", None)
    return target is None or type(target) is Units


def scores_shape(model: keras.Model) -> Shape | None:
    """Return the shape of what the target reads, if the graph contains it."""
    if not isinstance(model, Exposed):
        graph = graph_of(model)
        return None if graph is None else tuple(graph.outputs[0].shape)
    endpoint, graph = model.endpoints[0], graph_of(model)
    if endpoint.path:
        shape = None if endpoint.link == "input" else output_shape(find_path(model.model, endpoint.path))
    elif endpoint.index == "all":
        return None
    else:
        shape = None if graph is None else tuple(graph.outputs[endpoint.index].shape)
    # As an exposed model returns the scores of a 1 x 1 convolution.
    if shape is None or len(shape) < 3 or getattr(model.target, "spatial", False):
        return shape
    return shape[:1] + shape[-1:] if all(side == 1 for side in shape[1:-1]) else shape


def number_of_units(model: keras.Model, indices_axis: int) -> int | None:
    """Return how many units the model has, where the graph tells it."""
    shape = scores_shape(model)
    return shape[1] if shape is not None and len(shape) == 2 and indices_axis == KERNEL_AXIS else None


def check_outputs(method: Callable[..., Any], model: keras.Model) -> None:
    """Check that the target fits the model's output, where the graph tells its shape.

    Without a target that is one score for each unit, for the methods of this package; another one may take more.

    Raises:
        ValueError: If it does not.
    """
    shape, home = scores_shape(model), inspect.unwrap(method).__module__
    target: Any = getattr(model, "target", None)
    if shape is None:
        return
    if isinstance(target, Target):
        target.check(shape, _name(model))
    elif target is None and home.startswith("ke_widgets.methods"):
        check_scores_shape(shape, _name(model))


def _name(model: keras.Model) -> str:
    """Return the name of the user's model."""
    return (model.model if isinstance(model, Exposed) else model).name


def units_of(y: Any, count: int, units: int | None) -> np.ndarray:
    """Check units, and bring them to one row for each image.

    Args:
        y: Integers `(B, U)`, `(B,)`, or one for all images.
        count: Number of images.
        units: How many units there are, where that is known.

    Returns:
        Integers `(B, U)`, int32.

    Raises:
        ValueError: If they do not fit.
    """
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(
            "`y` must have as many units for each image: (B, U). Received: rows of several lengths."
        ) from error
    if array.dtype.kind not in "iu":
        raise ValueError(
            f"`y` must hold integers, the units to explain. Received: y of dtype {array.dtype}.{_one_hot(array)}"
        )
    array = as_columns(array, count)
    if array.ndim != 2 or len(array) != count or not array.shape[1]:
        raise ValueError(
            f"`y` must have a row of at least one unit for each of the {count} images, (B, U); or be (B,), one unit "
            f"for each, or one integer for all. Received: y of shape {np.shape(y)}."
        )
    if array.min() < 0:
        raise ValueError(f"`y` must hold units from 0. Received: y with {array.min()}.")
    if units is not None and array.max() >= units:
        check_units(array, units)
    if array.shape[1] == units and _one_hot(array):
        raise ValueError(f"`y` must hold the numbers of units. Received: y of shape {array.shape}.{_one_hot(array)}")
    return array.astype("int32")


def _one_hot(y: np.ndarray) -> str:
    if y.ndim != 2 or y.shape[1] < 3 or not ((y == 0) | (y == 1)).all() or not (y.sum(axis=1) == 1).all():
        return ""
    return " For one-hot labels, say `y.argmax(-1)`."
