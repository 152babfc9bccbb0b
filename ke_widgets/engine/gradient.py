"""The only file that differentiates: gradients of chosen units with respect to inputs or exposed signals.

A second Keras backend would cost a twin of this file and of `taps`, and no edit in a method.
"""

import functools
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ke_widgets.engine import taps
from ke_widgets.engine.checking import check_batch, check_scores
from ke_widgets.engine.exposing import Exposed
from ke_widgets.engine.inputs import axes_of_image, fitted, image_position, names, references, size_of_image
from ke_widgets.engine.integers import seen_as_floats
from ke_widgets.engine.layout import floating, lay_out, wide
from ke_widgets.inspection import expose, gather_units, is_homogeneous

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
        Logits `(B, U_all)` and the signal `(B, H', W', K)`; that of a layer whose calls are all exposed, one for each
        frame, is a list of them.

    Raises:
        ValueError: If the model exposes no signal, or one without places, or does not give scores `(B, U_all)`.
    """
    model = with_signal(model)
    inputs = fitted(model, inputs)
    if isinstance(model, Exposed):
        logits, *signals = model.read(inputs)
    else:
        logits, *signals = keras.tree.flatten(model(inputs, training=False))
    check_scores(logits, model)
    signal, size = _required(signals, model)[0], size_of_image(model, inputs, spatial_axis)
    return wide(logits), _each_call(lambda x: _laid_out(x, logits, size, spatial_axis, _names(model)[0]), signal)


def jacobian(model, inputs, indices=None, indices_axis=-1, indices_batch_dims=-1, position=None):
    """Differentiate the chosen units with respect to the model's inputs.

    Args:
        model: See `forward`.
        inputs: Images `(B, H, W, C)`, or what else the model takes.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        position: Which of the flat inputs; the others are passed on as they are. `None` differentiates them all.
            Integers that are differentiated are cast to float32.

    Returns:
        Logits `(B, U)`, and a list with one gradient `(B, U, H, W, C)` for each input that is differentiated.

    Raises:
        ValueError: If the units do not depend on one of them, or the model does not give scores `(B, U_all)`.
    """
    inputs = fitted(model, inputs)
    flat = keras.tree.flatten(inputs)
    chosen = range(len(flat)) if position is None else [position]
    flat = [floating(x) if number in chosen else tf.convert_to_tensor(x) for number, x in enumerate(flat)]
    sources = [flat[number] for number in chosen]
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(sources)
        known = references(model, inputs)
        with seen_as_floats(model, [] if position is None else [(known[position], flat[position])]):
            logits, _ = forward(model, keras.tree.pack_sequence_as(inputs, flat))
        check_scores(logits, model)
        units = gather_units(logits, indices, indices_axis, indices_batch_dims)
    where = "the inputs" if position is None else f"the input {names(model, inputs)[position]!r}"
    return units, _rows(tape, units, sources, where, "the image")


def image_jacobian(
    model,
    inputs,
    indices=None,
    indices_axis=-1,
    indices_batch_dims=-1,
    spatial_axis=(-3, -2),
    image_input=None,
):
    """Differentiate the chosen units with respect to the image alone, laid out in places.

    Args:
        model: See `forward`.
        inputs: Images `(B, H, W, C)`, or what else the model takes.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.
        spatial_axis: Axes of the places in the image, counted from the end.
        image_input: Name or position of the image, in a model that takes several.

    Returns:
        Logits `(B, U)`, and the gradient `(B, U, H, W, C)`, channels last whatever the layout of the image; grey
        images `(B, H, W)` have one channel.

    Raises:
        ValueError: If no input is the image, or the units do not depend on it.
    """
    inputs = fitted(model, inputs)
    position = image_position(model, inputs, image_input)
    axes = axes_of_image(model, inputs, position, spatial_axis)
    logits, (grads,) = jacobian(model, inputs, indices, indices_axis, indices_batch_dims, position)
    return logits, _places_first(grads, axes)


def _places_first(grads, axes):
    """Bring a gradient `(B, U, ...)` with places at `axes` to `(B, U, H, W, C)`: what is no place is a channel."""
    rank = len(grads.shape)
    places = [axis % rank for axis in axes]
    order = (0, 1, *places, *(axis for axis in range(2, rank) if axis not in places))
    if order != tuple(range(rank)):
        grads = tf.transpose(grads, order)
    if rank == len(axes) + 3:
        return grads
    channels = functools.reduce(operator.mul, grads.shape[len(axes) + 2 :], 1)
    return keras.ops.reshape(grads, (*keras.ops.shape(grads)[: len(axes) + 2], channels))


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
        the layout of the signals in the model. Where all calls of a layer are exposed, signal and gradient are lists,
        one for each call.

    Raises:
        ValueError: If the model exposes no signal, one without places, or one that the units do not depend on, or does
            not give scores `(B, U_all)`.
    """
    model = with_signal(model)
    inputs = keras.tree.map_structure(tf.convert_to_tensor, fitted(model, inputs))
    watched = [x for x in keras.tree.flatten(inputs) if x.dtype.is_floating]
    # Where the inputs cannot be watched (tokens), the variables that read them can. Recording from the start costs
    # nothing when compiled: what no gradient needs is pruned.
    with tf.GradientTape(persistent=True, watch_accessed_variables=not watched) as tape:
        tape.watch(watched)
        if isinstance(model, Exposed):
            logits, *signals = model.read(inputs, watch=tape.watch)
        else:
            logits, *signals = keras.tree.flatten(model(inputs, training=False))
        check_scores(logits, model)
        units = gather_units(wide(logits), indices, indices_axis, indices_batch_dims)
    found = _names(model)
    flat = keras.tree.flatten(_required(signals, model))
    gradients = _rows(tape, units, flat, ", ".join(found))
    gradients = keras.tree.pack_sequence_as(signals, gradients)
    size = size_of_image(model, inputs, spatial_axis)

    def lay(x, where):
        return _laid_out(x, logits, size, spatial_axis, where)

    signals = [_each_call(functools.partial(lay, where=where), signal) for signal, where in zip(signals, found)]
    return units, signals, [_each_call(lambda g: lay_out(g, size, spatial_axis, leading=2), g) for g in gradients]


def _names(model):
    return [str(e) for e in model.endpoints[1:]] if isinstance(model, Exposed) else model.output_names[1:]


def _each_call(function, signal):
    """Apply a function to a signal, or to each where the calls of a layer are exposed as a list."""
    return [function(x) for x in signal] if isinstance(signal, list) else function(signal)


def _laid_out(signal, logits, size, spatial_axis, where):
    return lay_out(check_batch(wide(signal), logits, where), size, spatial_axis)


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


_WHAT_ELSE = {
    "the signal": "Choose a layer on the way to the output.",
    "the image": "Choose another input by `image_input`, or a model that can be differentiated.",
}


def _rows(tape, units, sources, where=None, what="the signal"):
    """Give one gradient `(B, U, ...)` of `units` `(B, U)` with respect to each of `sources` `(B, ...)`.

    Where the units do not depend on a source its gradient is 0, or, if `where` names the sources, an error: they are
    `"the signal"` or `"the image"`.
    """
    unconnected = ZERO if where is None else NONE
    if units.shape[1] == 1:
        gradients = tape.gradient(units, sources, unconnected_gradients=unconnected)
        return [tf.expand_dims(g, 1) for g in _connected(gradients, where, what)]
    number = tf.shape(units)[1]

    def row(unit):
        # One unit of every image at once: images do not touch one another, so the sum over them parts again.
        chosen = tf.broadcast_to(tf.one_hot(unit, number, dtype=units.dtype), tf.shape(units))
        found = tape.gradient(units, sources, output_gradients=chosen, unconnected_gradients=unconnected)
        return _connected(found, where, what)

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


def _connected(gradients, where, what):
    if any(g is None for g in gradients):
        raise ValueError(
            f"The explained units must depend on {what}. Received: {where}, which they do not depend on, or not in a "
            f"way that can be differentiated. {_WHAT_ELSE[what]}"
        )
    return [wide(tf.convert_to_tensor(g)) for g in gradients]


class Term(NamedTuple):
    """What an input or a bias adds to each unit, as two factors; the gradient is by far the larger one.

    Attributes:
        gradient: The gradient of each unit with respect to it, `(B, U, ...)`.
        factor: Makes what that is multiplied by, which broadcasts to it: the input, or the bias, `(K,)` where it is one
            number for each channel.
        some: Whether the factor is anything but 0, a scalar; `None` where that costs as much as the factor.
    """

    gradient: Any
    factor: Callable[[], Any]
    some: Any = None


def decompose(model, inputs, biases, indices=None, indices_axis=-1, indices_batch_dims=-1):
    """Part the logit of each unit into what the inputs and the biases add to it: `y = J x + sum of J_l b_l`.

    Args:
        model: An `Exposed`, of which the logits are read and the biased operations are tapped at every call; or a
            manual `keras.Model` with outputs `[logits, *signals]`, one signal for each bias.
        inputs: Images `(B, H, W, C)`, or what else the model takes.
        biases: One `(name, operation, bias)` for each biased operation: the constant that it adds before its
            activation, or `None` for one whose bias depends on what comes in (see `implicit_bias`). The operation is
            not looked at where the model is a manual one.
        indices: Which units, `(B, U)`; `None` takes them all.
        indices_axis: Axis of the units in the logits.
        indices_batch_dims: Leading axes that logits and indices share.

    Returns:
        Units `(B, U)`, a list with the `Term` of each input, and a dict of those of the biases by name. The sum of all
        terms over all of their axes is the units.
    """
    inputs = keras.tree.map_structure(floating, inputs)
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        if isinstance(model, Exposed):
            operations = [operation for _, operation, _ in biases]
            with taps.recording(operations, watch=tape.watch) as tap:
                (logits,) = Exposed(model.model, model.endpoints[:1], model.score).read(inputs)
        else:
            logits, *signals = keras.tree.flatten(model(inputs, training=False))
        units = gather_units(wide(logits), indices, indices_axis, indices_batch_dims)
    if isinstance(model, Exposed):
        after = f"{model.endpoints[0].path}, activation" if model.endpoints[0].link == "logits" else None
        sites = [site for name, op, bias in biases for site in _sites(name, op, bias, tap.calls[id(op)])]
        sites = [site for site in sites if site[0] != after]
    else:
        sites = [(name, signal, _constant(bias)) for (name, _, bias), signal in zip(biases, signals)]
    flat = [*keras.tree.flatten(inputs)]
    rows = _rows(tape, units, [*flat, *(signal for _, signal, _ in sites)])
    own = [Term(row, *_constant(tf.expand_dims(wide(x), 1))) for row, x in zip(rows, flat)]
    return units, own, {name: Term(row, *factor) for row, (name, _, factor) in zip(rows[len(flat) :], sites)}


def _sites(name, operation, bias, calls):
    """List where an operation adds a bias: name, tensor `(B, ...)`, and `factor` and `some` of its `Term`."""
    for number, call in enumerate(calls):
        if call.outputs is None:
            raise ValueError(
                f"A layer's signal must be readable where the model's output is. Received: {name!r}, which runs inside "
                "a loop or a `tf.function` of its own. Pass it in `exclude` of `layers_with_biases`."
            )
        label = name if len(calls) == 1 else f"{name}, call {number}"
        if bias is None and _stops_at_six(operation):
            yield label, call.outputs, _six(call.outputs)
            continue
        if bias is None:
            made = [x for x in keras.tree.flatten(call.outputs) if tf.is_tensor(x) and x.dtype.is_floating]
            added = implicit_bias(operation, *call.args, **call.kwargs)
            for index, (x, extra) in enumerate(zip(made, added)):
                yield label if len(made) == 1 else f"{label}, output {index}", x, _constant(tf.expand_dims(extra, 1))
            continue
        before = call.outputs if call.logits is None else call.logits
        yield label, before, _constant(wide(tf.convert_to_tensor(bias)))
        if call.logits is not None and not is_homogeneous(operation.activation):
            activation = keras.activations.get(operation.activation)
            yield f"{label}, activation", call.outputs, _activation_bias(activation, call)


def _constant(bias):
    """Give `factor` and `some` of a bias that is there already."""
    return (lambda: bias), None


def _activation_bias(activation, call):
    if activation is keras.activations.relu6:
        return _six(call.outputs)
    (added,) = implicit_bias(activation, call.logits)
    return _constant(tf.expand_dims(added, 1))


def _stops_at_six(operation):
    """Tell whether an operation is ReLU6, which networks have many of: `implicit_bias` would be most of the work."""
    if type(operation) is keras.layers.ReLU:
        return operation.max_value == 6 and not operation.threshold
    return type(operation) is keras.layers.Activation and operation.activation is keras.activations.relu6


def _six(outputs):
    """Give `factor` and `some` of ReLU6: it adds 6 where it stopped, and nothing elsewhere."""
    outputs = tf.expand_dims(wide(outputs), 1)
    return (lambda: tf.where(outputs >= 6, outputs, tf.zeros((), outputs.dtype))), tf.reduce_max(outputs) >= 6


def implicit_bias(function, *args, **kwargs):
    """Give what `function` adds of its own at these arguments: its value less its derivative along them, `f(x) - J x`.

    For a layer that is linear but for a bias this is the bias; for ReLU and pooling it is 0.

    Args:
        function: A layer, another Keras operation, or an activation function.
        *args: Its arguments, tensors among them.
        **kwargs: Its keyword arguments.

    Returns:
        A list with one tensor for each floating tensor that it returns, float32 or wider; what is no more than
        rounding is 0.
    """
    tensors = {id(x): x for x in keras.tree.flatten((args, kwargs)) if tf.is_tensor(x) and x.dtype.is_floating}
    given = list(tensors.values())
    # J x as the derivative of the backward pass: unlike forward mode, it goes through custom gradients and loops.
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        with keras.StatelessScope(), tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(given)
            results = keras.tree.flatten(function(*args, **kwargs))
            results = [x for x in results if tf.is_tensor(x) and x.dtype.is_floating]
        seeds = [tf.zeros_like(x) for x in results]
        outer.watch(seeds)
        found = inner.gradient(results, given, output_gradients=seeds, unconnected_gradients=ZERO) if given else []
        back = [tf.convert_to_tensor(g) for g in found]
    along = outer.gradient(back, seeds, output_gradients=given, unconnected_gradients=ZERO) if given else seeds
    return [_beyond_rounding(wide(x), wide(change)) for x, change in zip(results, along)]


def _beyond_rounding(value, change):
    added, size = value - change, tf.abs(value) + tf.abs(change)
    return tf.where(tf.abs(added) > 8 * np.finfo(value.dtype.as_numpy_dtype).eps * size, added, tf.zeros_like(added))
