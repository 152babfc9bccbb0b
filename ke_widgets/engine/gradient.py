"""The only file that differentiates: gradients of chosen units with respect to inputs or exposed signals.

A second Keras backend would cost a twin of this file and of `taps`, and no edit in a method.
"""

import keras
import tensorflow as tf

from ke_widgets.engine.exposing import Exposed, read
from ke_widgets.inspection import gather_units


def forward(model, inputs):
    """Run `model` and part its outputs.

    Args:
        model: An exposed model, a `keras.Model` with outputs `[logits, *signals]`, or one with logits alone.
        inputs: What the model takes.

    Returns:
        Logits `(B, U_all)` and a list of signals, empty for a model that gives logits alone.
    """
    logits, *signals = keras.tree.flatten(model(inputs, training=False))
    return logits, signals


def jacobian(model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1):
    """Differentiate the chosen units with respect to the model's inputs.

    Args:
        model: See `forward`.
        inputs: Images `(B, H, W, C)`, or what else the model takes; integers are cast to float32.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.

    Returns:
        Logits `(B, U)`, and a list with one gradient `(B, U, H, W, C)` for each input.

    Raises:
        ValueError: If the units do not depend on the inputs.
    """
    inputs = keras.tree.map_structure(_differentiable, inputs)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        logits, _ = forward(model, inputs)
        units = gather_units(logits, indices, indices_axis, indices_batch_dims)
    return units, _rows(tape, units, keras.tree.flatten(inputs), "the inputs")


def signal_jacobian(model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1):
    """Differentiate the chosen units with respect to the exposed signals.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Images `(B, H, W, C)`, or what else the model takes.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.

    Returns:
        Logits `(B, U)`, a list of signals `(B, H', W', K)`, and a list of their gradients `(B, U, H', W', K)`.

    Raises:
        ValueError: If the model exposes no signal, or the units do not depend on one.
    """
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    watched = [x for x in keras.tree.flatten(inputs) if x.dtype.is_floating]
    # Where the inputs cannot be watched (tokens), the variables that read them can. Recording from the start costs
    # nothing when compiled: what no gradient needs is pruned.
    with tf.GradientTape(persistent=True, watch_accessed_variables=not watched) as tape:
        tape.watch(watched)
        if isinstance(model, Exposed):
            logits, *signals = read(model.model, inputs, model.endpoints, watch=tape.watch)
        else:
            logits, signals = forward(model, inputs)
        units = gather_units(logits, indices, indices_axis, indices_batch_dims)
    if not signals:
        raise ValueError(
            "`model` must give its logits and at least one signal, as `ke.inspection.expose(model)` does. "
            f"Received: {model.name!r}, which gives its logits alone."
        )
    names = [str(e) for e in model.endpoints[1:]] if isinstance(model, Exposed) else model.output_names[1:]
    return units, signals, _rows(tape, units, signals, ", ".join(names))


def _differentiable(x):
    x = tf.convert_to_tensor(x)
    return x if x.dtype.is_floating else tf.cast(x, "float32")


def _rows(tape, units, sources, where):
    """Give one gradient `(B, U, ...)` of `units` `(B, U)` with respect to each of `sources` `(B, ...)`."""
    if units.shape[1] == 1:
        return [tf.expand_dims(g, 1) for g in _connected(tape.gradient(units, sources), where)]
    number = tf.shape(units)[1]

    def row(unit):
        # One unit of every image at once: images do not touch one another, so the sum over them parts again.
        chosen = tf.broadcast_to(tf.one_hot(unit, number, dtype=units.dtype), tf.shape(units))
        return _connected(tape.gradient(units, sources, output_gradients=chosen), where)

    rows = tf.vectorized_map(row, tf.range(number))
    return [tf.einsum("ub...->bu...", g) for g in rows]


def _connected(gradients, where):
    if any(g is None for g in gradients):
        raise ValueError(
            f"The explained units must depend on the signal. Received: {where}, which they do not depend on, or not in "
            "a way that can be differentiated. Choose a layer on the way to the output."
        )
    return [tf.convert_to_tensor(g) for g in gradients]
