"""Where the logits of a model are, and the signal that CAM methods look at, when nobody says.

Both are found by walking back from the model's output, over the calls that really happen.
"""

import weakref

import keras

from ke_widgets.engine import flow, structure
from ke_widgets.engine.exposing import Endpoint

POOLING_LAYERS = (
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
# What may stand between the logits and the model's output.
_PASS_THROUGH = (
    keras.layers.Softmax,
    keras.layers.Dropout,
    keras.layers.Identity,
    keras.layers.ActivityRegularization,
)
_SCORE_ACTIVATIONS = ("softmax", "sigmoid", "log_softmax", "log_sigmoid", "hard_sigmoid", "linear")

# What was found by a rehearsal, which takes as long as a trace. Plain data: it holds no model.
_REHEARSED: "weakref.WeakKeyDictionary[keras.Model, dict]" = weakref.WeakKeyDictionary()


def head_index(model, head):
    """Turn an output's name or index into its index; refuse a choice that is not there, or not made.

    Args:
        model: A built Keras model.
        head: Index, name, or `None`.

    Returns:
        Index into the model's flat outputs.

    Raises:
        ValueError: If `head` names no output, or is `None` where the model has several.
    """
    graph = structure.functional(model)
    names = [] if graph is None else list(getattr(model, "output_names", None) or graph.output_names)
    if head is None and len(names) <= 1:
        return 0
    # How many outputs a model without a graph has, only a run tells.
    if isinstance(head, int) and not isinstance(head, bool) and 0 <= head < (len(names) or head + 1):
        return head
    if head in names:
        return names.index(head)
    known = f"one of {names}" if names else "by its index, from 0"
    raise ValueError(f"`head` must choose an output of {model.name!r}: {known}. Received: head={head!r}.")


def logits_endpoint(model, head=None):
    """Find the scores before the softmax or sigmoid at the end of a model.

    Walks back from the output over whatever acts on finished scores only (softmax, sigmoid, dropout, identity), into
    nested models and out of them again.

    Args:
        model: A built Keras model.
        head: Index or name of the output, in a model with several.

    Returns:
        The `Endpoint` of the logits.

    Raises:
        ValueError: If the model has several outputs and `head` does not choose one of them.
    """
    return _find(model, head, _logits)


def signal_endpoint(model, head=None):
    """Find the signal that CAM methods look at by default.

    Args:
        model: A built Keras model.
        head: Index or name of the output, in a model with several.

    Returns:
        The `Endpoint` of the input of the last global pooling (or flattening) layer on the way to the output, which
        may be a sequence of tokens `(B, N, K)`; without one, of the last signal with a place, `(B, H, W, K)`.

    Raises:
        ValueError: If no layer has a spatial output.
    """
    found = _find(model, head, _signal)
    if found is None:
        raise ValueError(
            f"`arguments` must be given for {model.name!r}: no layer on the way to its output is a global pooling, or "
            "has a spatial output (B, H, W, K)."
        )
    return found


def way_back(model, head=None, rehearse=False):
    """List the path and operation of every call on the way to an output, the latest first.

    Args:
        model: A built Keras model.
        head: Index or name of the output, in a model with several.
        rehearse: Trace the model once to see also what runs inside layers that have no graph.

    Returns:
        A list of pairs. For a model that neither a graph nor a rehearsal tells of: all operations, the last first.
    """
    index = head_index(model, head)
    known = (None if rehearse else flow.written(model)) or flow.rehearsed(model)
    if known is None:
        return list(reversed(structure.operations(model).items()))
    return [(step.path, step.operation) for step in known.backwards(known.outputs[index])]


class _Opaque(Exception):
    """The graph does not tell: a layer in the way runs others by code."""


def _find(model, head, search):
    index, known = head_index(model, head), flow.written(model)
    if known is not None:
        try:
            return search(known, index)
        except _Opaque:
            pass
    kept = _REHEARSED.setdefault(model, {})
    if (search, head) not in kept:
        known = flow.rehearsed(model)
        _check_outputs(model, known, head)
        kept[search, head] = search(known, index)
    return kept[search, head]


def _check_outputs(model, known, head):
    number = 1 if known is None else len(known.outputs)
    undecided = head is None and structure.functional(model) is None and number > 1
    if undecided or (isinstance(head, int) and head >= number):
        raise ValueError(
            f"`head` must choose one of the {number} outputs of {model.name!r}, from 0. Received: head={head}."
        )


def _logits(known, index):
    found = Endpoint("", index=index)
    if known is None:
        return found
    tensor = known.outputs[index]
    while True:
        step = known.producer(tensor)
        if step is None:
            tensor = known.before(tensor)
            if tensor is None:
                return found
            continue
        _refuse_opaque(known, step.operation)
        if not _acts_on_scores(step.operation):
            link = "logits" if is_score_activation(getattr(step.operation, "activation", None)) else "output"
            position = [x is tensor for x in step.outputs].index(True)
            return Endpoint(step.path, link=link, node=known.number(step), index=position)
        found, tensor = Endpoint(step.path, link="input", node=known.number(step)), step.inputs[0]


def _acts_on_scores(operation):
    if isinstance(operation, keras.layers.Activation):
        return is_score_activation(operation.activation)
    if isinstance(operation, keras.layers.Layer):
        return isinstance(operation, _PASS_THROUGH)
    return type(operation).__name__ in flow.SCORE_FUNCTIONS


def is_score_activation(activation):
    """Tell whether an activation turns logits into probabilities, or does nothing.

    Args:
        activation: A function or a name.

    Returns:
        Whether it does.
    """
    return (activation if isinstance(activation, str) else getattr(activation, "__name__", None)) in _SCORE_ACTIVATIONS


def _signal(known, index):
    found = None
    if known is None:
        return None
    for step in known.backwards(known.outputs[index]):
        _refuse_opaque(known, step.operation)
        # After a global pooling that keeps its axes, a Flatten has nothing left to flatten.
        flattens = isinstance(step.operation, keras.layers.Flatten)
        if isinstance(step.operation, POOLING_LAYERS) and not (flattens and not _has_places(step.inputs[0], (3, 4, 5))):
            return Endpoint(step.path, link="input", node=known.number(step))
        spatial = [position for position, x in enumerate(step.outputs) if _has_places(x, (4,))]
        if found is None and spatial:
            found = Endpoint(step.path, node=known.number(step), index=spatial[0])
    return found


def _has_places(tensor, ranks):
    shape = tensor.shape
    return len(shape) in ranks and any(side is None or side > 1 for side in shape[1:-1])


def _refuse_opaque(known, operation):
    if known.graph is None and structure.opaque(operation):
        raise _Opaque
