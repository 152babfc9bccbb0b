"""Choose the output to explain, and cache what was found for a model."""

import sys
import weakref
from typing import Any, TypeAlias

import keras

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers
from ke_widgets.typing import Head

# Of each output: the keys and indices that lead to it in what the model returns, and its name.
Heads: TypeAlias = list[tuple[Any, Any]]


def written_heads(model: keras.Model) -> Heads | None:
    """List keys and name of each output, of a model with a graph; `None` for any other model."""
    graph = model_layers.functional(model)
    if graph is None:
        return None
    names = list(getattr(model, "output_names", None) or graph.output_names)
    return [(keys, name) for (keys, _), name in zip(keras.tree.flatten_with_path(graph._outputs_struct), names)]


def chosen(model: keras.Model, head: Head | None, heads: Heads | None) -> int:
    """Find `head` among the keys and names of the outputs; `heads` is `None` if their number is unknown."""
    most = sys.maxsize if heads is None else len(heads)
    if head is None and (heads is None or most <= 1):
        return 0
    if isinstance(head, int) and not isinstance(head, bool) and 0 <= head < most:
        return head
    if heads is not None and isinstance(head, str | tuple):
        keys, names = [keys for keys, _ in heads], [name for _, name in heads]
        for each in (keys, [_label(*both) for both in heads], names):
            if each.count(head) == 1:
                return each.index(head)
    choices = f"one of {[_label(keys, name) for keys, name in heads]}" if heads else "by its index, from 0"
    raise ValueError(
        f"`head` must choose an output of {model.name!r}: {choices}. Received: head={short_repr(head)}. "
        "Say which one is explained: `ke.inspection.expose(model, head=...)`."
    )


def _label(keys, name):
    """Return the label of an output: its key in a dict, else its name, else its position in a list."""
    if any(isinstance(key, str) for key in keys):
        return model_layers.SEPARATOR.join(map(str, keys))
    return name if name is not None else (keys[0] if len(keys) == 1 else keys)


def manual_signals(model: keras.Model) -> bool:
    """Return whether a user built a model for a method: `keras.Model(inputs, [logits, *signals])`.

    Args:
        model: A Keras model.

    Returns:
        Whether its first output depends on all of the others; parallel heads do not.
    """
    if len(getattr(model, "outputs", None) or [None]) < 2:
        return False
    kept = kept_of(model)
    if "manual" not in kept:
        known = callgraph.from_functional(model)
        way = () if known is None else known.ancestors(known.outputs[0])
        kept["manual"] = known is not None and all(id(x) in way for x in known.outputs[1:])
    return kept["manual"]


# Results for each model: plain data, without references to the model.
_KEPT: "weakref.WeakKeyDictionary[keras.Model, dict[Any, Any]]" = weakref.WeakKeyDictionary()


def kept_of(model: keras.Model) -> dict[Any, Any]:
    """Return the cache of a model, emptied if its layers or their activations have changed."""
    stamp = tuple(_mark(layer) for layer in model._flatten_layers())
    kept = _KEPT.get(model)
    if kept is None or kept["stamp"] != stamp:
        kept = _KEPT[model] = {"stamp": stamp}
    return kept


def _mark(layer):
    own = layer.__dict__
    return id(layer), id(own.get("activation")), id(own.get("_functional"))
