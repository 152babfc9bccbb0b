"""Decide whether a function turns logits into probabilities, from its values and not from its name.

A function runs eagerly on a few small tensors with the real number of units. A layer runs as a twin that shares its
attributes, so that nothing is written to the user's layer.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import outside_of_traces
from ke_widgets.model.twins import twin
from ke_widgets.typing import Shape, Tensor

# What acts on finished scores: a softmax or a sigmoid (of any slope, or the logarithm of one), what leaves everything
# as it is, what leaves probabilities as they are (clips, casts), and their logarithm.
ACTIVATIONS = ("softmax", "sigmoid")
Kind: TypeAlias = Literal["softmax", "sigmoid", "identity", "scores", "log"]

_KNOWN: dict[Any, Kind | None] = {
    None: "identity",
    keras.activations.linear: "identity",
    keras.activations.softmax: "softmax",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.log_softmax: "softmax",
    keras.activations.log_sigmoid: "sigmoid",
    keras.activations.hard_sigmoid: "sigmoid",
    keras.activations.sparsemax: "softmax",
    **dict.fromkeys((keras.activations.relu, keras.activations.relu6, keras.activations.gelu, keras.activations.tanh)),
}


def activation_kind(activation: str | Callable[..., Any] | None, shape: Shape = (None, 4)) -> Kind | None:
    """Classify what an activation does to scores.

    Args:
        activation: A function, a layer, a name that Keras knows, or `None`.
        shape: Shape of the scores, `(B, U)` or with axes between; unknown sides are `None`.

    Returns:
        `"softmax"` or `"sigmoid"`, for their logarithms as well; `"identity"` if nothing changes; `"scores"` if
        probabilities do not change; `"log"` for the logarithm; `None` for anything else.
    """
    if isinstance(activation, str):
        try:
            activation = keras.activations.get(activation)
        except ValueError:
            return None
    try:
        if activation in _KNOWN:
            return _KNOWN[activation]
    except TypeError:  # Not hashable, so none of ours.
        pass
    if isinstance(activation, keras.Operation):
        activation = twin(activation).call
    return kind(activation, shape) if callable(activation) else None


def kind(function: Callable[[Tensor], Tensor], shape: Shape) -> Kind | None:
    """Classify what a function of one tensor does to scores; see `activation_kind`.

    Args:
        function: A function that runs on its own.
        shape: Shape of its argument, batch first; unknown sides are `None`.
    """
    # One unit alone is always 1 to a softmax.
    shape = (3, *(2 if side is None else side for side in shape[1:]))
    if len(shape) < 2 or int(np.prod(shape)) > 3e6:
        return None
    run = _runner(function, shape)
    try:
        with np.errstate(all="ignore"):
            return _kind(run, shape)
    except Exception:  # Foreign functions may raise anything.
        return None


def _runner(function, shape):
    def run(x):
        # Also while a function is being traced, which has no values.
        with outside_of_traces(), keras.StatelessScope():
            y = function(ops.convert_to_tensor(np.reshape(x, shape), keras.config.floatx()))
            return np.asarray(ops.convert_to_numpy(y), "float64")

    return run


def _kind(run, shape):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) * 2
    y = run(x)
    if y.size != x.size or y.shape[0] != x.shape[0]:
        return None
    flat = y.reshape(shape)
    if np.allclose(flat, x, rtol=1e-3, atol=1e-3):
        return "identity" if y.shape == shape else "scores"
    likely = rng.uniform(0.02, 0.98, size=shape)
    kept = run(likely).reshape(shape)
    if np.allclose(kept, likely, rtol=1e-3, atol=1e-3):
        return "scores"
    if np.allclose(kept, np.log(likely), rtol=1e-3, atol=1e-3):
        return "log"
    for change in (np.asarray, np.exp):
        changed = functools.partial(_changed, run, change, shape)
        if _is_softmax(changed, x):
            return "softmax"
        if _is_sigmoid(changed, x):
            return "sigmoid"
    return None


def _changed(run, change, shape, x):
    return change(run(x)).reshape(shape)


def _is_softmax(run, x):
    """Return whether units sum to 1, and a constant added to all of them changes nothing."""
    y = run(x)
    if (y < -1e-3).any() or (y > 1 + 1e-3).any() or not np.allclose(run(x + 3), y, atol=2e-3):
        return False
    axes = [axis for axis in range(1, y.ndim) if np.allclose(y.sum(axis), 1, atol=1e-2)]
    alone = x[0].size == 1  # The softmax of a single unit is 1.
    return bool(axes) and (alone or (y.std() > 1e-6 and any(y.shape[axis] > 1 for axis in axes)))


def _is_sigmoid(run, x):
    """Return whether each unit rises from 0 to 1 on its own."""
    y, moved = run(x), x.copy()
    first = (slice(None), *[0] * (x.ndim - 1))
    moved[first] += 1
    others = np.ones(x.shape, bool)
    others[first] = False
    if not np.allclose(run(moved)[others], y[others], atol=1e-3):
        return False
    for unit in {0, x[0].size - 1}:
        levels = np.linspace(-1, 1, 7) ** 3 * 1000
        values = []
        for level in levels:
            given = x.reshape(x.shape[0], -1).copy()
            given[:, unit] = level
            values.append(run(given.reshape(x.shape)).reshape(x.shape[0], -1)[0, unit])
        low, high = values[0], values[-1]
        if abs(low) > 0.02 or abs(high - 1) > 0.02 or (np.diff(values) < -1e-3).any() or max(values) > 1.02:
            return False
    return True
