"""Names of the classes and true classes of the images, in the forms in which people have them."""

import numbers
from typing import Any

import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.session.by_name import class_number


def named(labels: Any) -> Any:
    """Bring names of classes to one form.

    Args:
        labels: A list, an array or another series of names; a dict from index to name, also with the indices as text,
            as JSON has them; a dict from name to index, as Keras's `class_indices`; a function of the index; or `None`.

    Returns:
        A dict from index to name, a function of the index, or `None`.

    Raises:
        TypeError: If it is none of those.
        ValueError: If a dict is neither from index to name nor from name to index.
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
    # Before keys that are digits: folders of pictures are often named "0", "1", ...
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
    """Write one name; Keras's own file of ImageNet's classes has a key and a name for each."""
    if isinstance(label, list | tuple) and label:
        label = label[-1]
    return label.decode() if isinstance(label, bytes) else str(label)


def names(labels, count):
    """List the name of each class.

    Args:
        labels: What `named` gives.
        count: Number of the classes.

    Returns:
        A list of strings; numbers where nothing is named.

    Raises:
        ValueError: If a class has no name, or there are more names than classes.
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


def true_classes(y_true, count, classes, labels=()):
    """Bring the true classes of images to one form.

    Args:
        y_true: The class of each image, `(N,)` or `(N, 1)`, where -1 stands for one that nobody knows; or all of them,
            `(N, classes)` of 0 and 1. Or `None`.
        count: Number of the images, `N`.
        classes: Number of the classes.
        labels: Their names, by which the classes may be given, too.

    Returns:
        Whether each class is true, bools `(N, classes)`, and for which images that is known, bools `(N,)`; or `None`.

    Raises:
        ValueError: If they fit neither the images nor the classes.
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
        f"`y_true` must hold the class of each of the {count} images, (N,) of 0 to {classes - 1} (-1 where it is not "
        f"known), or all of them, (N, {classes}) of 0 and 1. Received: {given.dtype} of shape {given.shape}{found}."
    )


def _number_of(target, labels):
    return class_number("y_true", target.decode() if isinstance(target, bytes) else target, labels)
