"""THE METHOD CONTRACT.

A method is a function that looks at a model through tensors:

    (model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1, spatial_axis=(-3, -2), *, own) -> (logits, maps)

Args, the same for every method:
    model: A `keras.Model` whose outputs are `[logits, *signals]`, as `ke.inspection.expose` makes it (or a manual
        `keras.Model(inputs, [logits, signal])`); for methods with `Spec(signals="none")`, a model that gives its logits.
    inputs: Images `(B, H, W, C)`, preprocessed as the model was trained.
    indices: Which units to explain, `(B, U)`; `None` explains them all.
    indices_axis: Axis of the units in the logits.
    indices_batch_dims: Leading axes that logits and indices share.
    spatial_axis: Axes of the image plane in the signals (or inputs), counted from the end.
    own: Parameters of the method itself, keyword-only, each with a default.

Returns, the same for every method:
    Logits `(B, U)` of the explained units, and one map for each: `(B, H', W', U)`, at the signal's resolution, raw:
    never resized, normalized, printed or cached. What its numbers mean stands in the method's docstring.

A method works eagerly and under `tf.function(method, reduce_retracing=True)`, and leaves `model` as it was.
At the foot of each family's file stands the table `METHODS`: from it come the shortcuts (`ke.gradcam`), the widget's
menu and parameter form, and the contract tests.
"""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SHARED = ("model", "inputs", "indices", "indices_axis", "indices_batch_dims", "spatial_axis")


@dataclass(frozen=True)
class Spec:
    """What others need to know of a method, to call it and to show what it gives.

    Attributes:
        title: As people call it, such as `"Grad-CAM"`.
        signals: `"none"` (it looks at the inputs) or `"one"` (it takes one exposed spatial signal).
        postprocessing: The filter that is usual for its maps; a function of `ke_widgets.filters`.
        signed: Whether maps are shown with both signs.
        resizing: Whether shortcuts resize its maps to the size of the images.
    """

    title: str
    signals: typing.Literal["none", "one"] = "one"
    postprocessing: Callable | None = None
    signed: bool = False
    resizing: bool = True


@dataclass(frozen=True)
class Parameter:
    """One own parameter of a method, as a form shows it.

    Attributes:
        name: The argument's name.
        kind: `"bool"`, `"int"`, `"float"` or `"choice"`.
        default: Its value when nobody chooses.
        choices: All values, where the annotation is a `Literal`.
    """

    name: str
    kind: str
    default: Any
    choices: tuple = ()


def parameters(method):
    """List the own parameters of a method, from its signature.

    Args:
        method: A function that follows the contract above.

    Returns:
        A list of `Parameter`, in order.

    Raises:
        ValueError: If one has no default, or a default that no form can show.
    """
    hints = typing.get_type_hints(method)
    own = [p for name, p in inspect.signature(method).parameters.items() if name not in SHARED]
    return [_parameter(method, p, hints.get(p.name)) for p in own]


def _parameter(method, parameter, hint):
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


def table():
    """Map the name of every method in the package to the function and its `Spec`.

    Returns:
        A dict `name -> (method, spec)`, family by family.

    Raises:
        ValueError: If two methods have one name.
    """
    from ke_widgets.methods import cams, gradient

    found = {}
    for family in (cams, gradient):
        for method, spec in family.METHODS.items():
            if method.__name__ in found:
                raise ValueError(f"A method's name must be its own. Received two named {method.__name__!r}.")
            found[method.__name__] = (method, spec)
    return found
