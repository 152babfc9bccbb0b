"""Signals and maps of every kind of model, by value; and that each model is as it was afterwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.gradients import jacobian, signal_jacobian
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from tests import models


@pytest.fixture(scope="module")
def flat():
    return models.flat()


@pytest.mark.parametrize("kind", models.TWINS)
def test_the_map_of_each_kind_of_model_is_that_of_its_flat_twin(flat, kind):
    builder, conv = models.TWINS[kind]
    model = models.copy_weights(flat, builder())
    before = models.snapshot(model)
    expected = gradcam(expose(flat, "conv"), models.images())
    indices = np.array([[2, 0], [1, 1], [0, 2], [2, 1]])
    for exposed in (expose(model), expose(model, conv)):
        for got, wanted in zip(gradcam(exposed, models.images()), expected):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
        logits, maps = compiled(gradcam, exposed)(models.images(), indices)
        np.testing.assert_allclose(
            logits, np.take_along_axis(np.asarray(expected[0]), indices, 1), rtol=1e-5, atol=1e-6
        )
        wanted = np.take_along_axis(np.asarray(expected[1]), indices[:, None, None], 3)
        np.testing.assert_allclose(maps, wanted, rtol=1e-5, atol=1e-6)
    assert models.same(before, models.snapshot(model)) == []


def test_gradcam_of_global_pooling_and_dense_is_cam_over_the_number_of_places(flat):
    logits, (signal, *_) = (lambda x: (x[0], x[1:]))(expose(flat)(models.images()))
    kernel, bias = (np.asarray(w) for w in flat.get_layer("logits").weights)
    cam = np.asarray(signal) @ kernel
    _, maps = gradcam(expose(flat), models.images())
    np.testing.assert_allclose(maps, cam / (6 * 6), atol=1e-6)
    np.testing.assert_allclose(np.sum(maps, axis=(1, 2)) + bias, logits, atol=1e-5)


def test_models_of_several_inputs_take_them_by_name():
    model = models.multi_input()
    x = {"image": models.images(2), "extra": np.ones((2, 2), "float32")}
    before = models.snapshot(model)
    _, (signal,), _ = signal_jacobian(expose(model), x)
    kernel = np.asarray(model.get_layer("logits").weights[0])
    _, maps = compiled(gradcam, expose(model))(x, None)
    np.testing.assert_allclose(maps, np.asarray(signal) @ kernel[:4] / 36, rtol=1e-4, atol=1e-6)
    _, (extra, image) = jacobian(expose(model), x)
    np.testing.assert_allclose(extra, np.broadcast_to(kernel[4:].T, extra.shape), rtol=1e-5)
    assert image.shape == (2, 3, *models.IMAGE)
    assert models.same(before, models.snapshot(model)) == []


def test_models_of_several_outputs_are_explained_at_the_chosen_head(flat):
    model = models.multi_output()
    for part in ("conv", "logits"):
        layer = model.get_layer("backbone").get_layer(part) if part == "conv" else model.get_layer(part)
        layer.set_weights(flat.get_layer(part).get_weights())
    before = models.snapshot(model)
    for got, wanted in zip(gradcam(expose(model, head=0), models.images()), gradcam(expose(flat), models.images())):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    logits, maps = gradcam(expose(model, head="other"), models.images())
    np.testing.assert_allclose(ops.sigmoid(logits), model(models.images())[1], rtol=1e-5)
    assert maps.shape == (4, 4, 4, 2)
    assert models.same(before, models.snapshot(model)) == []


def test_frames_under_time_distributed_are_calls():
    model, frames = models.over_time(2), models.images(2, (2, *models.IMAGE))
    before = models.snapshot(model)
    kernel = np.asarray(model.get_layer("logits").weights[0])
    conv = model.get_layer("each").layer.get_layer("conv")
    for node in (0, 1):
        exposed = expose(model, {"name": "each/backbone/conv", "node": node})
        np.testing.assert_allclose(exposed(frames)[1], conv(frames[:, node]), rtol=1e-5, atol=1e-6)
        logits, maps = compiled(gradcam, exposed)(frames, None)
        expected = np.asarray(conv(frames[:, node])) @ kernel[4 * node : 4 * node + 4] / 36
        np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-6)
    assert models.same(before, models.snapshot(model)) == []


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)])
def test_mixed_precision_gives_the_map_of_full_precision(flat, policy, tolerance):
    model = models.copy_weights(flat, models.flat(dtype=policy))
    before = models.snapshot(model)
    _, expected = gradcam(expose(flat), models.images())
    for function in (gradcam, lambda m, x: compiled(gradcam, m)(x, None)):
        logits, maps = function(expose(model), models.images())
        maps = ops.cast(maps, "float32")
        np.testing.assert_allclose(maps, expected, atol=tolerance * float(np.abs(expected).max()) * 5)
    assert models.same(before, models.snapshot(model)) == []


def test_one_unit_heads_have_one_map():
    model = models.one_unit()
    logits, maps = gradcam(expose(model), models.images())
    kernel, bias = (np.asarray(w) for w in model.get_layer("logits").weights)
    signal = expose(model)(models.images())[1]
    np.testing.assert_allclose(maps, np.asarray(signal) @ kernel / 36, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ops.sigmoid(logits), model(models.images()), rtol=1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("builder", [models.nested_pooling, models.over_subclassed, models.siamese])
def test_a_model_loaded_from_a_file_has_the_maps_of_the_one_saved(tmp_path, builder, suffix):
    model = builder()
    file = tmp_path / f"model{suffix}"
    model.save(file)
    loaded = keras.models.load_model(file)
    x = [models.images(), models.images(seed=1)] if builder is models.siamese else models.images()
    before = models.snapshot(loaded)
    for got, wanted in zip(gradcam(expose(loaded), x), gradcam(expose(model), x)):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert models.same(before, models.snapshot(loaded)) == []


def test_the_resnet_that_the_seed_documents_call_impossible_works_by_default():
    resnet = keras.applications.ResNet50V2(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            resnet,
            layers.Dense(10, name="logits"),
            layers.Activation("softmax", dtype="float32"),
        ]
    )
    before = models.snapshot(model)
    x = models.images(2, (64, 64, 3))
    exposed = expose(model)
    assert str(exposed.endpoints[1]) == "resnet50v2/avg_pool (input)"
    logits, maps = compiled(gradcam, exposed)(x, np.array([[3], [7]]))
    signal = exposed(x)[1]
    kernel = np.asarray(model.get_layer("logits").kernel)[:, [3, 7]].T
    np.testing.assert_allclose(maps[..., 0], np.einsum("bijk,bk->bij", signal, kernel) / 4, rtol=1e-3, atol=1e-4)
    assert models.same(before, models.snapshot(model)) == []


@pytest.mark.parametrize("builder", [models.flat, models.fused, models.convolutional_head, models.attention])
def test_a_manual_keras_model_works_as_an_exposed_one_does(builder):
    model = builder()
    spatial, logits = model.get_layer("conv").output, model.get_layer("logits").output
    manual = keras.Model(model.inputs, [ops.reshape(logits, (-1, models.UNITS)), spatial])
    expected = gradcam(
        expose(model, "conv", "logits" if builder is not models.convolutional_head else None), models.images()
    )
    for got, wanted in zip(gradcam(manual, models.images()), expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    for got, wanted in zip(compiled(gradcam, manual)(models.images(), None), expected):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


class Careless(keras.Model):
    """A layer that is built and never called, and one in a `tf.function`."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, name="conv")
        self.unused = layers.Conv2D(4, 3, name="unused")
        self.pool = layers.GlobalAveragePooling2D(name="pool")
        self.dense = layers.Dense(3, name="logits")

    def build(self, shape):
        self.unused.build(shape)

    def call(self, inputs):
        return self.dense(self.pool(self.conv(inputs)))


class Decorated(Careless):
    @tf.function
    def call(self, inputs):
        return self.dense(self.pool(self.conv(inputs)))


class Cell(layers.Layer):
    state_size = 4

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.mix = layers.Dense(4, name="mix")

    def build(self, shape):
        self.mix.build((shape[0], shape[-1] + 4))

    def call(self, x, states):
        y = self.mix(ops.concatenate([x, states[0]], -1))
        return y, [y]


def recurrent():
    x = inputs = keras.Input((None, 3))
    x = layers.RNN(Cell(name="cell"), name="loop")(x)
    return keras.Model(inputs, layers.Dense(2, name="logits")(x))


def failing(function, *args):
    with pytest.raises(ValueError, match="Received") as caught:
        function(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    ("builder", "layer", "x", "message"),
    [
        (lambda: models.called(Careless()), "unused", models.images(), "unused (output), which was never called"),
        (
            lambda: models.called(Decorated()),
            "conv",
            models.images(),
            "inside the `@tf.function` of the model 'decorated'",
        ),
        (recurrent, "loop/cell/mix", models.images(2, (5, 3)), "the loop over time of 'loop'. Choose 'loop' itself"),
        (
            lambda: models.over_time(None),
            "each/backbone/conv",
            models.images(2, (2, *models.IMAGE)),
            "TimeDistributed 'each'. Build the model with a fixed number of time steps",
        ),
    ],
    ids=["never called", "tf.function", "recurrent cell", "dynamic TimeDistributed"],
)
def test_a_signal_that_cannot_be_read_is_refused_by_name(builder, layer, x, message):
    model = builder()
    before = models.snapshot(model)
    exposed = expose(model, layer, "logits")
    spec = tf.TensorSpec((None, None, *x.shape[2:]))
    run = tf.function(lambda x: gradcam(exposed, x), input_signature=[spec], autograph=False)
    assert message in failing(run, x)
    assert models.same(before, models.snapshot(model)) == []


def test_the_model_is_as_it_was_when_a_method_raises(flat):
    before = models.snapshot(flat)
    exposed = expose(flat)

    def broken(model, inputs, indices):
        model(inputs)
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        compiled(broken, exposed)(models.images(), None)
    with pytest.raises(Exception, match=r"(?s)shape|rank|Incompatible"):
        exposed(models.images(shape=(8, 8, 5)))
    assert models.same(before, models.snapshot(flat)) == []


def test_a_compiled_and_trained_model_keeps_its_compiled_state_and_losses():
    model = models.fused()
    model.get_layer("conv").activity_regularizer = keras.regularizers.L2(0.1)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(models.images(), np.array([0, 1, 2, 0]), verbose=0)
    model(models.images())
    kept, before = [float(x) for x in model.losses], models.snapshot(model)
    functions = model.train_function, model.predict_function
    gradcam(expose(model), models.images())
    compiled(gradcam, expose(model))(models.images(), None)
    assert models.same(before, models.snapshot(model)) == []
    assert [float(x) for x in model.losses] == kept
    assert (model.train_function, model.predict_function) == functions
    model.fit(models.images(), np.array([0, 1, 2, 0]), verbose=0)
