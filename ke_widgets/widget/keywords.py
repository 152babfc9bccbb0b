"""What a user meant by a name that the widget does not have: nothing is taken in silence."""

import keras

from ke_widgets import methods
from ke_widgets.errors.arguments import check_names, check_swapped, nearest
from ke_widgets.errors.short_repr import short_repr

CALLER = "ke.ExplainerWidget"
_FIXED = ("images", "labels", "preprocess", "head", "y_true")
# Words of other libraries that are spelled like nothing here.
_MEANT = {
    **dict.fromkeys(("classes", "names", "class_names", "categories"), "labels"),
    **dict.fromkeys(("y", "targets", "target", "y_test", "truth", "ground_truth", "true_labels"), "y_true"),
    **dict.fromkeys(("transform", "preprocessor"), "preprocess"),
    **dict.fromkeys(("category", "class_name"), "class_index"),
    **dict.fromkeys(("samples", "n_samples", "num_samples"), "repetitions"),
    **dict.fromkeys(("stdev", "sigma"), "noise"),
    **{"alpha": "opacity", "cmap": "colormap", "output": "head", "contrast": "contrast_index", "image": "image_index"},
    "model": "model_index",  # Of a widget that is there: the model itself comes first in its making.
}


def check_order(model, images):
    """Refuse models in the place of the images.

    Raises:
        TypeError: If they stand in each other's place.
    """
    swapped = _holds_models(images) and not _holds_models(model)
    check_swapped("model", "images", (model, images), swapped)


def _holds_models(value):
    return isinstance(value, keras.Model) or (isinstance(value, list | tuple) and any(map(_holds_models, value)))


def check_surplus(surplus):
    """Refuse what is given by place behind the images.

    Args:
        surplus: A tuple of it.

    Raises:
        TypeError: If there is any; the message says by which name to give it.
    """
    if not surplus:
        return
    first = surplus[0]
    numbers = getattr(getattr(first, "dtype", None), "kind", "O") in "iuf"
    name = "y_true" if numbers else "preprocess" if callable(first) else "labels"
    raise TypeError(
        f"`{CALLER}` takes `model` and `images` by their places, and all else by name. Received: as the third, "
        f"{short_repr(first)}. Say `{CALLER}(model, images, {name}=...)`."
    )


def check_keywords(given, known, shown):
    """Refuse keywords that the widget does not have.

    Args:
        given: The keywords, a dict.
        known: Names of those that there are.
        shown: Those of them that a message names.

    Raises:
        TypeError: If one is not known; the message says what to write.
    """
    for name in given:
        if name in known:
            continue
        parameter, title = _parameter(name, shown)
        if parameter is not None:
            raise TypeError(
                f"`{CALLER}` has no argument {name!r}. For the parameter of {title} say "
                f"`params={{{parameter!r}: {short_repr(given[name])}}}`."
            )
        if name in _MEANT:
            raise TypeError(f"`{CALLER}` has no argument {name!r}. Did you mean {_MEANT[name]!r}?")
        check_names(CALLER, [name], shown)


def check_attribute(name, traits):
    """Refuse to set an attribute that is no trait but is called like one: it would change nothing, and say nothing.

    A user may keep notes on a widget, as on any object of Python: names like none of ours are let through.

    Args:
        name: The attribute's name.
        traits: Names of what can be set.

    Raises:
        AttributeError: If something else was meant; the message says what.
    """
    meant = _MEANT.get(name, name)
    fixed = meant if meant in _FIXED else nearest(name, _FIXED, 0.8)
    near = meant if meant in traits else nearest(name, traits, 0.75)
    parameter, title = _parameter(name, traits, 0.9)
    if fixed is not None and near is None:
        raise AttributeError(
            f"`{fixed}` is chosen when the widget is made. To change it, make another: "
            f"`{CALLER}(model, images{'' if fixed == 'images' else f', {fixed}=...'})`."
        )
    if parameter is not None:
        raise AttributeError(
            f"The widget has no attribute {name!r}. For the parameter of {title} say `params = {{{parameter!r}: ...}}`."
        )
    if near is not None:
        raise AttributeError(f"The widget has no attribute {name!r}. Did you mean {near!r}?")


def _parameter(name, known, cutoff=0.8):
    """Give the parameter of a method that a name means, and the title of the first method that has it."""
    table = {
        parameter: spec.title for method, spec in reversed(list(methods.table().values())) for parameter in _own(method)
    }
    meant = _MEANT.get(name, name)
    found = meant if meant in table else None if nearest(name, known) else nearest(name, table, cutoff)
    return found, table.get(found or "")


def _own(method):
    return [parameter.name for parameter in methods.parameters(method)]
