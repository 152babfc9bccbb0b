import importlib
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.engine.compiling import compiled
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.model import callgraph, hooks
from tests import models


def test_a_call_is_noted_with_what_went_in_what_came_out_and_the_value_between():
    dense = layers.Dense(2, activation="softmax")
    x = np.ones((1, 3), "float32")
    expected = dense(x)
    with hooks.recording([dense]) as tap:
        dense(x)
        dense(2 * x)
    first, second = tap.calls[id(dense)]
    np.testing.assert_array_equal(first.args[0], x)
    np.testing.assert_allclose(first.outputs, expected)
    np.testing.assert_allclose(first.logits, x @ np.asarray(dense.kernel), rtol=1e-6)
    np.testing.assert_array_equal(second.args[0], 2 * x)
    assert [operation for operation, _ in tap.order] == [dense, dense]


@pytest.mark.parametrize("activation", ["relu", "softmax", None, layers.LeakyReLU()], ids=str)
def test_a_layer_is_never_written_to_not_even_while_it_runs(activation):
    dense = layers.Dense(2, activation=activation)
    dense(np.ones((1, 3)))
    dense.activation_of_mine = None
    before, seen = dict(vars(dense)), []

    def look(tensors):  # Called in the middle of the layer's call.
        seen.append(dict(vars(dense)))

    with hooks.recording([dense], watch=look), hooks.replacing(layers.Dense(1), None):
        assert vars(dense) == before
        dense(np.ones((1, 3)))
    assert len(seen) == 1
    assert all(each == before for each in [*seen, vars(dense)])

    def fail():
        with hooks.recording([dense]):
            dense(np.ones((1, 3)))
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert vars(dense) == before
    assert hooks._HOOKS.get() is None


def test_another_thread_sees_no_hook():
    dense = layers.Dense(2, activation="softmax")
    dense(np.ones((1, 3)))
    found = []
    with hooks.recording([dense]) as tap, hooks.replacing(dense, "replaced"):
        thread = threading.Thread(target=lambda: found.append((dense(np.ones((1, 3))), dense.get_config())))
        thread.start()
        thread.join()
    (outputs, config), *_ = found
    assert outputs.shape == (1, 2)
    assert config["activation"] == "softmax"
    assert tap.calls[id(dense)] == []


class Counter(layers.Layer):
    """Keeps something of its own at each call, and leaves something for its parent."""

    def __init__(self):
        super().__init__()
        self.activation = keras.activations.get("tanh")
        self.runs, self.last = 0, None

    def call(self, x):
        self.runs += 1
        self.last = x
        return self.activation(x)


class Parent(layers.Layer):
    def __init__(self):
        super().__init__()
        self.counter = Counter()

    def call(self, x):
        return self.counter(2 * x) + self.counter.last


def test_what_a_layers_own_code_keeps_is_kept_as_in_any_run():
    parent, x = Parent(), np.array([[0.5]], "float32")
    expected = parent(x)
    runs = parent.counter.runs
    with hooks.recording([parent.counter]) as tap:
        np.testing.assert_allclose(parent(3 * x), np.tanh(3.0) + 3.0, rtol=1e-6)
        np.testing.assert_allclose(parent(x), expected)
    assert parent.counter.runs == runs + 2
    np.testing.assert_allclose([call.logits for call in tap.calls[id(parent.counter)]], [[[3.0]], [[1.0]]])


def test_only_the_wanted_layers_are_read_before_their_activation():
    one, two = layers.Dense(2, activation="relu"), layers.Dense(2, activation="relu")
    x = np.ones((1, 3), "float32")
    with hooks.recording([one, two], fused=[two]) as tap:
        one(x), two(x)
    assert tap.calls[id(one)][0].logits is None
    np.testing.assert_allclose(np.maximum(tap.calls[id(two)][0].logits, 0), tap.calls[id(two)][0].outputs)


@pytest.mark.parametrize("inner", [layers.Dense(3, activation="relu"), models.backbone(pooling=True)], ids=str)
@pytest.mark.parametrize("steps", [1, 3])
def test_the_layer_of_a_time_distributed_is_seen_although_it_is_called_past_keras(inner, steps):
    shape = (4,) if isinstance(inner, layers.Dense) else models.IMAGE
    each, x = layers.TimeDistributed(inner), models.images(2, (steps, *shape))
    expected = np.asarray(each(x))
    before = dict(vars(each)), dict(vars(inner))
    with hooks.recording([inner, each]) as tap:
        np.testing.assert_allclose(each(x), expected, rtol=1e-6)
    calls = tap.calls[id(inner)]
    np.testing.assert_allclose(np.stack([call.outputs for call in calls], 1), expected, rtol=1e-6)
    np.testing.assert_allclose(tap.calls[id(each)][0].outputs, expected, rtol=1e-6)
    if isinstance(inner, layers.Dense):
        np.testing.assert_allclose(np.maximum([call.logits for call in calls], 0), [c.outputs for c in calls])
    assert (dict(vars(each)), dict(vars(inner))) == before
    with hooks.replacing(inner, np.zeros_like(expected[:, 0])):
        np.testing.assert_array_equal(each(x), 0 * expected)


def test_a_graph_that_is_built_meanwhile_gets_no_twin_and_no_call():
    dense = layers.Dense(2, activation="relu")
    dense(np.ones((1, 3)))
    with hooks.recording([dense]) as tap:
        inputs = keras.Input((3,))
        model = keras.Model(inputs, dense(inputs))
    assert tap.calls[id(dense)] == []
    assert model.layers[-1] is dense
    assert dense.output is model.output


class ByName(layers.Layer):
    """Uses the name of its activation in a way of its own."""

    def __init__(self, activation):
        super().__init__()
        self.activation = activation

    def call(self, x):
        return {"gelu_approximate": ops.gelu, "relu": ops.relu, "quick": lambda x: x * ops.sigmoid(1.7 * x)}[
            self.activation
        ](x)


@pytest.mark.parametrize("name", ["gelu_approximate", "relu", "quick"])
def test_a_layer_may_use_the_name_of_an_activation_in_its_own_way(name):
    layer, x = ByName(name), np.array([[-1.0, 2.0]], "float32")
    expected = layer(x)
    with hooks.recording([layer]) as tap:
        np.testing.assert_array_equal(layer(x), expected)
    assert tap.calls[id(layer)][0].logits is None
    assert layer.activation == name


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_what_goes_into_a_layer_can_be_a_signal_also_where_no_input_can_be_watched(dtype):
    x = inputs = keras.Input((6, 6, 2), dtype=dtype)
    x = layers.Conv2D(3, 3, activation="relu", name="conv")(layers.Rescaling(1 / 255)(x))
    model = models.randomize(keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling2D(name="pool")(x))))
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 2)).astype(dtype)
    expected = gradcam(expose(model, "conv"), images)
    for exposed in (expose(model), expose(model, {"name": "pool", "link": "input"})):
        for found in (gradcam(exposed, images), compiled(gradcam, exposed)(images, None)):
            np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-7)


def test_an_error_in_a_users_layer_is_shown_without_a_line_of_ours():
    class Broken(layers.Layer):
        def call(self, x):
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose") as caught:
        keras.Sequential([Broken()])(np.ones((1, 2)))
    assert not any("ke_widgets" in str(entry.path) for entry in caught.traceback if "tests" not in str(entry.path))


def test_what_keras_tells_of_its_call_is_as_it_was():
    assert keras.Operation.__call__.__name__ == "__call__"
    assert keras.Operation.__call__.__module__ == keras.Operation.__module__
    assert not hasattr(keras.Operation.__call__.original, "original")
    importlib.reload(importlib.import_module("ke_widgets.model.hooks"))
    assert not hasattr(keras.Operation.__call__.original, "original")


class Silent(layers.Layer):
    def __init__(self):
        super().__init__()
        self.activation = None

    def call(self, x):
        return x + 1


def test_an_attribute_that_is_none_stays():
    layer = Silent()
    with hooks.recording([layer]) as tap:
        layer(np.ones((1, 2)))
    assert vars(layer)["activation"] is None
    assert tap.calls[id(layer)][0].logits is None


def test_an_activation_in_the_middle_of_a_layer_is_no_fused_one():
    class Gate(layers.Layer):
        def __init__(self):
            super().__init__()
            self.activation = keras.activations.get("sigmoid")

        def call(self, x):
            return x * self.activation(x)

    layer = Gate()
    with hooks.recording([layer]) as tap:
        layer(np.ones((1, 2)))
    assert tap.calls[id(layer)][0].logits is None


def test_an_activation_that_is_only_a_name_is_called_all_the_same():
    dense = layers.Dense(2)
    dense(np.ones((1, 3)))
    dense.activation = "linear"
    with hooks.recording([dense]):
        result = dense(np.ones((1, 3)))
    np.testing.assert_allclose(result, np.ones((1, 3)) @ np.asarray(dense.kernel), rtol=1e-6)
    assert dense.activation == "linear"


def test_two_recordings_of_one_layer_do_not_disturb_each_other():
    dense = layers.Dense(2)
    with hooks.recording([dense]) as outer:
        dense(np.ones((1, 3)))
        with hooks.recording([dense]) as inner:
            dense(np.ones((1, 3)))
        dense(np.ones((1, 3)))
    assert (len(outer.calls[id(dense)]), len(inner.calls[id(dense)])) == (3, 1)


def test_a_quantized_layer_is_read_too():
    model = models.flat()
    model.quantize("int8")
    logits, signal = expose(model, {"name": "logits", "link": "input"})(models.images())
    np.testing.assert_allclose(model.get_layer("logits")(signal), logits, rtol=1e-4, atol=1e-4)


def test_taps_beside_fit_and_predict_on_other_threads_give_no_wrong_map():
    model = models.fused()
    x, labels = models.images(16), np.arange(16) % 3
    # A rate of 0: training runs for real, and the maps stay comparable.
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    expected = np.asarray(gradcam(expose(model), x)[1])
    scores = model.predict(x, verbose=0)
    stop, wrong, runs = threading.Event(), [], [0]

    def beside():
        try:
            while not stop.is_set():
                model.fit(x, labels, batch_size=4, verbose=0)
                if not np.allclose(model.predict(x, verbose=0), scores, atol=1e-5):
                    wrong.append("predict")
                model.make_train_function(force=True)  # so that it is traced while taps are open
                runs[0] += 1
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=beside)]
    for thread in threads:
        thread.start()
    try:
        for number in range(12):
            fresh = tf.function(lambda x, n=number: gradcam(expose(model, "conv"), x), autograph=False)
            for maps in (fresh(x)[1], gradcam(expose(model), x)[1], compiled(gradcam, expose(model))(x, None)[1]):
                np.testing.assert_allclose(maps, expected, atol=1e-5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert runs[0] > 0


@pytest.mark.parametrize(
    "look", [lambda m: callgraph.from_trace(m), lambda m: expose(m), lambda m: ke.inspection.way_back(m, traced=True)]
)
def test_a_look_at_the_model_in_the_middle_of_a_run_is_not_noted(look):
    model = models.over_subclassed()
    conv = model.get_layer("conv")
    with hooks.recording([conv, model]) as tap, hooks.replacing(model.get_layer("head"), "replaced"):
        look(model)
    assert tap.calls[id(conv)] == tap.calls[id(model)] == []


def strided(rank, strides, padding="valid", activation=None):
    kind = {1: keras.layers.Conv1D, 2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[rank]
    inputs = keras.Input((9,) * rank + (8,))
    x = kind(16, 1, strides, padding, activation=activation, name="strided")(inputs)
    x = keras.layers.Flatten()(x)
    return models.randomize(keras.Model(inputs, keras.layers.Dense(3)(x)))


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize(
    ("rank", "strides", "padding"),
    [(1, 2, "same"), (1, 3, "valid"), (2, 2, "same"), (2, 3, "valid"), (2, (1, 3), "same"), (3, 2, "same")],
)
def test_a_convolution_that_leaves_pixels_out_gives_the_same_sums_and_gradients(rank, strides, padding, activation):
    model = strided(rank, strides, padding, activation)
    x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    with hooks.recording([model.get_layer("strided")]) as tap:
        found = model(tf.constant(x))
    np.testing.assert_allclose(found, tf.function(model)(x), rtol=1e-5, atol=1e-6)
    (call,) = tap.calls[id(model.get_layer("strided"))]
    np.testing.assert_allclose(call.outputs, model.get_layer("strided")(x), rtol=1e-5, atol=1e-6)
    gradient = tf.function(lambda x: tf.gradients(model(x)[:, 1], x)[0])
    _, maps = ke.methods.gradient.gradients(model, tf.constant(x), np.array([[1], [1]]))
    np.testing.assert_allclose(maps[..., 0], np.abs(gradient(tf.constant(x))).max(-1), rtol=1e-4, atol=1e-6)
    assert model.get_layer("strided").strides == ((strides,) * rank if isinstance(strides, int) else strides)


DEADLY = """
import keras, numpy as np, ke_widgets as ke
x = inputs = keras.Input((60, 60, 8))
x = keras.layers.Conv2D(16, 1, 2, name="strided")(x)
model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
images = np.random.default_rng(0).normal(size=(1, 60, 60, 8)).astype("float32")
ke.methods.cams.gradcam(ke.inspection.expose(model, "strided"), images)
ke.methods.gradient.gradients(model, images)
biased, biases = ke.inspection.layers_with_biases(model)
ke.methods.gradient.full_gradients(ke.inspection.expose(model, biased), images, biases=biases)
print("lives")
"""


def test_methods_called_eagerly_do_not_end_the_process():
    """A plain eager `tf.GradientTape` through this model ends it: `free(): invalid size`, or a segmentation fault."""
    run = subprocess.run([sys.executable, "-c", DEADLY], capture_output=True, text=True, timeout=300)
    assert run.stdout.strip().endswith("lives"), run.stderr[-2000:]
