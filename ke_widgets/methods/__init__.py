"""THE METHOD CONTRACT.

A method is a function of a model and tensors:

    (model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1, spatial_axis=(-3, -2), *, own)
        -> (logits, maps)

Args, the same for every method:
    model: A `keras.Model` whose outputs are `[logits, *signals]`, as `ke.inspection.expose` makes it (or a manual
        `keras.Model(inputs, [logits, signal])`); for methods with `Spec(signals="none")`, one that gives its logits.
        A method that reads a signal exposes a plain model with one output by default.
    inputs: Images `(B, H, W, C)`, preprocessed as the model was trained.
    indices: Which units to explain, `(B, U)`; `None` explains them all.
    indices_axis: Axis of the units in the logits.
    indices_batch_dims: Leading axes that logits and indices share.
    spatial_axis: Axes of the image plane in the signals (or inputs), counted from the end.
    own: The method's own parameters, keyword-only, each with a default.

Returns, the same for every method:
    Logits `(B, U)` of the explained units, and one map for each: `(B, H', W', U)`, at the signal's resolution, raw:
    never resized, normalized, printed or cached. The method's docstring says what the numbers mean.

A method works eagerly and under `tf.function(method, reduce_retracing=True)`, and does not change `model`.

A method that samples or perturbs takes `batch_size` (`None`: the fastest on this device, see
`ke_widgets.engine.batch_size`) and runs in steps, one after the other. The decorator `stepwise` attaches them to the
method as `Steps`. `run` takes all steps in one call, which is the method itself. `step_by_step` stops after each, for
a caller who reports progress, shows intermediate results, or cancels:

    for progress in step_by_step(ke.methods.cams.scorecam, model, images, indices, batch_size=8):
        print(progress.done, "of", progress.total)
        logits, maps = progress.result()

Each family's file ends with the table `METHODS`: the shortcuts (`ke.gradcam`), the widget's menu and parameter form,
and the contract tests are made from it.
"""

import functools
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from ke_widgets.backend.tensorflow import while_loop
from ke_widgets.engine.batch_size import batch_size_for, most_samples
from ke_widgets.engine.compiling import compiled
from ke_widgets.typing import Combine, Filter, Inputs, Method, Signals, Tensor

_Function = typing.TypeVar("_Function", bound=Callable[..., Any])
SHARED = ("model", "inputs", "indices", "indices_axis", "indices_batch_dims", "spatial_axis")


@dataclass(frozen=True)
class Spec:
    """Describe a method to those who call it and show its maps.

    Attributes:
        title: Its usual name, such as `"Grad-CAM"`.
        signals: `"none"` (it reads the inputs), `"one"` (one exposed spatial signal) or `"biases"` (all layers that
            `ke.inspection.layers_with_biases` lists, which it finds itself in a model without signals).
        postprocessing: The usual filter for its maps; a function of `ke_widgets.filters`.
        signed: Whether to show maps with both signs.
        resizing: Whether the shortcut resizes its maps to the size of the images.
        unit: The unit of its raw maps, as a legend writes it: `"logit"` if a map is proportional to the logits alone,
            `"logit per unit of input"`, or `""` if the scale has no meaning.
        combine: For methods whose maps follow from signal and gradient at a layer: the function that computes them,
            `(signal (B, H', W', K), gradients (B, U, H', W', K)) -> maps (B, H', W', U)`. With it, the method runs at
            all layers at once (`ke_widgets.methods.all_layers`).
    """

    title: str
    signals: Signals = "one"
    postprocessing: Filter | None = None
    signed: bool = False
    resizing: bool = True
    unit: str = ""
    combine: Combine | None = None


@dataclass(frozen=True)
class Steps:
    """Split a method into steps. All four functions work on tensors. They take the method's other arguments as
    keywords and ignore those that they do not need.

    Attributes:
        begin: `(model, inputs, indices, **params) -> (state, sums)`: step 0. The state is constant; the sums keep
            their shapes.
        advance: `(model, (state, sums), number, **params) -> sums`: one more step, in order from number 1.
        count: `((state, sums), **params) -> total`: the number of steps, step 0 included.
        end: `((state, sums), done, **params) -> (logits, maps)`, of the first `done` steps.
        unrolled: Whether steps differ in shape, so that `number` must be a Python integer.
        differentiates: Whether a step takes gradients of samples, or only runs the model.
    """

    begin: Callable[..., tuple[Any, Any]]
    advance: Callable[..., Any]
    count: Callable[..., Any]
    end: Callable[..., tuple[Tensor, Tensor]]
    unrolled: bool = False
    differentiates: bool = False


@dataclass(frozen=True)
class Progress:
    """Report the progress of a method.

    Attributes:
        done: Number of finished steps.
        total: Number of all steps.
        result: A function of no arguments that returns the logits `(B, U)` and maps `(B, H', W', U)` so far.
    """

    done: int
    total: int
    result: Callable[[], tuple[Any, Any]]


def stepwise(steps: Steps) -> Callable[[_Function], _Function]:
    """Return a decorator that attaches `steps` to a method, for `step_by_step`.

    Args:
        steps: A `Steps`.

    Returns:
        A decorator that returns the method itself.
    """

    def mark(method: _Function) -> _Function:
        setattr(method, "steps", steps)  # noqa: B010
        return method

    return mark


def run(
    steps: Steps, model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any
) -> tuple[Tensor, Tensor]:
    """Run all steps of a method in one call, eagerly or inside a compiled function.

    Args:
        steps: A `Steps`.
        model: See the contract.
        inputs: See the contract.
        indices: See the contract.
        **params: All other arguments of the method.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`.
    """
    params = _sized(steps, inputs, params)
    state, sums = steps.begin(model, inputs, indices, **params)
    total = steps.count((state, sums), **params)
    if steps.unrolled:
        for number in range(1, total):
            sums = steps.advance(model, (state, sums), number, **params)
    else:
        sums = while_loop(lambda number, sums: steps.advance(model, (state, sums), number, **params), total, sums)
    return steps.end((state, sums), total, **params)


def _sized(steps: Steps, inputs: Inputs, params: dict[str, Any]) -> dict[str, Any]:
    """Choose `batch_size` if it is `None`."""
    if params.get("batch_size", 0) is not None:
        return params
    size = most_samples(inputs) if steps.differentiates else batch_size_for(inputs, differentiated=False)
    return {**params, "batch_size": size}


def step_by_step(
    method: Method, model: keras.Model, inputs: Inputs, indices: Tensor | None = None, **params: Any
) -> Iterator[Progress]:
    """Run a method step by step, compiled, with a stop after each step. Leave the loop to cancel.

    Args:
        method: A method of this package, or one that `meta` made; one without `Steps` is a single step.
        model: See the contract.
        inputs: See the contract.
        indices: See the contract.
        **params: Other arguments of the method; they must be hashable.

    Yields:
        A `Progress` after each step; the result of the last one is that of the method.
    """
    bound = inspect.signature(method).bind(model, inputs, indices, **params)
    bound.apply_defaults()
    params = {name: value for name, value in bound.arguments.items() if name not in ("model", "inputs", "indices")}
    steps = getattr(method, "steps", None)
    if steps is None:
        found = compiled(method, model, **params)(inputs, indices)
        yield Progress(1, 1, lambda: found)
        return
    params = _sized(steps, inputs, params)
    state, sums = compiled(steps.begin, model, **params)(inputs, indices)
    total = int(steps.count((state, sums), **params))
    for done in range(1, total + 1):
        if done > 1:
            number = done - 1 if steps.unrolled else ops.convert_to_tensor(done - 1, "int32")
            sums = compiled(steps.advance, model, **params)((state, sums), number)
        yield Progress(done, total, functools.partial(steps.end, (state, sums), done, **params))


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a method to a form.

    Attributes:
        name: The argument's name.
        kind: `"bool"`, `"int"`, `"float"` or `"choice"`.
        default: Its default value.
        choices: All values, if the annotation is a `Literal`.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[Any, ...] = ()


@functools.lru_cache(maxsize=64)
def own_names(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a method's own parameters.

    Args:
        method: A function that follows the contract above.

    Returns:
        A tuple of strings, in order.
    """
    return tuple(name for name in inspect.signature(method).parameters if name not in SHARED)


def parameters(method: Callable[..., Any]) -> list[Parameter]:
    """Return the own parameters of a method that a form shows, from its signature.

    Args:
        method: A function that follows the contract above.

    Returns:
        A list of `Parameter`, in order; those whose default is `None` (data, and what is chosen automatically) are
        left out.

    Raises:
        ValueError: If one has no default, or one that no form can show.
    """
    hints = typing.get_type_hints(method)
    own = [p for p in inspect.signature(method).parameters.values() if p.name not in SHARED and p.default is not None]
    return [_parameter(method, p, hints.get(p.name)) for p in own]


def _parameter(method: Callable[..., Any], parameter: inspect.Parameter, hint: Any) -> Parameter:
    default = parameter.default
    if default is inspect.Parameter.empty:
        raise ValueError(
            f"A method's own parameter must have a default. Received: {method.__name__}({parameter.name})."
        )
    if typing.get_origin(hint) is typing.Literal:
        return Parameter(parameter.name, "choice", default, typing.get_args(hint))
    kind = type(default).__name__
    if kind not in ("bool", "int", "float"):
        raise ValueError(
            "A method's own parameter must have a bool, int or float default, or a Literal annotation. "
            f"Received: {method.__name__}({parameter.name}={default!r})."
        )
    return Parameter(parameter.name, kind, default)


@functools.cache
def table() -> Mapping[str, tuple[Callable[..., Any], Spec]]:
    """Return every method of the package by its name, with its `Spec`. The table is built once.

    Returns:
        A read-only mapping `name -> (method, spec)`, family by family.

    Raises:
        ValueError: If two methods have one name.
    """
    from ke_widgets.methods import cams, gradient, meta

    found = {}
    for family in (cams, gradient, meta):
        for method, spec in family.METHODS.items():
            if method.__name__ in found:
                raise ValueError(f"A method's name must be its own. Received two named {method.__name__!r}.")
            found[method.__name__] = (method, spec)
    return types.MappingProxyType(found)


def __getattr__(name: str) -> Any:
    # The families import this module, so they are imported on first access. Existing code uses both names of CAMs.
    if name in ("cam", "cams", "gradient", "meta", "all_layers"):
        return importlib.import_module(f"{__name__}.{'cams' if name == 'cam' else name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
