"""Normalize the usual formats of class names and of the images' true classes."""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.session.by_name import class_number


def named(labels: Any) -> Any:
    """Normalize class names.

    Args:
        labels: A list, an array or another sequence of names; a dict from index to name, also with the indices as
            strings, as in JSON; a dict from name to index, as Keras's `class_indices`; a function of the index; or
            `None`.

    Returns:
        A dict from index to name, a function of the index, or `None`.

    Raises:
        TypeError: If it is none of these.
        ValueError: If a dict maps neither indices to names nor names to indices.
    """
    is_function = bool(callable(labels)) and not hasattr(labels, "__array__")
    if labels is None or is_function:
        return labels
    if hasattr(labels, "keys") and hasattr(labels, "values"):
        return _of_dict(dict(labels)) if callable(labels.keys) else dict(enumerate(map(_text, labels)))
    if isinstance(labels, str | bytes) or not hasattr(labels, "__iter__"):
        raise TypeError(
            "`labels` must be a list, a dict from index to name or from name to index, or a function of the index. "
            f"Received: {short_repr(labels)}."
        )
    return dict(enumerate(map(_text, labels)))


def _of_dict(labels):
    keys, values = list(labels), list(labels.values())
    if all(map(_whole, keys)):
        return {int(key): _text(value) for key, value in labels.items()}
    # Checked before numeric keys, because folders of images are often named "0", "1", ...
    if all(map(_whole, values)) and len(set(values)) == len(values) and all(isinstance(key, str) for key in keys):
        return {int(value): key for key, value in labels.items()}
    if all(isinstance(key, str) and key.strip().isdecimal() for key in keys):
        return {int(key): _text(value) for key, value in labels.items()}
    raise ValueError(
        "`labels` must be a dict from index to name, {0: 'cat', ...}, or from name to index, {'cat': 0, ...}. "
        f"Received: {short_repr(labels)}."
    )


def _whole(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _text(label):
    """Convert one label to a string; Keras's ImageNet file lists a key and a name for each class."""
    if isinstance(label, list | tuple) and label:
        label = label[-1]
    return label.decode() if isinstance(label, bytes) else str(label)


def names(labels: dict[int, str] | Callable[[int], Any] | None, count: int) -> list[str]:
    """List the name of each class.

    Args:
        labels: Result of `named`.
        count: Number of classes.

    Returns:
        A list of strings; the indices if `labels` is `None`.

    Raises:
        ValueError: If a class has no name, or a name has no class.
    """
    if labels is None:
        return [str(index) for index in range(count)]
    if callable(labels):
        return [_text(labels(index)) for index in range(count)]
    missing = [index for index in range(count) if index not in labels]
    surplus = [index for index in labels if not 0 <= index < count]
    if missing or surplus:
        wrong = f"without a name: {_few(missing)}" if missing else f"of no class: {_few(surplus, labels)}"
        raise ValueError(
            f"`labels` must name each of the {count} classes{'' if missing else ', and no other'}. "
            f"Received: {len(labels)}; {wrong}."
        )
    return [labels[index] for index in range(count)]


def _few(indices, labels=None):
    shown = [str(index) if labels is None else f"{index} ({labels[index]})" for index in indices[:5]]
    return ", ".join(shown) + ("..." if len(indices) > 5 else "")


def true_classes(
    y_true: Any, count: int, classes: int, labels: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray] | None:
    """Normalize the true classes of images.

    Args:
        y_true: The class of each image, `(N,)` or `(N, 1)`, with -1 for unknown; multi-hot rows `(N, classes)` of 0 and
            1; or `None`.
        count: Number of images, `N`.
        classes: Number of classes.
        labels: Names of the classes, which `y_true` may use as well.

    Returns:
        Whether each class is true, bools `(N, classes)`, and which images are labelled, bools `(N,)`; or `None`.

    Raises:
        ValueError: If they do not fit the images or the classes.
    """
    if y_true is None:
        return None
    given = np.asarray(y_true)
    if labels and given.dtype.kind in "OUS" and given.shape in ((count,), (count, 1)):
        given = np.asarray([_number_of(target, labels) for target in given.ravel().tolist()])
    values = given.reshape(count) if given.shape in ((count,), (count, 1)) else given
    fits = given.dtype.kind in "biuf" and values.shape in ((count,), (count, classes))
    values = values.astype("float64") if fits else values
    if fits and values.ndim == 1 and classes == 1 and np.isin(values, (0, 1)).all():
        return values[:, None] > 0, np.ones(count, bool)
    if fits and values.ndim == 2 and np.isin(values, (0, 1)).all():
        return values > 0, np.ones(count, bool)
    if fits and values.ndim == 1 and np.isin(values, range(-1, classes)).all():
        return values[:, None] == np.arange(classes), values >= 0
    found = f", {given.min()} to {given.max()}" if given.size and given.dtype.kind in "biuf" else ""
    raise ValueError(
        f"`y_true` must have the class of each of the {count} images, (N,) of 0 to {classes - 1} (-1 for unknown), or "
        f"multi-hot rows, (N, {classes}) of 0 and 1. Received: {given.dtype} of shape {given.shape}{found}."
    )


def _number_of(target, labels):
    return class_number("y_true", target.decode() if isinstance(target, bytes) else target, labels)
