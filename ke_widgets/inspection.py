"""What is in a model: its layers, its logits, its biases; and `expose`, which brings inner signals out.

An endpoint names one inner tensor. It may be given as

- an index into `model.layers`, a layer's name, a path (`"backbone/conv1"` or `("backbone", "conv1")`), a layer, or a
  KerasTensor of the model;
- a dict with `name` or `layer` (any of the above), and optionally `link` (`"output"`, `"input"`, or `"logits"`: the
  value before a fused activation) and `node` (which call of a shared layer, in running order: 0, 1, ... or `"last"`).
"""

import difflib
import os
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.errors.arguments import named
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.locate import POOLING_LAYERS, logits_endpoint, signal_endpoint, warn_of_probabilities, way_back
from ke_widgets.model.locate import default_layer as default_layer
from ke_widgets.model.locate import head_activation as head_activation
from ke_widgets.model.locate import head_index as head_index
from ke_widgets.model.locate import spatial_signals as spatial_signals
from ke_widgets.model.units import check_units
from ke_widgets.utils import tolist

KERNEL_AXIS = -1
SPATIAL_AXIS = (-3, -2)

NORMALIZATION_LAYERS = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)

_LINKS = ("output", "input", "logits")


@named("ke.inspection.expose")
def expose(model, arguments=None, outputs=None, *, head=None):
    """Bring inner signals of `model` out, beside its logits.

    Args:
        model: A built Keras model of any kind: flat, nested, shared, subclassed. It is not changed.
        arguments: Endpoint, or list of endpoints, whose signals are wanted. By default the input of the last global
            pooling (or flattening) layer on the way to the output; without one, or where rows and columns are not the
            image's there, the last signal before that lies over the image: `(B, H, W, K)`, or tokens `(B, N, K)`.
        outputs: Endpoint of the scores that will be explained. By default the logits: the value before a softmax or
            sigmoid at the end of the model, fused into its last layer or standing alone, however it is spelled. Where
            they cannot be found, a warning says that the model's own output is explained.
        head: Index, name, or key in a dict, of the output to explain, in a model with several and no `outputs` given.

    Returns:
        A `keras.Model` whose call gives `[logits, *signals]`. It shares all weights with `model`.

    Raises:
        TypeError: If `model` is not a Keras model, or an endpoint is of another type than listed above.
        ValueError: If `model` is not built, or an endpoint names nothing in it.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, name="conv"),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(2, activation="softmax"),
        ... ])
        >>> logits, signals = expose(model)(np.zeros((1, 8, 8, 3)))
        >>> signals.shape == expose(model, "conv")(np.zeros((1, 8, 8, 3)))[1].shape == (1, 6, 6, 4)
        True
    """
    check_model(model)
    if isinstance(model, Exposed):
        model = model.model
    if outputs is None:
        warn_of_probabilities(model, head, stacklevel=4)  # Behind the check of the keywords.
    scores = [logits_endpoint(model, head)] if outputs is None else endpoints(model, _as_list(outputs))
    signals = [signal_endpoint(model, head)] if arguments is None else endpoints(model, _as_list(arguments))
    return Exposed(model, [*scores, *signals])


def check_model(model):
    """Refuse what is not a built Keras model.

    Args:
        model: Anything.

    Raises:
        TypeError: If `model` is not a `keras.Model`.
        ValueError: If it has no weights yet because it was never built.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a keras.Model. Received: {short_repr(model)}.{_instead_of(model)}")
    if not model.built:
        raise ValueError(
            "`model` must be built, so that its layers have weights: call it once on data, or `model.build(...)`. "
            f"Received: {model.name!r}, which is not."
        )


def _instead_of(value):
    """Say what to write in place of something that is often taken for a model."""
    if isinstance(value, str | os.PathLike):
        return f" Load it first: `keras.models.load_model({str(value)!r})`."
    if isinstance(value, keras.callbacks.Callback) and isinstance(getattr(value, "model", None), keras.Model):
        return " What `fit` returns is a history: pass the model itself."
    if isinstance(value, keras.Layer):
        return " A layer is no model: `keras.Sequential([keras.Input(shape), layer])`."
    if isinstance(value, type) or callable(value):
        return f" Call it first: `{getattr(value, '__name__', 'model')}(...)`."
    return ""


def endpoints(model, endpoints):
    """Resolve descriptors of inner tensors against a model.

    Args:
        model: A built Keras model.
        endpoints: A list of descriptors, in any of the forms listed at the top of this module.

    Returns:
        A list of `Endpoint`, one for each.

    Raises:
        TypeError: If a descriptor is of none of those forms.
        ValueError: If it names nothing in `model`, or its `link` or `node` is unknown.
    """
    return [_endpoint(model, descriptor) for descriptor in endpoints]


def _as_list(descriptors):
    # A tuple is a path, not a list of endpoints.
    return list(descriptors) if isinstance(descriptors, list) else [descriptors]


def _endpoint(model, descriptor):
    if isinstance(descriptor, Endpoint):
        return descriptor
    if isinstance(descriptor, dict):
        unknown = set(descriptor) - {"name", "layer", "link", "node", "index"}
        if unknown or ("name" in descriptor) == ("layer" in descriptor):
            raise ValueError(
                "An endpoint must have either `name` or `layer`, and at most `link`, `node` and `index` beside it. "
                f"Received: {short_repr(descriptor)}."
            )
        where = descriptor["layer"] if "layer" in descriptor else descriptor["name"]
        options = {key: descriptor[key] for key in ("link", "node", "index") if key in descriptor}
    else:
        where, options = descriptor, {}
    _check_options(descriptor, options)
    if isinstance(where, keras.KerasTensor):
        return _tensor_endpoint(model, where)
    path, operation = _locate(model, where)
    if isinstance(operation, keras.layers.InputLayer):
        return _input_endpoint(model, path, operation)
    _check_call(model, operation, descriptor, options.get("node", "last"))
    return Endpoint(path, **options)


def _check_options(descriptor, options):
    link, node = options.get("link", "output"), options.get("node", "last")
    if link not in _LINKS:
        raise ValueError(f"`link` must be one of {_LINKS}. Received: {short_repr(descriptor)}.")
    if node not in ("last", "all") and (isinstance(node, bool) or not isinstance(node, int) or node < 0):
        raise ValueError(f"`node` must be 'last' or a call's number, from 0. Received: {short_repr(descriptor)}.")


def _check_call(model, operation, descriptor, number):
    known = callgraph.from_functional(model) if isinstance(number, int) else None
    calls = [] if known is None else known.calls(operation)
    if calls and number >= len(calls):
        raise ValueError(
            f"`node` must be 'last' or count one of the layer's {len(calls)} calls, from 0. "
            f"Received: {short_repr(descriptor)}."
        )


def _locate(model, where):
    if isinstance(where, int) and not isinstance(where, bool):
        if not -len(model.layers) <= where < len(model.layers):
            raise ValueError(
                f"A layer's index must count one of the {len(model.layers)} layers of {model.name!r}. "
                f"Received: {where}."
            )
        where = model.layers[where]
    if isinstance(where, keras.Operation):
        path = "" if where is model else model_layers.path_of(model, where)
        if path is None:
            raise ValueError(
                f"An endpoint's layer must be part of {model.name!r}. Received: {short_repr(where)}, which is not."
            )
        return path, where
    if isinstance(where, list | tuple) and where and all(isinstance(name, str) for name in where):
        where = model_layers.SEPARATOR.join(where)
    if not isinstance(where, str):
        raise TypeError(
            "An endpoint must be a layer's index, name, path, a layer, a KerasTensor, or a dict with `name` or "
            f"`layer`. Received: {short_repr(where)}."
        )
    return where, find_path(model, where)


def find_path(model, path):
    """Give the layer at a path such as `"backbone/conv1"`.

    Args:
        model: A Keras model.
        path: Names from the outermost layer inwards, joined by `/`.

    Returns:
        The layer, or other Keras operation.

    Raises:
        ValueError: If there is none; the nearest paths are named.
    """
    found = model_layers.operations(model)
    if path in found:
        return found[path]
    lower = {name.lower(): name for name in found}
    near = [lower[name] for name in difflib.get_close_matches(path.lower(), lower, n=3, cutoff=0.4)]
    inner = [name for name in found if name.endswith(model_layers.SEPARATOR + path)]
    near = list(dict.fromkeys([*inner, *near])) or list(found)[-3:]
    raise ValueError(
        f"`layer` must name a layer of {model.name!r}. Received: {path!r}. Nearest: {', '.join(map(repr, near))}."
    )


def _tensor_endpoint(model, tensor):
    history = getattr(tensor, "_keras_history", None)
    path = None if history is None else model_layers.path_of(model, history.operation)
    if history is None or path is None:
        raise ValueError(f"An endpoint's tensor must belong to {model.name!r}. Received: {short_repr(tensor)}.")
    if isinstance(history.operation, keras.layers.InputLayer):
        return _input_endpoint(model, path, history.operation)
    node, known = history.operation._inbound_nodes[history.node_index], callgraph.from_functional(model)
    steps = [] if known is None else [step for step in known.steps if step.node is node]
    # One KerasTensor of a shared nested model stands for all of its runs.
    number = known.number(steps[0]) if known is not None and len(steps) == 1 else "last"
    return Endpoint(path, node=number, index=history.tensor_index)


def _parent(model, path):
    above, _, _ = path.rpartition(model_layers.SEPARATOR)
    return find_path(model, above) if above else model


def _input_endpoint(model, path, layer):
    # An InputLayer never runs: its value is what goes into the model around it.
    above, _, _ = path.rpartition(model_layers.SEPARATOR)
    graph: Any = model_layers.functional(_parent(model, path))
    return Endpoint(above, link="input", index=[tensor is layer.output for tensor in graph.inputs].index(True))


def output_shape(operation):
    """Give the static shape of an operation's last output, `None` where Keras does not know it or it has several.

    Args:
        operation: A layer or another Keras operation.

    Returns:
        A tuple of integers and `None`, or `None`.
    """
    called = getattr(operation, "_inbound_nodes", None)
    if not called or len(called[-1].outputs) != 1:
        return None
    return tuple(called[-1].outputs[0].shape)


def get_nested_layer(model, name):
    """Give a layer, however deeply nested.

    Args:
        model: The outer model.
        name: Name, path with `/`, or a sequence of names from the outermost layer inwards.

    Returns:
        The layer.

    Raises:
        ValueError: If there is none; the nearest paths are named.
    """
    return find_path(model, model_layers.SEPARATOR.join(tolist(name)))


def get_logits_layer(model, name=None):
    """Give the layer whose value, before a fused activation, is the logits.

    Found by walking back from the output, so that a 1x1 convolution, an EinsumDense or an attention head is found as
    well as a Dense layer.

    Args:
        model: A Keras model.
        name: Name or path of the layer, if known.

    Returns:
        The layer.

    Raises:
        ValueError: If `name` names no layer, or the model is its own logits (it has no layers before the output).
    """
    if name is not None:
        return get_nested_layer(model, name)
    endpoint = logits_endpoint(model)
    if endpoint.path:
        return find_path(model, endpoint.path)
    return find_layer_with(model, properties=["kernel"])


def get_global_pooling_layer(model, name=None):
    """Give the last global pooling (or flattening) layer on the way to the output.

    Args:
        model: A Keras model.
        name: Name or path of the layer, if known.

    Returns:
        The layer.

    Raises:
        ValueError: If there is none.
    """
    return find_layer_with(model, name, klass=POOLING_LAYERS)


def find_layer_with(model, name=None, properties=None, klass=None, search_reversed=True):
    """Find the last (or first) layer that has all that is asked for, nested models included.

    Args:
        model: A Keras model.
        name: Name or path; when given, nothing else is looked at.
        properties: Names of attributes that the layer must have, such as `("kernel",)`.
        klass: Class, or tuple of classes, of the layer.
        search_reversed: Walk back from the output; with `False`, start from the input.

    Returns:
        The layer.

    Raises:
        ValueError: If nothing is asked for, or no layer has it.
    """
    if name is None and properties is None and klass is None:
        raise ValueError("At least one of `name`, `properties` and `klass` must be given. Received none of them.")
    if name is not None:
        return get_nested_layer(model, name)
    hidden = any(model_layers.opaque(operation) for operation in model_layers.operations(model).values())
    for rehearse in (False, True) if hidden else (False,):
        found = [operation for _, operation in way_back(model, 0, rehearse)]
        for layer in found if search_reversed else reversed(found):
            if (not klass or isinstance(layer, klass)) and all(hasattr(layer, p) for p in properties or ()):
                return layer
    raise ValueError(
        f"A layer of {model.name!r} must fit the search. None does. Received: properties={properties}, klass={klass}."
    )


def gather_units(tensor, indices, axis=-1, batch_dims=-1):
    """Take the explained units from a tensor of scores.

    Args:
        tensor: Scores `(B, U_all)`, or any tensor with units along `axis`.
        indices: Which units, `(B, U)`; `None` takes them all.
        axis: Axis of the units in `tensor`.
        batch_dims: How many leading axes `tensor` and `indices` share; -1 for all but the last of `indices`.

    Returns:
        The units `(B, U)`.

    Raises:
        ValueError: If an index is below 0, or there are not as many units.

    Examples:
        >>> gather_units(ops.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]), ops.array([[2], [0]])).numpy().ravel()
        array([0.7, 0.3], dtype=float32)
    """
    if indices is None:
        return tensor
    rank, depth = len(tensor.shape), len(indices.shape)
    axis, batch_dims = axis % rank, batch_dims % depth
    indices = check_units(indices, ops.shape(tensor)[axis])
    # Everything becomes (batch..., units, rest): then one `take_along_axis` does it, whatever the axes were.
    tensor = ops.moveaxis(tensor, axis, batch_dims)
    shape, chosen = ops.shape(tensor), ops.shape(indices)
    flat = ops.reshape(indices, (*chosen[:batch_dims], -1, *[1] * (rank - batch_dims - 1)))
    taken = ops.take_along_axis(tensor, ops.cast(flat, "int32"), axis=batch_dims)
    taken = ops.reshape(taken, (*chosen, *shape[batch_dims + 1 :]))
    added = depth - batch_dims
    order = list(range(rank + added - 1))
    middle = order[batch_dims : batch_dims + added]
    outer = order[batch_dims + added : axis + added]
    return ops.transpose(taken, [*order[:batch_dims], *outer, *middle, *order[axis + added :]])


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
# Scaling what comes in scales what goes out: these add nothing of their own.
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
# The same where everything that comes in depends on the inputs of the model: beside a constant they add a part of it.
_MERGING = {"Add", "Subtract", "Average", "Maximum", "Minimum", "Concatenate", "Stack"}
# Linear in one of what comes in, if all else is constant.
_SCALING = {"Multiply", "Matmul", "Conv", "DepthwiseConv", "ConvTranspose"}
_HOMOGENEOUS_ACTIVATIONS = (None, keras.activations.linear, keras.activations.relu, keras.activations.leaky_relu)


def layers_with_biases(model, exclude=(), return_biases=True):
    """List the layers that add something of their own to the signal: those that full-gradients needs.

    A layer that is no `keras.Model` counts as one, whatever layers it is made of, unless it holds the logits; models
    are looked into. Listed are also layers whose bias depends on what comes in, such as LayerNormalization or a GELU;
    left out are those which are known to add nothing, such as ReLU, pooling or a convolution without bias, and the
    activation of the scores.

    Args:
        model: A built Keras model.
        exclude: Layers to leave out.
        return_biases: Whether to give the biases as well.

    Returns:
        A list of layers, in running order where the model tells it; with `return_biases`, that list and `biases` of it.

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


def biases(layers):
    r"""Give the constant that each layer adds to its signal, before its activation.

    Batch normalization, $y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$, adds
    $\beta - \gamma \mu / \sqrt{\sigma^2 + \epsilon}$.

    Args:
        layers: Layers, or other Keras operations.

    Returns:
        A list with one tensor for each layer, `(K,)` where channels are last, or `None` where what the layer adds
        is no constant: full-gradients reads it from the signal.
    """
    layers = list(layers)
    normalizing = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    normalizing = [layer for layer in normalizing if _adds_a_constant(layer)]
    known = {id(layer): bias for layer, bias in zip(normalizing, _batch_normalizations(normalizing))}
    return [known[id(layer)] if id(layer) in known else _bias(layer) for layer in layers]


def is_homogeneous(activation):
    """Tell whether an activation is known to scale with its input, as ReLU does and GELU does not.

    Args:
        activation: A function, a name, or `None`; a name that Keras does not know is not known to.

    Returns:
        A bool.
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
    """Tell whether an operation runs code of Keras alone: a subclass with a `call` of its own may add anything."""
    return type(operation).call.__module__.startswith("keras.")


def _calls(operation):
    """Tell which arguments of each call are tensors of a model's graph; empty for what stands in no graph."""
    nodes = getattr(operation, "_inbound_nodes", [])
    flat = [keras.tree.flatten((node.arguments.args, node.arguments.kwargs)) for node in nodes]
    return [[isinstance(x, keras.KerasTensor) for x in call if x is not None] for call in flat]


def _batch_normalizations(layers):
    """Give the constant that each of them adds, computed for all at once: there are many, of few numbers each."""
    if not layers:
        return []
    variances, means = ([getattr(layer, name) for layer in layers] for name in ("moving_variance", "moving_mean"))
    scales = [layer.gamma if layer.scale else ops.ones_like(layer.moving_mean) for layer in layers]
    shifts = [layer.beta if layer.center else ops.zeros_like(layer.moving_mean) for layer in layers]
    sizes = [mean.shape[0] for mean in means]
    epsilons = np.repeat([layer.epsilon for layer in layers], sizes).astype(layers[0].moving_variance.dtype)
    deviations = ops.sqrt(ops.concatenate(variances) + epsilons)
    added = ops.concatenate(shifts) - ops.concatenate(scales) * ops.concatenate(means) / deviations
    parts = ops.split(added, np.cumsum(sizes)[:-1].tolist()) if len(layers) > 1 else [added]
    return [_along_its_axis(layer, part) for layer, part in zip(layers, parts)]


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
