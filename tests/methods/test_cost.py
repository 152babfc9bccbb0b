"""What a method costs before it runs is what it costs."""

import numpy as np
import pytest

from ke_widgets.engine.evaluations import call
from ke_widgets.inspection import expose
from ke_widgets.methods import _bound, table
from ke_widgets.methods.cost import Cost, cost
from ke_widgets.methods.path import integrated_gradients
from tests.methods.fewer import fewer
from tests.methods.networks import SHAPE, images, one_conv

IMAGES = images(1)


@pytest.fixture(scope="module")
def model():
    return one_conv()


@pytest.mark.parametrize("name", table())
def test_the_number_of_passes_is_that_of_the_evaluations(model, name):
    method, spec = table()[name]
    evaluations = getattr(method, "evaluations", None)
    view = model if spec.reads == "biases" else expose(model)
    own = fewer(method, SHAPE)
    found = cost(method, spec, SHAPE, (4, 4, 3), **own)
    if evaluations is None:
        assert found == Cost(1, name != "cam", 0)
        return
    *_, params = _bound(method, view, IMAGES, None, **own)
    _, _, state, _ = evaluations.start(view, IMAGES, None, **params)
    assert found == Cost(call(evaluations.count, state, **params), evaluations.differentiates)


def test_parameters_have_their_defaults_and_several_baselines_count():
    _, spec = table()["integrated_gradients"]
    assert cost(integrated_gradients, spec, SHAPE) == Cost(50, True)
    assert cost(integrated_gradients, spec, SHAPE, steps=7, baseline=["mean", np.zeros(2)]) == Cost(14, True)
