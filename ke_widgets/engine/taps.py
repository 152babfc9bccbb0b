"""Read, or replace, what comes out of a layer while its model runs.

Keras 3 gives the inner tensors of a nested or subclassed model to nobody: they exist only while the model runs.
So while a block runs, and only then, the instance attribute `call` of each wanted layer is a wrapper that notes its
arguments and its result. It works wherever layers call layers, adds no node to any graph, and leaves nothing behind.

Wrappers stand on shared objects, but what they note belongs to one context: a `fit` on another thread passes straight
through, and two threads may tap one layer at the same time.
"""

import contextlib
import contextvars
import functools
import threading
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

_ABSENT = object()
_OPEN: contextvars.ContextVar[tuple["Recording", ...]] = contextvars.ContextVar("ke_widgets_taps", default=())
_GIVEN: contextvars.ContextVar[Mapping[int, Any]] = contextvars.ContextVar(
    "ke_widgets_given", default=types.MappingProxyType({})
)
_LOCK = threading.Lock()
_INSTALLED: dict[int, "_Wrapper"] = {}


@dataclass
class Call:
    """One call of a layer: what went in, what came out, and the value before its fused activation, if it has one."""

    args: tuple
    kwargs: dict
    outputs: Any
    logits: Any = None


@dataclass
class Recording:
    """The calls noted while a block ran, in the order in which they ended.

    Attributes:
        calls: For each tapped layer's `id`, its calls. A call that ran inside a loop or inside a `tf.function` of its
            own has `outputs=None`: its tensors cannot leave that graph.
        order: The same calls as pairs of operation and call, in the order in which they ended.
    """

    calls: dict[int, list[Call]]
    graph: Any = field(default_factory=lambda: _graph())
    pending: dict[int, Any] = field(default_factory=dict)
    watch: Any = None
    order: list[tuple[Any, Call]] = field(default_factory=list)

    def note(self, operation, args, kwargs, outputs):
        """Keep one call of `operation`, if it is wanted here."""
        calls = self.calls.get(id(operation))
        if calls is None:
            return
        before, after = self.pending.pop(id(operation), (None, None))
        # An activation in the middle of a layer is no fused one.
        logits = before if after is outputs else None
        here = _graph() is self.graph
        call = Call(args, kwargs, outputs, logits) if here else Call((), {}, None)
        calls.append(call)
        self.order.append((operation, call))
        if here and self.watch is not None:
            self.watch([x for x in keras.tree.flatten((logits, outputs)) if tf.is_tensor(x) and x.dtype.is_floating])


@contextlib.contextmanager
def recording(operations, watch=None):
    """Note every call of `operations` made by this thread while the block runs.

    Args:
        operations: Layers or other Keras operations; those that never run are allowed.
        watch: Called with the list of tensors of each call as soon as they exist, such as `tf.GradientTape.watch`.

    Yields:
        A `Recording`, complete when the block ends.
    """
    operations = list({id(operation): operation for operation in operations}.values())
    tap = Recording({id(operation): [] for operation in operations}, watch=watch)
    token = _OPEN.set((*_OPEN.get(), tap))
    try:
        with _installed(operations):
            yield tap
    finally:
        _OPEN.reset(token)


@contextlib.contextmanager
def replacing(operation, outputs):
    """Let `operation` give `outputs` instead of running, wherever this thread calls it while the block runs.

    Args:
        operation: A layer, or another Keras operation.
        outputs: What it returns.
    """
    token = _GIVEN.set({**_GIVEN.get(), id(operation): outputs})
    try:
        with _installed([operation]):
            yield
    finally:
        _GIVEN.reset(token)


@contextlib.contextmanager
def _installed(operations):
    installed = []
    try:
        for operation in operations:
            _install(operation)
            installed.append(operation)
        yield
    finally:
        for operation in installed:
            _remove(operation)


def _graph():
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


class _Wrapper:
    """The wrappers on one operation, shared by all that tap it at the moment, and what stood there before."""

    def __init__(self, operation):
        self.users = 0
        self.before = {
            name: operation.__dict__.get(name, _ABSENT)
            for name in _tapped_attributes(operation)
            if hasattr(operation, name)
        }


def _tapped_attributes(operation):
    quantized = getattr(operation, "quantization_mode", None) is not None
    return ("quantized_call" if quantized else "call", "activation")


def _install(operation):
    with _LOCK:
        wrapper = _INSTALLED.setdefault(id(operation), _Wrapper(operation))
        wrapper.users += 1
        if wrapper.users > 1:
            return
        for name in wrapper.before:
            wrap = _wrap_activation if name == "activation" else _wrap_call
            wrapped = wrap(operation, getattr(operation, name))
            if wrapped is not None:
                # Past `Layer.__setattr__`, which would track the wrapper.
                operation.__dict__[name] = wrapped


def _remove(operation):
    with _LOCK:
        wrapper = _INSTALLED[id(operation)]
        wrapper.users -= 1
        if wrapper.users:
            return
        del _INSTALLED[id(operation)]
        for name, value in wrapper.before.items():
            if value is _ABSENT:
                operation.__dict__.pop(name, None)
            else:
                operation.__dict__[name] = value


def _wrap_call(operation, call):
    @functools.wraps(call)
    def tapped_call(*args, **kwargs):
        given = _GIVEN.get()
        outputs = given[id(operation)] if id(operation) in given else call(*args, **kwargs)
        for tap in _OPEN.get():
            tap.note(operation, args, kwargs, outputs)
        return outputs

    return tapped_call


def _wrap_activation(operation, activation):
    if activation is None or (not callable(activation) and not isinstance(activation, str)):
        return None
    # A template in wide use sets `layer.activation = "linear"`, a string that no layer can call.
    function = keras.activations.get(activation) if isinstance(activation, str) else activation

    def tapped_activation(x, *args, **kwargs):
        y = function(x, *args, **kwargs)
        for tap in _OPEN.get():
            if id(operation) in tap.calls:
                tap.pending[id(operation)] = (x, y)
        return y

    return tapped_activation
