"""A model that gives the logits and the wanted inner signals of another one, sharing all of its weights."""

from dataclasses import dataclass
from typing import Any, Literal

import keras

from ke_widgets.engine import structure, taps

Link = Literal["output", "input", "logits"]


@dataclass(frozen=True)
class Endpoint:
    """One inner tensor of a model.

    Attributes:
        path: Path of the layer, such as `"backbone/conv1"`; the empty path is the model itself.
        link: `"output"`, `"input"`, or `"logits"`: the value before the layer's fused activation (its output, when it
            has none).
        node: Which of the layer's calls, counted in running order; `"last"` for the last one, `"all"` for their list.
        index: Which tensor, where the layer takes or gives several.
    """

    path: str
    link: Link = "output"
    node: int | Literal["last", "all"] = "last"
    index: int = 0

    def __str__(self):
        call = "" if self.node == "last" else f", call {self.node}"
        return f"{self.path or 'the model'} ({self.link}{call})"


class Exposed(keras.Model):
    """A view of `model` whose call gives `[logits, *signals]`, one tensor for each endpoint.

    It holds the model, not a copy: same layers, same weights, and nothing is added to them. Made by
    `ke_widgets.inspection.expose`.

    Attributes:
        model: The model that runs.
        endpoints: What it gives, in order; the first one is the logits.
    """

    def __init__(self, model, endpoints, **kwargs):
        # Without autocast, inputs reach `model` as they are; it casts them itself.
        super().__init__(name=f"{model.name}_exposed", dtype=model.dtype_policy, autocast=False, **kwargs)
        self.model = model
        self.endpoints = tuple(endpoints)
        self.built = True

    def call(self, inputs, training=False):
        return read(self.model, inputs, self.endpoints, training=training)

    def get_config(self):
        raise NotImplementedError("An exposed model is a view and cannot be saved. Save `exposed.model` instead.")


def read(model, inputs, endpoints, training=False, watch=None):
    """Run `model` once and pick the tensors that `endpoints` name.

    Args:
        model: A built Keras model.
        inputs: What the model takes.
        endpoints: A list of `Endpoint`.
        training: Passed on to the model.
        watch: See `taps.recording`.

    Returns:
        A list with one tensor for each endpoint (a list of tensors where `node="all"`).

    Raises:
        ValueError: If a layer was not called, or was called where its tensors cannot be read.
    """
    found = structure.operations(model)
    wanted = {endpoint.path: found[endpoint.path] for endpoint in endpoints if endpoint.path}
    with taps.recording(wanted.values(), watch=watch) as tap:
        outputs = model(inputs, training=training)
    whole = [taps.Call((inputs,), {}, outputs)]
    return [_pick(e, tap.calls[id(wanted[e.path])] if e.path else whole) for e in endpoints]


def _pick(endpoint, calls):
    if not calls:
        raise ValueError(
            f"The layer must run when the model is called. Received: {endpoint}, which was never called. It may be "
            "left out of the model's `call`, or hidden in a `tf.function` of its own that was traced before: choose "
            "another layer, or set `run_eagerly=True`."
        )
    if any(call.outputs is None for call in calls):
        raise ValueError(
            f"The layer's signal must be readable where the model's output is. Received: {endpoint}, which runs inside "
            "a loop (a recurrent cell, or TimeDistributed over a dynamic length) or inside a `tf.function` of its own. "
            "Choose the layer around it, fix the length, or remove the `@tf.function`."
        )
    if endpoint.node == "all":
        return [_tensor(endpoint, call) for call in calls]
    number = len(calls) - 1 if endpoint.node == "last" else endpoint.node
    if not 0 <= number < len(calls):
        raise ValueError(
            f"`node` must be 'last' or count one of the layer's {len(calls)} calls, 0 to {len(calls) - 1}. "
            f"Received: {endpoint}."
        )
    return _tensor(endpoint, calls[number])


def _tensor(endpoint, call) -> Any:
    if endpoint.link == "logits" and call.logits is not None:
        return call.logits
    tensors = keras.tree.flatten((call.args, call.kwargs) if endpoint.link == "input" else call.outputs)
    tensors = [x for x in tensors if hasattr(x, "dtype") and hasattr(x, "shape")]
    if not 0 <= endpoint.index < len(tensors):
        raise ValueError(
            f"`index` must count one of the {len(tensors)} tensors at {endpoint}. Received: index={endpoint.index}."
        )
    return tensors[endpoint.index]
