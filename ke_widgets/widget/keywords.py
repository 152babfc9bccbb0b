"""Check the arguments and attributes of the widget, and suggest the right name for a wrong one."""

from collections.abc import Collection
from typing import Any

import keras

from ke_widgets import methods
from ke_widgets.errors.arguments import check_names, check_swapped, nearest
from ke_widgets.errors.short_repr import short_repr

CALLER = "ke.ExplainerWidget"
_FIXED = ("images", "labels", "preprocess", "head", "y_true", "image_input", "target", "target_y")
# Names from other libraries that no spelling distance would find.
_SYNONYMS = {
    **dict.fromkeys(("classes", "names", "class_names", "categories"), "labels"),
    **dict.fromkeys(("y", "targets", "y_test", "truth", "ground_truth", "true_labels"), "y_true"),
    **dict.fromkeys(("transform", "preprocessor"), "preprocess"),
    **dict.fromkeys(("category", "class_name"), "class_index"),
    **dict.fromkeys(("samples", "n_samples", "num_samples"), "repetitions"),
    **dict.fromkeys(("stdev", "sigma"), "noise"),
    **{"alpha": "opacity", "cmap": "colormap", "output": "head", "contrast": "contrast_index", "image": "image_index"},
    "model": "model_index",  # Set on an existing widget; the constructor takes the model itself first.
}


def check_order(model: Any, images: Any) -> None:
    """Check that models and images are not swapped.

    Raises:
        TypeError: If they are swapped.
    """
    swapped = _holds_models(images) and not _holds_models(model)
    check_swapped("model", "images", (model, images), swapped)


def _holds_models(value):
    return isinstance(value, keras.Model) or (isinstance(value, list | tuple) and any(map(_holds_models, value)))


def check_surplus(surplus: tuple) -> None:
    """Check that nothing is given by position after the images.

    Args:
        surplus: The positional arguments after the images, a tuple.

    Raises:
        TypeError: If there is any; the message says which keyword to use.
    """
    if not surplus:
        return
    first = surplus[0]
    numbers = getattr(getattr(first, "dtype", None), "kind", "O") in "iuf"
    name = "y_true" if numbers else "preprocess" if callable(first) else "labels"
    raise TypeError(
        f"`{CALLER}` takes `model` and `images` by position and all other arguments by keyword. Received: a third "
        f"positional argument, {short_repr(first)}. Write `{CALLER}(model, images, {name}=...)`."
    )


def check_keywords(given: dict[str, Any], known: Collection[str], shown: Collection[str]) -> None:
    """Check that the widget has every keyword.

    Args:
        given: The keywords, a dict.
        known: Names of all keywords that the widget has.
        shown: The subset that an error message lists.

    Raises:
        TypeError: If one is unknown; the message suggests what to write.
    """
    for name in given:
        if name in known:
            continue
        parameter, title = _parameter(name, shown)
        if parameter is not None:
            raise TypeError(
                f"`{CALLER}` has no argument {name!r}. For the parameter of {title} write "
                f"`params={{{parameter!r}: {short_repr(given[name])}}}`."
            )
        if name in _SYNONYMS:
            raise TypeError(f"`{CALLER}` has no argument {name!r}. Did you mean {_SYNONYMS[name]!r}?")
        check_names(CALLER, [name], shown)


def check_attribute(name: str, traits: Collection[str]) -> None:
    """Check that an attribute is not a misspelled trait, because setting it would have no effect.

    Users may set attributes of their own, as on any Python object: a name unlike any of ours is allowed.

    Args:
        name: The attribute's name.
        traits: Names of the attributes that can be set.

    Raises:
        AttributeError: If the name is close to one of ours; the message suggests that one.
    """
    meant = _SYNONYMS.get(name, name)
    fixed = meant if meant in _FIXED else nearest(name, _FIXED, 0.8)
    near = meant if meant in traits else nearest(name, traits, 0.75)
    parameter, title = _parameter(name, traits, 0.9)
    if fixed is not None and near is None:
        raise AttributeError(
            f"`{fixed}` is fixed when the widget is created. To change it, create another: "
            f"`{CALLER}(model, images{'' if fixed == 'images' else f', {fixed}=...'})`."
        )
    if parameter is not None:
        raise AttributeError(
            f"The widget has no attribute {name!r}. For the parameter of {title} write "
            f"`params = {{{parameter!r}: ...}}`."
        )
    if near is not None:
        raise AttributeError(f"The widget has no attribute {name!r}. Did you mean {near!r}?")


def _parameter(name, known, cutoff=0.8):
    """Return the method parameter that matches a name, and the title of the first method that has it."""
    table = {
        parameter: spec.title for method, spec in reversed(list(methods.table().values())) for parameter in _own(method)
    }
    meant = _SYNONYMS.get(name, name)
    found = meant if meant in table else None if nearest(name, known) else nearest(name, table, cutoff)
    return found, table.get(found or "")


def _own(method):
    return [parameter.name for parameter in methods.parameters(method)]
