"""Make a method of another one: its name, its docstring, its evaluations."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ke_widgets.methods import Evaluations, evaluated_by
from ke_widgets.model.grids import as_float
from ke_widgets.model.inputs import fitted, image_positions
from ke_widgets.typing import Inputs


def made_of(method: Callable[..., Any], verb: str, evaluations: Evaluations) -> Any:
    """Return a method of `evaluations` with the signature of `method`."""
    made, name = evaluated_by(evaluations)(method), getattr(method, "__name__", "method")
    named(made, verb, method).__qualname__ = f"{verb}_{name}"
    made.__doc__ = f"`{name}`, by `ke_widgets.methods.meta.{verb}`.\n\n{method.__doc__ or ''}"
    return made


def named(made: Any, verb: str, method: Callable[..., Any]) -> Any:
    """Name a method by what it does to another one."""
    made.__name__ = f"{verb}_{getattr(method, '__name__', 'method')}"
    return made


def images_floating(model: keras.Model, inputs: Inputs) -> Inputs:
    """Cast images of integers to floats, and add the channel axis if the model has it.

    Other integers, such as token numbers, stay as they are.
    """
    inputs = fitted(model, inputs)
    images = image_positions(inputs)
    flat = keras.tree.flatten(inputs)
    flat = [as_float(x) if number in images else ops.convert_to_tensor(x) for number, x in enumerate(flat)]
    return keras.tree.pack_sequence_as(inputs, flat)
