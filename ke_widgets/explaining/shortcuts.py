"""Run every method over data, with its usual filter and resizing: `ke.gradcam(model, images, units)`."""

from types import ModuleType

from ke_widgets.explaining.loop import Shortcut, partial_explain
from ke_widgets.methods import cams, gradient, meta
from ke_widgets.typing import Method


def _shortcut(family: ModuleType, method: Method) -> Shortcut:
    spec = family.METHODS[method]
    return partial_explain(method, spec.signals, postprocessing=spec.postprocessing, resizing=spec.resizing)


gradients = _shortcut(gradient, gradient.gradients)
full_gradients = _shortcut(gradient, gradient.full_gradients)
smoothgrad = _shortcut(meta, meta.smoothgrad)
cam = _shortcut(cams, cams.cam)
gradcam = _shortcut(cams, cams.gradcam)
gradcampp = _shortcut(cams, cams.gradcampp)
scorecam = _shortcut(cams, cams.scorecam)
