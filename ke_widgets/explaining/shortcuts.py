"""Every method with its loop, its usual filter and its sizes: `ke.gradcam(model, images, units)`.

Made from the methods' tables: a method has its shortcut as soon as it stands in one.
"""

import inspect
import re
from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np

from ke_widgets.errors.arguments import check_swapped
from ke_widgets.explaining import arguments
from ke_widgets.explaining.loop import LOOP_ARGS, explain, is_model
from ke_widgets.explaining.views import view_for
from ke_widgets.methods import table
from ke_widgets.typing import Method, Reads

_NOT_OWN = ("model", "inputs", "indices", "batch_size")


class Shortcut(Protocol):
    """Run a method over data, with its usual filter and resizing; `partial_explain` makes it.

    Attributes:
        explains: The method.
    """

    __name__: str
    explains: Any

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


def partial_explain(method: Method, reads: Reads | None = None, **defaults: Any) -> Shortcut:
    """Return a shortcut: `explain` of one method, with other defaults.

    Args:
        method: A method of `ke_widgets.methods`.
        reads: What the method reads (see `ke_widgets.methods.Spec`); the shortcut exposes a plain model
            with one output accordingly. `None` leaves every model as it is.
        **defaults: Arguments of `explain` and own parameters of the method.

    Returns:
        A function `(model, x, y=None, batch_size=None, ...) -> (logits, maps)`.

    Raises:
        TypeError: If `method` is not a method.
        ValueError: If a default names no argument.
    """
    arguments.check_method(method)
    loop = inspect.signature(explain).parameters
    mine = inspect.signature(method).parameters
    own = {
        name: p.replace(kind=p.KEYWORD_ONLY)
        for name, p in mine.items()
        if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD) and name not in _NOT_OWN
    }
    # A method's own parameter takes the name of the loop's, such as `steps`.
    positional = [
        p for name, p in loop.items() if p.kind is p.POSITIONAL_OR_KEYWORD and name != "method" and name not in own
    ]
    keywords = {name: p for name, p in loop.items() if p.kind is p.KEYWORD_ONLY}
    every = {p.name: p for p in positional} | {**own, **keywords}
    unknown = set(defaults) - set(every)
    if unknown:
        raise ValueError(f"`defaults` must be among {sorted(every)}. Received: {sorted(unknown)}.")
    every = {name: p.replace(default=defaults[name]) if name in defaults else p for name, p in every.items()}

    def shortcut(model: Any, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        arguments.check_names(f"ke.{name}", kwargs, list(every))
        check_swapped("model", "x", (model, x), is_model(x) and not is_model(model))
        bound = signature.bind(model, x, y, *args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        return explain(method, view_for(given.pop("model"), reads, given.pop("target")), **given)

    signature = inspect.Signature(list(every.values()), return_annotation=tuple[np.ndarray, np.ndarray])
    name = getattr(method, "__name__", "method")
    for attribute, value in (
        ("__signature__", signature),
        ("__name__", name),
        ("__qualname__", name),
        ("explains", method),
    ):
        setattr(shortcut, attribute, value)
    shortcut.__doc__ = _document(method, reads)
    shortcut.__module__ = "ke_widgets"
    return shortcut  # pyright: ignore[reportReturnType]  (its attributes are set above)


_PLAIN: dict[str | None, str] = {
    "signal": "; one with a single output is exposed by default (`ke.inspection.expose(model)`)",
    None: "; as the method wants it",
}
_AT_LOGITS = "; one with a single output is explained at its logits, before a fused softmax or sigmoid"


def _document(method: Callable[..., Any], reads: Reads | None) -> str:
    """Return the method's docstring with the arguments of the loop."""
    text = inspect.getdoc(method) or ""
    head, _, rest = text.partition("\nReturns:")
    head, _, own = head.partition("\nArgs:\n")
    own = re.sub(r" ?See `ke_widgets\.methods` for the other arguments\.", "", own)
    args = LOOP_ARGS.format(plain=_PLAIN.get(reads, _AT_LOGITS))
    if "steps" in inspect.signature(method).parameters:
        args = re.sub(r"    steps: .*\n", "", args)
    args = "\n".join([args, own.rstrip("\n")] if own.strip() else [args])
    text = f"{head.rstrip()}\n\nArgs:\n{args}"
    note = "The maps go through `postprocessing` and `resizing`; all is returned as NumPy arrays."
    return f"{text}\n\n{note}\n\nReturns:{rest}" if rest else text


SHORTCUTS: dict[str, Shortcut] = {
    name: partial_explain(method, spec.reads, postprocessing=spec.postprocessing, resizing=spec.resizing)
    for name, (method, spec) in table().items()
}


def __getattr__(name: str) -> Shortcut:
    if name in SHORTCUTS:
        return SHORTCUTS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
