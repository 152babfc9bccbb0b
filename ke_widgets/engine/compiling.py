"""Cache compiled functions for as long as their model lives, at most eight for each.

A compiled function must not keep its model alive: it holds the model by a weak reference, and the cache is keyed
weakly by the user's model. TensorFlow's graph holds the variables only.
"""

import collections
import logging
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras
import tensorflow as tf

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.exposed import Exposed, View

LIMIT, TRACES = 8, 32

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
) -> "Compiled":
    """Compile `method` for `model`, or return the cached function.

    Args:
        method: A method of `ke_widgets.methods`, or any function `(model, inputs, indices, **params)` of tensors.
        model: An exposed or any other Keras model.
        jit_compile: Compile with XLA. Off by default: on CPUs it makes the forward pass slower.
        **params: Own parameters of the method, fixed in the compiled function; they must be hashable.

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
    return (method, view, jit_compile, tuple(sorted(params.items())))


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
) -> "Compiled":
    def run(inputs: Any, indices: Any) -> Any:
        model = owner()
        return method(model if view is None else Exposed(model, *view), inputs, indices, **params)

    run.__name__ = getattr(method, "__name__", "method")
    function = tf.function(run, reduce_retracing=True, jit_compile=jit_compile, autograph=False)
    # TensorFlow takes one trace for each layer for one function retraced too often, and would warn in the notebook.
    function._omit_frequent_tracing_warning = True
    return Compiled(function)


class Compiled:
    """Call a compiled function by the trace for the shapes of its arguments.

    A `tf.function` checks each of its variables at every call to find its trace: for a network with hundreds of them
    that takes a millisecond, as much as the head of the network.

    Attributes:
        function: The `tf.function`.
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self._traces = {}
        self._refused = set()

    def trace(self, inputs: Any, indices: Any) -> Callable[..., Any] | None:
        """Return the trace for such arguments, whose call compiles nothing and waits for no compilation.

        Args:
            inputs: Tensors, alone or in tuples, lists and dicts.
            indices: The same.

        Returns:
            A function `(inputs, indices)`, or `None` where there is none yet.
        """
        return self._traces.get((_kind(inputs), _kind(indices)))

    def prepare(self, inputs: Any, indices: Any) -> None:
        """Compile it for such arguments, unless that was done or failed before; a call raises the error.

        Args:
            inputs: See `trace`.
            indices: The same.
        """
        key = _kind(inputs), _kind(indices)
        if key in self._traces or key in self._refused:
            return
        try:
            self(inputs, indices)
        except Exception:
            self._refused.add(key)
            logging.getLogger("ke_widgets").debug("%s was not compiled.", self.function, exc_info=True)

    def __call__(self, inputs: Any, indices: Any) -> Any:
        try:
            key = _kind(inputs), _kind(indices)
        except TypeError:
            return self.function(inputs, indices)
        trace = self._traces.get(key)
        if trace is not None:
            return trace(inputs, indices)
        trace = self.function.get_concrete_function(inputs, indices)
        found = trace(inputs, indices)
        # Cached only now: TensorFlow optimizes the graph in the first run, and other runs would wait for it.
        self._traces[key] = trace
        while len(self._traces) > TRACES:
            self._traces.pop(next(iter(self._traces)))
        return found


def _kind(argument: Any) -> Any:
    """Return a key of dtypes and shapes for tensors with values, alone or in tuples, lists and dicts."""
    if argument is None:
        return None
    if isinstance(argument, tuple):
        return tuple(map(_kind, argument))
    if isinstance(argument, list):
        return list, *map(_kind, argument)
    if isinstance(argument, dict):
        return dict, *((name, _kind(each)) for name, each in argument.items())
    if tf.is_tensor(argument) and hasattr(argument, "numpy"):
        return argument.dtype, *argument.shape
    raise TypeError(f"Not a tensor, nor a tuple of them: {short_repr(argument)}.")
