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
    from ke_widgets.explaining.shortcuts import cam as cam
    from ke_widgets.explaining.shortcuts import full_gradients as full_gradients
    from ke_widgets.explaining.shortcuts import gradcam as gradcam
    from ke_widgets.explaining.shortcuts import gradcampp as gradcampp
    from ke_widgets.explaining.shortcuts import gradients as gradients
    from ke_widgets.explaining.shortcuts import integrated_gradients as integrated_gradients
    from ke_widgets.explaining.shortcuts import layercam as layercam
    from ke_widgets.explaining.shortcuts import occlusion as occlusion
    from ke_widgets.explaining.shortcuts import scorecam as scorecam
    from ke_widgets.explaining.shortcuts import smoothgrad as smoothgrad
    # make tables: end

__version__ = "0.1.0"

# make tables: names
_METHODS = (
    "cam",
    "gradcam",
    "gradcampp",
    "layercam",
    "scorecam",
    "gradients",
    "full_gradients",
    "smoothgrad",
    "integrated_gradients",
    "occlusion",
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
    "scorecam",
    "gradients",
    "full_gradients",
    "smoothgrad",
    "integrated_gradients",
    "occlusion",
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
