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

A method that evaluates the model many times, on noisy, masked or mixed images, is described by its `Evaluations`
(`ke_widgets.engine.evaluations`): what to draw, what to ask, what to add. The decorator `evaluated_by` makes the method
of them and of a signature with a docstring; the loop, `batch_size` (`None`: the fastest on this device), repeated
units and the last step are written once, there. `step_by_step` stops after each step, for a caller who reports
progress, shows intermediate results, or cancels:

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

from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.evaluations import Evaluations as Evaluations
from ke_widgets.engine.evaluations import call, each_step, known, run
from ke_widgets.methods.spec import Parameter as Parameter
from ke_widgets.methods.spec import Range as Range
from ke_widgets.methods.spec import Spec as Spec
from ke_widgets.methods.spec import defaults as defaults
from ke_widgets.methods.spec import own_names as own_names
from ke_widgets.methods.spec import parameters as parameters
from ke_widgets.typing import Inputs, Method, Tensor

_Function = typing.TypeVar("_Function", bound=Callable[..., Any])
# The one list of families, with their titles, in the order of menus and tables. Each file ends with its `METHODS`.
FAMILIES = {
    "cams": "Class activation maps",
    "gradient": "Gradients",
    "meta": "Gradients over noise",
    "path": "Paths from a baseline",
    "perturbation": "Perturbations",
}


@dataclass(frozen=True)
class Progress:
    """Report the progress of a method or metric.

    Attributes:
        done: Number of finished steps.
        total: Number of all steps.
        result: A function of no arguments that returns what is found so far: logits `(B, U)` and maps
            `(B, H', W', U)`, or a `ke.metrics.Result`.
    """

    done: int
    total: int
    result: Callable[[], Any]


def evaluated_by(evaluations: Evaluations) -> Callable[[_Function], _Function]:
    """Return a decorator that makes a method of a signature with a docstring: its body is the loop over `evaluations`.

    Args:
        evaluations: An `Evaluations`, which the method keeps under this name, for `step_by_step`.

    Returns:
        A decorator.
    """

    def make(described: Callable[..., Any]) -> Any:
        @functools.wraps(described)
        def method(*args: Any, **own: Any) -> tuple[Tensor, Tensor]:
            model, inputs, indices, params = _bound(described, *args, **own)
            return run(evaluations, model, inputs, indices, **params)

        setattr(method, "evaluations", evaluations)  # noqa: B010
        return method

    return make


def _bound(described: Callable[..., Any], *args: Any, **own: Any) -> tuple[keras.Model, Inputs, Any, dict[str, Any]]:
    """Return model, inputs, indices, and all other arguments with their defaults, by name."""
    signature = inspect.signature(described)
    bound = signature.bind(*args, **own)
    bound.apply_defaults()
    given = dict(bound.arguments)
    rest = (p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD)
    given.update(*(given.pop(name) for name in rest))
    return given.pop("model"), given.pop("inputs"), given.pop("indices"), given


def step_by_step(
    method: Method, model: keras.Model, inputs: Inputs, indices: Tensor | None = None, **params: Any
) -> Iterator[Progress]:
    """Run a method step by step, compiled, with a stop after each step. Leave the loop to cancel.

    Args:
        method: A method of this package, or one that `meta` made; one without `Evaluations` is a single step.
        model: See the contract.
        inputs: See the contract.
        indices: See the contract.
        **params: Other arguments of the method.

    Yields:
        A `Progress` after each step; the result of the last one is that of the method.
    """
    *_, params = _bound(method, model, inputs, indices, **params)
    evaluations = getattr(method, "evaluations", None)
    if evaluations is None:
        found = compiled(method, model, **params)(inputs, indices)
        yield Progress(1, 1, lambda: found)
        return
    yield from _steps(evaluations, model, inputs, indices, params)


def _steps(
    evaluations: Evaluations, model: keras.Model, inputs: Inputs, indices: Tensor | None, params: dict[str, Any]
) -> Iterator[Progress]:
    begin = compiled(evaluations.start, model, **known(evaluations.begin, params))
    indices, logits, state, sums = begin(inputs, indices)
    count = call(evaluations.count, state, **params)
    size = evaluations.size(inputs, count, **params)
    first = int(sums is not None)  # There is a result before the first evaluation.
    total = first - (-count // size)

    def progress(step: int, done: int, sums: Any) -> Progress:
        return Progress(step, total, lambda: (logits, call(evaluations.end, state, sums, done, **params)))

    if first:
        yield progress(1, 0, sums)
    steps = each_step(evaluations, model, indices, state, sums, size, **params)
    for step, (done, sums) in enumerate(steps, first + 1):
        yield progress(step, done, sums)


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


def family_of(method: Method) -> str:
    """Return the title of the family of a method in `table`.

    Args:
        method: The method.
    """
    found = (title for family, title in FAMILIES.items() if f"{method.__module__}.".startswith(f"{__name__}.{family}."))
    return next(found, "")


def __getattr__(name: str) -> Any:
    # The families import this module, so they are imported on first access. Existing code uses both names of CAMs.
    if name in (*FAMILIES, "cam", "all_layers", "features"):
        return importlib.import_module(f"{__name__}.{'cams' if name == 'cam' else name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
