"""The contributions of the image and of every bias to a unit's logit, which sum to it."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ke_widgets.engine.decomposition import Term, decompose
from ke_widgets.inspection import KERNEL_AXIS, expose, find_path, layers_with_biases
from ke_widgets.inspection import biases as biases_of
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Exposed
from ke_widgets.typing import Inputs, Tensor


def full_gradient_terms(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    *,
    biases: Sequence[Tensor | None] | None = None,
) -> tuple[Tensor, dict[str, Any]]:
    r"""Split each unit's logit into the contributions of the image and of every bias; they sum to the logit.

    $$y_u = \sum_p x_p \frac{\partial y_u}{\partial x_p} + \sum_l \sum_q b_{l,q} \frac{\partial y_u}{\partial z_{l,q}}$$

    For a layer whose bias is not constant (a GELU, LayerNormalization, attention), `b_l` is its value less its
    derivative times its input, at this image. What a subclassed model computes between its layers, such as position
    embeddings that it adds, belongs to no layer: it is the remainder.

    Args:
        biases: See `full_gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)`, and a dict of the terms: `"inputs"` with `(B, U, H, W, C)` (a list of them for a model with
        several inputs), and one `(B, U, ...)` for each biased layer and each of its calls, by its path. The last one is
        `"between layers"`, `(B, U)`, if a model is subclassed and none of its layers were chosen.

    Raises:
        ValueError: See `full_gradients`.

    Source:
        Full-Gradient Representation for Neural Network Visualization, arXiv:1905.00780, prop. 1.

    Examples:
        >>> import keras
        >>> dense = keras.layers.Dense(1, name="dense")
        >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), dense])
        >>> logits, terms = full_gradient_terms(model, np.ones((1, 4, 4, 1)))
        >>> total = sum(float(ops.sum(term)) for term in terms.values())
        >>> list(terms), abs(total - float(logits[0, 0])) < 1e-5
        (['inputs', 'dense'], True)
    """
    logits, own, terms = terms_of(model, inputs, biases, indices, indices_axis, indices_batch_dims)
    of_inputs = [term.gradient * term.factor() for term in own]
    of_biases = {name: term.gradient * term.factor() for name, term in terms.items()}
    if _computes_between_layers(model):
        counted = [ops.sum(term, axis=tuple(range(2, len(term.shape)))) for term in (*of_inputs, *of_biases.values())]
        of_biases["between layers"] = logits - sum(counted[1:], counted[0])
    return logits, {"inputs": of_inputs[0] if len(of_inputs) == 1 else of_inputs, **of_biases}


def _computes_between_layers(model: keras.Model) -> bool:
    """Return whether a model, or a nested one, is subclassed; `False` if the caller chose some of its layers."""
    if isinstance(model, Exposed) and len(model.endpoints) > 1:
        return False
    model = getattr(model, "model", model) if isinstance(model, Exposed) else model
    inner = (model, *model_layers.operations(model).values())
    return any(isinstance(each, keras.Model) and model_layers.opaque(each) for each in inner)


def terms_of(
    model: keras.Model,
    inputs: Inputs,
    biases: Sequence[Tensor | None] | None,
    indices: Tensor | None,
    indices_axis: int,
    indices_batch_dims: int,
) -> tuple[Tensor, list[Term], dict[str, Term]]:
    """Return the logits and the terms, before their factors are multiplied; see `decompose`."""
    model, biased = _biased(model, biases)
    return decompose(model, inputs, biased, indices, indices_axis, indices_batch_dims)


def _biased(
    model: keras.Model, biases: Sequence[Tensor | None] | None
) -> tuple[keras.Model, list[tuple[str, Any, Any]]]:
    """Return the model to read, and the name, layer and bias of each of its biased layers."""
    exposed = isinstance(model, Exposed)
    if not exposed and biases is None and len(getattr(model, "outputs", None) or [None]) > 1:
        raise ValueError(
            "`biases` must be given for a `keras.Model` with several outputs: one for each after the logits. "
            f"Received: biases=None, and {model.name!r}. Or expose the layers: `layers, biases = "
            "ke.inspection.layers_with_biases(model)`, then `ke.inspection.expose(model, layers)`."
        )
    if not exposed and biases is None:
        model, exposed = expose(model, []), True
    if exposed and len(model.endpoints) == 1:  # The logits alone: find all biases.
        layers = layers_with_biases(model.model, return_biases=False)
        known = {id(layer): path for path, layer in reversed(model_layers.operations(model.model).items())}
        names = [known[id(layer)] for layer in layers]
        found = True
    else:
        names = [e.path for e in model.endpoints[1:]] if exposed else [str(n) for n in model.output_names[1:]]
        layers = [find_path(model.model, path) if path else None for path in names] if exposed else [None] * len(names)
        found = False
    if biases is not None and len(biases) != len(names):
        raise ValueError(
            "`biases` must hold one for each signal of the model. "
            f"Received: {len(biases)} for {len(names)} signals of {model.name!r}: {', '.join(names)}."
        )
    biases = biases_of(layers) if biases is None else biases
    if not found or not names:
        _check_biases(model, names, layers, biases, exposed)
    return model, list(zip(names, layers, biases))


def _check_biases(
    model: keras.Model, names: Sequence[str], layers: Sequence[Any], biases: Sequence[Tensor | None], exposed: bool
) -> None:
    if exposed:
        # The caller may choose a layer inside another one if its bias is constant.
        known = {id(layer) for layer in layers_with_biases(model.model, return_biases=False)}
        wrong = [n or "the model" for n, layer, b in zip(names, layers, biases) if b is None and id(layer) not in known]
        expected = "layers that add something of their own, as `ke.inspection.layers_with_biases(model)` lists them"
    else:
        wrong = [name for name, bias in zip(names, biases) if bias is None]
        expected = "signals with a constant bias; expose the model with `ke.inspection.expose` for the others"
    if wrong or not names:
        raise ValueError(f"`model` must expose {expected}. Received: {', '.join(wrong) or 'none'}, of {model.name!r}.")
    inner = [n for n in names if exposed and any(n.startswith(outer + model_layers.SEPARATOR) for outer in names)]
    if inner:
        raise ValueError(
            "`model` must expose each bias once: a layer, or those inside of it. "
            f"Received: {', '.join(inner)}, which run inside of others that are exposed, of {model.name!r}."
        )
