"""Run a model once: its logits, and its signals with spatial axes."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras

from ke_widgets.inspection import expose
from ke_widgets.model import hooks
from ke_widgets.model.exposed import Exposed, run
from ke_widgets.model.grids import at_least_float32, to_grid, token_grid
from ke_widgets.model.heads import manual_signals
from ke_widgets.model.inputs import axes_of_signal, fitted, size_of_image
from ke_widgets.model.locate import tokens_after
from ke_widgets.model.units import check_batch, check_scores
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def forward(model: keras.Model, inputs: Inputs) -> tuple[Tensor, list[Tensor]]:
    """Run `model` and split its outputs.

    Args:
        model: An exposed model, a `keras.Model` with outputs `[logits, *signals]`, or one with logits only.
        inputs: Inputs of the model.

    Returns:
        Logits `(B, U_all)` and a list of signals, empty for a model with logits only; half precision is cast
        to float32.
    """
    outputs, *signals = outputs_of(model, inputs)
    signals = [at_least_float32(signal) for signal in keras.tree.flatten(signals)]
    return keras.tree.map_structure(at_least_float32, outputs), signals


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
    outputs, *signals = outputs_of(model, inputs)
    if getattr(model, "target", None) is None:
        check_scores(outputs, model)
    grid = on_grid(model, inputs, outputs, required(signals, model)[0], spatial_axis)
    return keras.tree.map_structure(at_least_float32, outputs), grid


def on_grid(
    model: keras.Model, inputs: Inputs, outputs: Any, signal: Tensor | list[Tensor], spatial_axis: SpatialAxis
) -> Tensor | list[Tensor]:
    """Bring the first signal of a model, as `outputs_of` gives it with the model's `outputs`, to spatial axes."""
    size = size_of_image(model, inputs, spatial_axis)
    signal = each_call(lambda x: without_tokens_after(model, 0, x, size), signal)
    axes = functools.partial(axes_of_signal, model, spatial_axis=spatial_axis)
    return each_call(lambda x: as_grid(x, outputs, size, axes, signal_names(model)[0]), signal)


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


def outputs_of(model: keras.Model, inputs: Inputs, watch: hooks.Watch | None = None) -> list[Any]:
    """Run a model; a signal of an exposed one may be a list with one tensor per call."""
    if isinstance(model, Exposed):
        return model.read(inputs, watch=watch)
    with hooks.recording([]):  # Some convolutions need another eager gradient than TensorFlow's: see `hooks`.
        return keras.tree.flatten(run(model, inputs))


def required(signals: list[Any], model: keras.Model) -> list[Any]:
    if not signals:
        raise ValueError(
            "`model` must give its logits and at least one signal, as `ke.inspection.expose(model)` does. "
            f"Received: {model.name!r}, which gives its logits alone."
        )
    return signals


def signal_names(model: keras.Model) -> list[str]:
    return [str(e) for e in model.endpoints[1:]] if isinstance(model, Exposed) else model.output_names[1:]


def each_call(function: Callable[[Tensor], Tensor], signal: Tensor | list[Tensor]) -> Any:
    """Apply a function to a signal, or to each of a list with one signal per call."""
    return [function(x) for x in signal] if isinstance(signal, list) else function(signal)


def without_tokens_after(
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


def as_grid(
    signal: Tensor, outputs: Any, size: Sequence[Any], axes: Callable[[int], tuple[int, ...]], where: str
) -> Tensor:
    first = keras.tree.flatten(outputs)[0]
    return to_grid(check_batch(at_least_float32(signal), first, where), size, axes(len(signal.shape)))
