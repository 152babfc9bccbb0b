"""Split the logits into the contributions of inputs and biases: `y = J x + sum of J_l b_l`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
from keras import ops

from ke_widgets.backend import as_tensor, is_differentiated, vjp
from ke_widgets.engine.implicit_bias import activation_bias, added_by, floats
from ke_widgets.engine.rows import gradient_rows
from ke_widgets.inspection import is_homogeneous
from ke_widgets.model import hooks
from ke_widgets.model.exposed import Endpoint, Exposed, run
from ke_widgets.model.grids import as_float, at_least_float32
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Inputs, Tensor


class Term(NamedTuple):
    """Hold the contribution of an input or a bias to each unit, as two factors; the gradient is by far the larger.

    Attributes:
        gradient: The gradient of each unit with respect to it, `(B, U, ...)`.
        factor: Returns the other factor, which broadcasts to it: the input, or the bias, `(K,)` for one number per
            channel.
        some: Whether the factor is not all 0, a scalar; `None` if that costs as much as the factor.
    """

    gradient: Any
    factor: Callable[[], Any]
    some: Any = None


# `factor` and `some` of a `Term`.
Factor: TypeAlias = tuple[Callable[[], Tensor], Tensor | None]


class Site(NamedTuple):
    """Describe where a call adds a bias: name, the tensor `(B, ...)` with it, `factor` and `some` of the `Term`."""

    name: str
    tensor: Any
    factor: Callable[[], Any]
    some: Any = None


def decompose(
    model: keras.Model,
    inputs: Inputs,
    biases: Iterable[tuple[str, keras.Operation | None, Tensor | None]],
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
) -> tuple[Tensor, list[Term], dict[str, Term]]:
    """Split the logit of each unit into the contributions of inputs and biases.

    Args:
        model: An `Exposed`, of which the logits are read and the biased operations are tapped at every call; or a
            manual `keras.Model` with outputs `[logits, *signals]`, one signal for each bias.
        inputs: Images `(B, H, W, C)`, or other inputs of the model.
        biases: One `(name, operation, bias)` for each biased operation: the constant that it adds before its
            activation, or `None` for one whose bias depends on what comes in (see `implicit_bias`). The operation is
            not looked at where the model is a manual one.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.

    Returns:
        Units `(B, U)`, a list with the `Term` of each input, and a dict of those of the biases by name. The sum of all
        terms over all of their axes is the units.

    Raises:
        ValueError: If an operation cannot be read, or not be differentiated twice.
    """
    inputs = keras.tree.map_structure(as_float, inputs)

    def score(given: list[Tensor], watch: hooks.Watch) -> tuple[Tensor, tuple[list[Any], list[Tensor]]]:
        given, calls, signals = keras.tree.pack_sequence_as(inputs, given), [], []
        if isinstance(model, Exposed):
            operations = [operation for _, operation, _ in biases]
            with hooks.recording(operations, watch=watch) as tap:
                (outputs,) = Exposed(model.model, model.endpoints[:1], model.target).read(given)
            calls = [(*each, _with_signals(tap.calls[id(each[1])])) for each in biases]
        else:
            outputs, *signals = keras.tree.flatten(run(model, given))
        return scores_of(model, outputs, indices, indices_axis, indices_batch_dims), (calls, signals)

    flat = keras.tree.flatten(inputs)
    units, (calls, signals), back = vjp(score, flat)
    if isinstance(model, Exposed):
        sites = _all_sites(model.endpoints[0], calls, back.reached)
    else:
        sites = [Site(name, x, *_constant(bias)) for (name, _, bias), x in zip(biases, signals)]
    rows = gradient_rows(back, units, [*flat, *(site.tensor for site in sites)])
    own = [Term(row, *_constant(ops.expand_dims(at_least_float32(x), 1))) for row, x in zip(rows, flat)]
    return units, own, {site.name: Term(row, site.factor, site.some) for row, site in zip(rows[len(flat) :], sites)}


def _with_signals(calls: Iterable[hooks.Call]) -> list[tuple[hooks.Call, list[Tensor]]]:
    """Pair each call with those of its arguments that depend on the inputs, or on a watched tensor.

    It must be called while `vjp` runs the model.
    """
    found = [[] if call.outputs is None else floats((call.args, call.kwargs)) for call in calls]
    return [(call, [x for x in given if is_differentiated(x)]) for call, given in zip(calls, found)]


def _all_sites(scores: Endpoint, calls: Iterable[Any], used: Callable[[list[Tensor]], Sequence[int]]) -> list[Site]:
    after = f"{scores.path}, activation" if scores.link == "logits" else None
    sites = [site for name, op, bias, called in calls for site in _sites(name, op, bias, called, used)]
    return [site for site in sites if site.name != after]


def _sites(
    name: str, operation: Any, bias: Tensor | None, calls: Sequence[Any], used: Callable[[list[Tensor]], Sequence[int]]
) -> Iterator[Site]:
    """Yield the sites where the calls of an operation add a bias."""
    for number, (call, signals) in enumerate(calls):
        if call.outputs is None:
            raise ValueError(
                f"A layer's signal must be readable where the model's output is. Received: {name!r}, which runs inside "
                "a loop or a `tf.function` of its own. Pass it in `exclude` of `layers_with_biases`."
            )
        label = name if len(calls) == 1 else f"{name}, call {number}"
        if bias is not None:
            yield from _constant_sites(label, operation, bias, call, signals)
        elif _stops_at_six(operation) and signals:
            yield Site(label, call.outputs, *_six(call.outputs))
        else:
            yield from _implicit_sites(label, operation, call, signals, used)


def _constant_sites(
    label: str, operation: Any, bias: Tensor, call: hooks.Call, signals: list[Tensor]
) -> Iterator[Site]:
    before = call.outputs if call.logits is None else call.logits
    # Its value for constant arguments is all its own.
    constant = at_least_float32(as_tensor(bias) if signals else ops.expand_dims(before, 1))
    yield Site(label, before, *_constant(constant))
    if call.logits is not None and not is_homogeneous(operation.activation):
        activation = keras.activations.get(operation.activation)
        yield Site(f"{label}, activation", call.outputs, *_activated(activation, call))


def _implicit_sites(
    label: str,
    operation: keras.Operation,
    call: hooks.Call,
    signals: list[Tensor],
    used: Callable[[list[Tensor]], Sequence[int]],
) -> Iterator[Site]:
    outputs = floats(call.outputs)
    kept = used(outputs) if len(outputs) > 1 else range(len(outputs))
    try:
        found = added_by(operation, call, signals, kept)
    except ValueError as error:
        raise ValueError(
            "What a layer adds must be found by differentiating it. "
            f"Received: {label!r}. {error} Pass it in `exclude` of `layers_with_biases`; its term is then missing."
        ) from error
    for index, added in zip(kept, found):
        name = label if len(outputs) == 1 else f"{label}, output {index}"
        yield Site(name, outputs[index], *_constant(ops.expand_dims(added, 1)))


def _constant(bias: Tensor) -> Factor:
    """Return `factor` and `some` of a computed bias."""
    return (lambda: bias), None


def _activated(activation: Callable[[Tensor], Tensor], call: hooks.Call) -> Factor:
    if activation is keras.activations.relu6:
        return _six(call.outputs)
    return _constant(ops.expand_dims(activation_bias(activation, call.logits, call.outputs), 1))


def _stops_at_six(operation: Any) -> bool:
    """Return whether an operation is ReLU6, which many networks have often: it costs nothing if no value reaches 6."""
    if type(operation) is keras.layers.ReLU:
        return operation.max_value == 6 and not operation.threshold and not operation.negative_slope
    return type(operation) is keras.layers.Activation and operation.activation is keras.activations.relu6


def _six(outputs: Tensor) -> Factor:
    """Return `factor` and `some` of ReLU6: it adds 6 where it is clipped, and nothing elsewhere."""
    outputs = ops.expand_dims(at_least_float32(outputs), 1)
    return (lambda: ops.where(outputs >= 6, outputs, 0)), ops.max(outputs) >= 6
