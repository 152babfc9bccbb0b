"""What others know of a method: its line in a family's `METHODS`, and its own parameters for a form."""

import functools
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ke_widgets.typing import Combine, Filter, Reads

SHARED = ("model", "inputs", "indices", "indices_axis", "indices_batch_dims", "spatial_axis")


def _always(view: Any) -> str | None:
    return None


@dataclass(frozen=True)
class Spec:
    """Describe a method to those who call it and show its maps.

    Attributes:
        title: Its usual name, such as `"Grad-CAM"`.
        reads: `"inputs"`, `"signal"` (one exposed spatial signal), `"biases"` (all layers that
            `ke.inspection.layers_with_biases` lists, which it finds itself in a model without signals), or
            `"attention"` (the scores of attention layers).
        source: The paper: short title, identifier, and where in it.
        postprocessing: The usual filter for its maps; a function of `ke_widgets.filters`.
        signed: Whether to show maps with both signs.
        resizing: Whether the shortcut resizes its maps to the size of the images.
        answers: The question that its map answers, in one line of plain words: the help of menus and tables.
        unit: The unit of its raw maps, as a legend writes it: `"logit"` if a map is proportional to the logits alone,
            `"logit per unit of input"`, or `""` if the scale has no meaning.
        per_class: Whether each unit has a map of its own.
        applies: A function of a view of a model, which returns `None`, or a sentence why the method cannot explain it.
        reference: For methods whose maps sum to a difference of scores: a function with the arguments of the method,
            which returns the scores `(B, U)` that the sum of a map lacks to the logits of the image.
        way: For methods on a way to the image: a function of the model, its inputs, shares `(S,)` from 0 to 1, and the
            method's own parameters, which returns the inputs `(S * B, ...)` at these shares of the way.
        data: Names of parameters that are data and have no default that fits, such as a set of background images.
        backward: Whether a method without `Evaluations` differentiates.
        combine: For methods whose maps follow from signal and gradient at a layer: the function that computes them,
            `(signal (B, H', W', K), gradients (B, U, H', W', K), *, own) -> maps (B, H', W', U)`. With it, the method
            runs at all layers at once (`ke_widgets.methods.all_layers`).
    """

    title: str
    reads: Reads = "signal"
    source: str = ""
    answers: str = ""
    postprocessing: Filter | None = None
    signed: bool = False
    resizing: bool = True
    unit: str = ""
    per_class: bool = True
    applies: Callable[[Any], str | None] = _always
    reference: Callable[..., Any] | None = None
    way: Callable[..., Any] | None = None
    data: tuple[str, ...] = ()
    backward: bool = True
    combine: Combine | None = None


@dataclass(frozen=True)
class Range:
    """The values that a number may have, in an annotation: `Annotated[int, Range(1, 512)]`.

    Attributes:
        low: The least value.
        high: The largest value that a form offers; code may go beyond it.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a method to a form.

    Attributes:
        name: The argument's name.
        kind: `"bool"`, `"int"`, `"float"` or `"choice"`.
        default: Its default value.
        choices: All values, if the annotation is a `Literal`.
        low: The least value, if the annotation has a `Range`.
        high: The largest value, the same.
        help: Its line in the method's docstring.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    help: str = field(default="", compare=False)


@functools.lru_cache(maxsize=64)
def own_names(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a method's own parameters.

    Args:
        method: A function that follows the contract of `ke_widgets.methods`.

    Returns:
        A tuple of strings, in order.
    """
    return tuple(name for name in inspect.signature(method).parameters if name not in SHARED)


def defaults(method: Callable[..., Any]) -> dict[str, Any]:
    """Return the own parameters of a method with their defaults.

    Args:
        method: A function that follows the contract of `ke_widgets.methods`.

    Returns:
        A dict by name.
    """
    known = inspect.signature(method).parameters
    return {name: known[name].default for name in own_names(method)}


def parameters(method: Callable[..., Any]) -> list[Parameter]:
    """Return the own parameters of a method that a form shows, from its signature and docstring.

    Args:
        method: A function that follows the contract of `ke_widgets.methods`.

    Returns:
        A list of `Parameter`, in order; those whose default is `None` (data, and what is chosen automatically) are
        left out.

    Raises:
        ValueError: If one has no default, or one that no form can show.
    """
    hints, helps = typing.get_type_hints(method, include_extras=True), argument_lines(method)
    own = [p for p in inspect.signature(method).parameters.values() if p.name not in SHARED and p.default is not None]
    return [_parameter(method, p, hints.get(p.name), helps.get(p.name, "")) for p in own]


def _parameter(method: Callable[..., Any], parameter: inspect.Parameter, hint: Any, text: str) -> Parameter:
    default = parameter.default
    if default is inspect.Parameter.empty:
        raise ValueError(
            f"A method's own parameter must have a default. Received: {method.__name__}({parameter.name})."
        )
    hint, *extras = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
    # Where numbers and arrays fit too, the names are what a form offers.
    hint = next((each for each in typing.get_args(hint) if typing.get_origin(each) is typing.Literal), hint)
    if typing.get_origin(hint) is typing.Literal:
        return Parameter(parameter.name, "choice", default, typing.get_args(hint), help=text)
    kind = type(default).__name__
    if kind not in ("bool", "int", "float"):
        raise ValueError(
            "A method's own parameter must have a bool, int or float default, or a Literal annotation. "
            f"Received: {method.__name__}({parameter.name}={default!r})."
        )
    bounds = next((extra for extra in extras if isinstance(extra, Range)), None)
    low, high = (None, None) if bounds is None else (bounds.low, bounds.high)
    return Parameter(parameter.name, kind, default, (), low, high, text)


def argument_lines(function: Callable[..., Any]) -> dict[str, str]:
    """Return the `Args:` lines of a docstring by the argument's name.

    Args:
        function: A function with a docstring in Google's style.

    Returns:
        A dict from name to text, each in one line.
    """
    _, _, section = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    section = re.split(r"\n\n(?=\S)", section)[0]
    entries = re.findall(r"^    (\w+): (.*(?:\n     +.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def gather(family: str, *files: str) -> dict[Callable[..., Any], Spec]:
    """Return the methods of a family whose methods stand in several files.

    Args:
        family: The family's package, `__name__` there.
        *files: Its modules, in the order of menus and tables; each ends with its `METHODS`.

    Returns:
        A dict from method to `Spec`.
    """
    found: dict[Callable[..., Any], Spec] = {}
    for file in files:
        found.update(importlib.import_module(f"{family}.{file}").METHODS)
    return found


def by_name(family: str, methods: Mapping[Callable[..., Any], Spec], name: str) -> Callable[..., Any]:
    """Return the method of a family that has this name; for the family's `__getattr__`.

    Args:
        family: The family's package.
        methods: Its `METHODS`.
        name: The name.

    Returns:
        The method.

    Raises:
        AttributeError: If there is none.
    """
    for method in methods:
        if method.__name__ == name:
            return method
    raise AttributeError(f"module {family!r} has no attribute {name!r}")
