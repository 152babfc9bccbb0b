"""Gradients of a unit with respect to the pixels and to the biases of the layers."""

from ke_widgets.methods.gradient.full import full_gradients as full_gradients
from ke_widgets.methods.gradient.rectified import deconvnet as deconvnet
from ke_widgets.methods.gradient.rectified import guided_backprop as guided_backprop
from ke_widgets.methods.gradient.rectified import guided_gradcam as guided_gradcam
from ke_widgets.methods.gradient.saliency import check_channels as check_channels
from ke_widgets.methods.gradient.saliency import gradient_input as gradient_input
from ke_widgets.methods.gradient.saliency import gradients as gradients
from ke_widgets.methods.gradient.saliency import over_channels as over_channels
from ke_widgets.methods.gradient.terms import full_gradient_terms as full_gradient_terms
from ke_widgets.methods.spec import gather

METHODS = gather(__name__, "saliency", "full", "rectified")
