"""See what a Keras 3 model looks at: expose its signals, explain its predictions, and a widget to do it by hand.

model = ke.inspection.expose(model)
logits, maps = ke.gradcam(model, images, units)
ke.ExplainerWidget(model, images)
"""

from typing import TYPE_CHECKING

from ke_widgets import filters, inspection, methods, utils
from ke_widgets.engine.explaining import Shortcut, explain, explain_batches, partial_explain
from ke_widgets.methods import cams as _cams
from ke_widgets.methods import gradient as _gradient
from ke_widgets.methods import meta as _meta

if TYPE_CHECKING:
    from ke_widgets.widget.view import ExplainerWidget

__version__ = "0.1.0"

# The family of CAMs goes by two names in what people have written.
setattr(methods, "cam", _cams)  # noqa: B010

__all__ = [
    "ExplainerWidget",
    "explain",
    "explain_batches",
    "partial_explain",
    "gradients",
    "full_gradients",
    "smoothgrad",
    "cam",
    "gradcam",
    "gradcampp",
    "scorecam",
    "filters",
    "inspection",
    "methods",
    "utils",
]


def _shortcut(family, method) -> Shortcut:
    spec = family.METHODS[method]
    return partial_explain(method, spec.signals, postprocessing=spec.postprocessing, resizing=spec.resizing)


gradients = _shortcut(_gradient, _gradient.gradients)
full_gradients = _shortcut(_gradient, _gradient.full_gradients)
smoothgrad = _shortcut(_meta, _meta.smoothgrad)
cam = _shortcut(_cams, _cams.cam)
gradcam = _shortcut(_cams, _cams.gradcam)
gradcampp = _shortcut(_cams, _cams.gradcampp)
scorecam = _shortcut(_cams, _cams.scorecam)


def __getattr__(name):
    # The widget brings the notebook's libraries: only who asks for it loads them.
    if name == "ExplainerWidget":
        from ke_widgets.widget.view import ExplainerWidget

        return ExplainerWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
