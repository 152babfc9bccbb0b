import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.activation_cache import run_and_keep, run_from
from ke_widgets.engine.compiling import compiled
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam, gradcampp
from ke_widgets.methods.meta import contrast
from tests import models
from tests.methods import networks
from tests.model.test_default_signal import VITS, vit

IMAGES = models.images(2)
FIRST, SECOND = np.array([[0], [2]]), np.array([[1], [0]])
CASES = {**models.TWINS, "flat": (models.flat, "conv"), "attention": (models.attention, "add")}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", [gradcam, gradcampp])
def test_a_second_look_is_the_method_itself(name, method):
    build, path = CASES[name]
    model = build()
    exposed = expose(model, path)
    before = models.snapshot(model)
    logits, maps, signal, (output,) = compiled(run_and_keep(method), exposed)(IMAGES, FIRST)
    whole = compiled(method, exposed)
    for found, expected in zip((logits, maps), whole(IMAGES, FIRST)):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(output, model(IMAGES), rtol=1e-5, atol=1e-6)
    for found, expected in zip(compiled(run_from(method), exposed)((IMAGES, signal), SECOND), whole(IMAGES, SECOND)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert not models.same(before, models.snapshot(model))


def test_why_this_and_not_that_is_a_second_look_too():
    exposed, pairs = expose(models.flat(), "conv"), np.array([[0, 1], [2, 0]])
    *_, signal, _ = compiled(run_and_keep(gradcam), exposed)(IMAGES, FIRST)
    found = compiled(run_from(contrast(gradcam)), exposed)((IMAGES, signal), pairs)
    for one, other in zip(found, contrast(gradcam)(exposed, IMAGES, pairs)):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def with_skip():
    x = inputs = keras.Input(models.IMAGE)
    x = stem = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch")(x)
    x = layers.Add(name="add")([x, stem])
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return networks.randomize(keras.Model(inputs, layers.Dense(3, name="logits")(x)))


def test_the_map_depends_on_the_image_only_along_ways_around_the_layer():
    model = with_skip()
    for path, same in (("branch", False), ("add", True)):
        exposed = expose(model, path)
        *_, signal, _ = compiled(run_and_keep(gradcam), exposed)(IMAGES, FIRST)
        again = compiled(run_from(gradcam), exposed)
        logits, _ = again((IMAGES, signal), FIRST)
        others, _ = again((-IMAGES, signal), FIRST)
        assert np.allclose(logits, others) is same, path


def test_what_leads_to_the_layer_is_not_computed():
    """Convolutions in the compiled function, after what the result does not need was pruned."""
    model = with_skip()

    def convolutions(path):
        exposed = expose(model, path)
        *_, signal, _ = compiled(run_and_keep(gradcam), exposed)(IMAGES, FIRST)
        again = compiled(run_from(gradcam), exposed)
        again((IMAGES, signal), FIRST)
        function = again.function.get_concrete_function((IMAGES, signal), FIRST)
        nodes = tf.compat.v1.graph_util.extract_sub_graph(
            function.graph.as_graph_def(), [x.op.name for x in function.outputs]
        ).node
        return sum(node.op == "Conv2D" for node in nodes)

    assert (convolutions("add"), convolutions("branch")) == (0, 1)


def test_a_layer_that_runs_twice_keeps_no_signal():
    left, right = models.images(2, seed=1), models.images(2, seed=2)
    exposed = expose(models.siamese(), "encoder/conv")
    *_, signal, _ = compiled(run_and_keep(gradcam), exposed)([left, right], FIRST)
    assert signal is None


def test_an_input_of_a_layer_is_refused():
    exposed = expose(models.flat())
    with pytest.raises(ValueError, match=r"output of a layer .* Received: pool \(input\)"):
        run_and_keep(gradcam)(exposed, ops.convert_to_tensor(IMAGES), FIRST)


def test_where_tokens_stand_is_found_in_the_middle_of_a_first_run_without_a_trace_of_it():
    model = vit(lambda x: ops.concatenate([x[:, -1], x[:, -2]], -1), (16, 24, 3))
    inner = vit(lambda x: VITS["class token"][0](x), (16, 24, 3))
    for each, path in ((model, "tokens"), (inner, "block0")):
        images = models.images(1, (16, 24, 3))
        *_, signal, (output,) = compiled(run_and_keep(gradcam), expose(each, path))(images, np.array([[1]]))
        np.testing.assert_allclose(output, each(images), rtol=1e-5, atol=1e-6)
        assert signal is not None
