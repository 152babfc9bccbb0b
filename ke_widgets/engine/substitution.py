"""Run a model with another signal in place of its own: what comes before is pruned from a compiled function."""

import contextlib
import itertools
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import keras
from keras import ops

from ke_widgets.engine.forward import outputs_of, required
from ke_widgets.model import hooks
from ke_widgets.model import layers as model_layers
from ke_widgets.model.changes import Change, Link
from ke_widgets.model.exposed import Exposed
from ke_widgets.typing import Inputs, Tensor


class Run(NamedTuple):
    """Hold a run of a model, in tensors, so that it can leave a compiled function.

    Attributes:
        outputs: The model's first output, such as logits.
        signal: Its first signal as it is in the model: no grid, no cast. A tuple if all calls of a layer are exposed.
        number: A tensor whose length is the number of the layer's call that gives the signal; its values are unused.
            (A length is known while a function is traced, a value is not.)
    """

    outputs: Any
    signal: Any
    number: Tensor


class _Site(NamedTuple):
    """Say where a signal is: which `tensor`, counted from 0, of what goes into or comes out of an operation."""

    operation: keras.Operation
    link: Link
    tensor: int
    all_calls: bool = False


def run_for_substitution(model: keras.Model, inputs: Inputs) -> Run:
    """Run a model once, and remember where its first signal is.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Its inputs.

    Returns:
        A `Run`.

    Raises:
        ValueError: If the model gives no signal, or one that is no layer's.
    """
    site = _site(model)
    with hooks.recording([site.operation], fused=()) as tap:
        outputs, *signals = outputs_of(model, inputs)
    signal, calls = required(signals, model)[0], tap.calls[id(site.operation)]
    if isinstance(model, Exposed):
        node = model.endpoints[1].node
        number = node if isinstance(node, int) else len(calls) - 1
    else:
        given = [number for number, call in enumerate(calls) if any(x is signal for x in _tensors(call.outputs))]
        if not given:
            raise ValueError(
                "The signal of `model` must be the output of a layer, to be replaced. "
                f"Received: {model.output_names[1]!r}. Expose it by its layer: `ke.inspection.expose(model, layer)`."
            )
        number = given[0]
    return Run(outputs, tuple(signal) if isinstance(signal, list) else signal, ops.zeros((number,)))


@contextlib.contextmanager
def substituted(
    model: keras.Model, other: Callable[[int, Tensor], Tensor], number: Tensor
) -> Generator[None, None, None]:
    """Let a model go on with another signal than its own, in a single run inside the block.

    Args:
        model: See `run_for_substitution`.
        other: From the number of the layer's call and the model's own signal there, laid out as `Run.signal`, to that
            which takes its place. It is called once, or if all calls are exposed, for each of them in running order.
        number: The `Run.number`.
    """
    site, calls = _site(model), itertools.count()

    def function(given: Any) -> Any:
        call = next(calls)
        concerned = site.all_calls or call == number.shape[0]
        return _replaced(given, site.tensor, lambda own: other(call, own)) if concerned else given

    with hooks.changing(site.operation, Change(site.link, function)):
        yield


def _site(model: keras.Model) -> _Site:
    if not isinstance(model, Exposed):
        required(model.outputs[1:], model)
        history = model.outputs[1]._keras_history
        return _Site(history.operation, "output", history.tensor_index)
    (endpoint, *_) = required([*model.endpoints[1:]], model)
    operation: Any = model_layers.operations(model.model)[endpoint.path] if endpoint.path else model.model
    return _Site(operation, endpoint.link, 0 if endpoint.index == "all" else endpoint.index, endpoint.node == "all")


def _tensors(nested: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(nested) if _is_tensor(x)]


def _is_tensor(x: Any) -> bool:
    return hasattr(x, "dtype") and hasattr(x, "shape")


def _replaced(nested: Any, index: int, other: Callable[[Tensor], Tensor]) -> Any:
    """Replace one of the tensors in a nest."""
    numbers = itertools.count()

    def each(x: Any) -> Any:
        return other(x) if _is_tensor(x) and next(numbers) == index else x

    return keras.tree.map_structure(each, nested)
