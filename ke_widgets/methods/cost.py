"""What a method costs before it runs: how many times it runs the model, and whether backwards too."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ke_widgets.engine.evaluations import call
from ke_widgets.methods.spec import Spec, defaults
from ke_widgets.typing import Shape

# Parameters that are a number of evaluations by themselves.
_NUMBERS = ("samples", "steps", "repetitions")


class Cost(NamedTuple):
    """How often a method runs the model on an image.

    Attributes:
        passes: Number of forward passes.
        backward: Whether a backward pass follows each.
        beside: Number of forward passes beside them, without a backward pass: that of the image itself.
    """

    passes: int
    backward: bool
    beside: int = 1


def cost(method: Callable[..., Any], spec: Spec, image: Shape, signal: Shape = (), **params: Any) -> Cost:
    """Return the cost of a method on one image.

    Args:
        method: A method of `ke_widgets.methods`.
        spec: Its `Spec`.
        image: Shape of the image, `(H, W, C)`.
        signal: Shape of the signal that it reads, `(H', W', K)`; empty if it reads none.
        **params: The method's own parameters; the others have their defaults.

    Returns:
        A `Cost`. A method that is not made of `Evaluations` is one pass, and backward where its `Spec` says so.

    Raises:
        ValueError: If its `Evaluations` do not say how many they are.
    """
    evaluations = getattr(method, "evaluations", None)
    if evaluations is None:
        return Cost(1, spec.backward, 0)
    own = defaults(method)
    own.update((name, value) for name, value in params.items() if name in own)
    if evaluations.total is not None:
        return Cost(int(call(evaluations.total, image, signal, **own)), evaluations.differentiates)
    number = next((own[name] for name in _NUMBERS if name in own), None)
    if number is None:
        raise ValueError(
            f"`method` must have `total` in its Evaluations, or a parameter among {', '.join(_NUMBERS)}. "
            f"Received: {getattr(method, '__name__', method)}."
        )
    return Cost(int(number), evaluations.differentiates)
