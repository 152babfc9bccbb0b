"""Resolve the names that users give: classes by label, methods by title, layers by path, index or object."""

import math
import numbers
import operator
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ke_widgets.errors.arguments import nearest
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import layers as model_layers


def number(name: str, value: Any, count: int, what: str) -> int:
    """Check an index, and convert it to a Python integer.

    Args:
        name: The argument's name.
        value: An integer of any library, or an array of one element.
        count: Number of items.
        what: Plural noun for the items, used in the message.

    Returns:
        A Python integer.

    Raises:
        ValueError: If it is out of range.
        TypeError: If it is not an integer.
    """
    found = _integer(value)
    if found is None:
        raise wrong_number(TypeError, name, value, count, what)
    if not 0 <= found < count:
        raise wrong_number(ValueError, name, found, count, what)
    return found


def wrong_number(error: type[Exception], name: str, value: Any, count: int, what: str) -> Exception:
    """Build the error for an index that is out of range or not an integer; see `number`."""
    return error(
        f"`{name}` must be the index of one of the {count} {what}, 0 to {count - 1}. Received: "
        f"{name}={short_repr(value)}."
    )


def _integer(value):
    """Convert to an integer, also from an array of one element; `None` if it is not an integer."""
    if isinstance(value, bool | np.bool_):
        return None
    found: Any = value
    if getattr(value, "shape", None) is not None:
        array = np.asarray(value)
        found = array.reshape(()).item() if array.size == 1 and array.dtype.kind in "iu" else None
    try:
        return operator.index(found)
    except TypeError:
        return None


def class_number(name: str, value: Any, labels: Sequence[str]) -> int:
    """Resolve a class by its index or its label.

    Args:
        name: The argument's name.
        value: An index, or a label; case matters only if two labels differ in nothing else.
        labels: The label of each class.

    Returns:
        The index of the class.

    Raises:
        ValueError: If there is no such class, or more than one; the message suggests the nearest label.
        TypeError: If it is neither an index nor a label.
    """
    if not isinstance(value, str):
        return number(name, value, len(labels), "classes")
    for same in (str, str.casefold):
        found = [index for index, label in enumerate(labels) if same(label) == same(value)]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(map(str, found[:8])) + ", ..." * (len(found) > 8)
            raise ValueError(f"`{name}` must name one class. Received: {value!r}, the label of {shown}: use the index.")
    near = nearest(value, labels, 0.4)
    hint = f" Nearest: {near!r}." if near else f" Labels: {', '.join(map(short_repr, labels[:5]))}" + _more(labels, 5)
    raise ValueError(
        f"`{name}` must be a class index, 0 to {len(labels) - 1}, or a label. Received: {short_repr(value)}.{hint}"
    )


def _more(values, shown):
    return ", ..." if len(values) > shown else "."


def method_name(name: str, value: Any, titles: dict[str, str]) -> str:
    """Resolve a method by its name, its title, or the function itself.

    Args:
        name: The argument's name.
        value: Such as `"gradcam"`, `"Grad-CAM"`, `"gradcam++"`, `ke.gradcam`, `ke.methods.cams.gradcam`.
        titles: The title of each method by its name.

    Returns:
        The name of the method.

    Raises:
        ValueError: If there is no such method.
        TypeError: If it is neither a string nor a method.
    """
    if not isinstance(value, str):
        method = getattr(value, "explains", value)
        home = getattr(method, "__module__", None) or ""
        if callable(method) and home.startswith("ke_widgets.methods") and getattr(method, "__name__", "") in titles:
            return method.__name__
        raise TypeError(
            f"`{name}` must be the name of a method: {', '.join(titles)}. Received: {name}={short_repr(value)}."
        )
    if value in titles:
        return value
    plain = {_plain(written): known for known, title in titles.items() for written in (title, known)}
    if _plain(value) in plain:
        return plain[_plain(value)]
    near = nearest(_plain(value), plain)
    raise ValueError(
        f"`{name}` must be one of {', '.join(titles)}. Received: {name}={short_repr(value)}."
        + (f" Nearest: {plain[near]!r}." if near else "")
    )


def _plain(text):
    """Normalize case, dashes and spaces; Grad-CAM++ is also written gradcampp."""
    return re.sub(r"[^a-z0-9]", "", text.lower().replace("+", "p"))


def one_of(name: str, value: Any, known: Sequence[str], also: str = "") -> str:
    """Resolve one of several words, ignoring case; `also` says in an error what else would fit.

    Raises:
        ValueError: If it is none of them; the message suggests the nearest one.
    """
    if isinstance(value, str):
        for same in (str, str.lower):
            for each in known:
                if same(each) == same(value):
                    return each
    near = nearest(value, known) if isinstance(value, str) else None
    raise ValueError(
        f"`{name}` must be one of {', '.join(known)}{also and ', ' + also}. Received: {name}={short_repr(value)}."
        + (f" Nearest: {near!r}." if near else "")
    )


def share(name: str, value: Any) -> float:
    """Check a number from 0 to 1, and convert it to a float.

    Raises:
        ValueError: If it is out of range.
        TypeError: If it is not a number.
    """
    plain = np.asarray(value).item() if getattr(value, "shape", None) == () else value
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise TypeError(
            f"`{name}` must be a number from 0 to 1. Received: {name}={short_repr(value)}.{_quotes_hint(value)}"
        )
    found = float(plain)
    if 0 <= found <= 1:
        return found
    hint = f" For {found:g} %, write {found / 100:g}." if 1 < found <= 100 else ""
    raise ValueError(f"`{name}` must be a number from 0 to 1. Received: {name}={short_repr(value)}.{hint}")


def _quotes_hint(value):
    try:
        found = float(value)
    except (TypeError, ValueError):
        return ""
    return f" Without quotation marks: {found:g}." if isinstance(value, str) and math.isfinite(found) else ""


def layer_path(value: Any, models: Sequence[Any], chosen: int = 0) -> str:
    """Resolve a layer by its path, its name if that is unique, its index, or the layer itself.

    Args:
        value: Such as `"block3/conv2"`, `("block3", "conv2")`, `"conv2"`, `-3`, `model.layers[-3]`.
        models: An `ExplainedModel` for each model.
        chosen: Number of the model to which an index refers.

    Returns:
        The path; a string that matches no layer is returned unchanged, to be checked against the model later.

    Raises:
        ValueError: If the index is out of range, or the layer is in no model.
        TypeError: If it is of another type.
    """
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        value = model_layers.SEPARATOR.join(value)
    if isinstance(value, str):
        return _whole_path(value, models)
    if isinstance(value, keras.Operation):
        paths = (model_layers.path_of(explained.model, value) for explained in models)
        found = next((path for path in paths if path is not None), None)
        if found is None:
            raise ValueError(f"`layer` must be a layer of the model. Received: {short_repr(value)}, which is not.")
        return found
    index, layers = _integer(value), models[chosen].model.layers
    if index is None:
        raise TypeError(f"`layer` must be the path of a layer, such as 'block/conv'. Received: {short_repr(value)}.")
    if not -len(layers) <= index < len(layers):
        raise ValueError(
            f"`layer` must be the index of one of the model's {len(layers)} layers. Received: layer={index}."
        )
    return layers[index].name


def _whole_path(path, models):
    known = list(dict.fromkeys(layer for explained in models for layer in explained.layers))
    inner = [layer for layer in known if layer.endswith(model_layers.SEPARATOR + path)]
    if (
        path in known
        or len(inner) != 1
        or any(path in model_layers.operations(explained.model) for explained in models)
    ):
        return path
    return inner[0]
