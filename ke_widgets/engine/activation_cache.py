"""Cache the signal of a layer, so that a second map of the same image and layer needs only the layers after it.

A method that follows from a signal and its gradient runs the model once. The first run keeps the signal; a later one,
for another unit, starts there: the model runs with the layer replaced by its signal, and the layers before it are
pruned from the compiled function. Branches around the layer (skip connections) still run, and the maps are the same.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras

from ke_widgets.model import hooks
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Exposed
from ke_widgets.typing import Inputs, Tensor


@functools.lru_cache(maxsize=64)
def run_and_keep(method: Callable[..., Any]) -> Callable[..., tuple[Tensor, Any, Tensor | None, list[Tensor]]]:
    """Make `method` return also the signal for `run_from` and the model's own output.

    Args:
        method: A method that runs the model once, at one exposed signal.

    Returns:
        A function with the arguments of a method. It returns logits `(B, U)`, maps `(B, H', W', U)`, the raw signal of
        the exposed layer (`None` if that is not a single tensor, or the layer runs more than once), and a flat list of
        the model's outputs.
    """

    @functools.wraps(method)
    def run(
        model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any
    ) -> tuple[Tensor, Any, Tensor | None, list[Tensor]]:
        layer = _layer(model)
        with hooks.recording([layer, model.model], fused=()) as tap:
            logits, maps = method(model, inputs, indices, **params)
        signals = [keras.tree.flatten(call.outputs) for call in tap.calls[id(layer)]]
        only = signals[0][0] if len(signals) == 1 and len(signals[0]) == 1 else None
        return logits, maps, only, keras.tree.flatten(tap.calls[id(model.model)][-1].outputs)

    run.__name__ = f"run_and_keep_{method.__name__}"
    return run


@functools.lru_cache(maxsize=64)
def with_outputs(method: Callable[..., Any]) -> Callable[..., tuple[Tensor, Any, list[Tensor]]]:
    """Make `method` return the model's own output too.

    Args:
        method: A method that runs the model once, at any number of exposed signals.

    Returns:
        A function with the arguments of a method. It returns logits `(B, U)`, maps, and a flat list of the model's
        outputs.
    """

    @functools.wraps(method)
    def run(
        model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any
    ) -> tuple[Tensor, Any, list[Tensor]]:
        with hooks.recording([model.model], fused=()) as tap:
            logits, maps = method(model, inputs, indices, **params)
        return logits, maps, keras.tree.flatten(tap.calls[id(model.model)][-1].outputs)

    run.__name__ = f"with_outputs_{method.__name__}"
    return run


@functools.lru_cache(maxsize=64)
def run_from(method: Callable[..., Any]) -> Callable[..., tuple[Tensor, Any]]:
    """Make `method` start from a signal.

    Args:
        method: See `run_and_keep`.

    Returns:
        A function with the arguments of a method, whose inputs are a pair: the inputs, and the signal that
        `run_and_keep` returned for them. It returns logits `(B, U)` and maps `(B, H', W', U)`.
    """

    @functools.wraps(method)
    def run(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Tensor, Any]:
        inputs, signal = inputs
        with hooks.replacing(_layer(model), signal):
            return method(model, inputs, indices, **params)

    run.__name__ = f"run_from_{method.__name__}"
    return run


def _layer(model: Exposed) -> keras.Operation:
    endpoint = model.endpoints[1]
    if endpoint.link != "output" or endpoint.node != "last":
        raise ValueError(f"`model` must expose the output of a layer to start from its signal. Received: {endpoint}.")
    return model_layers.operations(model.model)[endpoint.path]
