"""Read, replace or change the output of a layer while its model runs: forward hooks that change no layer.

The inner tensors of a nested or subclassed model exist only while the model runs, and Keras 3 has no forward hooks. So
`keras.Operation.__call__`, through which layers call layers, is extended once: without a recording it only calls the
original. The recordings are in a context variable: a `fit`, `save` or `expose` on another thread meets no hook, and
no object of the user's is ever written to.

The value before a fused activation is internal to the layer's `call`. To read it, `call` runs on a shallow twin: an
object of the same class with the same attributes, except that its `activation` notes its argument.
"""

import contextlib
import contextvars
import functools
import inspect
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import keras

from ke_widgets.backend import as_tensor, current_trace, holds_floats
from ke_widgets.model.changes import Change
from ke_widgets.model.twins import changed_twin
from ke_widgets.typing import Tensor

# Once, also where this module is loaded again.
_ORIGINAL_CALL = getattr(keras.Operation.__call__, "original", keras.Operation.__call__)
_CONVOLUTION = keras.layers.Conv2D.call  # Of Conv1D and Conv3D too.
# Called with tensors as soon as they exist, such as the `watch` of `backend.vjp`.
Watch: TypeAlias = Callable[[list[Tensor]], object]


@dataclass
class Call:
    """Hold one call of a layer: arguments, outputs, and the value before its fused activation, if any."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any
    logits: Any = None


@dataclass
class Recording:
    """Hold the calls noted while a block ran, in the order in which they ended.

    Attributes:
        calls: For each tapped layer's `id`, its calls. A call that ran inside a loop or inside a `tf.function` of its
            own has `outputs=None`: its tensors cannot leave that graph.
        order: The same calls as pairs of operation and call, in the order in which they ended.
        fused: The `id` of the layers to read before their activation too.
        entered: The `id` of the operations whose arguments to watch too.
    """

    calls: dict[int, list[Call]]
    graph: Any = field(default_factory=current_trace)
    watch: Watch | None = None
    order: list[tuple[Any, Call]] = field(default_factory=list)
    fused: frozenset[int] = frozenset()
    entered: frozenset[int] = frozenset()

    def enter(self, operation: keras.Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Watch the arguments of a call of `operation`, if requested."""
        if self.watch is not None and id(operation) in self.entered and current_trace() is self.graph:
            self.watch(_floating((args, kwargs)))

    def note(
        self,
        operation: keras.Operation,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        outputs: Any,
        logits: Tensor | None,
    ) -> None:
        """Note one call of `operation`."""
        here = current_trace() is self.graph
        call = Call(args, kwargs, outputs, logits) if here else Call((), {}, None)
        self.calls[id(operation)].append(call)
        self.order.append((operation, call))
        if here and self.watch is not None:
            self.watch(_floating((logits, outputs)))


@dataclass(frozen=True)
class _Hooks:
    """Hold the hooks of this context: the open recordings; outputs, and changes, by the `id` of their operation."""

    recordings: tuple[Recording, ...] = ()
    outputs: Mapping[int, Any] = field(default_factory=dict)
    changes: Mapping[int, Change] = field(default_factory=dict)

    def wanting(self, operation: keras.Operation) -> list[Recording]:
        """List the recordings that note `operation`."""
        return [recording for recording in self.recordings if id(operation) in recording.calls]

    def concern(self, operation: keras.Operation) -> bool:
        """Return whether a call of `operation` is noted, noted before its activation, replaced or changed."""
        return id(operation) in self.outputs or id(operation) in self.changes or bool(self.wanting(operation))


_HOOKS: contextvars.ContextVar[_Hooks | None] = contextvars.ContextVar("ke_widgets_hooks", default=None)


@contextlib.contextmanager
def recording(
    operations: Iterable[keras.Operation],
    watch: Watch | None = None,
    fused: Iterable[keras.Operation] | None = None,
    entered: Iterable[keras.Operation] = (),
) -> Generator[Recording, None, None]:
    """Note every call of `operations` made in this context while the block runs.

    A direct call of a layer's `call` method is not noted, except for those of `TimeDistributed`.

    Args:
        operations: Layers or other Keras operations; those that never run are allowed.
        watch: Called with the list of floating tensors of each call as soon as they exist, such as the
            `watch` of `backend.vjp`.
        fused: Those of `operations` to read before their fused activation too; `None` for all.
        entered: Those of `operations` for which `watch` is called with the arguments as well.

    Yields:
        A `Recording`, complete when the block ends.
    """
    operations = list({id(operation): operation for operation in operations}.values())
    tap = Recording(
        {id(operation): [] for operation in operations},
        watch=watch,
        fused=frozenset(map(id, operations if fused is None else fused)),
        entered=frozenset(map(id, entered)),
    )
    hooks = _HOOKS.get() or _Hooks()
    with _hooked(replace(hooks, recordings=(*hooks.recordings, tap))):
        yield tap
    del operations  # Referenced until here, so that no `id` is reused.


@contextlib.contextmanager
def replacing(operation: keras.Operation, outputs: Any) -> Generator[None, None, None]:
    """Replace the outputs of `operation` in all calls in this context while the block runs.

    Args:
        operation: A layer, or another Keras operation.
        outputs: The outputs to return.
    """
    hooks = _HOOKS.get() or _Hooks()
    with _hooked(replace(hooks, outputs={**hooks.outputs, id(operation): outputs})):
        yield


@contextlib.contextmanager
def changing(operation: keras.Operation, change: Change) -> Generator[None, None, None]:
    """Change all calls of `operation` in this context while the block runs. They are noted as they are then.

    Args:
        operation: A layer, or another Keras operation.
        change: The `Change`, called once for each call, in running order.
    """
    hooks = _HOOKS.get() or _Hooks()
    with _hooked(replace(hooks, changes={**hooks.changes, id(operation): change})):
        yield


def suspended() -> contextlib.AbstractContextManager[None]:
    """Suspend all hooks while the block runs: for a run of the model inside another one."""
    return _hooked(None)


@contextlib.contextmanager
def _hooked(hooks):
    token = _HOOKS.set(hooks)
    try:
        yield
    finally:
        _HOOKS.reset(token)


def _floating(nested):
    return [x for x in keras.tree.flatten(nested) if holds_floats(x)]


def _call(operation, hooks, args, kwargs):
    """Call an operation that may be hooked."""
    if any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten((args, kwargs))):
        return _ORIGINAL_CALL(operation, *args, **kwargs)  # A graph is being built: nothing runs.
    if isinstance(operation, keras.layers.TimeDistributed) and hooks.concern(operation.layer):
        run = functools.partial(_call_each_step, operation, hooks)
    else:
        run = functools.partial(_run, operation)
    return _observe(operation, hooks, run, args, kwargs)


def _observe(operation, hooks, run, args, kwargs):
    """Call `run`, or replace it, and note the call of `operation` if requested."""
    wanting, change, activation = hooks.wanting(operation), hooks.changes.get(id(operation)), None
    if change is not None:
        args, kwargs = change.of_arguments(args, kwargs)
    for tap in wanting:
        tap.enter(operation, args, kwargs)
    logits = None
    if id(operation) in hooks.outputs:
        outputs = hooks.outputs[id(operation)]
    else:
        wanted = any(id(operation) in tap.fused for tap in wanting) or (change is not None and change.link == "logits")
        activation = _fused_activation(operation, wanted)
        if activation is None:
            outputs = run(*args, **kwargs)
        else:
            outputs, logits = _run_noting_activation(operation, activation, args, kwargs)
    if change is not None:
        outputs, logits = change.of_results(activation, outputs, logits)
    for tap in wanting:
        tap.note(operation, args, kwargs, outputs, logits)
    return outputs


def _run(operation, *args, **kwargs):
    """Run an operation; a convolution of 1 x 1 with strides eagerly on the pixels that it looks at, without strides.

    The sums are the same. But of the other TensorFlow computes the kernel's gradient too, eagerly, although nobody
    asked for it; TensorFlow 2.21 writes past its memory there, on CPUs, which may end the process. Compiled, it is
    pruned.
    """
    if not (current_trace() is None and leaves_pixels_out(operation)):
        return _ORIGINAL_CALL(operation, *args, **kwargs)
    every = tuple(slice(None, None, stride) for stride in operation.strides)
    where = (slice(None), *every) if operation.data_format == "channels_last" else (slice(None), slice(None), *every)
    inputs, *args = args if args else (kwargs.pop("inputs"),)
    with changed_twin(operation, strides=(1,) * len(every)) as copy:
        return _ORIGINAL_CALL(copy, as_tensor(inputs)[where], *args, **kwargs)


def leaves_pixels_out(operation: keras.Operation) -> bool:
    """Return whether a layer is a convolution of 1 x 1 with strides, run by Keras's own code."""
    if getattr(type(operation), "call", None) is not _CONVOLUTION:
        return False
    return max(operation.kernel_size) == 1 and max(operation.strides) > 1


def _fused_activation(operation, wanted):
    """Return the function that the layer calls as its `activation`, if that must be noted; else `None`."""
    activation = vars(operation).get("activation")
    if not isinstance(activation, str):
        return activation if wanted and callable(activation) else None
    # A template in wide use sets `layer.activation = "linear"` on Keras's own layers, none of which can call a string.
    # Others may use the string in a way of their own, and it may be no name that Keras knows.
    return keras.activations.get(activation) if type(operation).__module__.startswith("keras.") else None


def _run_noting_activation(operation, activation, args, kwargs):
    """Run a layer; give its outputs, and what went into its activation if that was the last thing it did."""
    noted = []

    @functools.wraps(activation, updated=())
    def noting(x, *more, **options):
        y = activation(x, *more, **options)
        noted.append((x, y))
        return y

    with changed_twin(operation, activation=noting) as copy:
        outputs = _run(copy, *args, **kwargs)
    # An activation in the middle of a layer is no fused one.
    return outputs, noted[-1][0] if noted and noted[-1][1] is outputs else None


def _call_each_step(operation, hooks, *args, **kwargs):
    """Run a TimeDistributed so that the calls of its layer are seen: it makes them past Keras, by `layer.call`."""
    layer = operation.layer

    def call(*args, **kwargs):
        return _observe(layer, hooks, layer.call, args, kwargs)

    with changed_twin(layer, call=call) as step, changed_twin(operation, layer=step) as copy:
        return _ORIGINAL_CALL(copy, *args, **kwargs)


def _call_with_hooks(self, *args, **kwargs):
    hooks = _HOOKS.get()
    if hooks is None:
        return _ORIGINAL_CALL(self, *args, **kwargs)
    return _call(self, hooks, args, kwargs)


# Keras leaves its own files out of the tracebacks that it shows for an error in the user's code. This function runs
# inside of them at every call of every layer, and is none of the user's business either.
_call_with_hooks.__code__ = _call_with_hooks.__code__.replace(co_filename=inspect.getfile(keras.Operation))
_hooked_call: Any = functools.wraps(_ORIGINAL_CALL)(_call_with_hooks)
_hooked_call.original = _ORIGINAL_CALL
keras.Operation.__call__ = _hooked_call
