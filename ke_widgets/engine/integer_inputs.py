"""Compute pixel gradients of models whose image input holds integers, `keras.Input(..., dtype="uint8")`.

Keras casts inputs back to integers, which have no gradient. But the first operations cast integers to the same floats:
so each of them is called on the image in floats, and returns that result while the model runs.
"""

import contextlib
import inspect
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import keras

from ke_widgets.model import callgraph, hooks
from ke_widgets.model import layers as model_layers
from ke_widgets.model.inputs import graph_of
from ke_widgets.typing import Tensor


@contextlib.contextmanager
def seen_as_floats(
    model: keras.Model, images: Iterable[tuple[keras.KerasTensor | None, Tensor]]
) -> Generator[None, None, None]:
    """Replace integer inputs of the model by the same numbers as floats while the block runs.

    Args:
        model: An exposed or any other Keras model.
        images: Pairs of an input of the model's graph, or `None`, and the image for it in floats. Inputs that hold
            floats need nothing.

    Raises:
        ValueError: If an operation takes such an input together with others, or runs more than once.
    """
    with contextlib.ExitStack() as stack:
        for source, image in images:
            if source is not None and "int" in str(source.dtype):
                for operation, outputs in _first_outputs(callgraph.from_functional(graph_of(model)), source, image):
                    stack.enter_context(hooks.replacing(operation, outputs))
        yield


def _first_outputs(known: Any, source: keras.KerasTensor, image: Tensor) -> Iterator[tuple[keras.Operation, Any]]:
    for step in known.steps:
        if all(x is not source for x in step.inputs) or model_layers.functional(step.operation) is not None:
            continue
        if len(step.inputs) > 1 or len(known.calls(step.operation)) > 1:
            raise ValueError(
                f"The image must hold floats to be differentiated. Received: the input {source.name!r} of dtype "
                f"{source.dtype}, which {step.path!r} takes together with others, or more than once. Build the model "
                "with an input of floats."
            )
        args, kwargs = step.node.arguments.fill_in({id(step.node.input_tensors[0]): image})
        if "training" in inspect.signature(step.operation.call).parameters:
            kwargs = {**kwargs, "training": False}
        yield step.operation, step.operation(*args, **kwargs)
