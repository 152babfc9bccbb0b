"""Gradients of chosen units with respect to inputs or exposed signals."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import keras

from ke_widgets.backend import as_tensor, holds_floats, vjp
from ke_widgets.engine.forward import (
    as_grid,
    each_call,
    forward,
    outputs_of,
    required,
    signal_names,
    with_signal,
    without_tokens_after,
)
from ke_widgets.engine.integer_inputs import seen_as_floats
from ke_widgets.engine.rows import gradient_rows
from ke_widgets.model import hooks
from ke_widgets.model.grids import as_float, at_least_float32, to_grid
from ke_widgets.model.inputs import (
    axes_of_image,
    axes_of_signal,
    fitted,
    image_position,
    names,
    references,
    size_of_image,
)
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Inputs, SpatialAxis, Tensor

# From the first output of a model, in float32 or wider, and the units `(B, U)` in it, to what is differentiated,
# `(B, U)`.
Objective: TypeAlias = Callable[[Any, Tensor], Tensor]


def jacobian(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
    position: int | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Differentiate the chosen units with respect to the model's inputs.

    Args:
        model: See `forward`.
        inputs: Images `(B, H, W, C)`, or other inputs of the model.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        position: Which of the flat inputs; the others are passed on unchanged. `None` differentiates them all.
            Integers that are differentiated are cast to float32.

    Returns:
        Logits `(B, U)`, and a list with one gradient `(B, U, H, W, C)` for each differentiated input.

    Raises:
        ValueError: If the units do not depend on one of them, or the model does not give scores `(B, U_all)`.
    """
    inputs = fitted(model, inputs)
    flat = keras.tree.flatten(inputs)
    chosen = range(len(flat)) if position is None else [position]
    flat = [as_float(x) if number in chosen else as_tensor(x) for number, x in enumerate(flat)]
    known = references(model, inputs)

    def score(given: list[Tensor], _: object) -> tuple[Tensor, None]:
        every = [*flat]
        for number, x in zip(chosen, given):
            every[number] = x
        with seen_as_floats(model, [] if position is None else [(known[position], every[position])]):
            outputs, _ = forward(model, keras.tree.pack_sequence_as(inputs, every))
        return scores_of(model, outputs, indices, indices_axis, indices_batch_dims), None

    sources = [flat[number] for number in chosen]
    units, _, back = vjp(score, sources)
    where = "the inputs" if position is None else f"the input {names(model, inputs)[position]!r}"
    return units, gradient_rows(back, units, sources, where, "the image")


def image_jacobian(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = (-3, -2),
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Differentiate the chosen units with respect to the image alone, with spatial axes first.

    Args:
        model: See `forward`.
        inputs: Images `(B, H, W, C)`, or other inputs of the model.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        spatial_axis: Spatial axes of the image, counted from the end.
        image_input: Name or position of the image, in a model that takes several.

    Returns:
        Logits `(B, U)`, and the gradient `(B, U, H, W, C)`, channels last whatever the layout of the image; grey
        images `(B, H, W)` have one channel.

    Raises:
        ValueError: If no input is the image, or the units do not depend on it.
    """
    inputs = fitted(model, inputs)
    position = image_position(model, inputs, image_input)
    axes = axes_of_image(model, inputs, position, spatial_axis)
    logits, (grads,) = jacobian(model, inputs, indices, indices_axis, indices_batch_dims, position)
    return logits, spatial_first(grads, axes, leading=2)


def spatial_first(x: Tensor, axes: tuple[int, ...], leading: int) -> Tensor:
    """Bring spatial axes right behind the leading ones; all other axes are channels, and become one, the last.

    Args:
        x: A tensor `(B, ...)`, or a gradient `(B, U, ...)`.
        axes: Its spatial axes, counted from the end.
        leading: Number of axes that stay: 1, or 2 for a gradient.

    Returns:
        A tensor `(B, H, W, C)` or `(B, U, H, W, C)`; without channels, `C` is 1.
    """
    rank = len(x.shape)
    spatial = [axis % rank for axis in axes]
    order = (*range(leading), *spatial, *(axis for axis in range(leading, rank) if axis not in spatial))
    if order != tuple(range(rank)):
        x = keras.ops.transpose(x, order)
    before = len(axes) + leading
    if rank == before + 1:
        return x
    channels = math.prod(int(side or 0) for side in x.shape[before:])
    return keras.ops.reshape(x, (*keras.ops.shape(x)[:before], channels))


def signal_jacobian(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = (-3, -2),
    objective: Objective | None = None,
) -> tuple[Tensor, list[Any], list[Any]]:
    """Differentiate the chosen units with respect to the exposed signals.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Images `(B, H, W, C)`, or other inputs of the model.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        spatial_axis: Spatial axes of the signals, counted from the end.
        objective: What to differentiate instead of the units.

    Returns:
        Logits `(B, U)`, a list of signals `(B, H', W', K)`, and a list of their gradients `(B, U, H', W', K)`, whatever
        the layout of the signals in the model. Where all calls of a layer are exposed, signal and gradient are lists,
        one for each call.

    Raises:
        ValueError: If the model exposes no signal, one without spatial axes, or one that the units do not depend on, or
            does not give scores `(B, U_all)`.
    """
    model = with_signal(model)
    inputs = keras.tree.map_structure(as_tensor, fitted(model, inputs))
    explained = functools.partial(
        scores_of, model, y=indices, indices_axis=indices_axis, indices_batch_dims=indices_batch_dims
    )
    run = run_and_differentiate(model, inputs, explained, objective)
    return run.units, *on_grids(model, inputs, run, spatial_axis)


class SignalRun(NamedTuple):
    """Hold a run of a model and gradients at its signals, both as they are in the model.

    Attributes:
        units: The explained scores `(B, U)`.
        outputs: The model's first output.
        signals: The signals; a list where all calls of a layer are exposed.
        gradients: Gradients `(B, U, ...)` in the same structure.
    """

    units: Tensor
    outputs: Any
    signals: list[Any]
    gradients: list[Any]


def run_and_differentiate(
    model: keras.Model,
    inputs: Inputs,
    explained: Callable[[Any], Tensor],
    objective: Objective | None = None,
    also: hooks.Watch | None = None,
) -> SignalRun:
    """Run a model once, and differentiate its units with respect to its signals.

    Args:
        model: A model with a signal.
        inputs: Its inputs, tensors.
        explained: From its first output to the units.
        objective: See `signal_jacobian`.
        also: Called with the signals as soon as they exist, for an outer `vjp`.

    Returns:
        A `SignalRun`.
    """
    found, (floats, packed) = signal_names(model), float_inputs(inputs)

    def score(given: list[Tensor], watch: hooks.Watch) -> tuple[Tensor, Any]:
        def both(tensors: list[Tensor]) -> None:
            watch(tensors)
            if also is not None:
                also(tensors)

        outputs, *signals = outputs_of(model, packed(given), watch=both)
        units = explained(outputs)
        chosen = units if objective is None else objective(keras.tree.map_structure(at_least_float32, outputs), units)
        return chosen, (units, outputs, signals)

    # Integer inputs (tokens) cannot be differentiated, but the variables that read them can. Recording from the start
    # costs nothing when compiled: unused operations are pruned.
    chosen, (units, outputs, signals), back = vjp(score, floats, variables=not floats)
    gradients = gradient_rows(back, chosen, keras.tree.flatten(required(signals, model)), ", ".join(found))
    return SignalRun(units, outputs, signals, keras.tree.pack_sequence_as(signals, gradients))


def float_inputs(inputs: Inputs) -> tuple[list[Tensor], Callable[[list[Tensor]], Inputs]]:
    """Return those inputs that hold floats, and a function that returns the inputs with others in their places."""
    flat = keras.tree.flatten(inputs)
    numbers = [number for number, x in enumerate(flat) if holds_floats(x)]

    def packed(given: list[Tensor]) -> Inputs:
        every = [*flat]
        for number, x in zip(numbers, given):
            every[number] = x
        return keras.tree.pack_sequence_as(inputs, every)

    return [flat[number] for number in numbers], packed


def on_grids(
    model: keras.Model, inputs: Inputs, run: SignalRun, spatial_axis: SpatialAxis
) -> tuple[list[Any], list[Any]]:
    """Bring the signals of a run, and their gradients, to spatial axes, channels last."""
    found, size = signal_names(model), size_of_image(model, inputs, spatial_axis)
    axes = functools.partial(axes_of_signal, model, spatial_axis=spatial_axis)

    def to_grid_of(x: Tensor, number: int) -> Tensor:
        return as_grid(without_tokens_after(model, number, x, size), run.outputs, size, axes, found[number])

    def gradient_to_grid(x: Tensor, number: int) -> Tensor:
        x = without_tokens_after(model, number, x, size, leading=2)
        return to_grid(x, size, axes(len(x.shape) - 1), leading=2)

    return (
        [each_call(functools.partial(to_grid_of, number=n), signal) for n, signal in enumerate(run.signals)],
        [each_call(functools.partial(gradient_to_grid, number=n), each) for n, each in enumerate(run.gradients)],
    )
