"""Explain the predictions of Keras 3 models: expose signals, compute maps, and explore them in a widget.

model = ke.inspection.expose(model)
logits, maps = ke.gradcam(model, images, units)
ke.ExplainerWidget(model, images)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ke_widgets import demo as demo
    from ke_widgets import doctor as doctor
    from ke_widgets import filters as filters
    from ke_widgets import inspection as inspection
    from ke_widgets import methods as methods
    from ke_widgets import metrics as metrics
    from ke_widgets import targets as targets
    from ke_widgets import utils as utils
    from ke_widgets.explaining.loop import explain as explain
    from ke_widgets.explaining.loop import explain_batches as explain_batches
    from ke_widgets.explaining.shortcuts import partial_explain as partial_explain
    from ke_widgets.methods.features import maximize as maximize
    from ke_widgets.widget.view import ExplainerWidget as ExplainerWidget

if TYPE_CHECKING:
    # make tables: imports
    from ke_widgets.explaining.shortcuts import ablationcam as ablationcam
    from ke_widgets.explaining.shortcuts import blur_integrated_gradients as blur_integrated_gradients
    from ke_widgets.explaining.shortcuts import cam as cam
    from ke_widgets.explaining.shortcuts import deconvnet as deconvnet
    from ke_widgets.explaining.shortcuts import eigencam as eigencam
    from ke_widgets.explaining.shortcuts import eigengradcam as eigengradcam
    from ke_widgets.explaining.shortcuts import expected_gradients as expected_gradients
    from ke_widgets.explaining.shortcuts import finercam as finercam
    from ke_widgets.explaining.shortcuts import full_gradients as full_gradients
    from ke_widgets.explaining.shortcuts import gradcam as gradcam
    from ke_widgets.explaining.shortcuts import gradcampp as gradcampp
    from ke_widgets.explaining.shortcuts import gradient_input as gradient_input
    from ke_widgets.explaining.shortcuts import gradients as gradients
    from ke_widgets.explaining.shortcuts import guided_backprop as guided_backprop
    from ke_widgets.explaining.shortcuts import guided_gradcam as guided_gradcam
    from ke_widgets.explaining.shortcuts import guided_integrated_gradients as guided_integrated_gradients
    from ke_widgets.explaining.shortcuts import hirescam as hirescam
    from ke_widgets.explaining.shortcuts import hsic as hsic
    from ke_widgets.explaining.shortcuts import integrated_gradients as integrated_gradients
    from ke_widgets.explaining.shortcuts import kernel_shap as kernel_shap
    from ke_widgets.explaining.shortcuts import layercam as layercam
    from ke_widgets.explaining.shortcuts import lime as lime
    from ke_widgets.explaining.shortcuts import occlusion as occlusion
    from ke_widgets.explaining.shortcuts import rise as rise
    from ke_widgets.explaining.shortcuts import scorecam as scorecam
    from ke_widgets.explaining.shortcuts import shapleycam as shapleycam
    from ke_widgets.explaining.shortcuts import smoothgrad as smoothgrad
    from ke_widgets.explaining.shortcuts import sobol as sobol
    from ke_widgets.explaining.shortcuts import squaregrad as squaregrad
    from ke_widgets.explaining.shortcuts import vargrad as vargrad
    from ke_widgets.explaining.shortcuts import xgradcam as xgradcam
    # make tables: end

__version__ = "0.1.0"

# make tables: names
_METHODS = (
    "cam",
    "gradcam",
    "gradcampp",
    "layercam",
    "hirescam",
    "xgradcam",
    "scorecam",
    "ablationcam",
    "eigencam",
    "eigengradcam",
    "finercam",
    "shapleycam",
    "gradients",
    "gradient_input",
    "full_gradients",
    "guided_backprop",
    "deconvnet",
    "guided_gradcam",
    "smoothgrad",
    "vargrad",
    "squaregrad",
    "integrated_gradients",
    "expected_gradients",
    "blur_integrated_gradients",
    "guided_integrated_gradients",
    "occlusion",
    "rise",
    "lime",
    "kernel_shap",
    "sobol",
    "hsic",
)
# make tables: end

# Where each public name lives. They are imported on first access: the command line and the server extension are
# part of this package and must not wait for TensorFlow, nor a library user for the notebook's libraries.
_MODULES = ("demo", "doctor", "filters", "inspection", "methods", "metrics", "targets", "utils")
_HOMES = {
    "ExplainerWidget": "widget.view",
    **dict.fromkeys(("explain", "explain_batches"), "explaining.loop"),
    **dict.fromkeys(("partial_explain", *_METHODS), "explaining.shortcuts"),
    "maximize": "methods.features",
}
__all__ = [
    "ExplainerWidget",
    "explain",
    "explain_batches",
    "maximize",
    "partial_explain",
    "demo",
    "doctor",
    "filters",
    "inspection",
    "methods",
    "metrics",
    "targets",
    "utils",
]
# make tables: exports
__all__ += [
    "cam",
    "gradcam",
    "gradcampp",
    "layercam",
    "hirescam",
    "xgradcam",
    "scorecam",
    "ablationcam",
    "eigencam",
    "eigengradcam",
    "finercam",
    "shapleycam",
    "gradients",
    "gradient_input",
    "full_gradients",
    "guided_backprop",
    "deconvnet",
    "guided_gradcam",
    "smoothgrad",
    "vargrad",
    "squaregrad",
    "integrated_gradients",
    "expected_gradients",
    "blur_integrated_gradients",
    "guided_integrated_gradients",
    "occlusion",
    "rise",
    "lime",
    "kernel_shap",
    "sobol",
    "hsic",
]
# make tables: end


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
