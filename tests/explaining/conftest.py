"""What tests of the loop share: a small model, and an answer that must stay right after a wrong call."""

import pytest

import ke_widgets as ke
from ke_widgets.methods.cams import gradcam
from tests import models
from tests.explaining.streams import UNITS


@pytest.fixture(scope="module")
def model():
    return models.fused()


@pytest.fixture(scope="module")
def right(model):
    exposed = ke.inspection.expose(model)
    return exposed, ke.explain(gradcam, exposed, models.images(3), UNITS[:, :1], verbose=0)
