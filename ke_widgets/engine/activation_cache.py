"""Looking again at one image and layer: what comes before the layer's signal need not run a second time.

A method that follows from a signal and its gradient reads the model once. So its first look can keep the signal, and
the next one, at another unit, starts from there: the model is run with the layer replaced by its signal, and whatever
only led to it is pruned from the compiled function. Where another way leads around the layer (a skip), that still runs,
and the maps are the same.
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
    """Make `method` give what `look_again` starts from, and the model's own output.

    Args:
        method: A method that reads the model once, at one exposed signal.

    Returns:
        A function with the arguments of a method. It gives logits `(B, U)`, maps `(B, H', W', U)`, the raw signal of
        the exposed layer (`None` where that is no single tensor, or the layer runs more than once), and a flat list of
        the model's outputs.
    """

    @functools.wraps(method)
    def look(
        model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any
    ) -> tuple[Tensor, Any, Tensor | None, list[Tensor]]:
        layer = _layer(model)
        with hooks.recording([layer, model.model], fused=()) as tap:
            logits, maps = method(model, inputs, indices, **params)
        signals = [keras.tree.flatten(call.outputs) for call in tap.calls[id(layer)]]
        only = signals[0][0] if len(signals) == 1 and len(signals[0]) == 1 else None
        return logits, maps, only, keras.tree.flatten(tap.calls[id(model.model)][-1].outputs)

    look.__name__ = f"first_look_{method.__name__}"
    return look


@functools.lru_cache(maxsize=64)
def with_outputs(method: Callable[..., Any]) -> Callable[..., tuple[Tensor, Any, list[Tensor]]]:
    """Make `method` give the model's own output too.

    Args:
        method: A method that reads the model once, at any number of exposed signals.

    Returns:
        A function with the arguments of a method. It gives logits `(B, U)`, maps, and a flat list of the model's
        outputs.
    """

    @functools.wraps(method)
    def look(
        model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any
    ) -> tuple[Tensor, Any, list[Tensor]]:
        with hooks.recording([model.model], fused=()) as tap:
            logits, maps = method(model, inputs, indices, **params)
        return logits, maps, keras.tree.flatten(tap.calls[id(model.model)][-1].outputs)

    look.__name__ = f"with_outputs_{method.__name__}"
    return look


@functools.lru_cache(maxsize=64)
def run_from(method: Callable[..., Any]) -> Callable[..., tuple[Tensor, Any]]:
    """Make `method` start from a signal.

    Args:
        method: See `first_look`.

    Returns:
        A function with the arguments of a method, whose inputs are a pair: the inputs, and the signal that `first_look`
        gave for them. It gives logits `(B, U)` and maps `(B, H', W', U)`.
    """

    @functools.wraps(method)
    def look(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Tensor, Any]:
        inputs, signal = inputs
        with hooks.replacing(_layer(model), signal):
            return method(model, inputs, indices, **params)

    look.__name__ = f"look_again_{method.__name__}"
    return look


def _layer(model: Exposed) -> keras.Operation:
    endpoint = model.endpoints[1]
    if endpoint.link != "output" or endpoint.node != "last":
        raise ValueError(f"`model` must expose the output of a layer to be looked at again. Received: {endpoint}.")
    return model_layers.operations(model.model)[endpoint.path]
