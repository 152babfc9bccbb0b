"""Find the scores before the softmax or sigmoid at the end of a model by walking back from an output.

Operations are recognized by what they compute (see `score_activations`). One on final scores (a clip, a reshape) is
passed only if a softmax or sigmoid comes before it; otherwise the scores are the model's output.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras

from ke_widgets.backend import static_value
from ke_widgets.model import layers as model_layers
from ke_widgets.model.callgraph import CallGraph
from ke_widgets.model.exposed import Endpoint
from ke_widgets.model.score_activations import ACTIVATIONS, activation_kind, kind
from ke_widgets.model.twins import twin

# Layers that compute scores, so that they need not be tested.
_WEIGHTED = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Embedding,
    keras.layers.BatchNormalization,
    *(getattr(keras.layers, f"{kind}{n}D") for kind in ("Conv", "DepthwiseConv", "SeparableConv") for n in (1, 2)),
    *(keras.layers.Conv3D, keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose),
)
_ALWAYS_SAME = (keras.layers.Dropout, keras.layers.ActivityRegularization, keras.layers.Identity)
# Operations of TensorFlow by what they do to scores.
_OPERATIONS = {
    **{"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"},
    **dict.fromkeys(("Identity", "Cast", "StopGradient", "PreventGradient", "Snapshot"), "identity"),
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims", "Transpose"), "scores"),
    **dict.fromkeys(("Minimum", "Maximum", "ClipByValue"), "scores"),
    "Log": "log",
}
# Operations, and layers of Keras, that make neither probabilities nor a mean of them.
_LINEAR = ("BiasAdd", "MatMul", "BatchMatMulV2", "Conv2D", "Einsum", "Relu")
_PLAIN = ("keras.src.layers.normalization", "keras.src.layers.rnn", "keras.src.layers.attention")


@dataclass(frozen=True)
class Found:
    """Hold the location of the scores.

    Attributes:
        endpoint: The `Endpoint` of the logits.
        activation: The activation from them to the model's output.
        doubt: An operation at the end of the model that may compute probabilities and could not be passed.
        certain: Whether it certainly computes them.
    """

    endpoint: Endpoint
    activation: Literal["softmax", "sigmoid"] | None = None
    doubt: str | None = None
    certain: bool = False


def find_logits(known: CallGraph | None, index: int) -> Found:
    """Walk back from an output of a call graph to the logits.

    Args:
        known: A `CallGraph`, or `None` where unknown how the model runs.
        index: Which of its outputs.

    Returns:
        A `Found`.

    Raises:
        Opaque: If the call graph does not tell what runs inside a layer that is met.
    """
    if known is None:
        return Found(Endpoint("", index=index), doubt="its calls are unknown")
    walk = _Walk(known, index)
    while walk.step():
        pass
    return walk.found()


class _Walk:
    """Walk back: hold the current tensor and the last one known to be logits."""

    def __init__(self, known, index):
        self.known, self.tensor = known, known.outputs[index]
        self.endpoint = _name(known, self.tensor) or Endpoint("", index=index)
        self.activation: Any = None
        # An operation at the end that may compute probabilities; one that does, but whose logits cannot be read.
        self.doubt, self.lost = None, None
        # Whether all operations since `endpoint` are identities; and the permutation of the axes.
        self.same, self.turned = True, None

    def found(self) -> Found:
        if self.lost:
            return Found(self.endpoint, None, self.lost, certain=True)
        return Found(self.endpoint, self.activation, None if self.activation else self.doubt)

    def step(self) -> bool:
        """Go one step back; return whether there may be another one."""
        step = self.known.producer(self.tensor)
        if step is None:
            return self._operation("the model's `call`")
        self.known.demand(step.operation, anyway=_has_activation_of_its_own(step.operation))
        if self._is_fused(step):
            return False
        if self._passes(_step_kind(step), step.inputs[:1], repr(step.path)):
            return True
        if self.known.graph is not None and not _is_kerass_own(step.operation):
            return self._operation(f"the `call` of {step.path!r}")
        plain = isinstance(step.operation, _WEIGHTED) or type(step.operation).__module__.startswith(_PLAIN)
        self.doubt = self.doubt or (None if plain else f"{step.path!r} ({type(step.operation).__name__})")
        return False

    def _is_fused(self, step):
        """Return whether a layer's fused activation computes the scores; then the logits are before it."""
        if not isinstance(step.operation, _WEIGHTED) and step.logits is None:
            return False
        does = activation_kind(getattr(step.operation, "activation", None), self.tensor.shape)
        if does not in ACTIVATIONS:
            return False
        self.endpoint = _endpoint(self.known, step, "logits", step.outputs, self.tensor)
        self.activation, self.lost = does, None
        return True

    def _operation(self, where):
        """Go back over one TensorFlow operation of a trace."""
        operation = getattr(self.tensor, "op", None) if self.known.graph is not None else None
        if operation is None:
            return False
        does, before = _operation_kind(operation)
        if operation.type == "Transpose" and does:
            order = static_value(operation.inputs[1])
            does = None if order is None else does
            now = range(len(self.tensor.shape)) if self.turned is None else self.turned
            self.turned = None if order is None else [int(order[axis]) for axis in now]
        if self._passes(does, before, f"{operation.type} in {where}"):
            return True
        linear = operation.type in _LINEAR
        self.doubt = self.doubt or (None if linear else f"{operation.type} in {where}")
        return False

    def _passes(self, does, before, what):
        """Go back over an operation if its effect on scores can be passed."""
        if does is None or not before or (self.lost and does == "log"):
            return False
        self.tensor = before[0]
        if does in ACTIVATIONS:
            self.activation, self.lost, self.same = does, f"a {does}: {what}", True
        elif does != "identity":
            self.same = False
        straight = self.turned is None or self.turned == sorted(self.turned)
        # If the input of the softmax cannot be read, take the nearest readable tensor before it.
        name = _name(self.known, self.tensor) if straight and (self.same or self.lost) else None
        if name is not None:
            self.endpoint, self.lost, self.same = name, None, True
        return True


def _has_activation_of_its_own(operation):
    """Return whether a user's layer has an `activation` whose use only a trace shows."""
    activation = None if _is_kerass_own(operation) else getattr(operation, "activation", None)
    return activation is not None and not isinstance(operation, keras.Model)


def _is_kerass_own(operation):
    """Return whether a layer is one of Keras's that runs no code of the user's."""
    return type(operation).__module__.startswith("keras.") and not isinstance(
        operation, keras.Model | keras.layers.Wrapper | keras.layers.Lambda
    )


def _name(known, tensor):
    """Return an endpoint for a tensor, or `None` if it is no layer's input or output."""
    step = known.producer(tensor)
    if step is not None:
        plain = isinstance(step.operation, _WEIGHTED) and hasattr(step.operation, "activation")
        plain = plain and activation_kind(step.operation.activation, tensor.shape) == "identity"
        return _endpoint(known, step, "logits" if plain else "output", step.outputs, tensor)
    step = known.reader(tensor)
    return None if step is None else _endpoint(known, step, "input", step.inputs, tensor)


def _endpoint(known, step, link, tensors, tensor):
    return Endpoint(step.path, link, known.number(step), next(n for n, x in enumerate(tensors) if x is tensor))


def _step_kind(step):
    """Classify what a call does to scores by running a twin of it on a few numbers."""
    operation, shape = step.operation, step.inputs[0].shape if step.inputs else ()
    if isinstance(operation, _ALWAYS_SAME):
        return "identity"
    if isinstance(operation, keras.layers.Activation):
        return activation_kind(operation.activation, shape)
    if type(operation).__name__ == "Sparsemax" and _is_kerass_own(operation):
        return "softmax"  # Keras 3.15's does not sum to 1 where it should.
    alone = len(step.inputs) == len(step.outputs) == 1
    if not alone or isinstance(operation, (*_WEIGHTED, keras.Model)) or model_layers.children(operation):
        return None
    copy = twin(operation) if isinstance(operation, keras.Layer) else operation

    def run(x):
        args, kwargs = keras.tree.map_structure(lambda given: x if _is_tensor(given) else given, step.arguments)
        return copy.call(*args, **kwargs)

    return kind(run, shape)


def _is_tensor(x):
    return hasattr(x, "shape") and hasattr(x, "dtype") and (hasattr(x, "op") or isinstance(x, keras.KerasTensor))


def _operation_kind(operation):
    """Classify what a TensorFlow operation does to scores, and return its argument in a list."""
    if operation.type in ("Minimum", "Maximum"):
        moving = [x for x in operation.inputs if static_value(x) is None]
        return "scores" if len(moving) == 1 else None, moving
    if operation.type in ("RealDiv", "Mul"):
        return _quotient(operation)
    return _OPERATIONS.get(operation.type), list(operation.inputs[:1])


def _quotient(operation):
    """Recognize a softmax, `exp(x) / sum(exp(x))`, and a temperature, a scalar factor of logits."""
    first, second = operation.inputs
    if operation.type == "RealDiv" and first.op.type == "Exp" and second.op.type == "Sum":
        inner, summed = _exponent(first), _exponent(second.op.inputs[0])
        return "softmax" if inner is summed is not None else None, [inner]
    if second.shape.rank == 0:
        return "scale", [first]
    return "scale" if operation.type == "Mul" and first.shape.rank == 0 else None, [second]


def _exponent(tensor):
    """Return the `x` of `exp(x)`, or of `exp(x - max(x))`, or `None`."""
    if tensor.op.type != "Exp":
        return None
    (inner,) = tensor.op.inputs
    if inner.op.type != "Sub":
        return inner
    given, most = inner.op.inputs
    while most.op.type in ("StopGradient", "Identity"):
        (most,) = most.op.inputs
    return given if most.op.type == "Max" and most.op.inputs[0] is given else inner
