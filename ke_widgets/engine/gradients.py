"""Gradients of chosen units with respect to inputs or exposed signals.

A second Keras backend would cost a twin of this file and of `model.hooks`, and no edit in a method.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ke_widgets.engine.integer_inputs import seen_as_floats
from ke_widgets.inspection import expose
from ke_widgets.model import hooks
from ke_widgets.model.exposed import Exposed, run
from ke_widgets.model.grids import as_float, at_least_float32, to_grid, token_grid
from ke_widgets.model.heads import manual_signals
from ke_widgets.model.inputs import (
    axes_of_image,
    axes_of_signal,
    fitted,
    image_position,
    names,
    references,
    size_of_image,
)
from ke_widgets.model.locate import tokens_after
from ke_widgets.model.units import check_batch, check_scores, scores_of
from ke_widgets.typing import Inputs, SpatialAxis, Tensor

ZERO, NONE = tf.UnconnectedGradients.ZERO, tf.UnconnectedGradients.NONE


def forward(model: keras.Model, inputs: Inputs) -> tuple[Tensor, list[Tensor]]:
    """Run `model` and split its outputs.

    Args:
        model: An exposed model, a `keras.Model` with outputs `[logits, *signals]`, or one with logits only.
        inputs: Inputs of the model.

    Returns:
        Logits `(B, U_all)` and a list of signals, empty for a model with logits only; half precision is cast
        to float32.
    """
    outputs, *signals = _outputs(model, inputs)
    signals = [at_least_float32(signal) for signal in keras.tree.flatten(signals)]
    return keras.tree.map_structure(at_least_float32, outputs), signals


def _outputs(model: keras.Model, inputs: Inputs, watch: hooks.Watch | None = None) -> list[Any]:
    """Run a model; a signal of an exposed one may be a list with one tensor per call."""
    if isinstance(model, Exposed):
        return model.read(inputs, watch=watch)
    with hooks.recording([]):  # Some convolutions need another eager gradient than TensorFlow's: see `hooks`.
        return keras.tree.flatten(run(model, inputs))


def spatial_forward(
    model: keras.Model, inputs: Inputs, spatial_axis: SpatialAxis = (-3, -2)
) -> tuple[Tensor, Tensor | list[Tensor]]:
    """Run `model` and bring its first signal to spatial axes.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Images `(B, H, W, C)`, or other inputs of the model.
        spatial_axis: Spatial axes of the signal, counted from the end.

    Returns:
        The model's first output, such as logits `(B, U_all)`, and the signal `(B, H', W', K)`; if all calls of a layer
        are exposed, one for each frame, a list of them.

    Raises:
        ValueError: If the model exposes no signal, or one without spatial axes, or does not give scores `(B, U_all)`.
    """
    model = with_signal(model)
    inputs = fitted(model, inputs)
    outputs, *signals = _outputs(model, inputs)
    if getattr(model, "target", None) is None:
        check_scores(outputs, model)
    signal, size = _required(signals, model)[0], size_of_image(model, inputs, spatial_axis)
    signal = _each_call(lambda x: _without_tokens_after(model, 0, x, size), signal)
    axes = functools.partial(axes_of_signal, model, spatial_axis=spatial_axis)
    grid = _each_call(lambda x: _as_grid(x, outputs, size, axes, _names(model)[0]), signal)
    return keras.tree.map_structure(at_least_float32, outputs), grid


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
    flat = [as_float(x) if number in chosen else tf.convert_to_tensor(x) for number, x in enumerate(flat)]
    sources = [flat[number] for number in chosen]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(sources)
        known = references(model, inputs)
        with seen_as_floats(model, [] if position is None else [(known[position], flat[position])]):
            outputs, _ = forward(model, keras.tree.pack_sequence_as(inputs, flat))
        units = scores_of(model, outputs, indices, indices_axis, indices_batch_dims)
    where = "the inputs" if position is None else f"the input {names(model, inputs)[position]!r}"
    return units, gradient_rows(tape, units, sources, where, "the image")


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
    return logits, _spatial_first(grads, axes)


def _spatial_first(grads: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Bring a gradient `(B, U, ...)` with spatial `axes` to `(B, U, H, W, C)`: all other axes are channels."""
    rank = len(grads.shape)
    spatial = [axis % rank for axis in axes]
    order = (0, 1, *spatial, *(axis for axis in range(2, rank) if axis not in spatial))
    if order != tuple(range(rank)):
        grads = tf.transpose(grads, order)
    if rank == len(axes) + 3:
        return grads
    channels = math.prod(int(side or 0) for side in grads.shape[len(axes) + 2 :])
    return keras.ops.reshape(grads, (*keras.ops.shape(grads)[: len(axes) + 2], channels))


def signal_jacobian(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = (-3, -2),
) -> tuple[Tensor, list[Any], list[Any]]:
    """Differentiate the chosen units with respect to the exposed signals.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Images `(B, H, W, C)`, or other inputs of the model.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        spatial_axis: Spatial axes of the signals, counted from the end.

    Returns:
        Logits `(B, U)`, a list of signals `(B, H', W', K)`, and a list of their gradients `(B, U, H', W', K)`, whatever
        the layout of the signals in the model. Where all calls of a layer are exposed, signal and gradient are lists,
        one for each call.

    Raises:
        ValueError: If the model exposes no signal, one without spatial axes, or one that the units do not depend on, or
            does not give scores `(B, U_all)`.
    """
    model = with_signal(model)
    inputs = keras.tree.map_structure(tf.convert_to_tensor, fitted(model, inputs))
    watched = [x for x in keras.tree.flatten(inputs) if x.dtype.is_floating]
    # Integer inputs (tokens) cannot be watched, but the variables that read them can. Recording from the start costs
    # nothing when compiled: unused operations are pruned.
    with tf.GradientTape(persistent=True, watch_accessed_variables=not watched) as tape:
        tape.watch(watched)
        outputs, *signals = _outputs(model, inputs, watch=tape.watch)
        units = scores_of(model, outputs, indices, indices_axis, indices_batch_dims)
    found = _names(model)
    flat = keras.tree.flatten(_required(signals, model))
    gradients = gradient_rows(tape, units, flat, ", ".join(found))
    gradients = keras.tree.pack_sequence_as(signals, gradients)
    size, axes = (
        size_of_image(model, inputs, spatial_axis),
        functools.partial(axes_of_signal, model, spatial_axis=spatial_axis),
    )

    def to_grid_of(x: Tensor, number: int) -> Tensor:
        return _as_grid(_without_tokens_after(model, number, x, size), outputs, size, axes, found[number])

    def gradient_to_grid(x: Tensor, number: int) -> Tensor:
        x = _without_tokens_after(model, number, x, size, leading=2)
        return to_grid(x, size, axes(len(x.shape) - 1), leading=2)

    signals = [_each_call(functools.partial(to_grid_of, number=n), signal) for n, signal in enumerate(signals)]
    return (
        units,
        signals,
        [_each_call(functools.partial(gradient_to_grid, number=n), gradient) for n, gradient in enumerate(gradients)],
    )


def _without_tokens_after(
    model: keras.Model, number: int, signal: Tensor, size: Sequence[Any], leading: int = 1
) -> Tensor:
    """Remove tokens after the grid; `to_grid` removes those before it."""
    if (
        not isinstance(model, Exposed)
        or len(signal.shape) != leading + 2
        or len(size) != 2
        or not model.endpoints[1].path
    ):
        return signal
    tokens, endpoint = signal.shape[-2], model.endpoints[1 + number]
    grid = token_grid(tokens, *size) if all(isinstance(n, int) for n in (tokens, *size)) else None
    after = 0 if grid is not None and grid[0] * grid[1] == tokens else tokens_after(model.model, endpoint)
    return signal[..., :-after, :] if after else signal


def _names(model: keras.Model) -> list[str]:
    return [str(e) for e in model.endpoints[1:]] if isinstance(model, Exposed) else model.output_names[1:]


def _each_call(function: Callable[[Tensor], Tensor], signal: Tensor | list[Tensor]) -> Any:
    """Apply a function to a signal, or to each of a list with one signal per call."""
    return [function(x) for x in signal] if isinstance(signal, list) else function(signal)


def _as_grid(
    signal: Tensor, outputs: Any, size: Sequence[Any], axes: Callable[[int], tuple[int, ...]], where: str
) -> Tensor:
    first = keras.tree.flatten(outputs)[0]
    return to_grid(check_batch(at_least_float32(signal), first, where), size, axes(len(signal.shape)))


def with_signal(model: keras.Model) -> keras.Model:
    """Expose a plain model by default; return an exposed one, or `keras.Model(inputs, [logits, *signals])`, unchanged.

    Args:
        model: A Keras model.

    Returns:
        A model whose outputs are its logits and at least one signal, if possible.

    Raises:
        ValueError: If the model has several outputs, and none is chosen.
    """
    return model if isinstance(model, Exposed) or manual_signals(model) else expose(model)


def _required(signals: list[Any], model: keras.Model) -> list[Any]:
    if not signals:
        raise ValueError(
            "`model` must give its logits and at least one signal, as `ke.inspection.expose(model)` does. "
            f"Received: {model.name!r}, which gives its logits alone."
        )
    return signals


_WHAT_ELSE = {
    "the signal": "Choose a layer on the way to the output.",
    "the image": "Choose another input by `image_input`, or a model that can be differentiated.",
}


def gradient_rows(
    tape: tf.GradientTape, units: Tensor, sources: Sequence[Tensor], where: str | None = None, what: str = "the signal"
) -> list[Tensor]:
    """Compute one gradient `(B, U, ...)` of `units` `(B, U)` with respect to each of `sources` `(B, ...)`.

    If the units do not depend on a source, its gradient is 0; if `where` names the sources, that is an error instead.
    `what` is `"the signal"` or `"the image"`.
    """
    unconnected = ZERO if where is None else NONE
    if units.shape[1] == 1:
        gradients = tape.gradient(units, sources, unconnected_gradients=unconnected)
        return [tf.expand_dims(g, 1) for g in _connected(gradients, where, what)]
    number = tf.shape(units)[1]

    def row(unit: Any) -> list[Tensor]:
        # One unit of every image at once: images are independent, so the gradient of the sum is that of each.
        chosen = tf.broadcast_to(tf.one_hot(unit, number, dtype=units.dtype), tf.shape(units))
        found = tape.gradient(units, sources, output_gradients=chosen, unconnected_gradients=unconnected)
        return _connected(found, where, what)

    return [_swap(g) for g in _each(row, units, [at_least_float32(x).dtype for x in sources])]


def _swap(x: Tensor) -> Tensor:
    """Swap the first two axes. (An einsum takes ten times as long.)"""
    return tf.transpose(x, (1, 0, *range(2, len(x.shape))))


def _each(row: Callable[[Any], list[Tensor]], units: Tensor, dtypes: list[Any]) -> list[Tensor]:
    """Call `row` for each unit and stack its results: vectorized where that is correct, else in a loop."""
    number = tf.shape(units)[1]
    if tf.executing_eagerly():
        return [tf.stack(found) for found in zip(*(row(unit) for unit in range(int(number))))]
    # Vectorized over units, a product of (U, 1, ...) by (1, 1, ...), as in attention on one image, is wrong with oneDNN
    # on CPUs (TensorFlow 2.21), or crashes the process.
    if any(op.type.startswith("BatchMatMul") for op in _before(units)):
        return tf.map_fn(row, tf.range(number), fn_output_signature=dtypes)
    return tf.vectorized_map(row, tf.range(number))


def _before(tensor: Tensor) -> set[tf.Operation]:
    """Return the operations of the graph that a tensor depends on."""
    found, waiting = set(), [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting.extend(x.op for x in operation.inputs)
    return found


def _connected(gradients: Sequence[Any], where: str | None, what: str) -> list[Tensor]:
    if any(g is None for g in gradients):
        raise ValueError(
            f"The explained units must depend on {what}. Received: {where}, which they do not depend on, or not in a "
            f"way that can be differentiated. {_WHAT_ELSE[what]}"
        )
    return [at_least_float32(tf.convert_to_tensor(g)) for g in gradients]
