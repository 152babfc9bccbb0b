"""Cache compiled functions for as long as their model lives, at most eight for each.

A compiled function must not keep its model alive: it holds the model by a weak reference, and the cache is keyed
weakly by the user's model. TensorFlow's graph holds the variables only.
"""

import collections
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets import backend
from ke_widgets.backend import Compiled as Compiled
from ke_widgets.model.exposed import Exposed, View

LIMIT = 8

_CACHE: "weakref.WeakKeyDictionary[keras.Model, collections.OrderedDict[Hashable, Any]]" = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def cached(model: keras.Model, key: Hashable, build: Callable[[], Any]) -> Any:
    """Return the cached result of `build()` for `model` and `key`, or build it; the eight last used are kept.

    Args:
        model: A Keras model, held weakly; `build` must not hold it either.
        key: Anything hashable.
        build: A function of no arguments.

    Returns:
        The result of `build`.
    """
    with _LOCK:
        kept = _CACHE.setdefault(model, collections.OrderedDict())
        if key not in kept:
            kept[key] = build()
        kept.move_to_end(key)
        while len(kept) > LIMIT:
            kept.popitem(last=False)
        return kept[key]


def ready(
    method: Callable[..., Any], model: keras.Model, inputs: Any, indices: Any, **params: Any
) -> Callable[..., Any] | None:
    """Return the cached trace of `compiled` for such arguments, whose call compiles nothing, or `None`.

    Args:
        method: See `compiled`.
        model: See `compiled`.
        inputs: Arguments of the call; see `Compiled.trace`.
        indices: The same.
        **params: See `compiled`.

    Returns:
        A function `(inputs, indices)` for arguments of these shapes, or `None`, also while it is being traced.
    """
    owner, view = owner_and_view(model)
    with _LOCK:
        function = _CACHE.get(owner, {}).get(_key(method, view, None, params))
    return None if function is None else function.trace(inputs, indices)


def compiled(
    method: Callable[..., Any], model: keras.Model, jit_compile: bool | None = None, **params: Any
) -> Compiled:
    """Compile `method` for `model`, or return the cached function.

    Args:
        method: A method of `ke_widgets.methods`, or any function `(model, inputs, indices, **params)` of tensors.
        model: An exposed or any other Keras model.
        jit_compile: Compile with XLA. Off by default: on CPUs it makes the forward pass slower.
        **params: Own parameters of the method, fixed in the compiled function; arrays among them are compared by value.

    Returns:
        A `Compiled` function `(inputs, indices)`, traced once for each set of input ranks and dtypes.
    """
    owner, view = owner_and_view(model)
    return cached(
        owner,
        _key(method, view, jit_compile, params),
        lambda: _compile(method, weakref.ref(owner), view, jit_compile, params),
    )


def _key(method: Callable[..., Any], view: View | None, jit_compile: bool | None, params: dict[str, Any]) -> Hashable:
    return (method, view, jit_compile, frozen(params))


def frozen(value: Any) -> Hashable:
    """Return a hashable key that is equal for equal parameters.

    Args:
        value: A parameter, or a dict, list or tuple of them; arrays are compared by value.

    Returns:
        The key.
    """
    if isinstance(value, dict):
        return ("dict", *((name, frozen(item)) for name, item in sorted(value.items())))
    if isinstance(value, list | tuple):
        return (type(value).__name__, *map(frozen, value))
    try:
        hash(value)
    except TypeError:
        array = np.asarray(ops.convert_to_numpy(value))
        return (array.shape, array.dtype.str, array.tobytes())
    return (type(value).__name__, value)


def owner_and_view(model: keras.Model) -> tuple[keras.Model, View | None]:
    """Split into the user's model and our view of it.

    Args:
        model: An exposed or any other Keras model.

    Returns:
        The user's model, and its view: endpoints and target (`None` for a model that is not exposed).
    """
    return (model.model, model.view) if isinstance(model, Exposed) else (model, None)


def _compile(
    method: Callable[..., Any],
    owner: Callable[[], Any],
    view: View | None,
    jit_compile: bool | None,
    params: dict[str, Any],
) -> Compiled:
    def run(inputs: Any, indices: Any) -> Any:
        model = owner()
        return method(model if view is None else Exposed(model, *view), inputs, indices, **params)

    run.__name__ = getattr(method, "__name__", "method")
    return backend.compiled(run, jit_compile)
