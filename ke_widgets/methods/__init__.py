"""THE METHOD CONTRACT.

A method is a function of a model and tensors:

    (model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1, spatial_axis=(-3, -2), *, own)
        -> (logits, maps)

Args, the same for every method:
    model: A `keras.Model` whose outputs are `[logits, *signals]`, as `ke.inspection.expose` makes it (or a manual
        `keras.Model(inputs, [logits, signal])`); for methods with `Spec(reads="inputs")`, one that gives its logits.
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

from ke_widgets.backend import while_loop
from ke_widgets.engine.batch_size import batch_size_for, most_samples
from ke_widgets.engine.compiling import compiled
from ke_widgets.methods.spec import Parameter as Parameter
from ke_widgets.methods.spec import Range as Range
from ke_widgets.methods.spec import Spec as Spec
from ke_widgets.methods.spec import own_names as own_names
from ke_widgets.methods.spec import parameters as parameters
from ke_widgets.typing import Inputs, Method, Tensor

_Function = typing.TypeVar("_Function", bound=Callable[..., Any])
# The one list of families, in the order of menus and tables. Each file has its `METHODS` at the foot.
FAMILIES = ("cams", "gradient", "meta")


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
    steps: Steps, model: keras.Model, inputs: Inputs, indices: Tensor | None, /, **params: Any
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


@functools.cache
def table() -> Mapping[str, tuple[Callable[..., Any], Spec]]:
    """Return every method of the package by its name, with its `Spec`. The table is built once.

    Returns:
        A read-only mapping `name -> (method, spec)`, family by family.

    Raises:
        ValueError: If two methods have one name.
    """
    found = {}
    for family in FAMILIES:
        for method, spec in importlib.import_module(f"{__name__}.{family}").METHODS.items():
            if method.__name__ in found:
                raise ValueError(f"A method's name must be its own. Received two named {method.__name__!r}.")
            found[method.__name__] = (method, spec)
    return types.MappingProxyType(found)


def __getattr__(name: str) -> Any:
    # The families import this module, so they are imported on first access. Existing code uses both names of CAMs.
    if name in (*FAMILIES, "cam", "all_layers"):
        return importlib.import_module(f"{__name__}.{'cams' if name == 'cam' else name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
