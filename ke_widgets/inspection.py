"""Read a model: its layers, its logits, its biases; `expose` returns its inner signals as outputs.

An endpoint names one inner tensor. It is one of

- an index into `model.layers`, a layer's name, a path (`"backbone/conv1"` or `("backbone", "conv1")`), a layer, or a
  KerasTensor of the model;
- a dict with `name` or `layer` (any of the above), and optionally `link` (`"output"`, `"input"`, or `"logits"`: the
  value before a fused activation) and `node` (which call of a shared layer, in running order: 0, 1, ... or `"last"`).
"""

from collections.abc import Sequence

import keras

from ke_widgets.errors.arguments import named
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model import layers as model_layers
from ke_widgets.model.biases import biases as biases
from ke_widgets.model.biases import is_homogeneous as is_homogeneous
from ke_widgets.model.biases import layers_with_biases as layers_with_biases
from ke_widgets.model.endpoints import endpoints as endpoints
from ke_widgets.model.endpoints import find_path as find_path
from ke_widgets.model.endpoints import output_shape as output_shape
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.grids import SPATIAL_AXIS as SPATIAL_AXIS
from ke_widgets.model.layers import check_model as check_model
from ke_widgets.model.locate import POOLING_LAYERS, signal_endpoint, warn_of_probabilities, way_back
from ke_widgets.model.locate import default_layer as default_layer
from ke_widgets.model.locate import head_activation as head_activation
from ke_widgets.model.locate import head_index as head_index
from ke_widgets.model.locate import logits_endpoint as logits_endpoint
from ke_widgets.model.locate import spatial_signals as spatial_signals
from ke_widgets.model.units import gather_units as gather_units
from ke_widgets.typing import EndpointLike, Head, ScoreFunction
from ke_widgets.utils import tolist

KERNEL_AXIS = -1

NORMALIZATION_LAYERS = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)


@named("ke.inspection.expose")
def expose(
    model: keras.Model,
    arguments: EndpointLike | None = None,
    outputs: EndpointLike | None = None,
    *,
    head: Head | None = None,
    target: ScoreFunction | None = None,
) -> Exposed:
    """Return a view of `model` whose outputs are its logits and the chosen inner signals.

    Args:
        model: A built Keras model of any kind: flat, nested, shared, subclassed. It is not changed.
        arguments: Endpoint, or list of endpoints, of the signals. By default the input of the last global pooling (or
            flattening) layer before the output; without one, or where its rows and columns are not the image's, the
            last earlier signal that covers the image: `(B, H, W, K)`, or tokens `(B, N, K)`.
        outputs: Endpoint of the scores to explain. By default the logits: the value before a softmax or
            sigmoid at the end of the model, fused into its last layer or a layer of its own. Where
            they cannot be found, a warning says that the model's own output is explained.
        head: Index, name, or key in a dict, of the output to explain, in a model with several and no `outputs` given.
        target: What is explained, one of `ke.targets` or a function of its form; `None` for units of the logits. It
            also says whether the scores are the logits, or the model's output as it is.

    Returns:
        A `keras.Model` whose call gives `[logits, *signals]`. It shares all weights with `model`.

    Raises:
        TypeError: If `model` is not a Keras model, or an endpoint has a type that is not listed above.
        ValueError: If `model` is not built, or an endpoint is not in it.

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
    check_target(target)
    if isinstance(model, Exposed):
        model = model.model
    if outputs is not None:
        scores = endpoints(model, _as_list(outputs))
    else:
        scores = [_scores_endpoint(model, head, getattr(target, "reads", "logits"))]
    if arguments is not None:
        signals = endpoints(model, _as_list(arguments))
    elif getattr(target, "spatial", False):
        signals = [_signal_before(model, scores[0], head)]
    else:
        signals = [signal_endpoint(model, head)]
    return Exposed(model, [*scores, *signals], target)


def _signal_before(model: keras.Model, scores: Endpoint, head: Head | None) -> Endpoint:
    """Return the last signal before scores that lie over the image themselves, as those of a segmentation do."""
    paths = list(spatial_signals(model, head))
    before = paths[: paths.index(scores.path)] if scores.path in paths else paths
    return Endpoint(before[-1]) if before else signal_endpoint(model, head)


def _scores_endpoint(model: keras.Model, head: Head | None, reads: str) -> Endpoint:
    """Return the endpoint that a target reads: logits, the chosen output, or all outputs."""
    if reads == "outputs":
        return Endpoint("", index="all")
    if reads == "output":
        return Endpoint("", index=head_index(model, head))
    warn_of_probabilities(model, head, stacklevel=5)  # Behind the check of the keywords.
    return logits_endpoint(model, head)


def check_target(target: object) -> None:
    """Check that a target is a function, and hashable: caches are keyed by it.

    Args:
        target: As the user gave it; `None` stands for units.

    Raises:
        TypeError: If it is not.
    """
    if target is None:
        return
    hint = f" Say `{target.__name__}(...)`: it is a class." if isinstance(target, type) else ""
    if hint or not callable(target):
        raise TypeError(
            "`target` must be one of `ke.targets`, or a frozen dataclass with `__call__(outputs, y)`. "
            f"Received: target={short_repr(target)}.{hint}"
        )
    try:
        hash(target)
    except TypeError as error:
        raise TypeError(
            "`target` must be hashable, such as a dataclass with `frozen=True`: what is compiled for it is kept under "
            f"it. Received: target={short_repr(target)}."
        ) from error


def _as_list(descriptors: EndpointLike) -> list[EndpointLike]:
    # A tuple is a path, not a list of endpoints.
    return list(descriptors) if isinstance(descriptors, list) else [descriptors]


def get_nested_layer(model: keras.Model, name: str | Sequence[str]) -> keras.Operation:
    """Return a layer at any depth of nesting.

    Args:
        model: The outer model.
        name: Name, path with `/`, or a sequence of names from the outermost layer inwards.

    Returns:
        The layer.

    Raises:
        ValueError: If there is none; the message lists the nearest paths.
    """
    return find_path(model, model_layers.SEPARATOR.join(tolist(name)))


def get_logits_layer(model: keras.Model, name: str | Sequence[str] | None = None) -> keras.Operation:
    """Return the layer whose value, before a fused activation, is the logits.

    The search walks back from the output, so it finds a 1x1 convolution, an EinsumDense or an attention head as well
    as a Dense layer.

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


def get_global_pooling_layer(model: keras.Model, name: str | Sequence[str] | None = None) -> keras.Operation:
    """Return the last global pooling (or flattening) layer before the output.

    Args:
        model: A Keras model.
        name: Name or path of the layer, if known.

    Returns:
        The layer.

    Raises:
        ValueError: If there is none.
    """
    return find_layer_with(model, name, klass=POOLING_LAYERS)


def find_layer_with(
    model: keras.Model,
    name: str | Sequence[str] | None = None,
    properties: Sequence[str] | None = None,
    klass: type | tuple[type, ...] | None = None,
    search_reversed: bool = True,
) -> keras.Operation:
    """Return the last (or first) layer that fits all conditions, in nested models too.

    Args:
        model: A Keras model.
        name: Name or path; if given, the other conditions are ignored.
        properties: Names of attributes that the layer must have, such as `("kernel",)`.
        klass: Class, or tuple of classes, of the layer.
        search_reversed: Whether to search from the output back; `False` starts at the input.

    Returns:
        The layer.

    Raises:
        ValueError: If there is no condition, or no layer fits.
    """
    if name is None and properties is None and klass is None:
        raise ValueError("At least one of `name`, `properties` and `klass` must be given. Received none of them.")
    if name is not None:
        return get_nested_layer(model, name)
    hidden = any(model_layers.opaque(operation) for operation in model_layers.operations(model).values())
    for traced in (False, True) if hidden else (False,):
        found = [operation for _, operation in way_back(model, 0, traced)]
        for layer in found if search_reversed else reversed(found):
            if (not klass or isinstance(layer, klass)) and all(hasattr(layer, p) for p in properties or ()):
                return layer
    raise ValueError(
        f"A layer of {model.name!r} must fit the search. None does. Received: properties={properties}, klass={klass}."
    )
