"""Compute the implicit bias of a call at its inputs: its value less its derivative times them, `f(x) - J x`.

Only tensors that depend on the model's inputs count as inputs. Constants and variables belong to the call: the bias of
`x - mean` is `-mean`. Common operations have a closed form, as the general one differentiates twice and traces slowly.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import Along, holds_floats, linearize, vjp
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
    found = (x for x in keras.tree.flatten(structure) if holds_floats(x))
    return list({id(x): x for x in found if not hasattr(x, "assign")}.values())


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
    args, kwargs = keras.tree.map_structure(lambda x: ops.zeros_like(x) if id(x) in known else x, given)
    added = at_least_float32(operation.call(*args, **kwargs))
    # Padding by minus infinity, as before a maximum, adds nothing to the maximum.
    return ops.where(ops.isfinite(added), added, 0)


def _layer_normalization(layer: Any, x: Tensor, outputs: Tensor) -> list[Tensor] | None:
    """With y = (x - m) / s + beta and s^2 = v + epsilon, J x = (y - beta) * epsilon / s^2."""
    axes = [axis % len(x.shape) for axis in (layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis])]
    if axes != [len(x.shape) - 1] or getattr(layer, "rms_scaling", False):
        return None
    x, y = at_least_float32(x), at_least_float32(outputs)
    beta = ops.cast(layer.beta, y.dtype) if layer.center else 0
    variance = ops.var(x, axis=-1, keepdims=True)
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
    y, _, back = vjp(lambda given, _: (function(*given), None), [x])
    (slope,) = back([x])
    return _beyond_rounding(at_least_float32(y), at_least_float32(y - x * slope))


def implicit_bias(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    signals: Sequence[Tensor],
    kept: Sequence[int] = (0,),
) -> list[Tensor]:
    r"""Return the implicit bias of `function` at these arguments, by differentiating twice.

    Where outputs depend on one another, as in `return head(hidden), hidden`, the gradient of a unit with respect to
    `hidden` counts the way through the other output as well. Let `M` be the derivative of all outputs along all
    outputs (1 on the diagonal, and nilpotent beside it), g the gradients that count each output by itself, and b the
    biases f(x) - J x. The backend gives M^T g instead of g; so what the call adds, g . b, is (M^T g) . (M^-1 b), and
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

    def results_of(*given: Any) -> list[Tensor]:
        replaced = {id(x): y for x, y in zip(signals, given)}
        new_args, new_kwargs = keras.tree.map_structure(lambda x: replaced.get(id(x), x), (args, kwargs))
        outputs = floats(without_writing(lambda: function(*new_args, **new_kwargs)))
        return [x for index, x in enumerate(outputs) if index in kept]

    return linearize(results_of, _added, *signals)


def _added(signals: Sequence[Tensor], results: list[Tensor], along: Along) -> list[Tensor]:
    values, changes = [at_least_float32(x) for x in results], _changes(results, along([*signals]))
    biases = own = [value - change for value, change in zip(values, changes)]
    for _ in results[1:]:  # M is 1 but for what is nilpotent: as many rounds as outputs solve M own = biases.
        tangents = [*[None] * len(signals), *[ops.cast(b, x.dtype) for b, x in zip(own, results)]]
        moved = _changes(results, along(tangents))
        own = [b - (m - o) for b, m, o in zip(biases, moved, own)]
    return [_beyond_rounding(value, each) for value, each in zip(values, own)]


def _changes(results: list[Tensor], found: list[Tensor | None]) -> list[Tensor]:
    pairs = zip(results, found)
    return [ops.zeros_like(at_least_float32(x)) if c is None else at_least_float32(c) for x, c in pairs]


def _beyond_rounding(value: Tensor, added: Tensor) -> Tensor:
    least = 16 * np.finfo(keras.backend.standardize_dtype(value.dtype)).eps * ops.abs(value)
    return ops.where(ops.abs(added) > least, added, 0)
