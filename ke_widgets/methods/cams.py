"""Class activation maps: weighted sums of the channels of one spatial signal."""

from keras import ops

from ke_widgets import filters
from ke_widgets.engine.gradient import signal_jacobian
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Spec


def gradcam(model, inputs, indices=None, indices_axis=KERNEL_AXIS, indices_batch_dims=-1, spatial_axis=SPATIAL_AXIS):
    r"""Grad-CAM: channels weighted by the mean gradient of the unit with respect to them.

    $$M_u(i,j) = \sum_k \Big(\frac{1}{Z} \sum_{a,b} \frac{\partial y_u}{\partial A_k(a,b)}\Big) A_k(i,j)$$

    where `A_k` is channel `k` of the signal, `Z` its number of places, and `y_u` the unit's logit.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed: positive where the signal speaks for the unit. The paper's
        ReLU is the filter `positive`. For a model that is global average pooling and one dense layer, a map sums to
        the logit less its bias.

    Source:
        Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, arXiv:1610.02391, eq. 1-2.
    """
    logits, (signal, *_), (gradients, *_) = signal_jacobian(model, inputs, indices, indices_axis, indices_batch_dims)
    weights = ops.mean(gradients, axis=spatial_axis)
    return logits, ops.einsum("b...k,buk->b...u", signal, weights)


METHODS = {gradcam: Spec("Grad-CAM", signals="one", postprocessing=filters.positive_normalize)}
