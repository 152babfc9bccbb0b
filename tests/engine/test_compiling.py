import gc
import threading
import weakref

import numpy as np
import tensorflow as tf

from ke_widgets.engine import compiling
from ke_widgets.engine.compiling import cached, compiled, ready
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


def test_a_function_is_not_ready_before_its_first_run_has_ended():
    """TensorFlow optimizes a graph in its first run, and every other run would wait for that."""
    model, runs, go_on = models.fused(), threading.Event(), threading.Event()

    def wait():
        runs.set()
        assert go_on.wait(20)
        return np.float32(1)

    def method(model, inputs, indices):
        return inputs * tf.numpy_function(wait, [], tf.float32)

    inputs = tf.constant(models.images(1))
    thread = threading.Thread(target=compiled(method, model).prepare, args=(inputs, None))
    thread.start()
    assert runs.wait(20)
    assert ready(method, model, inputs, None) is None
    go_on.set()
    thread.join()
    np.testing.assert_array_equal(ready(method, model, inputs, None)(inputs, None), inputs)
