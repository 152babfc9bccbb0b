"""The same work by other libraries, as their users call it; each from PyPI, in the benchmark's own environment."""

import numpy as np
import tf_explain.core.grad_cam
import tf_explain.core.integrated_gradients
import tf_explain.core.occlusion_sensitivity
import tf_explain.core.smoothgrad
import tf_explain.core.vanilla_gradients
import xplique.attributions
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.scorecam import Scorecam
from tf_keras_vis.utils.scores import CategoricalScore

PACKAGES = ("xplique", "tf-keras-vis", "tf-explain")


def gradcam(model, inputs, unit, layer):
    explain, score, chosen = xplique.attributions.GradCAM(model, conv_layer=layer), *_chosen(model, inputs, unit)
    other = Gradcam(model, clone=False)
    third = tf_explain.core.grad_cam.GradCAM()
    return {
        "xplique": lambda: explain(inputs, chosen),
        "tf-keras-vis": lambda: other(score, inputs, penultimate_layer=layer),
        "tf-explain": lambda: third.explain((inputs, None), model, unit, layer_name=layer, use_guided_grads=False),
    }


def gradients(model, inputs, unit):
    explain, score, chosen = xplique.attributions.Saliency(model), *_chosen(model, inputs, unit)
    other = Saliency(model, clone=False)
    third = tf_explain.core.vanilla_gradients.VanillaGradients()
    return {
        "xplique": lambda: explain(inputs, chosen),
        "tf-keras-vis": lambda: other(score, inputs),
        "tf-explain": lambda: third.explain((inputs, None), model, unit),
    }


def smoothgrad(model, inputs, unit, samples):
    score, chosen = _chosen(model, inputs, unit)
    explain = xplique.attributions.SmoothGrad(model, nb_samples=samples)
    other = Saliency(model, clone=False)
    third = tf_explain.core.smoothgrad.SmoothGrad()
    return {
        "xplique": lambda: explain(inputs, chosen),
        "tf-keras-vis": lambda: other(score, inputs, smooth_samples=samples),
        "tf-explain": lambda: third.explain((inputs, None), model, unit, num_samples=samples),
    }


def scorecam(model, inputs, unit, layer):
    score, _ = _chosen(model, inputs, unit)
    other = Scorecam(model, clone=False)
    return {"tf-keras-vis": lambda: other(score, inputs, penultimate_layer=layer)}


def integrated_gradients(model, inputs, unit, steps):
    _, chosen = _chosen(model, inputs, unit)
    explain = xplique.attributions.IntegratedGradients(model, steps=steps)
    third = tf_explain.core.integrated_gradients.IntegratedGradients()
    return {
        "xplique": lambda: explain(inputs, chosen),
        "tf-explain": lambda: third.explain((inputs, None), model, unit, n_steps=steps),
    }


def occlusion(model, inputs, unit, grid, count):
    _, chosen = _chosen(model, inputs, unit)
    side = inputs.shape[1] // grid
    explain = xplique.attributions.Occlusion(model, patch_size=side, patch_stride=side)
    third = tf_explain.core.occlusion_sensitivity.OcclusionSensitivity()
    return {
        "xplique": lambda: explain(inputs, chosen),
        "tf-explain": lambda: third.explain((inputs, None), model, unit, patch_size=side),
    }


def rise(model, inputs, unit, grid, count):
    _, chosen = _chosen(model, inputs, unit)
    explain = xplique.attributions.Rise(model, nb_samples=count, grid_size=grid)
    return {"xplique": lambda: explain(inputs, chosen)}


def kernel_shap(model, inputs, unit, grid, count):
    _, chosen = _chosen(model, inputs, unit)
    rows = np.arange(inputs.shape[1]) * grid // inputs.shape[1]
    cells = (rows[:, None] * grid + rows).astype("int32")
    explain = xplique.attributions.KernelShap(model, map_to_interpret_space=lambda image: cells, nb_samples=count)
    return {"xplique": lambda: explain(inputs, chosen)}


def _chosen(model, inputs, unit):
    """The unit as a score of tf-keras-vis, and one-hot for xplique."""
    return CategoricalScore([unit] * len(inputs)), np.eye(model.output_shape[-1], dtype="float32")[[unit] * len(inputs)]
