"""A shortcut is its method with its loop, its filter and its sizes."""

import inspect

import numpy as np
import pytest

import ke_widgets as ke
from ke_widgets import methods
from ke_widgets.methods.cams import gradcam
from tests import models

UNITS = np.array([[0, 2], [1, 0], [2, 2]])


@pytest.fixture(scope="module")
def model():
    return models.fused()


def test_a_shortcut_names_the_nearest_argument(model):
    for wrong, near in (("chanels", "channels"), ("batchsize", "batch_size"), ("postprocesing", "postprocessing")):
        with pytest.raises(TypeError, match=f"`ke.gradients` has no argument '{wrong}'. Did you mean '{near}'"):
            ke.gradients(model, models.images(1), **{wrong: 1})


def test_explain_resizes_and_is_the_shortcut_with_its_filter(model):
    x = models.images(3)
    exposed = ke.inspection.expose(model)
    found = ke.explain(gradcam, exposed, x, UNITS, postprocessing=ke.filters.positive_normalize, verbose=0)
    for one, other in zip(found, ke.gradcam(exposed, x, UNITS, verbose=0)):
        np.testing.assert_array_equal(one, other)
    assert ke.explain(gradcam, exposed, x, UNITS, verbose=0)[1].shape == (3, 8, 8, 2)
    assert next(ke.explain_batches(gradcam, exposed, x, UNITS))[1].shape == (3, 8, 8, 2)
    assert ke.explain(gradcam, exposed, x, UNITS, verbose=0, resizing=False)[1].shape == (3, 6, 6, 2)


def test_every_method_has_a_shortcut_with_a_signature_and_a_text():
    for name, (method, spec) in methods.table().items():
        shortcut = getattr(ke, name)
        assert name in ke.__all__
        parameters = inspect.signature(shortcut).parameters
        order = ["model", "x", "y", "batch_size", "verbose", "steps", "callbacks"]
        assert list(parameters)[:7] == order
        own = {p.name for p in methods.parameters(method)} - {"batch_size"}
        assert own <= set(parameters)
        assert parameters["postprocessing"].default is spec.postprocessing
        first, text = inspect.getdoc(method).splitlines()[0], inspect.getdoc(shortcut)
        assert text.startswith(first)
        assert "Units to explain, integers `(B, U)`" in text
        assert "Source:" in text
