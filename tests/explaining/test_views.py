import pytest

import ke_widgets as ke
from ke_widgets.explaining.views import retargeted, view_for
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import gradients
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.targets import Region, Similarity, Units, Value
from tests import models


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


def test_what_is_no_target_is_refused():
    with pytest.raises(TypeError, match=r"`target` must be one of `ke\.targets`"):
        ke.gradcam(models.fused(), models.images(1), 0, target="dog", verbose=0)
