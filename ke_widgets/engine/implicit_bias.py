"""Compute the implicit bias of a call at its inputs: its value less its derivative times them, `f(x) - J x`.

Only tensors that depend on the model's inputs count as inputs. Constants and variables belong to the call: the bias of
`x - mean` is `-mean`. Common operations have a closed form, as the general one differentiates twice and traces slowly.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ke_widgets.model import hooks
from ke_widgets.model.exposed import without_writing
from ke_widgets.model.grids import at_least_float32
from ke_widgets.typing import Tensor

# f(t x) = t^n f(x) for n signals: by Euler, J x = n f, so the bias is (1 - n) f. Nothing for `x * constant`.
_PRODUCTS = {"Multiply", "Matmul", "Dot", "Einsum", "Tensordot", "Outer", "Conv", "DepthwiseConv", "ConvTranspose"}
# f(x) = A x + f(0): the bias is the value where the signals are 0.
_SUMS = {"Add", "Subtract", "Average", "Concatenate", "Stack", "Where", "Rescaling", "Pad"}
_ELEMENTWISE = {
    *("Celu", "Elu", "Exp", "Gelu", "HardSigmoid", "HardSilu", "HardSwish", "HardTanh", "Mish", "Relu6", "Selu"),
    *("Sigmoid", "Silu", "Softplus", "Softsign", "Sqrt", "Square", "SquarePlus", "Tanh"),
}
_ACTIVATIONS = frozenset(
    getattr(keras.activations, name)
    for name in (
        *("celu", "elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "mish", "relu6", "selu"),
        *("sigmoid", "silu", "softplus", "softsign", "squareplus", "tanh"),
    )
    if hasattr(keras.activations, name)
)


# y - x y', of x and y: networks have dozens of these, and a derivative takes ten times as long to trace.
def _silu(x: Tensor, y: Tensor) -> Tensor:
    return y * (y - x)


def _sigmoid(x: Tensor, y: Tensor) -> Tensor:
    return y * (1 - x * (1 - y))


def _tanh(x: Tensor, y: Tensor) -> Tensor:
    return _beyond_rounding(y, y - x * (1 - y * y))


_FORMULAS = {"silu": _silu, "Silu": _silu, "sigmoid": _sigmoid, "Sigmoid": _sigmoid, "tanh": _tanh, "Tanh": _tanh}


def floats(structure: Any) -> list[Tensor]:
    """Return the different floating tensors in a structure of arguments or outputs.

    Args:
        structure: Any nesting of tensors and other things.

    Returns:
        A list in order of appearance; variables are left out.
    """
    found = (x for x in keras.tree.flatten(structure) if tf.is_tensor(x) and not isinstance(x, tf.Variable))
    return list({id(x): x for x in found if x.dtype.is_floating}.values())


def added_by(
    operation: keras.Operation, call: hooks.Call, signals: Sequence[Tensor], kept: Sequence[int] = (0,)
) -> list[Tensor]:
    """Return the implicit bias of one call for each floating tensor that it returns.

    Args:
        operation: A layer, or another Keras operation.
        call: The `hooks.Call`.
        signals: Those of its arguments that depend on the inputs of the model.
        kept: Which of the tensors, if there are several.

    Returns:
        A list with one bias for each of them, float32 or wider; empty for a call without a bias.
    """
    outputs = floats(call.outputs)
    if not signals or not kept:
        return [at_least_float32(outputs[index]) for index in kept]
    own = _closed_form(operation, call, signals) if len(outputs) == 1 else None
    return implicit_bias(operation, call.args, call.kwargs, signals, kept) if own is None else own


def _closed_form(operation: Any, call: hooks.Call, signals: Sequence[Tensor]) -> list[Tensor] | None:
    """Return the bias in closed form, in a list that is empty without a bias; `None` if no form is known."""
    if not type(operation).call.__module__.startswith("keras."):
        return None
    name, outputs = type(operation).__name__, call.outputs
    known = {id(x) for x in signals}
    comes_in = [id(x) in known for x in keras.tree.flatten((call.args, call.kwargs)) if x is not None]
    degree = _degree(operation, name, comes_in)
    if degree is not None:
        return [(1 - degree) * at_least_float32(outputs)] if degree != 1 else []
    if name in _SUMS:
        own = name in ("Rescaling", "Pad") or not all(comes_in)
        return [_at_zero(operation, call, known)] if own else []
    if comes_in != [True]:
        return None
    if name == "Activation":
        return [activation_bias(operation.activation, signals[0], outputs)]
    if name in _ELEMENTWISE:
        return [_elementwise(operation.call, name, signals[0], outputs)]
    return _layer_normalization(operation, signals[0], outputs) if name == "LayerNormalization" else None


def _degree(operation: keras.Operation, name: str, comes_in: list[bool]) -> int | None:
    if name in ("TrueDivide", "Divide"):
        return comes_in[0] - comes_in[1]
    return sum(comes_in) if name in _PRODUCTS and not getattr(operation, "normalize", False) else None


def _at_zero(operation: Any, call: hooks.Call, known: set[int]) -> Tensor:
    given = call.args, call.kwargs
    args, kwargs = keras.tree.map_structure(lambda x: tf.zeros_like(x) if id(x) in known else x, given)
    # Broadcast a constant to all images.
    added = at_least_float32(tf.broadcast_to(operation.call(*args, **kwargs), tf.shape(call.outputs)))
    # Padding by minus infinity, as before a maximum, adds nothing to the maximum.
    return tf.where(tf.math.is_finite(added), added, tf.zeros((), added.dtype))


def _layer_normalization(layer: Any, x: Tensor, outputs: Tensor) -> list[Tensor] | None:
    """With y = (x - m) / s + beta and s^2 = v + epsilon, J x = (y - beta) * epsilon / s^2."""
    axes = [axis % len(x.shape) for axis in (layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis])]
    if axes != [len(x.shape) - 1] or getattr(layer, "rms_scaling", False):
        return None
    x, y = at_least_float32(x), at_least_float32(outputs)
    beta = tf.cast(layer.beta, y.dtype) if layer.center else tf.zeros((), y.dtype)
    variance = tf.math.reduce_variance(x, axis=-1, keepdims=True)
    return [beta + (y - beta) * (variance / (variance + layer.epsilon))]


def activation_bias(activation: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Return the implicit bias of an activation: its value less its derivative times its input.

    Args:
        activation: A function of one tensor.
        x: A floating tensor.
        y: Its value.

    Returns:
        A tensor of the same shape, float32 or wider; rounding errors are set to 0.
    """
    if activation in _ACTIVATIONS:
        return _elementwise(activation, activation.__name__, x, y)
    return implicit_bias(activation, (x,), {}, [x])[0]


def _elementwise(function: Callable[[Tensor], Tensor], name: str, x: Tensor, y: Tensor) -> Tensor:
    if name in _FORMULAS:
        return _FORMULAS[name](at_least_float32(x), at_least_float32(y))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = function(x)
    return _beyond_rounding(at_least_float32(y), at_least_float32(y - x * tape.gradient(y, x)))


def implicit_bias(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    signals: Sequence[Tensor],
    kept: Sequence[int] = (0,),
) -> list[Tensor]:
    r"""Return the implicit bias of `function` at these arguments, by differentiating twice.

    J x is the derivative of the backward pass s -> J^T s along x: unlike TensorFlow's forward mode, that goes through
    custom gradients and loops.

    Where outputs depend on one another, as in `return head(hidden), hidden`, the gradient of a unit with respect to
    `hidden` counts the way through the other output as well. Let `M` be the derivative of all outputs along all
    outputs (1 on the diagonal, and nilpotent beside it), g the gradients that count each output by itself, and b the
    biases f(x) - J x. TensorFlow gives M^T g instead of g; so what the call adds, g . b, is (M^T g) . (M^-1 b), and
    M^-1 b is what is returned: what each output adds where the others are given.

    Args:
        function: A layer, another Keras operation, or an activation function.
        args: Its arguments.
        kwargs: Its keyword arguments.
        signals: The tensors among them to differentiate along.
        kept: Which of the floating tensors that it returns.

    Returns:
        A list with one tensor for each of them, float32 or wider; rounding errors are set to 0.

    Raises:
        ValueError: If the function cannot be differentiated twice.
    """

    def added(*given: Any) -> list[Tensor]:
        replaced = {id(x): y for x, y in zip(signals, given)}
        new_args, new_kwargs = keras.tree.map_structure(lambda x: replaced.get(id(x), x), (args, kwargs))
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map(_RESIZING):
            outputs = floats(without_writing(lambda: function(*new_args, **new_kwargs)))
        _check_inner_graphs(graph)
        return _added([x for index, x in enumerate(outputs) if index in kept], given)

    try:
        # A separate graph: `tf.gradients` searches the whole graph that it runs in.
        return tf.function(added, autograph=False)(*signals)
    except LookupError as error:
        raise ValueError(f"TensorFlow cannot differentiate it twice: {error.args[0]}") from error


def _added(results: list[Tensor], signals: Sequence[Tensor]) -> list[Tensor]:
    # Separate tensors, as the results are sources as well.
    ends, seeds = [tf.identity(x) for x in results], [tf.zeros_like(x) for x in results]
    sources = [*signals, *results] if len(results) > 1 else [*signals]
    back = [None if g is None else tf.convert_to_tensor(g) for g in tf.gradients(ends, sources, grad_ys=seeds)]

    def along(tangents: Sequence[Tensor | None]) -> list[Tensor]:
        pairs = [(g, t) for g, t in zip(back, tangents) if g is not None and t is not None]
        found = tf.gradients([g for g, _ in pairs], seeds, [t for _, t in pairs]) if pairs else [None] * len(seeds)
        return [_change(*each) for each in zip(found, ends, results)]

    def _change(change: Tensor | None, end: Tensor, result: Tensor) -> Tensor:
        if change is None and any(g is not None for g in tf.gradients(end, [*signals])):
            raise LookupError(result.op.type)
        return (
            tf.zeros_like(at_least_float32(end)) if change is None else at_least_float32(tf.convert_to_tensor(change))
        )

    values, changes = [at_least_float32(x) for x in ends], along([*signals])
    biases = own = [value - change for value, change in zip(values, changes)]
    for _ in results[1:]:  # M is 1 but for what is nilpotent: as many rounds as outputs solve M own = biases.
        moved = along([*[None] * len(signals), *[tf.cast(b, x.dtype) for b, x in zip(own, results)]])
        own = [b - (m - o) for b, m, o in zip(biases, moved, own)]
    return [_beyond_rounding(value, each) for value, each in zip(values, own)]


def _beyond_rounding(value: Tensor, added: Tensor) -> Tensor:
    least = 16 * np.finfo(value.dtype.as_numpy_dtype).eps * tf.abs(value)
    return tf.where(tf.abs(added) > least, added, tf.zeros((), added.dtype))


def _check_inner_graphs(graph: tf.Graph) -> None:
    """Refuse functions, loops and branches that resize: the gradients below do not reach them."""
    if any(op.type.endswith(("If", "While", "PartitionedCall", "Case")) for op in graph.get_operations()):
        inner = {node.op for function in graph.as_graph_def().library.function for node in function.node_def}
        unknown = inner & {*_RESIZING, "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs"}
        if unknown:
            raise LookupError(f"{', '.join(sorted(unknown))} inside a `tf.function`, a loop or a branch")


# TensorFlow has no second derivative for resizing, or silently none; but it is linear, so its derivative is known.


def _register(kind: str, transposed: Callable[..., Tensor], attributes: Iterable[str]) -> str:
    @tf.RegisterGradient(f"KeWidgets{kind}")
    def gradient(op: tf.Operation, upstream: Tensor) -> tuple[Tensor | None, ...]:
        image, *others = op.inputs
        named = {name: op.get_attr(name) for name in attributes}
        own = dict(zip(("size", "scale", "translation"), others))

        @tf.custom_gradient
        def back(grads: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            found = transposed(grads, image, own, named)
            return found, lambda change: getattr(tf.raw_ops, kind)(images=change, **own, **named)

        return (back(upstream), *[None] * len(others))

    return f"KeWidgets{kind}"


def _back_to_image(kind: str) -> Callable[..., Tensor]:
    def transposed(grads: Tensor, image: Tensor, own: dict[str, Any], named: dict[str, Any]) -> Tensor:
        own = {name: value for name, value in own.items() if name != "size"}
        return getattr(tf.raw_ops, kind)(grads=grads, original_image=image, **own, **named)

    return transposed


def _back_to_size(grads: Tensor, image: Tensor, own: dict[str, Any], named: dict[str, Any]) -> Tensor:
    return tf.raw_ops.ResizeNearestNeighborGrad(grads=grads, size=tf.shape(image)[1:3], **named)


_CORNERS = ("align_corners", "half_pixel_centers")
_RESIZING = {
    "ResizeBilinear": _register("ResizeBilinear", _back_to_image("ResizeBilinearGrad"), _CORNERS),
    "ResizeBicubic": _register("ResizeBicubic", _back_to_image("ResizeBicubicGrad"), _CORNERS),
    "ResizeNearestNeighbor": _register("ResizeNearestNeighbor", _back_to_size, _CORNERS),
    "ScaleAndTranslate": _register(
        "ScaleAndTranslate", _back_to_image("ScaleAndTranslateGrad"), ("kernel_type", "antialias")
    ),
}
