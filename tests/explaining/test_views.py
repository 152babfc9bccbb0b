import keras
import numpy as np
import pytest

import ke_widgets as ke
from ke_widgets.explaining.views import retargeted, view_for
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import full_gradients, gradients
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.targets import Box, Contrast, Region, Similarity, Units, Value
from tests import models
from tests.targets.test_spatial import unet


def paths(view):
    return [(each.path, each.link) for each in view.endpoints]


def test_a_plain_model_is_exposed_as_the_method_reads_it():
    model = models.fused()
    logits, signal = ("logits", "logits"), ("pool", "input")
    assert paths(view_for(model, "signal")) == [logits, signal]
    assert paths(view_for(model, "inputs")) == paths(view_for(model, "attention")) == [logits]
    assert view_for(model, "biases") is view_for(model, None) is model
    exposed = expose(model, "conv")
    assert all(view_for(exposed, reads) is exposed for reads in ("signal", "inputs", "biases", None))


def test_a_target_is_put_on_any_model_and_nothing_else_changes():
    model, target = models.fused(), Units()
    assert retargeted(model, None, gradcam) is model
    assert paths(retargeted(model, target, gradcam)) == paths(expose(model))
    assert paths(retargeted(model, target, gradients)) == paths(expose(model, []))
    exposed = expose(model, "conv")
    found = retargeted(exposed, target, gradcam)
    assert (found.model, found.endpoints, found.target) == (model, exposed.endpoints, target)
    assert exposed.target is None


def test_the_scores_are_those_that_the_target_reads():
    model = models.fused()
    exposed = expose(model, "conv")
    output = Endpoint("")
    assert retargeted(exposed, Value(), gradcam).endpoints == (output, exposed.endpoints[1])
    assert retargeted(retargeted(exposed, Value(), gradcam), Similarity(), gradcam).endpoints[0] == output
    assert retargeted(retargeted(exposed, Value(), gradcam), Units(), gradcam).endpoints == exposed.endpoints
    own = Exposed(model, [Endpoint("conv"), Endpoint("conv", "input")])  # As chosen by `outputs=`.
    assert retargeted(own, Region(0), gradcam).endpoints == own.endpoints


def manual(model, layer):
    """What users of keras-explainable write: a model of the logits and one signal."""
    return keras.Model(model.inputs, [*model.outputs, model.get_layer(layer).output])


def test_a_manual_model_keeps_its_signals_and_its_own_first_output():
    model = manual(models.flat(), "conv")
    assert retargeted(model, Units(), gradcam) is model
    ours = Endpoint("")
    assert retargeted(model, Value(), gradcam).endpoints == (ours, Endpoint("", index=1))
    assert retargeted(model, Contrast(), gradients).endpoints == (ours,)
    assert retargeted(model, Contrast(), full_gradients).endpoints == (ours,)
    assert retargeted(model, Box(), gradcam).endpoints[0] == Endpoint("", index="all")


def test_maps_of_a_manual_model_with_a_target_are_those_of_the_exposed_one():
    segments, x = unet(None), models.images(2)
    model = manual(segments, "last")
    for channel in range(3):
        target = Region(channel)
        found = ke.gradcam(model, x, target=target, verbose=0)
        expected = ke.gradcam(ke.inspection.expose(segments, "last"), x, target=target, verbose=0)
        for one, other in zip(found, expected):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    flat, pairs = models.fused(activation=None), np.array([[0, 2], [1, 0]])
    by_hand = [ke.gradcam(manual(flat, "conv"), x, pairs[:, :1], verbose=0, postprocessing=None)]
    by_hand += [ke.gradcam(manual(flat, "conv"), x, pairs[:, 1:], verbose=0, postprocessing=None)]
    found = ke.gradcam(manual(flat, "conv"), x, pairs, target=Contrast(), verbose=0, postprocessing=None)
    for number in range(2):
        np.testing.assert_allclose(found[number], by_hand[0][number] - by_hand[1][number], rtol=1e-4, atol=1e-5)
    logits, _ = ke.full_gradients(manual(flat, "conv"), x, pairs, target=Contrast(), verbose=0)
    np.testing.assert_allclose(logits, found[0], rtol=1e-5)
    units = ke.gradcam(manual(flat, "conv"), x, 1, target=Units(), verbose=0)
    np.testing.assert_array_equal(units[1], ke.gradcam(manual(flat, "conv"), x, 1, verbose=0)[1])


def test_what_is_no_target_is_refused():
    with pytest.raises(TypeError, match=r"`target` must be one of `ke\.targets`"):
        ke.gradcam(models.fused(), models.images(1), 0, target="dog", verbose=0)
