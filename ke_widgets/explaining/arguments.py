"""Check the arguments of the loop before anything runs."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ke_widgets.errors.arguments import check_names
from ke_widgets.errors.short_repr import short_repr

_LOOP_MAKES = ("model", "inputs", "indices", "indices_axis", "indices_batch_dims", "spatial_axis")


def check_counts(**counts: object) -> None:
    """Refuse counts that are not integers of at least 1; `None` is allowed.

    Raises:
        TypeError: If one is not an integer.
        ValueError: If one is below 1.
    """
    for name, value in counts.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(
                f"`{name}` must be an integer of at least 1, or None. Received: {name}={short_repr(value)}."
            )
        if value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1, or None. Received: {name}={value}.")


def check_postprocessing(postprocessing: object) -> None:
    """Refuse a filter that is not a function.

    Raises:
        TypeError: If it is neither a function nor `None`.
    """
    if postprocessing is None or callable(postprocessing):
        return
    raise TypeError(
        "`postprocessing` must be a function of maps, such as `ke.filters.positive_normalize`, or None. "
        f"Received: postprocessing={short_repr(postprocessing)}."
    )


def check_resizing(resizing: object) -> None:
    """Refuse an invalid size.

    Raises:
        TypeError: If it is neither a bool, `None`, nor a tuple or list.
        ValueError: If it is a tuple of anything but 1 to 3 integers above 0.
    """
    if resizing is None or isinstance(resizing, bool):
        return
    if not isinstance(resizing, tuple | list):
        raise TypeError(
            "`resizing` must be True (the image's size), False, None, or a size such as (224, 224). "
            f"Received: resizing={short_repr(resizing)}."
        )
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in resizing)
    if not whole or not 1 <= len(resizing) <= 3:
        raise ValueError(
            "`resizing` must be a size in integers above 0, such as (224, 224). "
            f"Received: resizing={short_repr(resizing)}."
        )


def check_method(method: object) -> None:
    """Refuse anything but a method.

    Raises:
        TypeError: If it is not callable, or a shortcut, which runs its method itself.
    """
    inner = getattr(method, "explains", None)
    if callable(method) and inner is None:
        return
    say, received = "ke.methods.cams.gradcam", f"method={short_repr(method)}"
    if inner is not None:
        family = inner.__module__.split(".")[1:3]  # Whose files are its own business.
        say = f"ke.{'.'.join(family)}.{inner.__name__}"
        received = f"the shortcut `ke.{inner.__name__}`, which runs that method over data itself"
    raise TypeError(f"`method` must be a method, such as `{say}`. Received: {received}.")


def check_own(method: Callable[..., Any], params: Mapping[str, Any], caller: str, others: Iterable[str] = ()) -> None:
    """Refuse parameters that a method does not have.

    Args:
        method: A method.
        params: Its own parameters, as the user gave them.
        caller: The function that the user called.
        others: Names of the caller's own arguments.

    Raises:
        TypeError: If there are some; the message names the nearest parameter.
    """
    if not params:
        return
    parameters = inspect.signature(method).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    own = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL and p.name not in _LOOP_MAKES]
    check_names(caller, params, own, others, f", nor has the method `{getattr(method, '__name__', method)}`")
