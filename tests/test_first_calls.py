"""The library call that a user writes first, for the kinds of models that people bring, against twins by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke

CONVOLUTIONS = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}
POOLINGS = {1: layers.GlobalAveragePooling1D, 2: layers.GlobalAveragePooling2D, 3: layers.GlobalAveragePooling3D}
QUIET = {"verbose": 0}


def random_data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def network(shape, units=3, activation="softmax", channels_first=False, padding="same", strides=1):
    """A convolution, its pooling and a dense layer, for any number of axes of places."""
    keras.utils.set_random_seed(1)
    depth = len(shape) - 1
    own = {"data_format": "channels_first"} if channels_first else {}
    inputs = keras.Input(shape)
    x = CONVOLUTIONS[depth](5, 3, strides, padding, activation="relu", name="conv", **own)(inputs)
    x = POOLINGS[depth](name="pool", **own)(x)
    return keras.Model(inputs, layers.Dense(units, activation=activation, name="scores")(x))


def by_hand(model, x, unit, channel_axis=-1):
    """Logit, gradient of the pixels, signal, and its Grad-CAM: signal times the mean gradient of each channel."""
    scores = model.get_layer("scores")
    inner = keras.Model(model.inputs, [model.get_layer("conv").output, model.get_layer("pool").output])
    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        signal, pooled = inner(x)
        logit = (tf.matmul(pooled, scores.kernel) + scores.bias)[:, unit]
    pixels = np.moveaxis(np.asarray(tape.gradient(logit, x)), channel_axis, -1)
    # The pooling's gradient is the same at all places, so that it is the dense kernel over their number.
    signal = np.moveaxis(np.asarray(signal), channel_axis, -1)
    weights = np.asarray(scores.kernel)[:, unit] / np.prod(signal.shape[1:-1])
    return np.asarray(logit), pixels, signal, signal @ weights


def normalized(maps):
    """What `positive_normalize` is: each map by itself, over all of its places."""
    maps = np.maximum(maps, 0)
    top = maps.reshape(len(maps), -1).max(1)
    return maps / np.where(top > 0, top, 1).reshape(-1, *[1] * (maps.ndim - 1))


SHAPES = {
    "ECG of 64 steps": (64, 2),
    "ECG of 65 steps": (65, 2),
    "sensor of 75 steps": (75, 1),
    "audio of 100 steps": (100, 3),
    "volume": (6, 8, 7, 1),
    "cube": (4, 4, 4, 2),
    "flat volume": (1, 6, 6, 2),
    "image": (8, 6, 3),
    "grey image": (9, 7, 1),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradcam_and_gradients_of_any_number_of_axes_are_the_twin_by_hand(shape):
    model, x = network(shape), random_data(3, *shape) * np.array([1, 5, 0.2], "float32").reshape(-1, *[1] * len(shape))
    logit, pixels, _, expected = by_hand(model, x, 1)
    for axes in ({}, {"spatial_axis": tuple(range(-len(shape), -1))}):
        found, maps = ke.gradcam(model, x, 1, **QUIET, **axes)
        np.testing.assert_allclose(found[:, 0], logit, rtol=1e-4, atol=1e-5)
        assert maps.shape == (3, *shape[:-1], 1)
        np.testing.assert_allclose(maps[..., 0], normalized(expected), atol=1e-5)
        _, maps = ke.gradients(model, x, [1, 1, 1], **QUIET, **axes)
        np.testing.assert_allclose(maps[..., 0], normalized(np.abs(pixels).max(-1)), atol=1e-5)
        _, maps = ke.smoothgrad(model, x, 1, noise=1e-7, repetitions=2, **QUIET, **axes)
        np.testing.assert_allclose(maps[..., 0], normalized(np.abs(pixels).max(-1)), atol=1e-2)


@pytest.mark.parametrize("shape", [(64, 2), (4, 4, 4, 2), (9, 7, 1)])
def test_maps_of_any_number_of_axes_do_not_depend_on_their_batch(shape):
    model, x = network(shape), random_data(4, *shape)
    for name in ("gradcampp", "scorecam"):
        _, whole = getattr(ke, name)(model, x, 2, **QUIET)
        alone = [getattr(ke, name)(model, x[n : n + 1], 2, **QUIET)[1][0] for n in (0, 3)]
        np.testing.assert_allclose(whole[[0, 3]], alone, atol=1e-4)


@pytest.mark.parametrize(("shape", "size"), [((40, 2), (20,)), ((8, 6, 10, 1), (4, 3, 5)), ((12, 8, 3), (6, 4))])
def test_maps_are_resized_linearly_along_each_axis(shape, size):
    model, x = network(shape, strides=2), random_data(2, *shape)
    _, raw = ke.gradcam(model, x, 0, resizing=False, **QUIET)
    assert raw.shape == (2, *size, 1)
    expected = raw
    for axis, (old, new) in enumerate(zip(size, shape), start=1):
        place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(place).astype(int)
        part = (place - low).reshape(-1, *[1] * (expected.ndim - axis - 1))
        high = np.minimum(low + 1, old - 1)
        expected = np.take(expected, low, axis) * (1 - part) + np.take(expected, high, axis) * part
    np.testing.assert_allclose(ke.gradcam(model, x, 0, **QUIET)[1], expected, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_data_with_its_channels_first_has_the_maps_of_its_twin_with_channels_last(depth):
    sides = (6, 8, 7)[3 - depth :]
    axes = tuple(range(-depth, 0))
    first, last = network((2, *sides), channels_first=True), network((*sides, 2))
    last.set_weights(first.get_weights())
    x = random_data(3, *sides, 2)
    for name in ("gradcam", "gradcampp", "scorecam", "cam", "gradients", "smoothgrad"):
        # Noise is drawn in the order of the data, which is another one.
        own = {"noise": 0.0, "repetitions": 2} if name == "smoothgrad" else {}
        _, expected = getattr(ke, name)(last, x, 1, **QUIET, **own)
        _, maps = getattr(ke, name)(first, np.moveaxis(x, -1, 1), 1, spatial_axis=axes, **QUIET, **own)
        assert maps.shape == (3, *sides, 1), name
        np.testing.assert_allclose(maps, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(64, 2), (50, 3), (4, 6, 5, 1), (8, 6, 3)])
def test_scorecam_masks_data_of_any_number_of_axes(shape):
    model, x = network(shape), 3 * random_data(2, *shape)
    _, maps = ke.scorecam(model, x, 1, postprocessing=None, **QUIET)
    _, _, signal, _ = by_hand(model, x, 1)
    places = tuple(range(1, signal.ndim - 1))
    masks = signal - signal.min(places, keepdims=True)
    masks = masks / np.where(masks.max(places, keepdims=True) > 0, masks.max(places, keepdims=True), 1)
    scores = np.stack([by_hand(model, x * masks[..., k : k + 1], 1)[0] for k in range(5)], -1)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    assert np.ptp(weights) > 0.005
    np.testing.assert_allclose(maps[..., 0], np.einsum("b...k,bk->b...", signal, weights), rtol=1e-3, atol=1e-5)


# Grey images without an axis for channels


def mnist(first, units=10):
    keras.utils.set_random_seed(0)
    return keras.Sequential([*first, layers.Conv2D(4, 3, activation="relu", name="conv"), *mnist_head(units)])


def mnist_head(units):
    return [layers.GlobalAveragePooling2D(name="pool"), layers.Dense(units, activation="softmax", name="scores")]


class AddsTheAxis(layers.Layer):
    def call(self, x):
        return x[..., None]


GREY = {
    "channel axis in the model's input": lambda: mnist([keras.Input((28, 28, 1))]),
    "Reshape": lambda: mnist([keras.Input((28, 28)), layers.Reshape((28, 28, 1))]),
    "Rescaling, then Reshape": lambda: mnist(
        [keras.Input((28, 28)), layers.Rescaling(1.0), layers.Reshape((28, 28, 1))]
    ),
    "a layer of one's own": lambda: mnist([keras.Input((28, 28)), AddsTheAxis()]),
    "Lambda": lambda: mnist([keras.Input((28, 28)), layers.Lambda(lambda x: ops.expand_dims(x, -1))]),
}


@pytest.mark.parametrize("kind", GREY)
def test_mnist_images_without_a_channel_axis_are_explained_as_with_one(kind):
    model, twin = GREY[kind](), GREY["channel axis in the model's input"]()
    twin.set_weights(model.get_weights())
    x = random_data(5, 28, 28)
    units = model.predict(x, verbose=0).argmax(-1)
    for name in ("gradcam", "gradients", "smoothgrad", "scorecam"):
        found, maps = getattr(ke, name)(model, x, units, **QUIET)
        wanted, expected = getattr(ke, name)(twin, x[..., None], units, **QUIET)
        assert maps.shape == (5, 28, 28, 1)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(maps, expected, atol=1e-3 if name == "smoothgrad" else 2e-4)
    data = tf.data.Dataset.from_tensor_slices((x, units)).batch(2)
    np.testing.assert_allclose(ke.gradcam(model, data, **QUIET)[1], ke.gradcam(model, x, units, **QUIET)[1], atol=1e-5)


def test_a_quickstart_of_dense_layers_has_a_map_of_the_images_pixels():
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, name="scores")])
    _, maps = ke.gradients(model, random_data(2, 28, 28), [3, 4], postprocessing=None, **QUIET)
    kernel = np.abs(np.asarray(model.get_layer("scores").kernel)).reshape(28, 28, 10)
    np.testing.assert_allclose(maps[..., 0], kernel[..., [3, 4]].transpose(2, 0, 1), rtol=1e-5)


IN_TIME = {
    "LSTM": lambda: [layers.LSTM(3)],
    "convolution": lambda: [layers.Conv1D(28, 3, padding="same"), layers.Flatten()],
    "scaled convolution": lambda: [layers.Rescaling(2.0), layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()],
    "pooling": lambda: [layers.MaxPooling1D(2), layers.Flatten()],
    "dense": lambda: [layers.Dense(4), layers.Flatten()],
}


@pytest.mark.parametrize("kind", IN_TIME)
def test_what_runs_along_time_is_a_signal_with_channels(kind):
    model = keras.Sequential([keras.Input((28, 28)), *IN_TIME[kind](), layers.Dense(2, name="scores")])
    x = tf.convert_to_tensor(random_data(2, 28, 28))
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = model(x)[:, 1]
    _, maps = ke.gradients(model, x, 1, postprocessing=None, **QUIET)
    assert maps.shape == (2, 28, 1)
    np.testing.assert_allclose(maps[..., 0], np.abs(tape.gradient(scores, x)).max(-1), rtol=1e-4, atol=1e-7)


def test_a_table_has_one_number_for_each_column():
    model = keras.Sequential([keras.Input((7,)), layers.Dense(4, activation="tanh"), layers.Dense(2)])
    x = tf.convert_to_tensor(random_data(3, 7))
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = model(x)[:, 0]
    _, maps = ke.gradients(model, x, 0, **QUIET)
    np.testing.assert_allclose(maps[..., 0], normalized(np.abs(tape.gradient(scores, x))), atol=1e-5)
    for name in ("smoothgrad", "gradcam", "scorecam"):
        if name == "smoothgrad":
            assert ke.smoothgrad(model, x, 0, **QUIET)[1].shape == (3, 7, 1)
        else:
            with pytest.raises(ValueError, match="no layer with weights on the way to its output"):
                getattr(ke, name)(model, x, 0, **QUIET)


# Scores


def test_a_binary_model_of_cats_and_dogs_is_explained_at_its_logit():
    model, x = network((16, 16, 3), units=1, activation="sigmoid"), random_data(4, 16, 16, 3)
    logits, maps = ke.gradcam(model, x, **QUIET)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), model.predict(x, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(maps[..., 0], normalized(by_hand(model, x, 0)[3]), atol=1e-5)


def unet(activation="softmax"):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 16, 1))
    down = layers.Conv2D(4, 3, padding="same", activation="relu", name="down")(inputs)
    deep = layers.Conv2D(6, 3, padding="same", activation="relu", name="deep")(layers.MaxPooling2D()(down))
    up = layers.Concatenate()([down, layers.UpSampling2D()(deep)])
    return keras.Model(inputs, layers.Conv2D(3, 1, activation=activation, name="out")(up), name="unet")


def detector():
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(6, 3, strides=4, padding="same", name="deep")(inputs)
    return keras.Model(inputs, layers.Reshape((16, 6))(x), name="detector")


def per_image():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, name="deep")(inputs)
    return keras.Model(inputs, layers.Lambda(lambda x: ops.mean(x, axis=(1, 2, 3)))(x), name="one_number")


class Segments(keras.Model):
    def __init__(self):
        super().__init__(name="segments")
        self.deep, self.out = layers.Conv2D(4, 3, padding="same"), layers.Conv2D(3, 1)

    def call(self, x):
        return self.out(self.deep(x))


def subclassed():
    model = Segments()
    model(np.zeros((1, 16, 16, 1), "float32"))
    return model


@pytest.mark.parametrize(
    "name", ["gradcam", "gradcampp", "scorecam", "cam", "gradients", "smoothgrad", "full_gradients"]
)
@pytest.mark.parametrize(
    ("build", "side", "shape"),
    [
        (unet, (16, 16, 1), "(None, 16, 16, 3)"),
        (lambda: unet(None), (16, 16, 1), "(None, 16, 16, 3)"),
        (detector, (16, 16, 3), "(None, 16, 6)"),
        (per_image, (8, 8, 1), "(None,)"),
        (subclassed, (16, 16, 1), "16, 16, 3)"),
    ],
)
def test_scores_with_places_are_refused_by_every_method_in_the_same_words(build, side, shape, name):
    model = build()
    with pytest.raises(ValueError, match=r"The scores must be \(B, U\), one for each unit. Received: '") as error:
        getattr(ke, name)(model, random_data(2, *side), [[1], [1]], **QUIET)
    assert f"{shape}. " in str(error.value)
    advice = "ke.inspection.expose(scored" if shape == "(None,)" else "target=ke.targets.Region("
    assert advice in str(error.value)


def test_the_mean_of_a_unet_over_space_is_explained_as_a_score():
    model, x = unet(), random_data(2, 16, 16, 1)
    scored = keras.Model(model.input, ops.mean(model.output, axis=(1, 2)))
    scores, maps = ke.gradcam(ke.inspection.expose(scored, "deep"), x, 2, postprocessing=None, resizing=False, **QUIET)
    inner = keras.Model(model.input, model.get_layer("deep").output)
    deep = tf.convert_to_tensor(inner(x))
    down = model.get_layer("down")(x)
    with tf.GradientTape() as tape:
        tape.watch(deep)
        out = model.get_layer("out")(ops.concatenate([down, tf.repeat(tf.repeat(deep, 2, 1), 2, 2)], -1))
        score = tf.reduce_mean(out, (1, 2))[:, 2]
    weights = tf.reduce_mean(tape.gradient(score, deep), (1, 2))
    np.testing.assert_allclose(scores[:, 0], score, rtol=1e-4)
    np.testing.assert_allclose(maps[..., 0], tf.einsum("bhwk,bk->bhw", deep, weights), rtol=1e-3, atol=1e-7)


# Several inputs


def features(image):
    return layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="tanh")(image))


def beside(kind):
    keras.utils.set_random_seed(0)
    image = keras.Input((10, 8, 3), name="image")
    if kind == "tokens":
        other = keras.Input((7,), dtype="int32", name="words")
        read, data = layers.LSTM(4)(layers.Embedding(20, 6)(other)), np.arange(14).reshape(2, 7)
    elif kind == "age":
        other = keras.Input((1,), name="age")
        read, data = layers.Dense(2)(other), random_data(2, 1)
    elif kind == "signal":
        other = keras.Input((12, 2), name="beats")
        read, data = (
            layers.GlobalAveragePooling1D()(layers.Conv1D(3, 3, activation="tanh")(other)),
            random_data(2, 12, 2),
        )
    else:
        other = keras.Input((3,), dtype="bool", name="flags")
        read, data = layers.Lambda(lambda x: ops.cast(x, "float32"))(other), np.ones((2, 3), bool)
    scores = layers.Dense(3)(layers.Concatenate()([features(image), read]))
    return keras.Model({other.name: other, "image": image}, scores), {
        other.name: data,
        "image": random_data(2, 10, 8, 3),
    }


@pytest.mark.parametrize("kind", ["tokens", "age", "signal", "flags"])
def test_pixel_methods_explain_the_image_whatever_stands_beside_it(kind):
    model, x = beside(kind)
    image = tf.convert_to_tensor(x["image"])
    with tf.GradientTape() as tape:
        tape.watch(image)
        score = model({**{key: tf.convert_to_tensor(value) for key, value in x.items()}, "image": image})[:, 2]
    expected = np.abs(tape.gradient(score, image)).max(-1)
    _, maps = ke.gradients(model, x, 2, postprocessing=None, **QUIET)
    np.testing.assert_allclose(maps[..., 0], expected, rtol=1e-4, atol=1e-7)
    _, maps = ke.smoothgrad(model, x, 2, noise=1e-6, repetitions=2, postprocessing=None, **QUIET)
    np.testing.assert_allclose(maps[..., 0], expected, rtol=1e-2, atol=1e-4)
    # Which of two branches a model's default signal is in is no matter of pixels.
    for name in () if kind == "signal" else ("gradcam", "scorecam"):
        assert getattr(ke, name)(model, x, 2, **QUIET)[1].shape == (2, 10, 8, 1)


def two_images():
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((12, 6, 3), name="right")
    scores = layers.Dense(3)(layers.Concatenate()([features(left), features(right)]))
    return keras.Model([left, right], scores), [random_data(2, 8, 8, 3), random_data(2, 12, 6, 3, seed=1)]


@pytest.mark.parametrize(("chosen", "position"), [("left", 0), ("right", 1), (0, 0), (1, 1)])
def test_of_two_images_the_one_is_explained_that_is_named(chosen, position):
    model, x = two_images()
    tensors = list(map(tf.convert_to_tensor, x))
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        score = model(tensors)[:, 0]
    expected = np.abs(tape.gradient(score, tensors)[position]).max(-1)
    _, maps = ke.gradients(model, x, 0, image_input=chosen, postprocessing=None, **QUIET)
    np.testing.assert_allclose(maps[..., 0], expected, rtol=1e-4, atol=1e-7)
    assert ke.smoothgrad(model, x, 0, image_input=chosen, **QUIET)[1].shape[1:3] == x[position].shape[1:3]
    assert ke.gradcam(model, x, 0, image_input=chosen, **QUIET)[1].shape[1:3] == x[position].shape[1:3]


def test_two_images_are_not_chosen_among_in_silence():
    model, x = two_images()
    for name in ("gradients", "smoothgrad"):
        with pytest.raises(ValueError, match=r"`image_input` must say which input.*one of \['left', 'right'\]"):
            getattr(ke, name)(model, x, 0, **QUIET)
    with pytest.raises(ValueError, match=r"`resizing` must be a size, or `image_input` must name the image"):
        ke.gradcam(model, x, 0, **QUIET)
    with pytest.raises(ValueError, match=r"one of \['left', 'right'\]. Received: image_input='middle'"):
        ke.gradients(model, x, 0, image_input="middle", **QUIET)


# Frames of a video


def video(frames=3, mean=False):
    keras.utils.set_random_seed(2)
    frame = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="pool"),
        ],
        name="cnn",
    )
    inputs = keras.Input((frames, 8, 6, 3))
    x = layers.TimeDistributed(frame, name="each")(inputs)
    x = layers.GlobalAveragePooling1D()(x) if mean else layers.SimpleRNN(5, unroll=True)(x)
    return keras.Model(inputs, layers.Dense(3, name="scores")(x))


def at_frame(model, node):
    return ke.inspection.expose(model, {"name": "each/cnn/conv", "node": node})


FRAME_METHODS = {
    "gradcam": ke.methods.cams.gradcam,
    "gradcampp": ke.methods.cams.gradcampp,
    "scorecam": ke.methods.cams.scorecam,
    "cam": ke.methods.cams.cam,
    "smooth": ke.methods.meta.smooth(ke.methods.cams.gradcam, 3),
    "tta": ke.methods.meta.tta(ke.methods.cams.gradcampp),
    "tta of scorecam": ke.methods.meta.tta(ke.methods.cams.scorecam),
    "contrast": ke.methods.meta.contrast(ke.methods.cams.gradcam),
}


@pytest.mark.parametrize("name", FRAME_METHODS)
def test_the_map_of_each_frame_is_what_that_frame_alone_gives(name):
    model, x = video(mean=name == "cam"), random_data(2, 3, 8, 6, 3)
    y = [[1, 0], [2, 1]] if name in ("contrast", "cam", "scorecam") else [[1], [2]]
    logits, maps = ke.explain(FRAME_METHODS[name], at_frame(model, "all"), x, y, **QUIET)
    alone = [ke.explain(FRAME_METHODS[name], at_frame(model, node), x, y, **QUIET) for node in range(3)]
    assert maps.shape == (2, 3, 8, 6, 1 if name == "contrast" else len(y[0]))
    np.testing.assert_allclose(maps, np.stack([found for _, found in alone], 1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(logits, alone[0][0], rtol=1e-5)
    assert np.abs(maps).max((0, 2, 3, 4)).min() > 0


def test_filters_scale_over_all_frames_together():
    model, x = video(), random_data(2, 3, 8, 6, 3) * np.arange(1, 4, dtype="float32").reshape(1, 3, 1, 1, 1)
    raw = ke.gradcam(at_frame(model, "all"), x, 1, postprocessing=None, resizing=False, **QUIET)[1]
    found = ke.gradcam(at_frame(model, "all"), x, 1, resizing=False, **QUIET)[1]
    np.testing.assert_allclose(found[..., 0], normalized(raw[..., 0]), atol=1e-5)


def test_scan_gives_all_frames_too():
    model, x = video(), random_data(2, 3, 8, 6, 3)
    run = ke.methods.all_layers.at_all_layers(ke.methods.cams.gradcam)
    _, (maps,) = run(at_frame(model, "all"), x, np.array([[1], [2]]))
    _, expected = ke.methods.cams.gradcam(at_frame(model, "all"), x, np.array([[1], [2]]))
    np.testing.assert_allclose(maps, expected, rtol=1e-5)


def test_scorecam_of_a_frame_masks_that_frame_alone():
    model, x = video(), 2 * random_data(1, 3, 8, 6, 3)
    _, maps = ke.methods.cams.scorecam(at_frame(model, 2), x, np.array([[1]]))
    signal = np.asarray(at_frame(model, 2)(x)[1])
    masks = np.asarray(ops.image.resize(signal, (8, 6)))[0]
    scores = []
    for k in range(4):
        mask = (masks[..., k] - masks[..., k].min()) / max(np.ptp(masks[..., k]), 1e-9)
        seen = x.copy()
        seen[0, 2] *= mask[..., None]
        scores.append(float(model(seen)[0, 1]))
    weights = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(maps[0, ..., 0], signal[0] @ weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["gradients", "smoothgrad"])
def test_pixels_of_a_video_have_a_map_for_each_frame(name):
    model, x = video(), random_data(2, 3, 8, 6, 3)
    _, maps = getattr(ke, name)(model, x, 1, **QUIET)
    assert maps.shape == (2, 3, 8, 6, 1)
    np.testing.assert_allclose(maps.max((1, 2, 3, 4)), 1, rtol=1e-5)
    assert maps.max((0, 2, 3, 4)).min() < 1  # One frame moves the score most, not each.
