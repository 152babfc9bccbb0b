"""Run a method over any amount of data, as `predict` runs a model.

The loop is `predict` of a small Keras model whose step is the method, so data of all kinds, callbacks, the progress bar
and the distribution strategy are Keras's own. The small model and its compiled functions are cached for as long as the
explained model lives; it holds that model weakly.
"""

import contextlib
import functools
import inspect
import itertools
import re
import textwrap
import warnings
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import CheckError, Loop, message, resize
from ke_widgets.engine.compiling import cached, frozen, owner_and_view
from ke_widgets.errors.arguments import check_swapped, check_verbose
from ke_widgets.explaining import arguments, data
from ke_widgets.explaining.scores import check_outputs, prepared, takes_units
from ke_widgets.explaining.views import retargeted
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS, check_model
from ke_widgets.methods import own_names
from ke_widgets.model.exposed import Exposed, View
from ke_widgets.model.inputs import fitted, image_positions, size_of_image
from ke_widgets.model.units import FOUND_BY_A_RUN, check_finite
from ke_widgets.typing import Filter, Inputs, Method, ScoreFunction, SpatialAxis, Tensor

_LARGE = 1024**3  # Bytes of maps above which a warning comes first.

LOOP_ARGS = """\
    model: A model of `ke.inspection.expose`, or any Keras model{plain}.
        It is not changed.
    x: Images `(B, H, W, C)`, preprocessed as the model was trained; an array, a tensor, a list or dict of them for a
        model of several inputs; or a `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator of batches `x` or
        `(x, y)`. Signals `(B, T, C)`, volumes `(B, D, H, W, C)` and videos work like images.
    y: Units to explain, integers `(B, U)`: one map for each; or `(B,)`, one unit for each image, or one integer for
        all. `None` explains all units. Not with data that contains units. Data of the target, where there is one.
    target: What is explained, one of `ke.targets`, or a function of that form. `None` takes the target of an exposed
        model; without one, units of the logits are explained.
    batch_size: Images in a batch; 32 by default. Not with data in batches.
    verbose: `"auto"`, 0 (silent), 1 (progress bar) or 2 (one line).
    steps: Number of batches to run, for endless data; for a method with a parameter of this name, that parameter.
    callbacks: Keras callbacks; their `predict` hooks are called. `self.model.stop_predicting = True` ends the loop.
    indices_axis: Axis of the units in the logits.
    indices_batch_dims: Leading axes that logits and units share.
    spatial_axis: Axes of the image plane in the signal (or input), counted from the end; for channels first,
        `(-2, -1)`. The default stands for all axes between the first and the last.
    postprocessing: A filter of `ke.filters` for the maps, or `None` to leave them raw. It is applied before
        resizing, at the method's own resolution: a filter divides by the maximum of the computed values, and the
        maximum of a resized map may be below 1.
    resizing: `True` resizes the maps to the image's size, `(H, W)` to that size, linearly along each axis; `False` or
        `None` leaves them at the method's own resolution.
    image_input: Name or position of the image that is explained, in a model that takes several; maps get its size.
    run_eagerly: Whether to run without compiling; by default as the model does.
    jit_compile: Whether to compile with XLA; by default as the model does.
    steps_per_execution: Batches in each compiled call; by default as the model does.
    inner_batch_size: The method's own `batch_size`, if it has one: samples per forward pass, for each image."""


def explain(
    method: Method,
    model: keras.Model,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    verbose: Literal["auto", 0, 1, 2] = "auto",
    steps: int | None = None,
    callbacks: Any = None,
    *,
    target: ScoreFunction | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    postprocessing: Filter | None = None,
    resizing: bool | Sequence[int] | None = True,
    image_input: int | str | None = None,
    run_eagerly: bool | None = None,
    jit_compile: bool | None = None,
    steps_per_execution: int | None = None,
    inner_batch_size: int | None = None,
    **params: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Run a method over data.

    Compiled functions are cached: a second call with the same model, method, parameters and shapes compiles nothing.

    Args:
        method: A method of `ke_widgets.methods`, or any function of its form.
    {loop}
        **params: Own parameters of the method.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, NumPy arrays (ragged where images differ in size).

    Raises:
        TypeError: If `model` is not a Keras model, `method` not a method, or an argument has a wrong type or name.
        ValueError: If `x` does not fit the model or is not finite, `y` does not fit, two arguments exclude each other,
            or the method raises it.

    Examples:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(),
        ...                           keras.layers.Dense(4)])
        >>> logits, maps = explain(ke.methods.gradient.gradients, model, np.zeros((2, 8, 8, 3)), np.array([[0], [3]]),
        ...                        verbose=0)
        >>> logits.shape, maps.shape
        ((2, 1), (2, 8, 8, 1))
    """
    model = retargeted(model, target, method)
    if steps is not None and "steps" in own_names(method):
        params["steps"], steps = steps, None  # A method's own parameter of this name comes first.
    settings = {
        "indices_axis": indices_axis,
        "indices_batch_dims": indices_batch_dims,
        "spatial_axis": spatial_axis,
        "postprocessing": postprocessing,
        "resizing": resizing,
        "image_input": image_input,
        "inner_batch_size": inner_batch_size,
    }
    compiling = {"run_eagerly": run_eagerly, "jit_compile": jit_compile, "steps_per_execution": steps_per_execution}
    arguments.check_counts(batch_size=batch_size, steps=steps)
    check_verbose(verbose)
    loop = _loop(method, model, settings, compiling, params)
    prepare = functools.partial(prepared, model, indices_axis)
    batches = data.pack(model, x, y, batch_size, prepare)
    with loop.lock, _as_value_errors():
        loop.begin(data.expected(batches, steps))
        try:
            logits, maps, some = loop.predict(
                batches, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks
            )
        except UnboundLocalError:  # Keras finds no outputs where there was no batch.
            if loop.batches:
                raise
            raise ValueError(data.NO_BATCH) from None
    _warn_of_maps(model, some)
    return logits, maps


explain.__doc__ = (explain.__doc__ or "").replace(
    "    {loop}", textwrap.indent(LOOP_ARGS.format(plain="; as the method wants it"), "    ")
)


def explain_batches(
    method: Method,
    model: keras.Model,
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    **options: Any,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield logits and maps batch by batch, so that memory does not grow with the data.

    Args:
        method: A method of `ke_widgets.methods`.
        model: See `explain`.
        x: See `explain`. A `PyDataset` is read batch by batch, without its workers.
        y: See `explain`.
        batch_size: Images that go through at once; 32 by default.
        steps: How many batches to run; by default, all.
        **options: Other arguments of `explain`, except `verbose` and `callbacks`.

    Yields:
        Logits and maps of each batch, NumPy arrays.

    Raises:
        TypeError: As `explain` does, at the first batch.
        ValueError: As `explain` does, at the first batch.
    """
    known = {p.name: p.default for p in inspect.signature(explain).parameters.values() if p.kind is p.KEYWORD_ONLY}
    settings = {name: options.pop(name, default) for name, default in known.items()}
    compiling = {name: settings.pop(name) for name in ("run_eagerly", "jit_compile", "steps_per_execution")}
    model = retargeted(model, settings.pop("target"), method)
    arguments.check_counts(batch_size=batch_size, steps=steps)
    loop = _loop(method, model, settings, compiling, options, "explain_batches")
    prepare = functools.partial(prepared, model, settings["indices_axis"])
    seen, count, any_y = [], 0, not takes_units(model)
    for batch in itertools.islice(data.batches(model, x, y, batch_size, prepare, any_y), steps):
        with loop.lock, _as_value_errors():
            loop.begin(0 if count else 1)
            found = loop.run(batch)
        logits, maps, some = keras.tree.map_structure(np.asarray, found)
        seen.append(some)
        count += 1
        yield logits, maps
    if not count:
        raise ValueError(data.NO_BATCH)
    _warn_of_maps(model, np.concatenate(seen))


def is_model(value: object) -> bool:
    """Return whether a value is a Keras model."""
    return isinstance(value, keras.Model)


def _warn_of_size(outputs: Any, batch: Any, expected: int) -> None:
    """Warn if the maps of all units may fill the memory, before they do."""
    inputs, indices = data.unpack(batch, any_y=True)
    sides = [tuple(maps.shape[1:]) for maps in keras.tree.flatten(outputs[1])]
    if indices is not None or not expected or any(None in shape for shape in sides):
        return
    images = expected if expected > 0 else -expected * keras.tree.flatten(inputs)[0].shape[0]
    size = images * sum(float(np.prod(shape)) for shape in sides) * keras.tree.flatten(outputs[1])[0].dtype.size
    if size > _LARGE:
        warnings.warn(
            f"The maps of all {sides[0][-1]} units take {size / _LARGE:.1f} GB for {images} images. Choose the units "
            "to explain, such as the best one of each image: `y=model.predict(x).argmax(-1)`.",
            stacklevel=2,
        )


def _warn_of_maps(model: keras.Model, some: Any) -> None:
    """Warn if maps are NaN, or all are 0, such as those of a layer that the units do not depend on.

    Args:
        model: The model.
        some: Of each image 1, 0 if its maps are all 0, or -1 if they are not finite. Inputs were checked before.
    """
    signals = model.endpoints[1:] if isinstance(model, Exposed) else ()
    broken = int(np.sum(np.asarray(some) < 0))
    if broken:
        own = model.model if isinstance(model, Exposed) else model
        warnings.warn(
            f"The maps of {broken} of {len(some)} images contain NaN or infinite values, though the images do not: "
            f"{own.name!r} makes them, by weights that are NaN, or a layer that overflows.",
            stacklevel=3,
        )
    if np.any(some):
        return
    where = f"the signal {signals[0]}" if signals else "the image"
    warnings.warn(
        f"All maps are exactly 0: no explained unit depends on {where}, or nothing there supports it. "
        "After the last attention, a class token takes nothing from the other tokens: choose a layer before it.",
        stacklevel=3,
    )


def _loop(
    method: Any,
    model: keras.Model,
    settings: dict[str, Any],
    compiling: dict[str, Any],
    params: dict[str, Any],
    caller: str = "explain",
) -> Loop:
    """Return the cached or new loop for a method, a model and all parameters."""
    check_swapped("method", "model", (method, model), is_model(method) and not is_model(model))
    check_model(model)
    arguments.check_method(method)
    arguments.check_postprocessing(settings["postprocessing"])
    arguments.check_resizing(settings["resizing"])
    arguments.check_counts(
        inner_batch_size=settings["inner_batch_size"], steps_per_execution=compiling["steps_per_execution"]
    )
    own = {} if settings["inner_batch_size"] is None else {"batch_size": settings["inner_batch_size"]}
    arguments.check_own(method, {**params, **own}, caller, list(inspect.signature(explain).parameters))
    owner, view = owner_and_view(model)
    check_outputs(method, model)
    # Bypass the property, which would write to the user's model.
    usual: dict[str, Any] = {
        "run_eagerly": bool(owner.run_eagerly),
        "jit_compile": bool(vars(owner).get("_jit_compile")),
        "steps_per_execution": owner.steps_per_execution or 1,
    }
    chosen = {name: usual[name] if value is None else value for name, value in compiling.items()}
    if chosen["run_eagerly"] and chosen["jit_compile"]:
        raise ValueError("`run_eagerly` and `jit_compile` exclude each other. Received: both are True.")
    key = ("explain", method, view, *(frozen(each) for each in (settings, chosen, params)))

    def build() -> Loop:
        step = functools.partial(_step, method, weakref.ref(owner), view, settings, params)
        return Loop.beside(owner, step, _warn_of_size, **chosen)

    return cached(owner, key, build)


def _step(
    method: Method,
    owner: Callable[[], Any],
    view: View | None,
    settings: dict[str, Any],
    params: dict[str, Any],
    batch: Any,
) -> tuple[Tensor, Any, Tensor]:
    """Explain one batch: return logits, maps, and for each image what `_warn_of_maps` says of its raw maps."""
    inputs, indices = data.unpack(batch, any_y=view is not None and not takes_units(view))
    model = owner() if view is None else Exposed(owner(), *view)
    inputs = check_finite(fitted(model, inputs))
    axes = {name: settings[name] for name in ("indices_axis", "indices_batch_dims", "spatial_axis")}
    own = {"batch_size": settings["inner_batch_size"], "image_input": settings["image_input"]}
    known = inspect.signature(method).parameters
    own = {name: value for name, value in own.items() if value is not None and name in known}
    logits, maps = method(model, inputs, indices, **axes, **params, **own)
    flat = [(x, tuple(range(1, len(x.shape)))) for x in keras.tree.flatten(maps)]
    some = functools.reduce(ops.logical_or, [ops.any(x != 0, axis=axes) for x, axes in flat])
    finite = functools.reduce(ops.logical_and, [ops.all(ops.isfinite(x), axis=axes) for x, axes in flat])
    some = ops.where(finite, ops.cast(some, "int32"), -1)  # Workers cannot exchange bools.
    if settings["postprocessing"] is not None:
        maps = keras.tree.map_structure(settings["postprocessing"], maps)
    resized = functools.partial(_resized, size=_target_size(model, inputs, settings))
    return logits, keras.tree.map_structure(resized, maps), some


def _target_size(model: keras.Model, inputs: Inputs, settings: dict[str, Any]) -> tuple[Any, ...]:
    """Return the size of the resized maps, `()` for no resizing."""
    if settings["resizing"] is not True:
        return tuple(settings["resizing"] or ())
    chosen, found = settings["image_input"], image_positions(inputs)
    sizes = {position: size_of_image(model, inputs, settings["spatial_axis"], position) for position in found}
    if chosen is None and len({size for size in sizes.values() if all(isinstance(n, int) for n in size)}) > 1:
        raise ValueError(
            "`resizing` must be a size, or `image_input` must name the image with that size, if several images differ. "
            f"Received: resizing=True, and images of the sizes {list(sizes.values())}."
        )
    return size_of_image(model, inputs, settings["spatial_axis"], chosen)


def _resized(maps: Tensor, size: tuple[Any, ...]) -> Tensor:
    """Resize maps along their last spatial axes.

    The number of frames stays; the maps of a single frame have one axis fewer than the video.
    """
    number = len(maps.shape) - 2
    if not size or number < 1 or (number < len(size) and (number, len(size)) != (2, 3)):
        return maps
    shape = ops.shape(maps)[1:-1]
    size = (*shape[: max(0, number - len(size))], *size[-number:])
    known = all(isinstance(n, int) for n in (*shape, *size))
    return maps if known and tuple(shape) == size else resize(maps, size)


@contextlib.contextmanager
def _as_value_errors() -> Generator[None, None, None]:
    """Raise errors of a compiled function about the data as `ValueError`."""
    try:
        yield
    except CheckError as error:
        text = message(error) or ""
        said = next((words for words in FOUND_BY_A_RUN if words in text), None)
        if said is None:
            raise
        text = text[text.index(said) :].partition("\n\t")[0]
        words = " ".join(re.sub(r"[\[\]']", " ", text).split())
        raise ValueError(re.sub(r" ([.,])", r"\1", words)) from None
