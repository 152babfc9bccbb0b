"""Refuse keywords of a wrong name, with the nearest right one, and arguments in each other's place."""

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from ke_widgets.errors.short_repr import short_repr

Function = TypeVar("Function", bound=Callable[..., Any])


def check_names(
    caller: str, given: Iterable[str], known: Collection[str], others: Iterable[str] = (), also: str = ""
) -> None:
    """Refuse keywords that are not known.

    Args:
        caller: What the user called.
        given: Names of the keywords.
        known: Names of those that there are.
        others: Names that may have been meant, too.
        also: What else was looked at, for the message.

    Raises:
        TypeError: If one is not known; the message says which name is the nearest.
    """
    for name in given:
        if name not in known:
            every = [*known, *others]
            near = nearest(name, every)
            mend = f"Did you mean {near!r}?" if near else f"Those that there are: {', '.join(every)}."
            raise TypeError(f"`{caller}` has no argument {name!r}{also}. {mend}")


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Give the known name that is spelled most like another, or `None` where none is like it."""
    lower = {each.lower(): each for each in reversed(list(known))}  # Of two the first.
    found = difflib.get_close_matches(str(name).lower(), lower, 1, cutoff)
    return lower[found[0]] if found else None


def named(caller: str) -> Callable[[Function], Function]:
    """Make a function refuse keywords that it does not have, with the nearest of those that it has.

    Args:
        caller: What the user calls it, such as `"ke.inspection.expose"`.

    Returns:
        A decorator.
    """

    def decorate(function: Function) -> Function:
        known = [p.name for p in inspect.signature(function).parameters.values() if p.name != "self"]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            check_names(caller, kwargs, known)
            return function(*args, **kwargs)

        return call  # pyright: ignore[reportReturnType]

    return decorate


def check_swapped(first: str, second: str, values: Iterable[object], swapped: bool) -> None:
    """Refuse two arguments in each other's place.

    Args:
        first: Name of the argument that comes first.
        second: Name of the one after it.
        values: What stands in the two places.
        swapped: Whether they stand in each other's.

    Raises:
        TypeError: If they do.
    """
    if swapped:
        received = ", then ".join(map(short_repr, values))
        raise TypeError(f"`{first}` must come first, then `{second}`. Received: {received}. Swap the two.")
