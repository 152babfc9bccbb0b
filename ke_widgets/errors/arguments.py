"""Refuse unknown keywords, naming the nearest known one, and swapped arguments."""

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
    """Refuse unknown keywords.

    Args:
        caller: The function that the user called.
        given: Names of the keywords.
        known: Names of the existing ones.
        others: Further names to suggest.
        also: What else was searched, for the message.

    Raises:
        TypeError: If one is unknown; the message names the nearest.
    """
    for name in given:
        if name not in known:
            every = [*known, *others]
            near = nearest(name, every)
            advice = f"Did you mean {near!r}?" if near else f"Known arguments: {', '.join(every)}."
            raise TypeError(f"`{caller}` has no argument {name!r}{also}. {advice}")


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known name with the most similar spelling, or `None` if none is similar."""
    lower = {each.lower(): each for each in reversed(list(known))}  # Of two the first.
    found = difflib.get_close_matches(str(name).lower(), lower, 1, cutoff)
    return lower[found[0]] if found else None


def named(caller: str) -> Callable[[Function], Function]:
    """Return a decorator that makes a function refuse unknown keywords, naming the nearest known one.

    Args:
        caller: The function's public name, such as `"ke.inspection.expose"`.

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
    """Refuse two swapped arguments.

    Args:
        first: Name of the argument that comes first.
        second: Name of the one after it.
        values: The two received values.
        swapped: Whether they are swapped.

    Raises:
        TypeError: If they are.
    """
    if swapped:
        received = ", then ".join(map(short_repr, values))
        raise TypeError(f"`{first}` must come first, then `{second}`. Received: {received}. Swap the two.")


def check_count(name: str, value: object) -> None:
    """Refuse a count that is not an integer of at least 1.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be an integer of at least 1. Received: {name}={short_repr(value)}.")


def check_verbose(verbose: object) -> None:
    """Refuse a `verbose` that Keras does not know.

    Raises:
        ValueError: If it is not one of Keras's values.
    """
    if not (isinstance(verbose, str | int) and verbose in ("auto", 0, 1, 2)):
        raise ValueError(f"`verbose` must be 'auto', 0, 1 or 2. Received: verbose={short_repr(verbose)}.")
