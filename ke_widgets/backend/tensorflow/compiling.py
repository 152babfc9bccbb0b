"""Compile a function of tensors, and find its trace quickly."""

import logging
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ke_widgets.errors.short_repr import short_repr

_TRACES = 32  # Kept for each function.


def compiled(run: Callable[[Any, Any], Any], jit_compile: bool | None = None) -> "Compiled":
    """Compile a function.

    Args:
        run: A function of two arguments: tensors, alone or in tuples, lists and dicts.
        jit_compile: Compile with XLA.

    Returns:
        A `Compiled` function.
    """
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
        while len(self._traces) > _TRACES:
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
