"""Class activation maps whose weights are gradients: Grad-CAM and those that followed it."""

from typing import Annotated

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec
from ke_widgets.methods.cams.combining import at_each_call, at_one_layer, spatial_axes_of, weighted
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def gradcam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""Grad-CAM: channels weighted by the mean gradient of the unit with respect to them.

    $$M_u(i,j) = \sum_k \Big(\frac{1}{Z} \sum_{a,b} \frac{\partial y_u}{\partial A_k(a,b)}\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal, `Z` its number of positions, and `y_u` the unit's logit.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed: positive where the signal supports the unit. The paper's
        ReLU is the filter `positive`. For a model that is global average pooling and one dense layer, a map sums to
        the logit less its bias.

    Source:
        Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, arXiv:1610.02391, eq. 1-2.

    Examples:
        >>> ones = {"use_bias": False, "kernel_initializer": "ones"}
        >>> model = keras.Sequential([
        ...     keras.Input((2, 2, 1)),
        ...     keras.layers.Conv2D(1, 1, **ones),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(1, **ones),
        ... ])
        >>> image = np.array([[0.0, 4.0], [8.0, -4.0]]).reshape(1, 2, 2, 1)
        >>> logits, maps = gradcam(ke.inspection.expose(model), image)
        >>> np.asarray(logits).ravel(), np.asarray(maps).ravel()
        (array([2.], dtype=float32), array([ 0.,  1.,  2., -1.], dtype=float32))
    """
    return at_one_layer(_gradcam, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _gradcam(signal: Tensor, gradients: Tensor) -> Tensor:
    return weighted(signal, ops.mean(gradients, axis=spatial_axes_of(gradients)))


def gradcampp(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""Grad-CAM++: channels weighted by their positive gradients, each position by its share in the channel.

    $$M_u(i,j) = \sum_k \Big(\sum_{a,b} \alpha_k(a,b) \max(g_k(a,b), 0)\Big) A_k(i,j), \qquad
    \alpha_k(a,b) = \frac{g_k^2(a,b)}{2 g_k^2(a,b) + g_k^3(a,b) \sum_{m,n} A_k(m,n)}$$

    where `A_k` is channel `k` of the signal and `g_k` the gradient of the unit's logit with respect to it. The paper
    differentiates `exp(y_u)`, which multiplies all weights of a unit by the same positive number; it may overflow
    and is left out. Divided by `g^2`, alpha needs no small constant against 0 / 0.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, at least 0 where the signal is. Their scale has no meaning.

    Source:
        Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks, arXiv:1710.11063, eq. 10 and 19.
    """
    return at_one_layer(_gradcampp, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _gradcampp(signal: Tensor, gradients: Tensor) -> Tensor:
    totals = ops.expand_dims(ops.sum(signal, axis=tuple(range(1, len(signal.shape) - 1)), keepdims=True), 1)
    below = 2 + totals * gradients
    positive = ops.maximum(gradients, 0)
    # For negative signals alpha has a pole; the weight there is set to 0.
    weights = ops.sum(
        ops.where(below == 0, 0, positive / ops.where(below == 0, 1, below)), axis=spatial_axes_of(gradients)
    )
    return weighted(signal, weights)


def layercam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    scale: Annotated[float, Range(0, 10)] = 0.0,
) -> tuple[Tensor, Tensor]:
    r"""LayerCAM: each cell of each channel weighted by its own positive gradient, sharp in early layers too.

    $$M_u(i,j) = \sum_k \max\Big(\frac{\partial y_u}{\partial A_k(i,j)}, 0\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal and `y_u` the unit's logit.

    Args:
        scale: With 0, the map as it is. Above, `tanh(scale * M / max M)`, which brings out the weak regions of early
            layers before their maps are fused; the paper takes 2 (eq. 9), torchcam in its `fuse_cams` too.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)` in logits, at least 0 where the signal is. With a `scale`, their
        largest value is `tanh(scale)`, and a map without a positive value is 0.

    Raises:
        ValueError: If `scale` is below 0.

    Source:
        LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE TIP 2021,
        doi:10.1109/TIP.2021.3089943, eq. 4 and 9.
    """
    axes = indices, indices_axis, indices_batch_dims, spatial_axis
    return at_one_layer(_layercam, model, inputs, *axes, scale=scale)


@at_each_call
def _layercam(signal: Tensor, gradients: Tensor, *, scale: float = 0.0) -> Tensor:
    if not scale >= 0:
        raise ValueError(f"`scale` must be at least 0. Received: scale={short_repr(scale)}.")
    maps = _products(signal, ops.maximum(gradients, 0))
    if not scale:
        return maps
    top = ops.max(maps, axis=tuple(range(1, len(maps.shape) - 1)), keepdims=True)
    return ops.where(top > 0, ops.tanh(scale * (maps / ops.where(top > 0, top, 1))), 0)


def hirescam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""HiResCAM: each cell of each channel times its own gradient, so that only what the model used is marked.

    $$M_u(i,j) = \sum_k \frac{\partial y_u}{\partial A_k(i,j)} A_k(i,j)$$

    where `A_k` is channel `k` of the signal and `y_u` the unit's logit.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed, in logits. Where one linear layer follows the signal (after
        flattening or average pooling), a map sums to the logit less its bias.

    Source:
        Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks, arXiv:2011.08891.
    """
    return at_one_layer(_hirescam, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _hirescam(signal: Tensor, gradients: Tensor) -> Tensor:
    return _products(signal, gradients)


def xgradcam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""XGrad-CAM: channels weighted by their gradients, most where the channel itself responds.

    $$M_u(i,j) = \sum_k \Big(\sum_{a,b} \frac{A_k(a,b)}{\sum_{m,n} A_k(m,n)}
    \frac{\partial y_u}{\partial A_k(a,b)}\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal and `y_u` the unit's logit. A channel that sums to 0 has the weight 0.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed, in logits: a map sums to what that of `hirescam` sums to.
        For signals of both signs, such as those before an activation, the weight of a channel whose sum is near 0 is
        large.

    Source:
        Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs, arXiv:2008.02312
        (pytorch-grad-cam and torchcam add a small constant to the sums).
    """
    return at_one_layer(_xgradcam, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _xgradcam(signal: Tensor, gradients: Tensor) -> Tensor:
    signals, axes = ops.expand_dims(signal, 1), spatial_axes_of(gradients)
    totals = ops.sum(signals, axis=axes)
    weights = ops.sum(signals * gradients, axis=axes) / ops.where(totals == 0, 1, totals)
    return weighted(signal, ops.where(totals == 0, 0, weights))


def _products(signal: Tensor, gradients: Tensor) -> Tensor:
    """Sum the products of a signal and gradients over the channels: `(B, ..., U)`."""
    return ops.einsum("b...k,bu...k->b...u", signal, gradients)


METHODS = {
    gradcam: Spec(
        "Grad-CAM",
        source="arXiv:1610.02391, eq. 1-2",
        answers="Where do the channels that raise the class score respond?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_gradcam,
    ),
    gradcampp: Spec(
        "Grad-CAM++",
        source="arXiv:1710.11063, eq. 10 and 19",
        answers="The same for several objects of a class: where do they lie?",
        postprocessing=filters.positive_normalize,
        combine=_gradcampp,
    ),
    layercam: Spec(
        "LayerCAM",
        source="doi:10.1109/TIP.2021.3089943, eq. 4",
        answers="Which cells of this layer raise the class score, each by itself?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_layercam,
    ),
    hirescam: Spec(
        "HiResCAM",
        source="arXiv:2011.08891",
        answers="Which cells of this layer raise or lower the class score, each by itself?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_hirescam,
    ),
    xgradcam: Spec(
        "XGrad-CAM",
        source="arXiv:2008.02312",
        answers="Where do the channels respond that raise the score where they respond?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_xgradcam,
    ),
}
