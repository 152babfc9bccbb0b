"""Locate the logits of a model, its head's activation, and the default signal of CAM methods.

Each search walks back from the model's output over the actual calls, once for each model.
"""

import functools
import warnings
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import TensorSpec, outside_of_traces
from ke_widgets.model import callgraph, default_signal, exposed, hooks, input_specs
from ke_widgets.model import layers as model_layers
from ke_widgets.model.default_signal import POOLING_LAYERS as POOLING_LAYERS
from ke_widgets.model.default_signal import find_signal, find_spatial
from ke_widgets.model.exposed import Endpoint
from ke_widgets.model.heads import chosen, kept_of, written_heads
from ke_widgets.model.logits import find_logits
from ke_widgets.typing import Head, Inputs


def head_index(model: keras.Model, head: Head | None, inputs: Inputs | None = None) -> int:
    """Return the index of an output from its key, name or index; refuse an unknown or missing choice.

    Args:
        model: A built Keras model.
        head: Index, name, or key of an output (a tuple of keys where dicts and lists are nested), or `None`.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.

    Returns:
        Index into the model's flat outputs.

    Raises:
        ValueError: If `head` names no output, or is `None` where the model has several.
    """
    return _head(model, head, inputs)[0]


def _head(model, head, inputs):
    """Return the index of the chosen output, and the cache of the model."""
    kept = kept_of(model)
    if "heads" not in kept:
        written = written_heads(model)
        if written is None:
            _search_trace(model, head, inputs, kept)
        else:
            kept["heads"] = written
    return chosen(model, head, kept.get("heads")), kept


def logits_endpoint(model: keras.Model, head: Head | None = None, inputs: Inputs | None = None) -> Endpoint:
    """Return the endpoint of the scores before the softmax or sigmoid at the end of a model.

    The search walks back from the output over operations on final scores (softmax, sigmoid, clips, reshapes, dropout),
    recognized by what they compute, into nested models and out of them.

    Args:
        model: A built Keras model.
        head: Index, name or key of the output, in a model with several.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.

    Returns:
        The `Endpoint` of the logits.

    Raises:
        ValueError: If the model has several outputs and `head` does not choose one of them.
    """
    return _find(model, head, "logits", inputs).endpoint


def head_activation(
    model: keras.Model, head: Head | None = None, inputs: Inputs | None = None
) -> Literal["softmax", "sigmoid"] | None:
    """Return the activation between a model's logits and its output.

    Args:
        model: A built Keras model.
        head: Index, name or key of the output, in a model with several.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.

    Returns:
        `"softmax"` or `"sigmoid"` (of any slope, or the logarithm of one), or `None` if the output is the logits, or
        they were not found.

    Raises:
        ValueError: If the model has several outputs and `head` does not choose one of them.
    """
    return _find(model, head, "logits", inputs).activation


def signal_endpoint(model: keras.Model, head: Head | None = None, inputs: Inputs | None = None) -> Endpoint:
    """Return the endpoint of the default signal of CAM methods.

    Args:
        model: A built Keras model.
        head: Index, name or key of the output, in a model with several.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.

    Returns:
        The `Endpoint` of the input of the last global pooling (or flattening) layer before the output, which may be
        a sequence of tokens `(B, N, K)`; if there is none, or its rows and columns are not the image's, of the last
        earlier signal that covers the image. In a TimeDistributed, that of each frame.

    Raises:
        ValueError: If no layer has such a signal.
    """
    found = _find(model, head, "signal", inputs)
    if found is None:
        raise ValueError(f"`arguments` must be given for {model.name!r}: {_why_none(model, inputs)}")
    return found


def _why_none(model, inputs):
    if inputs is None and model_layers.functional(model) is None and not input_specs.is_known(model):
        return (
            "Keras does not know its input shape, so that it cannot be traced. Put it into a model that declares "
            "it, `keras.Sequential([keras.Input(shape), model])`, or name a layer and, as `outputs`, the logits."
        )
    loops = [x.name for x in model_layers.operations(model).values() if isinstance(x, keras.layers.TimeDistributed)]
    hint = f" What runs in {loops[0]!r} can be read where the number of time steps is fixed." if loops else ""
    return (
        "no layer with weights on the way to its output has a spatial output (B, H, W, K), or is pooled over one, "
        f"whose rows and columns are the image's.{hint} Methods on the pixels need no layer, such as "
        "`ke.gradients`."
    )


def spatial_signals(
    model: keras.Model, head: Head | None = None, inputs: Inputs | None = None
) -> dict[str, tuple[Any, ...]]:
    """Return the output shape of every layer before the logits that covers the image plane.

    It includes layers at any depth, also inside subclassed models and layers, except inside Keras's own
    attention. Their outputs are `(B, H, W, K)`, or tokens `(B, N, K)` in a grid, in the image's own orientation.

    Args:
        model: A built Keras model.
        head: Index, name or key of the output, in a model with several.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.

    Returns:
        A dict from path to shape, in running order, an outer layer before its inner ones.
    """
    found = _find(model, head, "spatial", inputs)[0]
    return {path: found[path] for path in model_layers.operations(model) if path in found}


def default_layer(model: keras.Model, head: Head | None = None, inputs: Inputs | None = None) -> str | None:
    """Return the path of the layer whose output is the default signal, else of the last layer that feeds it."""
    return _find(model, head, "spatial", inputs)[1]


def warn_of_probabilities(
    model: keras.Model, head: Head | None = None, inputs: Inputs | None = None, stacklevel: int = 3
) -> None:
    """Warn once for each model if the explained scores may be probabilities.

    Args:
        model: A built Keras model.
        head: Index, name or key of the output, in a model with several.
        inputs: An example of the inputs, for a model whose input shape Keras does not know.
        stacklevel: How many calls above this one the warning points to, as `warnings.warn` counts them.
    """
    found = _find(model, head, "logits", inputs)
    if found.doubt is None:
        return
    index, kept = _head(model, head, inputs)
    if "warned" in kept:
        return
    if ("doubt", index) not in kept:
        kept["doubt", index] = found.certain or _gives_probabilities(model, index, inputs)
    if kept["doubt", index]:
        kept["warned"] = True
        warnings.warn(
            f"The scores of {model.name!r} are explained as the model gives them, which may be probabilities: the "
            f"logits before them could not be found (seen at the end: {found.doubt}). Pass the layer that gives the "
            "logits: `ke.inspection.expose(model, outputs=...)`.",
            stacklevel=stacklevel,
        )


def _gives_probabilities(model, index, inputs):
    """Return whether a model's output stays between 0 and 1 on strong noise, as only probabilities do."""
    if inputs is None:
        specs = next(input_specs.attempts(model), None)
        if specs is None:
            return True
    else:
        specs = keras.tree.map_structure(lambda x: TensorSpec(x.shape, x.dtype), inputs)
    rng = np.random.default_rng(0)
    with hooks.suspended(), outside_of_traces():
        for strength in (1000, 1):
            noise = keras.tree.map_structure(functools.partial(input_specs.noise, rng=rng, strength=strength), specs)
            (found,) = exposed.read(model, noise, [Endpoint("", index=index)])
            found = np.asarray(ops.convert_to_numpy(found), "float64")
            if np.isfinite(found).all() and found.any():
                return bool(found.min() >= -1e-6 and found.max() <= 1 + 1e-6)
    return False


def tokens_after(model: keras.Model, endpoint: Endpoint) -> int:
    """Return the number of tokens of a signal `(B, N, K)` after the grid of the image.

    Args:
        model: A built Keras model.
        endpoint: The `Endpoint` of the signal.

    Returns:
        An integer; 0 also if unknown.
    """
    kept = kept_of(model)
    if ("after", endpoint) not in kept:
        kept["after", endpoint] = _tokens_after(model, endpoint)
    return kept["after", endpoint]


def _tokens_after(model, endpoint):
    for find in (callgraph.from_functional, callgraph.from_trace):
        try:
            known = find(model)
            if known is not None:
                return default_signal.tokens_after(known, endpoint)
        except (callgraph.Opaque, ValueError):  # The graph is incomplete, or the model runs on none of our inputs.
            continue
    return 0


def way_back(model: keras.Model, head: Head | None = None, traced: bool = False) -> list[tuple[str, keras.Operation]]:
    """Return path and operation of every call that an output depends on, the latest first.

    Args:
        model: A built Keras model.
        head: Index or name of the output, in a model with several.
        traced: Whether to trace the model once, to include calls inside layers without a graph.

    Returns:
        A list of pairs. For a model without a graph or a trace: all operations, the last first.
    """
    index = head_index(model, head)
    known = (None if traced else callgraph.from_functional(model)) or callgraph.from_trace(model)
    if known is None:
        return list(reversed(model_layers.operations(model).items()))
    return [(step.path, step.operation) for step in known.backwards(known.outputs[index])]


def _find(model, head, what, inputs) -> Any:
    index, kept = _head(model, head, inputs)
    if (what, index) not in kept:
        known = callgraph.from_functional(model)
        try:
            if known is None:
                raise callgraph.Opaque
            kept[what, index] = _SEARCHES[what](model, known, index, kept)
        except callgraph.Opaque:
            known = _search_trace(model, head, inputs, kept)
            if known is None:
                return _SEARCHES[what](model, None, index, {})
    return kept[what, index]


def _search_trace(model, head, inputs, kept):
    """Trace a model once and cache all searches; return `None` if its inputs are unknown."""
    known = callgraph.from_trace(model, inputs)
    if known is not None:
        if model_layers.functional(model) is None:
            kept["heads"] = [(keys, None) for keys in known.keys]
        index = chosen(model, head, kept["heads"])
        for what, search in _SEARCHES.items():
            if (what, index) not in kept:
                kept[what, index] = search(model, known, index, kept)
    return known


def _logits(model, known, index, kept):
    return find_logits(known, index)


def _signal(model, known, index, kept):
    return find_signal(model, known, index)


def _spatial(model, known, index, kept):
    if known is None:
        return {}, None
    if ("signal", index) not in kept:
        kept["signal", index] = find_signal(model, known, index)
    return find_spatial(known, index, kept["signal", index], input_specs.has_open_sides(model))


_SEARCHES: dict[str, Any] = {"logits": _logits, "signal": _signal, "spatial": _spatial}
