"""Write a received value in an error message: in a few words, never the numbers of an array."""

import math
import os
import types
from typing import Any

import numpy as np

_LONGEST = 80  # Characters of a value that is written in full.
_MOST = 8  # Items of a value that is written in full.
_SHOWN = 3  # Items of any other.
_ENDS: dict[type, str] = {list: "[]", tuple: "()"}


def short_repr(value: object) -> str:
    """Return a value in a few words: its `repr` if short, else a description.

    Args:
        value: Anything.

    Returns:
        One line of at most about 80 characters; for arrays, tensors and tables their type, shape and dtype.

    Examples:
        >>> short_repr(np.zeros((2, 8, 8, 3))), short_repr("cat"), short_repr(list(range(50)))
        ('an array of shape (2, 8, 8, 3), float64', "'cat'", '[0, 1, 2, ...] (a list of 50)')
    """
    try:
        return _cut(_written(value))
    except Exception:  # Its own `repr`, shape or length may raise; the message must not.
        return _a(type(value).__name__)


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float | complex | np.generic):
        return repr(value)
    if isinstance(value, str | bytes | os.PathLike):
        return repr(str(value) if isinstance(value, os.PathLike) else value)
    if isinstance(value, dict):
        return _few([f"{_inner(key)}: {_inner(value[key])}" for key in list(value)[:_MOST]], value, "{}")
    if isinstance(value, list | tuple | set | frozenset):
        ends = _ENDS.get(type(value), "{}")
        return _few([_inner(each) for each in list(value)[:_MOST]], value, ends)
    if isinstance(value, types.ModuleType):
        return f"the module {value.__name__!r}"
    if isinstance(value, type):
        return f"the class {value.__name__!r}"
    if callable(value) and isinstance(getattr(value, "__name__", None), str):
        return f"the function {value.__name__!r}"
    return _of_object(value)


def _of_object(value: Any) -> str:
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if shape is not None and not callable(shape):
        name = "an array" if isinstance(value, np.ndarray) else _a(kind)
        dtype = getattr(value, "dtype", None)
        return f"{name} of shape {_shape(shape)}" + (f", {getattr(dtype, 'name', dtype)}" if dtype is not None else "")
    if hasattr(value, "layers") or hasattr(value, "get_config"):  # A model or a layer.
        return f"{_a(kind)} named {value.name!r}" if isinstance(getattr(value, "name", None), str) else _a(kind)
    if hasattr(value, "size") and hasattr(value, "mode"):  # A picture of PIL.
        return f"{_a(kind)} of {value.size[0]} × {value.size[1]} pixels"
    text = repr(value)
    plain = len(text) > _LONGEST or "\n" in text or " at 0x" in text
    return _a(kind) if plain else f"{text} (of type {kind})"


def _shape(shape: Any) -> str:
    try:
        return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
    except (TypeError, ValueError):
        return "unknown"


def _inner(value: Any) -> str:
    """Return an item, shortened so that it does not hide the others."""
    text = short_repr(value)
    return text if len(text) <= _LONGEST // 2 else f"{text[: _LONGEST // 2 - 1]}…"


def _few(written: list[str], value: Any, ends: str) -> str:
    whole = ", ".join(written)
    if len(value) <= _SHOWN or (len(value) <= _MOST and len(whole) <= _LONGEST):
        comma = "," * (isinstance(value, tuple) and len(value) == 1)
        text = f"{ends[0]}{whole}{comma}{ends[1]}"
        return "set()" if text == "{}" and not isinstance(value, dict) else text
    return f"{ends[0]}{', '.join(written[:_SHOWN])}, ...{ends[1]} ({_a(type(value).__name__)} of {len(value)})"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    most = 2 * _LONGEST
    if len(text) <= most:
        return text
    half = math.floor((most - 1) / 2)
    return f"{text[:half]}…{text[-half:]}"


def _a(kind: str) -> str:
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
