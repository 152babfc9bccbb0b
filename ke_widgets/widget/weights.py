"""Whether a model was trained or loaded since one last looked: a few of its numbers, compared."""

import functools

from keras import ops


def fingerprint(model, inputs, indices):
    """List every number of the vectors among the weights, and a row out of the middle of each of the others.

    They move when the model is trained or loaded, and are a hundredth of all.
    """
    rows = [_row(weight) for weight in model.weights if all(weight.shape)]
    return ops.concatenate([ops.cast(row, "float32") for row in rows])


@functools.lru_cache(maxsize=64)
def marked(look):
    """Give the fingerprint along with what `look` gives: together they take next to no longer than `look` alone."""

    @functools.wraps(look)
    def both(model, inputs, indices, **params):
        return look(model, inputs, indices, **params), fingerprint(model, inputs, indices)

    return both


def _row(weight):
    # Not an operation more than it takes: there are hundreds of weights, and each operation takes its time to trace.
    values = ops.convert_to_tensor(weight)
    if len(weight.shape) == 1:
        return values
    return values[tuple(side // 2 for side in weight.shape[:-1])] if weight.shape else ops.reshape(values, (1,))
