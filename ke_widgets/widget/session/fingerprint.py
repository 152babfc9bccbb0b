"""Whether a model was trained or loaded since one last looked: a few of its numbers, compared."""

import functools

import keras
from keras import ops

# What a float32 holds to the last digit; of wider numbers it would miss small changes.
_NARROW = ("float32", "float16", "bfloat16", "bool", "int8", "uint8", "int16", "uint16", "int4")


def fingerprint(model, inputs, indices):
    """List every number of the scalars and vectors among the weights, and a row from the middle of each other one.

    They move when the model is trained or loaded, and are a hundredth of all. The states of random layers, which move
    by themselves, are no weights to Keras.
    """
    weights = [weight for weight in model.weights if 0 not in tuple(weight.shape) and _dtype(weight) != "string"]
    dtype = "float32" if all(_dtype(weight) in _NARROW for weight in weights) else "float64"
    rows = [ops.cast(_row(weight), dtype) for weight in weights]
    return ops.concatenate(rows) if rows else ops.zeros((0,), dtype)


def _dtype(weight):
    return keras.backend.standardize_dtype(weight.dtype)


@functools.lru_cache(maxsize=64)
def with_fingerprint(look):
    """Give the fingerprint along with what `look` gives: together they take next to no longer than `look` alone."""

    @functools.wraps(look)
    def both(model, inputs, indices, **params):
        return look(model, inputs, indices, **params), fingerprint(model, inputs, indices)

    return both


def _row(weight):
    # Not an operation more than it takes: there are hundreds of weights, and each operation takes its time to trace.
    values, rank = ops.convert_to_tensor(weight), len(weight.shape)
    if rank == 1:
        return values
    return values[tuple(side // 2 for side in weight.shape[:-1])] if rank else ops.reshape(values, (1,))
