"""Change the gradient of rectifiers (ReLU) for one differentiation: guided backpropagation, and the deconvnet.

TensorFlow looks up the gradient of an operation by its name, whoever wrote it: a layer, `keras.ops`, `tf.nn.relu`.
The gradients of rectifiers are extended once: without a rule in this context they are the original ones. A
differentiation on another thread meets no rule, and nothing of the user's is written to.

The gradient of a `tf.function` is kept with it, for whoever calls it next. Under a rule, a copy of it is traced.
"""

import contextlib
import contextvars
import functools
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.python.eager.polymorphic_function import concrete_function  # No public name.
from tensorflow.python.framework import ops  # No public function replaces a gradient.

from ke_widgets.typing import Tensor

# From the gradient after a rectifier, and that before it by the chain rule as a function, to the gradient before it.
Rule: TypeAlias = Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]
_KINDS = ("Relu", "Relu6", "LeakyRelu")


@dataclass(eq=False)
class Rectified:
    """Hold the rule of a context.

    Attributes:
        rule: How rectifiers are differentiated.
        met: How many were, so far.
    """

    rule: Rule
    met: int = 0

    def apply(self, grad: Tensor, back: Callable[[Tensor], Tensor]) -> Tensor:
        """Count a rectifier, and differentiate it by the rule."""
        self.met += 1
        return self.rule(grad, back)


_RULE: contextvars.ContextVar[Rectified | None] = contextvars.ContextVar("ke_widgets_rectifiers", default=None)
# The graphs of functions that were traced under a rule.
_TRACED: "weakref.WeakSet[Any]" = weakref.WeakSet()


@contextlib.contextmanager
def rectified(rule: Rule) -> Generator[Rectified, None, None]:
    """Differentiate rectifiers by a rule in this context while the block runs.

    Rectifiers are the ReLU, ReLU6 and leaky ReLU, and the maximum with the constant 0. Both the run of the model and
    its differentiation must be inside of the block.

    Args:
        rule: A function `(grad, back)`, of the gradient with respect to a rectifier's output, and of the usual gradient
            `back(grad)`; it returns the gradient with respect to its input.

    Yields:
        A `Rectified`, which counts.

    Raises:
        ValueError: If a compiled function runs inside whose Python code is not known.
    """
    found = Rectified(rule)
    token = _RULE.set(found)
    try:
        yield found
    finally:
        _RULE.reset(token)


def rectifier(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Treat a whole function of each number as one rectifier where a rule holds, whatever it is made of.

    Args:
        function: A function of a tensor, number by number.

    Returns:
        The same function; where no rule holds, it is called as it is.
    """

    def called(x: Tensor) -> Tensor:
        found = _RULE.get()
        if found is None:
            return function(x)
        x = tf.convert_to_tensor(x)
        token = _RULE.set(None)  # Not for what the function is made of.
        try:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            (slope,) = tape.gradient(y, [x], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        finally:
            _RULE.reset(token)
        return _one_by_one(x, y, slope, found)

    return called


def _one_by_one(x: Tensor, y: Tensor, slope: Tensor, found: Rectified) -> Tensor:
    y, slope = tf.stop_gradient(y), tf.stop_gradient(slope)

    @tf.custom_gradient
    def run(x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        @tf.autograph.experimental.do_not_convert
        def back(grad: Tensor) -> Tensor:
            return found.apply(grad, functools.partial(tf.multiply, slope))

        return tf.identity(y), back

    return run(x)


def _extend(kind: str, extended: Callable[..., Any]) -> None:
    """Replace the gradient of a kind of operation once, also where this module is loaded again."""
    entry = ops.gradient_registry._registry[kind]  # pyright: ignore[reportPrivateUsage]
    original = getattr(entry["type"], "original", entry["type"])

    @tf.autograph.experimental.do_not_convert
    @functools.wraps(original)
    def gradient(op: Any, grad: Tensor) -> Any:
        return extended(original, op, grad)

    made: Any = gradient
    made.original = original
    entry["type"] = made


def _of_one_input(original: Callable[..., Tensor], op: Any, grad: Tensor) -> Tensor:
    found = _RULE.get()
    if found is None:
        return original(op, grad)
    return found.apply(grad, functools.partial(original, op))


def _of_maximum(original: Callable[..., Any], op: Any, grad: Tensor) -> Any:
    found = _RULE.get()
    zero = None if found is None else _constant_zero(op.inputs)
    if found is None or zero is None:
        return original(op, grad)

    def back(grad: Tensor) -> Tensor:
        return original(op, grad)[1 - zero]

    changed = found.apply(grad, back)
    return (None, changed) if zero == 0 else (changed, None)


def _constant_zero(inputs: Any) -> int | None:
    """Return which of two inputs is the one number 0, known before the run."""
    for number in (1, 0):
        if inputs[number].shape.num_elements() == 1 and tf.get_static_value(inputs[number]) == 0:
            return number
    return None


for _kind in _KINDS:
    _extend(_kind, _of_one_input)
_extend("Maximum", _of_maximum)


def _call_function(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a `tf.function`; under a rule a copy of it, whose trace and gradient nobody else gets."""
    if _RULE.get() is None:
        return original(self, *args, **kwargs)
    return original(self._clone(_noting(self._python_function)), *args, **kwargs)


def _noting(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function, assigned=())  # Not the name: AutoGraph would look for a lambda by that of one.
    def noted(*args: Any, **kwargs: Any) -> Any:
        _TRACED.add(tf.compat.v1.get_default_graph())
        return function(*args, **kwargs)

    return noted


def _call_flat(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a traced function; under a rule only if it was traced under it, or has no rectifier."""
    if _RULE.get() is not None and self.graph not in _TRACED and _holds_rectifier(self.graph):
        raise ValueError(
            "The model must be made of Python code, so that its ReLUs can be differentiated in another way. "
            f"Received: a compiled function of it, {tf.compat.as_str(self.name)!r}, as a loaded SavedModel has."
        )
    return original(self, *args, **kwargs)


def _holds_rectifier(graph: Any) -> bool:
    found = graph.as_graph_def()
    nodes = [*found.node, *(node for function in found.library.function for node in function.node_def)]
    return any(node.op in _KINDS for node in nodes)


def _hook(owner: Any, name: str, extended: Callable[..., Any]) -> None:
    original = getattr(getattr(owner, name), "original", getattr(owner, name))

    @functools.wraps(original)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        return extended(original, self, *args, **kwargs)

    made: Any = called
    made.original = original
    setattr(owner, name, made)


_hook(tf.__internal__.function.Function, "__call__", _call_function)
_hook(concrete_function.ConcreteFunction, "_call_flat", _call_flat)
