"""Expose the logits and inner signals of a model as outputs of a view that shares all of its weights."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NoReturn

import keras

from ke_widgets.model import hooks
from ke_widgets.model import layers as model_layers
from ke_widgets.model.changes import Link as Link
from ke_widgets.model.hooks import Watch
from ke_widgets.model.score_activations import activation_kind
from ke_widgets.typing import Inputs, ScoreFunction, Tensor


@dataclass(frozen=True)
class Endpoint:
    """Name one inner tensor of a model.

    Attributes:
        path: Path of the layer, such as `"backbone/conv1"`; the empty path is the model itself.
        link: `"output"`, `"input"`, or `"logits"`: the value before the layer's fused activation (its output, when it
            has none).
        node: Which of the layer's calls, counted in running order; `"last"` for the last one, `"all"` for their list.
        index: Which tensor, where the layer takes or gives several; `"all"` for all of them, in their own structure.
    """

    path: str
    link: Link = "output"
    node: int | Literal["last", "all"] = "last"
    index: int | Literal["all"] = 0

    def __str__(self):
        call = "" if self.node == "last" else f", call {self.node}"
        return f"{self.path or 'the model'} ({self.link}{call})"


class View(NamedTuple):
    """The endpoints and the target of an exposed model; `Exposed(model, *view)` builds it again."""

    endpoints: tuple[Endpoint, ...]
    target: ScoreFunction | None = None


class Exposed(keras.Model):
    """View a model: its call returns `[logits, *signals]`, one tensor for each endpoint.

    It holds the model, not a copy: same layers, same weights, and nothing is added to them. Made by
    `ke_widgets.inspection.expose`.

    Attributes:
        model: The model that runs.
        endpoints: Its outputs, in order; the first one is what the target reads, such as the logits.
        target: The target, from that output and `y` to the explained scores; `None` for units of the logits.
    """

    def __init__(
        self,
        model: keras.Model,
        endpoints: Iterable[Endpoint],
        target: ScoreFunction | None = None,
        **kwargs: Any,
    ) -> None:
        # Without autocast, inputs reach `model` as they are; it casts them itself.
        super().__init__(name=f"{model.name}_exposed", dtype=model.dtype_policy, autocast=False, **kwargs)
        # Bypass `Layer.__setattr__`, which would track the model and write to it.
        self.__dict__["model"] = model
        self.__dict__["endpoints"] = tuple(endpoints)
        self.__dict__["target"] = target
        self.built = True

    @property
    def view(self) -> "View":
        """Endpoints and target, the cache key of whatever is compiled for it."""
        return View(self.endpoints, self.target)

    @property
    def layers(self) -> list[keras.Layer]:
        return self.model.layers

    @property
    def weights(self) -> list[keras.Variable]:
        return self.model.weights

    @property
    def variables(self) -> list[keras.Variable]:
        return self.model.variables

    def call(self, inputs: Inputs, training: bool = False) -> list[Any]:
        return self.read(inputs, training=training)

    def read(self, inputs: Inputs, training: bool = False, watch: Watch | None = None) -> list[Any]:
        """Run the model once: logits, and one tensor for each further endpoint. See `read` below."""
        outputs, *signals = read(self.model, inputs, self.endpoints, training=training, watch=watch)
        return [outputs if getattr(self.target, "spatial", False) else _without_places(outputs), *signals]

    def get_config(self) -> NoReturn:
        raise NotImplementedError("An exposed model is a view and cannot be saved. Save `exposed.model` instead.")


def _without_places(logits):
    """Return the scores of a 1 x 1 convolution, `(B, 1, 1, U)`, as `(B, U)`; several outputs as they are."""
    if len(getattr(logits, "shape", ())) > 2 and all(side == 1 for side in logits.shape[1:-1]):
        return keras.ops.squeeze(logits, tuple(range(1, len(logits.shape) - 1)))
    return logits


def read(
    model: keras.Model,
    inputs: Inputs,
    endpoints: Sequence[Endpoint],
    training: bool = False,
    watch: Watch | None = None,
) -> list[Any]:
    """Run `model` once and pick the tensors that `endpoints` name.

    Args:
        model: A built Keras model.
        inputs: Inputs of the model.
        endpoints: A list of `Endpoint`.
        training: Passed on to the model.
        watch: See `hooks.recording`.

    Returns:
        A list with one tensor for each endpoint (a list of tensors where `node="all"`).

    Raises:
        ValueError: If a layer was not called, or was called where its tensors cannot be read.
    """
    found = model_layers.operations(model)
    wanted = {endpoint.path: found[endpoint.path] for endpoint in endpoints if endpoint.path}
    loops = {path: op for path, op in found.items() if isinstance(op, keras.layers.TimeDistributed)}
    linked = {link: [wanted[e.path] for e in endpoints if e.path and e.link == link] for link in ("logits", "input")}
    with hooks.recording(
        [*wanted.values(), *loops.values()], watch, fused=linked["logits"], entered=linked["input"]
    ) as tap:
        outputs = run(model, inputs, training)
    endless = [path for path, op in loops.items() if any(_endless(call) for call in tap.calls[id(op)])]
    calls = {path: tap.calls[id(op)] for path, op in wanted.items()}
    calls[""] = [hooks.Call((inputs,), {}, outputs)]
    for path in calls:
        if any(path.startswith(around + model_layers.SEPARATOR) for around in endless):
            calls[path] = [hooks.Call((), {}, None)]
    found = [_pick(model, endpoint, calls[endpoint.path]) for endpoint in endpoints]
    for endpoint in endpoints:
        if endpoint.link == "logits" and endpoint.path:
            _check_logits(endpoint, wanted[endpoint.path], calls[endpoint.path])
    return found


def _check_logits(endpoint, operation, calls):
    """Refuse a layer's output as its logits unless its activation comes last."""
    activation = getattr(operation, "activation", None)
    shape = getattr(calls[-1].outputs, "shape", ())
    if calls[-1].logits is None and activation is not None and activation_kind(activation, shape) != "identity":
        raise ValueError(
            '`link="logits"` must name a layer whose activation comes last, so that the value before it can be read. '
            f"Received: {endpoint}, whose `activation` {activation!r} makes something else than its output. Take its "
            "output, or a layer inside of it."
        )


def run(
    model: keras.Model, inputs: Inputs, training: bool = False, weights: Iterable[tuple[keras.Variable, Tensor]] = ()
) -> Any:
    """Run a model so that nothing is written to it: no losses, no counters, no statistics.

    Args:
        model: A built Keras model.
        inputs: Its inputs.
        training: Passed on to it.
        weights: Pairs of a variable and its temporary value.

    Returns:
        The outputs of the model.
    """
    return without_writing(lambda: model(inputs, training=training), training, weights)


def without_writing(
    function: Callable[[], Any], training: bool = False, weights: Iterable[tuple[keras.Variable, Tensor]] = ()
) -> Any:
    """Call a function that runs layers so that nothing is written to them.

    Args:
        function: A function of no arguments.
        training: The default of `training` in the layers.
        weights: Pairs of a variable and its temporary value.

    Returns:
        What `function` returns.
    """
    with keras.StatelessScope(weights):
        return _Entry(function)(keras.ops.zeros(()), training=training)


class _Entry(keras.layers.Layer):
    """Wrap other layers: Keras clears the losses of the outermost layer that is called."""

    def __init__(self, function):
        super().__init__(name="ke_widgets", autocast=False)
        self.__dict__["function"] = function
        self.built = True

    def call(self, _, training=False):
        return self.function()


def _endless(call):
    """Return whether a TimeDistributed ran as a loop of unknown length, from which no tensor can be read."""
    inputs = _tensors((call.args, call.kwargs))
    return bool(inputs) and inputs[0].shape[1] is None


def _pick(model, endpoint, calls):
    if not calls or any(call.outputs is None for call in calls):
        raise ValueError(f"The layer must run where its signal can be read. Received: {_why(model, endpoint, calls)}")
    if endpoint.node == "all":
        return [_tensor(endpoint, call) for call in calls]
    number = len(calls) - 1 if endpoint.node == "last" else endpoint.node
    if not 0 <= number < len(calls):
        raise ValueError(
            f"`node` must be 'last' or count one of the layer's {len(calls)} calls, 0 to {len(calls) - 1}. "
            f"Received: {endpoint}."
        )
    return _tensor(endpoint, calls[number])


def _why(model, endpoint, calls):
    """Return why a signal cannot be read, and what to do instead."""
    found, parts = model_layers.operations(model), endpoint.path.split(model_layers.SEPARATOR)
    around = ["", *(model_layers.SEPARATOR.join(parts[:depth]) for depth in range(1, len(parts)))]
    for path in around:
        outer = found.get(path, model)
        name = repr(path) if path else f"the model {model.name!r}"
        if hasattr(outer.call, "get_concrete_function"):
            return (
                f"{endpoint}, which runs inside the `@tf.function` of {name}. Remove that decorator (Keras compiles "
                "by itself), or choose a layer outside of it."
            )
        if isinstance(outer, keras.layers.TimeDistributed):
            return (
                f"{endpoint}, which runs in a loop of unknown length inside the TimeDistributed {name}. Build the "
                "model with a fixed number of time steps, or choose a layer outside of it."
            )
        if isinstance(outer, keras.layers.RNN | keras.layers.Bidirectional):
            return (
                f"{endpoint}, which runs in the loop over time of {name}. Choose {name} itself, or a layer before it."
            )
    if not calls:
        return f"{endpoint}, which was never called when the model ran. Choose a layer that its `call` uses."
    return f"{endpoint}, which runs in a loop or in a `tf.function` of its own. Choose the layer around it."


def _tensor(endpoint, call) -> Any:
    if endpoint.link == "logits" and call.logits is not None:
        return call.logits
    given = (call.args, call.kwargs) if endpoint.link == "input" else call.outputs
    if endpoint.index == "all":
        return given
    tensors = _tensors(given)
    if not 0 <= endpoint.index < len(tensors):
        raise ValueError(
            f"`index` must count one of the {len(tensors)} tensors at {endpoint}. Received: index={endpoint.index}."
        )
    return tensors[endpoint.index]


def _tensors(nested):
    return [x for x in keras.tree.flatten(nested) if hasattr(x, "dtype") and hasattr(x, "shape")]
