"""Class activation maps whose weights are gradients: Grad-CAM and those that followed it."""

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec
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
) -> tuple[Tensor, Tensor]:
    r"""LayerCAM: each cell of each channel weighted by its own positive gradient, sharp in early layers too.

    $$M_u(i,j) = \sum_k \max\Big(\frac{\partial y_u}{\partial A_k(i,j)}, 0\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal and `y_u` the unit's logit. The authors scale maps of early layers by tanh
    before they fuse those of several; a single map is left as it is.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)` in logits, at least 0 where the signal is.

    Source:
        LayerCAM: Exploring Hierarchical Class Activation Maps for Localization, IEEE TIP 2021,
        doi:10.1109/TIP.2021.3089943, eq. 4.
    """
    return at_one_layer(_layercam, model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis)


@at_each_call
def _layercam(signal: Tensor, gradients: Tensor) -> Tensor:
    return ops.einsum("b...k,bu...k->b...u", signal, ops.maximum(gradients, 0))


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
}
