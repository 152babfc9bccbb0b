"""The loop: a method over any amount of data, as `predict` runs a model.

It is `predict` of a small Keras model whose step is the method, so that data of all kinds, callbacks, the progress bar
and the distribution strategy are Keras's own. That small model is kept with what it compiled, for as long as the
explained model lives, and holds that model weakly.
"""

import contextlib
import functools
import inspect
import itertools
import re
import textwrap
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ke_widgets.engine import checking, feeding
from ke_widgets.engine.compiling import cached, weigh
from ke_widgets.engine.defaults import head_index, warn_of_probabilities
from ke_widgets.engine.exposing import Exposed
from ke_widgets.engine.heads import manual_signals
from ke_widgets.engine.sampling import resize
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS, check_model, expose

_NOT_OWN = ("model", "inputs", "indices", "batch_size")

LOOP_ARGS = """\
    model: A model of `ke.inspection.expose`, or any Keras model{signals}.
        It is not changed.
    x: Images `(B, H, W, C)`, preprocessed as the model was trained; an array, a tensor, a list or dict of them for a
        model of several inputs; or a `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches `x` or
        `(x, y)`.
    y: Units to explain, integers `(B, U)`: one map for each. `None` explains all units. Not with data that brings
        its own.
    batch_size: Images that go through at once; 32 by default. Not with data in batches.
    verbose: `"auto"`, 0 (silent), 1 (progress bar) or 2 (one line).
    steps: How many batches to run, for data that has no end.
    callbacks: Keras callbacks; their `predict` hooks are called. `self.model.stop_predicting = True` ends the loop.
    indices_axis: Axis of the units in the logits.
    indices_batch_dims: Leading axes that logits and units share.
    spatial_axis: Axes of the image plane in the signal (or input), counted from the end.
    postprocessing: A filter of `ke.filters` for the maps, or `None` to leave them raw. It comes before resizing, at
        the method's own resolution: so the maximum that a filter divides by is that of a true value, and a resized
        map may end below 1.
    resizing: `True` resizes the maps to the image's size, `(H, W)` to that size, bilinearly; `False` or `None` leaves
        them.
    run_eagerly: Whether to run without compiling; by default as the model does.
    jit_compile: Whether to compile with XLA; by default as the model does.
    steps_per_execution: Batches in each compiled call; by default as the model does.
    inner_batch_size: The method's own `batch_size`, where it has one: what goes through at once for each image."""


class Shortcut(Protocol):
    """A method with its loop, its usual filter and its sizes: what `partial_explain` returns."""

    __name__: str

    def __call__(
        self,
        model: Any,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Literal["auto", 0, 1, 2] = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **params: Any,
    ) -> tuple[np.ndarray, np.ndarray]: ...


def explain(
    method,
    model,
    x,
    y=None,
    batch_size: int | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
    steps: int | None = None,
    callbacks=None,
    *,
    indices_axis=KERNEL_AXIS,
    indices_batch_dims=-1,
    spatial_axis=SPATIAL_AXIS,
    postprocessing=None,
    resizing=None,
    run_eagerly=None,
    jit_compile=None,
    steps_per_execution=None,
    inner_batch_size=None,
    **params,
) -> tuple[np.ndarray, np.ndarray]:
    """Run a method over data.

    What was compiled is kept: a second call with the same model, method, parameters and shapes compiles nothing.

    Args:
        method: A method of `ke_widgets.methods`, or any function of its form.
    {loop}
        **params: Own parameters of the method.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, NumPy arrays (ragged where images differ in size).

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: If `y` does not fit, two arguments exclude each other, or the method refuses.

    Examples:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(),
        ...                           keras.layers.Dense(4)])
        >>> logits, maps = explain(ke.methods.gradient.gradients, model, np.zeros((2, 8, 8, 3)), np.array([[0], [3]]),
        ...                        verbose=0)
        >>> logits.shape, maps.shape
        ((2, 1), (2, 8, 8, 1))
    """
    settings = {
        "indices_axis": indices_axis,
        "indices_batch_dims": indices_batch_dims,
        "spatial_axis": spatial_axis,
        "postprocessing": postprocessing,
        "resizing": resizing,
        "inner_batch_size": inner_batch_size,
    }
    compiling = {"run_eagerly": run_eagerly, "jit_compile": jit_compile, "steps_per_execution": steps_per_execution}
    loop = _loop(method, model, settings, compiling, params)
    data = feeding.pack(x, y, batch_size)
    with loop.lock, _as_value_errors():
        return loop.predict(data, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks)


explain.__doc__ = (explain.__doc__ or "").replace(
    "    {loop}", textwrap.indent(LOOP_ARGS.format(signals="; as the method wants it"), "    ")
)


def explain_batches(
    method, model, x, y=None, batch_size: int | None = None, steps: int | None = None, **options
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Run a method over data and give what it finds batch by batch, so that memory does not grow with the data.

    Args:
        method: A method of `ke_widgets.methods`.
        model: See `explain`.
        x: See `explain`. A `PyDataset` is read batch by batch, without its workers.
        y: See `explain`.
        batch_size: Images that go through at once; 32 by default.
        steps: How many batches to run; by default, all.
        **options: What else `explain` takes, but for `verbose` and `callbacks`.

    Yields:
        Logits and maps of each batch, NumPy arrays.

    Raises:
        ValueError: As `explain` does, when the first batch is asked for.
    """
    known = {p.name: p.default for p in inspect.signature(explain).parameters.values() if p.kind is p.KEYWORD_ONLY}
    settings = {name: options.pop(name, default) for name, default in known.items()}
    compiling = {name: settings.pop(name) for name in ("run_eagerly", "jit_compile", "steps_per_execution")}
    loop = _loop(method, model, settings, compiling, options)
    spread = loop.distribute_strategy.num_replicas_in_sync > 1
    for batch in itertools.islice(feeding.batches(x, y, batch_size), steps):
        with loop.lock, _as_value_errors():
            if spread:  # One batch that is not parted among devices would be run by each of them.
                found = loop.predict(batch, verbose=0)
            else:
                loop.make_predict_function()
                found = loop.predict_function([batch])
        logits, maps = found
        yield np.asarray(logits), np.asarray(maps)


def partial_explain(method, signals: Literal["none", "one", "biases"] | None = None, **defaults) -> Shortcut:
    """Make a shortcut: `explain` of one method, with other defaults.

    Args:
        method: A method of `ke_widgets.methods`.
        signals: What the method wants of a plain model with one output (see `ke_widgets.methods.Spec`), which the
            shortcut then exposes by default. `None` leaves every model as it is given.
        **defaults: Arguments of `explain` and own parameters of the method.

    Returns:
        A function `(model, x, y=None, batch_size=None, ...) -> (logits, maps)`.

    Raises:
        ValueError: If a default is the name of no argument.
    """
    loop = inspect.signature(explain).parameters
    positional = [p for name, p in loop.items() if p.kind is p.POSITIONAL_OR_KEYWORD and name != "method"]
    keywords = {name: p for name, p in loop.items() if p.kind is p.KEYWORD_ONLY}
    own = {
        name: p.replace(kind=p.KEYWORD_ONLY)
        for name, p in inspect.signature(method).parameters.items()
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD) and name not in _NOT_OWN
    }
    every = {p.name: p for p in positional} | {**own, **keywords}
    unknown = set(defaults) - set(every)
    if unknown:
        raise ValueError(f"`defaults` must be among {sorted(every)}. Received: {sorted(unknown)}.")
    every = {name: p.replace(default=defaults[name]) if name in defaults else p for name, p in every.items()}

    def shortcut(model, x, y=None, *args, **kwargs):
        arguments = signature.bind(model, x, y, *args, **kwargs)
        arguments.apply_defaults()
        given = dict(arguments.arguments)
        return explain(method, view_for(given.pop("model"), signals), **given)

    signature = inspect.Signature(list(every.values()), return_annotation=tuple[np.ndarray, np.ndarray])
    name = getattr(method, "__name__", "method")
    for attribute, value in (("__signature__", signature), ("__name__", name), ("__qualname__", name)):
        setattr(shortcut, attribute, value)
    shortcut.__doc__ = _document(method, signals)
    shortcut.__module__ = "ke_widgets"
    return shortcut


def view_for(model, signals):
    """Expose a plain model with one output as a method wants it; leave any other model as it is.

    Args:
        model: A Keras model.
        signals: `"one"`, for the default signal; `"none"`, for the logits before a fused softmax or sigmoid; `None`
            or `"biases"`, for the model itself.

    Returns:
        A Keras model.

    Raises:
        ValueError: If the model has several outputs, of which nobody chose one.
    """
    check_model(model)
    if signals is None or isinstance(model, Exposed) or manual_signals(model):
        return model
    if signals == "biases":
        head_index(model, None)
        warn_of_probabilities(model)
        return model
    return expose(model) if signals == "one" else expose(model, [])


_SIGNALS = {
    "one": "; one with a single output is exposed by default (`ke.inspection.expose(model)`)",
    "none": "; one with a single output is explained at its logits, before a fused softmax or sigmoid",
    "biases": "; one with a single output is explained at its logits, before a fused softmax or sigmoid",
    None: "; as the method wants it",
}


def _document(method, signals):
    """Join the method's text with what the loop takes and gives."""
    text = inspect.getdoc(method) or ""
    head, _, rest = text.partition("\nReturns:")
    head, _, own = head.partition("\nArgs:\n")
    own = re.sub(r" ?See `ke_widgets\.methods` for the other arguments\.", "", own)
    args = LOOP_ARGS.format(signals=_SIGNALS[signals])
    args = "\n".join([args, own.rstrip("\n")] if own.strip() else [args])
    text = f"{head.rstrip()}\n\nArgs:\n{args}"
    note = "What the method returns goes through `postprocessing` and `resizing` and comes as NumPy arrays."
    return f"{text}\n\n{note}\n\nReturns:{rest}" if rest else text


class _Loop(keras.Model):
    """A model whose `predict` explains. It holds nothing of the explained model but a weak reference, in `step`."""

    def __init__(self, step, run_eagerly, jit_compile, steps_per_execution):
        super().__init__(name="explain", autocast=False)
        # Past `Layer.__setattr__`, which would track what the step holds.
        self.__dict__.update(step=step, lock=threading.RLock())
        self.run_eagerly = run_eagerly
        self.jit_compile = jit_compile
        self.steps_per_execution = steps_per_execution
        self.built = True

    def predict_step(self, data):
        return self.step(data)

    def make_predict_function(self, force=False):
        fresh = force or self.predict_function is None
        super().make_predict_function(force)
        if fresh and not self.run_eagerly and self.distribute_strategy.num_replicas_in_sync == 1:
            self.predict_function = _for_any_batch(self.predict_function)
        return self.predict_function


def _for_any_batch(function):
    """Trace a compiled function for batches of any size at once, not again for the short last one."""
    traced = set()

    def run(data):
        leaves = keras.tree.flatten(data)
        form = tuple((str(x.dtype), len(x.shape)) for x in leaves)
        if form not in traced:
            traced.add(form)
            specs = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in leaves]
            function.get_concrete_function(keras.tree.pack_sequence_as(data, specs))
        return function(data)

    return run


def _loop(method, model, settings, compiling, params):
    """Give the loop for a method, a model and all parameters, made before or now."""
    check_model(model)
    owner, view = weigh(model)
    # Read past the property, which would write what it finds to the user's model.
    usual = {
        "run_eagerly": bool(owner.run_eagerly),
        "jit_compile": bool(vars(owner).get("_jit_compile")),
        "steps_per_execution": owner.steps_per_execution or 1,
    }
    chosen = {name: usual[name] if value is None else value for name, value in compiling.items()}
    if chosen["run_eagerly"] and chosen["jit_compile"]:
        raise ValueError("`run_eagerly` and `jit_compile` exclude each other. Received: both are True.")
    key = ("explain", method, view, *(_frozen(part) for part in (settings, chosen, params)))

    def build():
        step = functools.partial(_step, method, weakref.ref(owner), view, settings, params)
        with owner.distribute_strategy.scope() if owner.distribute_strategy else contextlib.nullcontext():
            return _Loop(step, **chosen)

    return cached(owner, key, build)


def _frozen(value):
    """Turn a parameter into something hashable that is equal where the parameter is: arrays go by value."""
    if isinstance(value, dict):
        return ("dict", *((name, _frozen(item)) for name, item in sorted(value.items())))
    if isinstance(value, list | tuple):
        return (type(value).__name__, *map(_frozen, value))
    try:
        hash(value)
    except TypeError:
        array = np.asarray(ops.convert_to_numpy(value))
        return (array.shape, array.dtype.str, array.tobytes())
    return (type(value).__name__, value)


def _step(method, owner, view, settings, params, data):
    """Explain one batch."""
    inputs, indices = feeding.unpack(data)
    model = owner()
    axes = {name: settings[name] for name in ("indices_axis", "indices_batch_dims", "spatial_axis")}
    if settings["inner_batch_size"] is not None:
        params = {**params, "batch_size": settings["inner_batch_size"]}
    logits, maps = method(model if view is None else Exposed(model, view), inputs, indices, **axes, **params)
    if settings["postprocessing"] is not None:
        maps = settings["postprocessing"](maps)
    return logits, _resized(maps, inputs, settings["resizing"])


def _resized(maps, inputs, size):
    if size is None or size is False or len(maps.shape) != 4:
        return maps
    if size is True:
        images = [x for x in keras.tree.flatten(inputs) if len(x.shape) == 4]
        if not images:
            return maps
        size = ops.shape(images[0])[1:3]
    if tuple(maps.shape[1:3]) == tuple(size):
        return maps
    return resize(maps, size)


@contextlib.contextmanager
def _as_value_errors():
    """Raise as `ValueError` what a compiled function found wrong with `y`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if checking.OUT_OF_RANGE not in error.message:
            raise
        text = error.message[error.message.index(checking.OUT_OF_RANGE) :].partition("\n\t")[0]
        words = " ".join(re.sub(r"[\[\]']", " ", text).split())
        raise ValueError(re.sub(r" ([.,])", r"\1", words)) from None
