import gc
import weakref

import numpy as np

from ke_widgets.engine import compiling
from ke_widgets.engine.compiling import cached, compiled
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from tests import models


def test_a_compiled_function_gives_what_the_method_gives_and_is_traced_once():
    model, traces = models.fused(), []

    def method(model, inputs, indices, scale):
        traces.append(scale)
        logits, maps = gradcam(model, inputs, indices)
        return logits, maps * scale

    expected = gradcam(expose(model), models.images(3), np.array([[0], [2], [1]]))
    for _ in range(3):
        logits, maps = compiled(method, expose(model), scale=2)(models.images(3), np.array([[0], [2], [1]]))
    np.testing.assert_allclose(logits, expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(maps, 2 * np.asarray(expected[1]), rtol=1e-5, atol=1e-6)
    assert traces == [2]
    assert compiled(method, expose(model), scale=2) is not compiled(method, expose(model), scale=3)
    assert compiled(method, expose(model, "conv"), scale=2) is not compiled(method, expose(model), scale=2)


def test_the_eight_last_used_are_kept():
    model = models.fused()
    made = [cached(model, key, object) for key in range(8)]
    assert cached(model, 0, object) is made[0]
    cached(model, 8, object)
    assert cached(model, 0, object) is made[0]
    assert cached(model, 1, object) is not made[1]
    assert len(compiling._CACHE[model]) == 8


def test_what_was_compiled_goes_with_its_model():
    model = models.subclassed()
    exposed = expose(model)
    run = compiled(gradcam, exposed)
    run(models.images(1), None)
    gone = weakref.ref(model)
    del model, exposed
    gc.collect()
    assert gone() is None
