"""The only file that differentiates: gradients of chosen units with respect to inputs or exposed signals.

A second Keras backend would cost a twin of this file and of `taps`, and no edit in a method.
"""

import keras
import tensorflow as tf

from ke_widgets.engine.exposing import Exposed
from ke_widgets.engine.layout import floating, image_size, lay_out, wide
from ke_widgets.inspection import expose, gather_units

ZERO, NONE = tf.UnconnectedGradients.ZERO, tf.UnconnectedGradients.NONE


def forward(model, inputs):
    """Run `model` and part its outputs.

    Args:
        model: An exposed model, a `keras.Model` with outputs `[logits, *signals]`, or one with logits alone.
        inputs: What the model takes.

    Returns:
        Logits `(B, U_all)` and a list of signals, empty for a model that gives logits alone; half precision is cast
        to float32.
    """
    logits, *signals = keras.tree.flatten(model(inputs, training=False))
    return wide(logits), [wide(signal) for signal in signals]


def spatial_forward(model, inputs, spatial_axis=(-3, -2)):
    """Run `model` and lay its first signal out in places.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Images `(B, H, W, C)`, or what else the model takes.
        spatial_axis: Axes of the places in the signal, counted from the end.

    Returns:
        Logits `(B, U_all)` and the signal `(B, H', W', K)`.

    Raises:
        ValueError: If the model exposes no signal, or one without places.
    """
    model = with_signal(model)
    logits, signals = forward(model, inputs)
    signal = _required(signals, model)[0]
    return logits, lay_out(signal, image_size(inputs, spatial_axis), spatial_axis)


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
    inputs = keras.tree.map_structure(floating, inputs)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        logits, _ = forward(model, inputs)
        units = gather_units(logits, indices, indices_axis, indices_batch_dims)
    return units, _rows(tape, units, keras.tree.flatten(inputs), "the inputs")


def signal_jacobian(model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1, spatial_axis=(-3, -2)):
    """Differentiate the chosen units with respect to the exposed signals.

    Args:
        model: An exposed model, or a `keras.Model` with outputs `[logits, *signals]`.
        inputs: Images `(B, H, W, C)`, or what else the model takes.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        spatial_axis: Axes of the places in the signals, counted from the end.

    Returns:
        Logits `(B, U)`, a list of signals `(B, H', W', K)`, and a list of their gradients `(B, U, H', W', K)`, whatever
        the layout of the signals in the model.

    Raises:
        ValueError: If the model exposes no signal, one without places, or one that the units do not depend on.
    """
    model = with_signal(model)
    inputs = keras.tree.map_structure(tf.convert_to_tensor, inputs)
    watched = [x for x in keras.tree.flatten(inputs) if x.dtype.is_floating]
    # Where the inputs cannot be watched (tokens), the variables that read them can. Recording from the start costs
    # nothing when compiled: what no gradient needs is pruned.
    with tf.GradientTape(persistent=True, watch_accessed_variables=not watched) as tape:
        tape.watch(watched)
        if isinstance(model, Exposed):
            logits, *signals = model.read(inputs, watch=tape.watch)
        else:
            logits, signals = forward(model, inputs)
        units = gather_units(wide(logits), indices, indices_axis, indices_batch_dims)
    names = [str(e) for e in model.endpoints[1:]] if isinstance(model, Exposed) else model.output_names[1:]
    gradients = _rows(tape, units, _required(signals, model), ", ".join(names))
    size = image_size(inputs, spatial_axis)
    signals = [lay_out(wide(signal), size, spatial_axis) for signal in signals]
    return units, signals, [lay_out(gradient, size, spatial_axis, leading=2) for gradient in gradients]


def with_signal(model):
    """Expose a plain model with one output by default; give any other model as it is.

    Args:
        model: A Keras model.

    Returns:
        A model that gives its logits and at least one signal, if `model` can.
    """
    several = len(getattr(model, "outputs", None) or [None]) > 1
    return model if several or isinstance(model, Exposed) else expose(model)


def _required(signals, model):
    if not signals:
        raise ValueError(
            "`model` must give its logits and at least one signal, as `ke.inspection.expose(model)` does. "
            f"Received: {model.name!r}, which gives its logits alone."
        )
    return signals


def _rows(tape, units, sources, where=None):
    """Give one gradient `(B, U, ...)` of `units` `(B, U)` with respect to each of `sources` `(B, ...)`.

    Where the units do not depend on a source its gradient is 0, or, if `where` names the sources, an error.
    """
    unconnected = ZERO if where is None else NONE
    if units.shape[1] == 1:
        gradients = tape.gradient(units, sources, unconnected_gradients=unconnected)
        return [tf.expand_dims(g, 1) for g in _connected(gradients, where)]
    number = tf.shape(units)[1]

    def row(unit):
        # One unit of every image at once: images do not touch one another, so the sum over them parts again.
        chosen = tf.broadcast_to(tf.one_hot(unit, number, dtype=units.dtype), tf.shape(units))
        found = tape.gradient(units, sources, output_gradients=chosen, unconnected_gradients=unconnected)
        return _connected(found, where)

    return [_swap(g) for g in _each(row, units, [wide(x).dtype for x in sources])]


def _swap(x):
    """Swap the first two axes. (An einsum that says so takes ten times as long.)"""
    return tf.transpose(x, (1, 0, *range(2, len(x.shape))))


def _each(row, units, dtypes):
    """Call `row` for each unit and stack its results: at once where that can be trusted, else one after the other."""
    number = tf.shape(units)[1]
    if tf.executing_eagerly():
        return [tf.stack(found) for found in zip(*(row(unit) for unit in range(int(number))))]
    # Batched over units, a product of (U, 1, ...) by (1, 1, ...), as attention makes of one image, comes out wrong with
    # oneDNN on CPUs (TensorFlow 2.21), or ends the process.
    if any(op.type.startswith("BatchMatMul") for op in _before(units)):
        return tf.map_fn(row, tf.range(number), fn_output_signature=dtypes)
    return tf.vectorized_map(row, tf.range(number))


def _before(tensor):
    """List the operations of this graph that a tensor comes from."""
    found, waiting = set(), [tensor.op]
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting.extend(x.op for x in operation.inputs)
    return found


def _connected(gradients, where):
    if any(g is None for g in gradients):
        raise ValueError(
            f"The explained units must depend on the signal. Received: {where}, which they do not depend on, or not in "
            "a way that can be differentiated. Choose a layer on the way to the output."
        )
    return [wide(tf.convert_to_tensor(g)) for g in gradients]
