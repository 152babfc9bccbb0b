"""List the layers with biases, and the constants that they add to the signal."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.layers import check_model
from ke_widgets.model.locate import logits_endpoint
from ke_widgets.typing import Tensor
from ke_widgets.utils import tolist

_LINEAR = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)
# Homogeneous layers, without a bias: scaling the input scales the output.
_HOMOGENEOUS = {
    *("InputLayer", "Identity", "LeakyReLU", "PReLU", "ActivityRegularization"),
    *("Flatten", "Reshape", "Permute", "RepeatVector", "Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
    *("Resizing", "CenterCrop"),
    *(f"{name}{n}D" for n in (1, 2, 3) for name in ("ZeroPadding", "Cropping", "UpSampling", "SpatialDropout")),
    *(
        f"{area}{kind}Pooling{n}D"
        for n in (1, 2, 3)
        for area in ("", "Global", "Adaptive")
        for kind in ("Average", "Max")
    ),
}
# The same of operations.
_HOMOGENEOUS_OPERATIONS = {
    *("Relu", "LeakyRelu", "Abs", "Absolute", "Negative", "AveragePool", "MaxPool", "Resize", "Identity"),
    *("Reshape", "Transpose", "Ravel", "Squeeze", "ExpandDims", "Moveaxis", "Swapaxes", "BroadcastTo", "GetItem"),
    *("Flip", "Roll", "Repeat", "Tile", "Split", "Mean", "Sum", "Max", "Min", "Amax", "Amin"),
}
# The same if all arguments depend on the inputs of the model: a constant argument is a bias.
_MERGING = {"Add", "Subtract", "Average", "Maximum", "Minimum", "Concatenate", "Stack"}
# Linear in one argument, if all others are constant.
_SCALING = {"Multiply", "Matmul", "Conv", "DepthwiseConv", "ConvTranspose"}
_HOMOGENEOUS_ACTIVATIONS = (None, keras.activations.linear, keras.activations.relu, keras.activations.leaky_relu)


def layers_with_biases(
    model: keras.Model, exclude: keras.Layer | Iterable[keras.Layer] = (), return_biases: bool = True
) -> Any:
    """Return the layers that add a bias to the signal: those that full-gradients needs.

    A layer other than a `keras.Model` counts as one, whatever it contains, unless it contains the logits; models are
    searched. The list includes layers whose bias depends on the input, such as LayerNormalization or a GELU. It
    excludes layers that add nothing, such as ReLU, pooling or a convolution without bias, and the activation of the
    scores.

    Args:
        model: A built Keras model.
        exclude: Layers to leave out.
        return_biases: Whether to return the biases as well.

    Returns:
        A list of layers, in running order if the model has a graph; with `return_biases`, that list and `biases` of it.

    Raises:
        TypeError: If `model` is not a `keras.Model`.
        ValueError: If it is not built.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, name="conv"),
        ...     keras.layers.ReLU(),
        ...     keras.layers.LayerNormalization(name="norm"),
        ... ])
        >>> layers, biases = layers_with_biases(model)
        >>> [layer.name for layer in layers], [bias is None for bias in biases]
        (['conv', 'norm'], [False, True])
    """
    check_model(model)
    model = model.model if isinstance(model, Exposed) else model
    graph = model_layers.functional(model)
    heads = [None] if graph is None else range(len(graph.outputs))
    logits = [logits_endpoint(model, head).path for head in heads]
    excluded = {id(layer) for layer in (*tolist(exclude), *_after_logits(model, logits))}
    layers = [layer for layer in _leaves(model, logits) if id(layer) not in excluded and not _adds_nothing(layer)]
    return (layers, biases(layers)) if return_biases else layers


def biases(layers: Iterable[keras.Operation]) -> list[Tensor | None]:
    r"""Return the constant that each layer adds to its signal, before its activation.

    Batch normalization, $y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$, adds
    $\beta - \gamma \mu / \sqrt{\sigma^2 + \epsilon}$.

    Args:
        layers: Layers, or other Keras operations.

    Returns:
        A list with one tensor for each layer, `(K,)` where channels are last, or `None` if what the layer adds is
        not constant: full-gradients reads it from the signal.
    """
    layers = list(layers)
    normalizing = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    normalizing = [layer for layer in normalizing if _adds_a_constant(layer)]
    known = {id(layer): bias for layer, bias in zip(normalizing, _batch_normalizations(normalizing))}
    return [known[id(layer)] if id(layer) in known else _bias(layer) for layer in layers]


def is_homogeneous(activation: str | Callable[..., Any] | None) -> bool:
    """Return whether an activation is known to be homogeneous, as ReLU is and GELU is not.

    Args:
        activation: A function, a name, or `None`; an unknown name is not.

    """
    if isinstance(activation, str):
        try:
            activation = keras.activations.get(activation)
        except ValueError:  # A word of the layer's own.
            return False
    return any(activation is known for known in _HOMOGENEOUS_ACTIVATIONS)


def _leaves(parent, logits, prefix="", seen=None):
    seen = set() if seen is None else seen
    for child in model_layers.children(parent):
        if id(child) in seen:
            continue
        seen.add(id(child))
        inner = prefix + child.name + model_layers.SEPARATOR
        if isinstance(child, keras.Model) or any(path.startswith(inner) for path in logits):
            yield from _leaves(child, logits, inner, seen)
        else:
            yield child


def _after_logits(model, logits):
    for head, wanted in enumerate(logits):
        for path, operation in model_layers.backwards(model, head):
            if not wanted or wanted == path or wanted.startswith(path + model_layers.SEPARATOR):
                break
            yield operation


def _adds_nothing(operation):
    if not _as_keras_does(operation):
        return False
    name = type(operation).__name__
    if isinstance(operation, _LINEAR):
        return not _is_biased(operation) and is_homogeneous(operation.activation)
    if isinstance(operation, keras.layers.ReLU):
        return operation.max_value is None and not operation.threshold
    if isinstance(operation, keras.layers.Activation):
        return is_homogeneous(operation.activation)
    if name in ("Resizing", "Resize") and operation.pad_to_aspect_ratio:
        return not operation.fill_value
    if name in _MERGING:
        return _calls(operation) and all(all(call) for call in _calls(operation))
    if isinstance(operation, keras.Layer):
        return name in _HOMOGENEOUS
    if name in ("TrueDivide", "Divide"):
        return all(call == [True, False] for call in _calls(operation))
    return name in _HOMOGENEOUS_OPERATIONS or (name in _SCALING and all(sum(c) == 1 for c in _calls(operation)))


def _is_biased(layer):
    # A quantized layer rounds what comes in: what it adds beside its derivative is no constant.
    return layer.bias is not None or getattr(layer, "quantization_mode", None) is not None


def _as_keras_does(operation):
    """Return whether an operation runs code of Keras alone: a subclass with a `call` of its own may add anything."""
    return type(operation).call.__module__.startswith("keras.")


def _calls(operation):
    """Return which arguments of each call are tensors of a model's graph; empty for what stands in no graph."""
    nodes = getattr(operation, "_inbound_nodes", [])
    flat = [keras.tree.flatten((node.arguments.args, node.arguments.kwargs)) for node in nodes]
    return [[isinstance(x, keras.KerasTensor) for x in call if x is not None] for call in flat]


def _batch_normalizations(layers):
    """Return the constant that each of them adds, computed for all at once: there are many, of few numbers each."""
    if not layers:
        return []
    variances, means = ([getattr(layer, name) for layer in layers] for name in ("moving_variance", "moving_mean"))
    scales = [layer.gamma if layer.scale else ops.ones_like(layer.moving_mean) for layer in layers]
    shifts = [layer.beta if layer.center else ops.zeros_like(layer.moving_mean) for layer in layers]
    sizes = [mean.shape[0] for mean in means]
    epsilons = np.repeat([layer.epsilon for layer in layers], sizes).astype(layers[0].moving_variance.dtype)
    deviations = ops.sqrt(ops.concatenate(variances) + epsilons)
    added = ops.concatenate(shifts) - ops.concatenate(scales) * ops.concatenate(means) / deviations
    split = ops.split(added, np.cumsum(sizes)[:-1].tolist()) if len(layers) > 1 else [added]
    return [_along_its_axis(layer, bias) for layer, bias in zip(layers, split)]


def _along_its_axis(layer, bias):
    after = -layer.axis - 1 if layer.axis < 0 else layer.input_spec.ndim - 1 - layer.axis
    return ops.reshape(bias, (-1, *[1] * after)) if after else bias


def _bias(layer):
    if isinstance(layer, _LINEAR) and layer.bias is not None and _adds_a_constant(layer):
        bias = ops.convert_to_tensor(layer.bias)
        return ops.reshape(bias, (-1, *[1] * layer.rank)) if _channels_first(layer) else bias
    return None


def _adds_a_constant(layer):
    return _as_keras_does(layer) and getattr(layer, "quantization_mode", None) is None


def _channels_first(layer):
    return getattr(layer, "data_format", None) == "channels_first" and hasattr(layer, "rank")
