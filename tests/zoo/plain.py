"""Plain passes of a model, to compare with: its logits by hand, and what moves when one layer's signal is moved.

Nothing of `ke_widgets` is used but the name of a layer. Layers are changed in place while a pass runs, which the
library itself must never do.
"""

import contextlib
import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import ops

_TO_SCORES = ("softmax", "sigmoid")


def logits_of(model, row):
    """Give a function from what the model takes to its logits `(B, U)`, its softmax taken off by hand."""
    if row.scores is not None:
        return row.scores(model)
    index = list(model.output_names).index(row.head) if isinstance(row.head, str) else row.head or 0

    def run(inputs):
        with _without_softmax(model, index):
            return keras.tree.flatten(model(inputs, training=False))[index]

    return run


@contextlib.contextmanager
def _without_softmax(model, index):
    operation = keras.tree.flatten(model.outputs)[index]._keras_history.operation
    while isinstance(operation, keras.Model):
        operation = operation.outputs[0]._keras_history.operation
    kind = type(operation).__name__.lower()
    if kind in _TO_SCORES:
        changed = _attribute(operation, "call", lambda x, *_, **__: x)
    elif getattr(getattr(operation, "activation", None), "__name__", None) in _TO_SCORES:
        changed = _attribute(operation, "activation", keras.activations.linear)
    else:
        changed = contextlib.nullcontext()
    with changed:
        yield


@contextlib.contextmanager
def _attribute(thing, name, value):
    missing = object()
    before = thing.__dict__.get(name, missing)
    thing.__dict__[name] = value
    try:
        yield
    finally:
        if before is missing:
            del thing.__dict__[name]
        else:
            thing.__dict__[name] = before


def gradient(run, inputs, unit, compiled=False):
    """Give the logits, and the gradient of one of them with respect to the (first) input, by a `GradientTape`.

    Args:
        run: Gives the logits.
        inputs: What the model takes.
        unit: Which logit.
        compiled: Do it in a `tf.function`. TensorFlow rounds otherwise there, and then a ReLU whose input is next to
            nothing decides otherwise.

    Returns:
        Two arrays.
    """

    def taped(inputs):
        first = keras.tree.flatten(inputs)[0]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(first)
            logits = tf.cast(run(inputs), "float32")
            score = logits[:, unit]
        return logits, tape.gradient(score, first)

    inputs = keras.tree.map_structure(tf.constant, inputs)
    logits, found = (tf.function(taped) if compiled else taped)(inputs)
    return logits.numpy(), found.numpy()


def _inside(operation):
    return list(operation._flatten_layers(include_self=False)) if isinstance(operation, keras.Layer) else []


def _watched(operation, made):
    """Note each tensor that a layer gives: the layer, which of its outputs, at which call, the tensor."""
    original, count = operation.call, itertools.count()

    def call(*args, **kwargs):
        number, given = next(count), original(*args, **kwargs)
        tensors = [x for x in keras.tree.flatten(given) if tf.is_tensor(x)]
        made.extend((operation, index, number, x) for index, x in enumerate(tensors))
        return given

    return _attribute(operation, "call", call)


class Spot:
    """One tensor in a running model: what a layer gives, or takes, at one of its calls.

    Args:
        operation: The layer.
        link: `"output"` or `"input"`.
        index: Which tensor, where there are several.
        node: Which call, from 0, or `"last"`.
    """

    def __init__(self, operation, link="output", index=0, node="last"):
        if link not in ("output", "input"):
            raise ValueError(f"`link` must be 'output' or 'input'. Received: link={link!r}.")
        self.operation, self.link, self.index, self.node = operation, link, index, node

    def origin(self, run, inputs):
        """Give the spot inside this layer that makes the tensor, where another one does and hands it on.

        An encoder that returns its hidden states too gives a tensor on which its other outputs depend; moved after the
        encoder, it would move nothing.
        """
        if self.link == "input":
            return self
        made, wanted = [], []  # they hold the tensors, so that no `id` is used twice
        with contextlib.ExitStack() as hooks:
            for operation in _inside(self.operation):
                hooks.enter_context(_watched(operation, made))
            with self._hooked(lambda x, call: wanted.append(x) or x):
                run(inputs)
        tensor = wanted[self._call(len(wanted))]
        same = [(operation, index, number) for operation, index, number, x in made if x is tensor]
        return Spot(same[0][0], "output", same[0][1], same[0][2]) if same else self

    def read(self, run, inputs):
        """Give the tensor, as an array, and the number of times the layer was called."""
        seen = []
        with self._hooked(lambda x, call: seen.append(x) or x):
            run(inputs)
        if not seen:
            raise ValueError(f"The layer must run. {self.operation.name!r} did not.")
        return np.asarray(ops.cast(seen[self._call(len(seen))], "float32")), len(seen)

    def moved(self, run, inputs, by, calls):
        """Run with `by` added to the tensor."""
        wanted = self._call(calls)
        with self._hooked(lambda x, call: x + ops.cast(by, x.dtype) if call == wanted else x):
            return np.asarray(ops.cast(run(inputs), "float32"), "float64")

    def _call(self, calls):
        return calls - 1 if self.node == "last" else self.node

    @contextlib.contextmanager
    def _hooked(self, change):
        original, count = self.operation.call, itertools.count()

        def call(*args, **kwargs):
            number = next(count)
            if self.link == "input":
                args, kwargs = self._changed((args, kwargs), change, number)
            given = original(*args, **kwargs)
            return self._changed(given, change, number) if self.link == "output" else given

        with _attribute(self.operation, "call", call):
            yield

    def _changed(self, structure, change, number):
        flat = keras.tree.flatten(structure)
        tensors = [position for position, x in enumerate(flat) if tf.is_tensor(x)]
        position = tensors[self.index]
        flat[position] = change(flat[position], number)
        return keras.tree.pack_sequence_as(structure, flat)
