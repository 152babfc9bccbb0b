"""A fingerprint of a model's weights: a small sample, compared to detect training or loading."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

# Types that float32 represents exactly; with a wider type it would miss small changes.
_NARROW = ("float32", "float16", "bfloat16", "bool", "int8", "uint8", "int16", "uint16", "int4")


def fingerprint(model: keras.Model, inputs: Any, indices: Any) -> Any:
    """Concatenate the scalar and vector weights in full with the middle row of each other weight.

    The sample is about one percent of all weights, and changes when the model is trained or loaded. The states of
    random layers, which change by themselves, are not in Keras's `weights`.
    """
    weights = [weight for weight in model.weights if 0 not in tuple(weight.shape) and _dtype(weight) != "string"]
    dtype = "float32" if all(_dtype(weight) in _NARROW for weight in weights) else "float64"
    rows = [ops.cast(_row(weight), dtype) for weight in weights]
    return ops.concatenate(rows) if rows else ops.zeros((0,), dtype)


def _dtype(weight):
    return keras.backend.standardize_dtype(weight.dtype)


@functools.lru_cache(maxsize=64)
def with_fingerprint(method: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """Wrap a method to return its result and the fingerprint from one compiled function, at almost no extra cost."""

    @functools.wraps(method)
    def both(model, inputs, indices, **params):
        return method(model, inputs, indices, **params), fingerprint(model, inputs, indices)

    return both


def _row(weight):
    # Keep this to one operation per weight: tracing hundreds of them dominates the cost.
    values, rank = ops.convert_to_tensor(weight), len(weight.shape)
    if rank == 1:
        return values
    return values[tuple(side // 2 for side in weight.shape[:-1])] if rank else ops.reshape(values, (1,))
