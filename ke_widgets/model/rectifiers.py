"""Find whether a model may hold a ReLU, and have Keras's own compositions of it be differentiated as one.

A ReLU with a threshold, with a slope below 0 and a maximum, or with learned slopes (PReLU) is several operations, of
which some are ReLUs themselves. Where a rule for rectifiers holds (`backend.rectified`), the whole is one; elsewhere,
nothing changes.
"""

import functools
from typing import Any

import keras
from keras.src.activations.activations import ReLU  # What all of Keras's ways to write a ReLU call; no public name.

from ke_widgets.backend import rectifier
from ke_widgets.model.layers import opaque, operations
from ke_widgets.typing import Tensor

# Operations that are, or are made of, a ReLU. TensorFlow's hard sigmoid is a shifted ReLU6.
_RECTIFIERS = {
    *("ReLU", "Relu", "Relu6", "LeakyReLU", "LeakyRelu", "PReLU", "Maximum"),
    *("HardSigmoid", "HardSilu", "HardSwish"),
}
_ACTIVATIONS = {"relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_silu", "hard_swish"}
# They run code that they do not show.
_UNREAD = (keras.layers.Lambda, keras.layers.RNN, keras.layers.Wrapper, keras.layers.TFSMLayer)


def may_hold_rectifier(model: keras.Model) -> bool:
    """Return whether some operation of a model may be, or contain, a ReLU; `False` only if all of them are known.

    Args:
        model: A Keras model.

    Returns:
        A bool.
    """
    return opaque(model) or any(_may_be(operation) for operation in operations(model).values())


def _may_be(operation: keras.Operation) -> bool:
    if not type(operation).__module__.startswith("keras.") or isinstance(operation, _UNREAD):
        return not isinstance(operation, keras.Model) or opaque(operation)
    activation = getattr(operation, "activation", None)
    return type(operation).__name__ in _RECTIFIERS or (activation is not None and _is_rectifying(activation))


def _is_rectifying(activation: Any) -> bool:
    """Return whether a fused activation is a ReLU, or a function that Keras does not know."""
    known = str(getattr(activation, "__module__", "")).startswith("keras.")
    return not known or getattr(activation, "__name__", "") in _ACTIVATIONS or type(activation).__name__ in _RECTIFIERS


# Once, also where this module is loaded again.
_RELU: Any = getattr(ReLU.static_call, "original", ReLU.static_call)
_PRELU: Any = getattr(keras.layers.PReLU.call, "original", keras.layers.PReLU.call)


@functools.wraps(_RELU)
def _relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """Compute Keras's ReLU, as one rectifier if it is made of several operations."""
    relu = functools.partial(_RELU, negative_slope=negative_slope, max_value=max_value, threshold=threshold)
    single = threshold == 0 and (max_value is None or (max_value == 6 and negative_slope == 0))
    return relu(x) if single else rectifier(relu)(x)


@functools.wraps(_PRELU)
def _prelu(self: Any, inputs: Any) -> Tensor:
    """Compute a PReLU, as one rectifier."""
    return rectifier(functools.partial(_PRELU, self))(inputs)


for _owner, _name, _extended, _original in (
    (ReLU, "static_call", staticmethod(_relu), _RELU),
    (keras.layers.PReLU, "call", _prelu, _PRELU),
):
    _function: Any = getattr(_extended, "__func__", _extended)
    _function.original = _original
    setattr(_owner, _name, _extended)
