"""Class activation maps by principal components: of a signal, or of its product with the gradient."""

import math

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.forward import spatial_forward
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec
from ke_widgets.methods.cams.combining import at_each_call, at_one_layer
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def eigencam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    centered: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Eigen-CAM: the pattern that most channels of a layer share, whatever the class.

    $$M(i,j) = \sum_k v_k A_k(i,j), \qquad v = \arg\max_{|v| = 1} \sum_{i,j} \Big(\sum_k v_k A_k(i,j)\Big)^2$$

    where `A_k` is channel `k` of the signal, and `v` the first right singular vector of its matrix, positions by
    channels. Nothing is differentiated. The sign of `v` is free: the number farthest from 0 is made positive.

    Args:
        centered: Whether to subtract the mean of each channel first, as pytorch-grad-cam does; the paper does not.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, the same for every unit, in the scale of the signal; at least 0 where
        the signal is and `centered` is off.

    Source:
        Eigen-CAM: Class Activation Map using Principal Components, arXiv:2008.00299. Sign: Seg-Eigen-CAM,
        doi:10.3390/app15137562, eq. 13.
    """
    outputs, signal = spatial_forward(model, inputs, spatial_axis)
    units = scores_of(model, outputs, indices, indices_axis, indices_batch_dims)
    each = [units] * len(signal) if isinstance(signal, list) else units
    return units, _eigencam(signal, each, centered=centered)


@at_each_call
def _eigencam(signal: Tensor, gradients: Tensor, *, centered: bool = False) -> Tensor:
    """Return maps of a signal; of the gradients `(B, U, ...)`, or units `(B, U)`, only their number counts."""
    maps = ops.expand_dims(_first_component(signal, 1, centered), -1)
    return ops.broadcast_to(maps, (*ops.shape(maps)[:-1], ops.shape(gradients)[1]))


def eigengradcam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    centered: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Eigen-Grad-CAM: the pattern that most channels share in what they add to the unit's logit.

    $$M_u(i,j) = \sum_k v_{k,u} \, g_k(i,j) A_k(i,j)$$

    where `A_k` is channel `k` of the signal, `g_k` the gradient of the unit's logit with respect to it, and `v` the
    first right singular vector of the matrix of their products, positions by channels. The sign of `v` is free: the
    number farthest from 0 is made positive, so the map does not tell evidence for the unit from evidence against it.

    Args:
        centered: Whether to subtract the mean of each channel of the products first, as pytorch-grad-cam does.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, in logits.

    Source:
        pytorch-grad-cam's variant of Eigen-CAM: Class Activation Map using Principal Components, arXiv:2008.00299.
    """
    axes = indices, indices_axis, indices_batch_dims, spatial_axis
    return at_one_layer(_eigengradcam, model, inputs, *axes, centered=centered)


@at_each_call
def _eigengradcam(signal: Tensor, gradients: Tensor, *, centered: bool = False) -> Tensor:
    return ops.moveaxis(_first_component(ops.expand_dims(signal, 1) * gradients, 2, centered), 1, -1)


def _first_component(x: Tensor, leading: int, centered: bool) -> Tensor:
    """Project positions on the first right singular vector.

    Args:
        x: A tensor whose `leading` axes come before the spatial ones, channels last.
        leading: The number of axes that count matrices.
        centered: Whether to subtract the mean of each channel first.

    Returns:
        A tensor of the shape of `x` without its channels.
    """
    shape = ops.shape(x)
    static = x.shape[leading:-1]
    positions = -1 if None in static else math.prod(static)
    matrix = ops.reshape(x, (*shape[:leading], positions, x.shape[-1]))
    # The squares of small gradients would underflow.
    scale = ops.max(ops.abs(matrix), axis=(-2, -1), keepdims=True)
    matrix = matrix / ops.where(scale > 0, scale, 1)
    if centered:
        matrix = matrix - ops.mean(matrix, axis=-2, keepdims=True)
    transposed = ops.swapaxes(matrix, -1, -2)
    # The smaller of the two products has the same eigenvalues: M v is |M^T u| u.
    if 0 < positions < x.shape[-1]:
        first = _first_eigenvector(ops.matmul(matrix, transposed))
        found = first * ops.norm(ops.matmul(transposed, first), axis=-2, keepdims=True)
    else:
        found = ops.matmul(matrix, _first_eigenvector(ops.matmul(transposed, matrix)))
    flipped = -ops.min(found, axis=-2, keepdims=True) > ops.max(found, axis=-2, keepdims=True)
    return ops.reshape(scale * ops.where(flipped, -found, found), shape[:-1])


def _first_eigenvector(square: Tensor) -> Tensor:
    # A single NaN would be an error for the whole batch. The map has it from the signal.
    return ops.eigh(ops.where(ops.isfinite(square), square, 0))[1][..., -1:]


METHODS = {
    eigencam: Spec(
        "Eigen-CAM",
        source="arXiv:2008.00299",
        answers="Where does what most channels of this layer share respond, whatever the class?",
        postprocessing=filters.positive_normalize,
        per_class=False,
        combine=_eigencam,
    ),
    eigengradcam: Spec(
        "Eigen-Grad-CAM",
        source="arXiv:2008.00299 (there, without the gradient)",
        answers="Where does what most channels share in moving the class score respond?",
        postprocessing=filters.positive_normalize,
        unit="logit",
        combine=_eigengradcam,
    ),
}
