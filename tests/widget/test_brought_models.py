"""The widget opens the models that people bring, and shows what the library finds."""

import io

import keras
import numpy as np
import pytest
from keras import layers, ops
from PIL import Image

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods import table
from ke_widgets.widget.export.selection import select

RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (3, 32, 32, 3), dtype="uint8")
FLOATS = RNG.uniform(size=(2, 32, 32, 3)).astype("float32")
DIGITS = RNG.integers(0, 256, (3, 28, 28), dtype="uint8")


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


class Opened:
    """A widget that is closed again."""

    def __init__(self, *args, **own):
        self.widget = ke.ExplainerWidget(*args, charts=False, **own)

    def __enter__(self):
        return self.widget

    def __exit__(self, *_):
        self.widget.close()


def agrees(widget, inputs, unit, **own):
    """Tell whether the map on show is what the library gives at that layer, and the scores are those of the model."""
    found = widget.wait()
    method, spec = table()[found.method]
    model = widget._session.models[found.model_index].model
    exposed = expose(model, found.layer if spec.reads == "signal" else [])
    _, maps = method(exposed, inputs, np.array([[unit]]), **own)
    np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-3, atol=1e-5 * max(np.abs(maps).max(), 1e-30))
    return found


def small_cnn(shape, *first, units=10, activation="softmax"):
    body = [layers.Conv2D(4, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input(shape), *first, *body, layers.Dense(units, activation=activation)])


def test_efficientnet_b0():
    model = keras.applications.EfficientNetB0(weights=None, input_shape=(64, 64, 3), classes=4)
    photos = RNG.integers(0, 256, (1, 64, 64, 3), dtype="uint8")
    with Opened(model, photos, class_index=2) as widget:
        found = agrees(widget, photos.astype("float32"), 2)
        assert found.layer == "top_activation"
        np.testing.assert_allclose(found.scores, model(photos.astype("float32"))[0], rtol=1e-4)
        assert widget._session.notices == []


def test_an_adapted_normalization():
    scale = layers.Normalization()
    scale.adapt(PHOTOS.astype("float32"))
    model = small_cnn((32, 32, 3), scale)
    with Opened(model, PHOTOS, class_index=3) as widget:
        agrees(widget, PHOTOS[:1].astype("float32"), 3)
        assert widget._session.notices == []


def test_one_sigmoid_unit_and_two_names():
    model = small_cnn((32, 32, 3), layers.Rescaling(1 / 255), units=1, activation="sigmoid")
    p = model.predict(PHOTOS, verbose=0)[:, 0]
    with Opened(model, PHOTOS, labels=["cat", "dog"], y_true=(p > 0.5)[:, None], class_index=1) as widget:
        up = agrees(widget, PHOTOS[:1].astype("float32"), 0)
        np.testing.assert_allclose(up.scores, [1 - p[0], p[0]], rtol=1e-5)
        widget.class_index = 0
        down = widget.wait()
        np.testing.assert_allclose(down.map, -up.map, rtol=1e-5, atol=1e-8)
        assert widget._session.predictions([0, 1, 2])[2] == [True] * 3
    with Opened(model, PHOTOS, labels=["cat", "dog"]) as widget:
        assert widget.class_index == int(p[0] > 0.5)


def test_digits_with_and_without_the_channel():
    with_channel = small_cnn((28, 28, 1), layers.Rescaling(1 / 255))
    without = small_cnn((28, 28), layers.Reshape((28, 28, 1)), layers.Rescaling(1 / 255))
    for model, inputs in ((with_channel, DIGITS[:1, ..., None]), (without, DIGITS[:1])):
        for images in (DIGITS, DIGITS[..., None]):
            with Opened(model, images, class_index=7, layer="conv") as widget:
                found = agrees(widget, inputs.astype("float32"), 7)
                assert found.map.shape == (26, 26)
                assert Image.open(io.BytesIO(widget._session.images.encoded(0).data)).mode == "L"


def test_two_channels_can_be_saved(tmp_path):
    images = RNG.uniform(size=(2, 16, 16, 2)).astype("float32")
    with Opened(small_cnn((16, 16, 2)), images, class_index=1, view="image") as widget:
        agrees(widget, images[:1], 1)
        widget.save(tmp_path / "two.png")
    saved = np.asarray(Image.open(tmp_path / "two.png"))
    np.testing.assert_array_equal(saved[..., :2], np.rint(images[0] * 255))
    assert not saved[..., 2].any()


def _mlp():
    return keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(3)])


def _quickstart():
    """TensorFlow's first example, on grey images without a channel."""
    return keras.Sequential(
        [keras.Input((32, 32)), layers.Flatten(), layers.Dense(8, activation="relu"), layers.Dense(3)]
    )


def _wrapped():
    """What runs inside is not to be seen, as in a saved model of TensorFlow's own."""
    inner = small_cnn((32, 32, 3), units=3, activation=None)

    class Opaque(layers.Layer):
        def call(self, x):
            return inner(x / 255)

    return keras.Sequential([keras.Input((32, 32, 3)), Opaque()])


@pytest.mark.parametrize("build", [_mlp, _wrapped])
def test_a_model_without_a_spatial_layer_is_explained_by_its_pixels(build):
    with Opened(build(), FLOATS, class_index=1) as widget:
        assert (widget.method, widget.layer) == ("gradients", "")
        agrees(widget, FLOATS[:1], 1)
        widget.method = "smoothgrad"
        widget.params = {"repetitions": 2}
        agrees(widget, FLOATS[:1], 1, repetitions=2)
        for name, (_, spec) in table().items():
            if spec.reads == "signal":
                with pytest.raises(ValueError, match=f"{spec.title}.* reads a layer .*has none".replace("+", r"\+")):
                    widget.method = name
        told = {method["name"]: method.get("reason") for method in widget._setup["methods"]}
        assert told["gradients"] is told["smoothgrad"] is told["full_gradients"] is None
        assert "reads a layer" in told["gradcam"]
        assert widget._setup["models"][0]["all_layers"] == {
            "offered": False,
            "reason": told_reason(widget),
            "layers": [],
        }


def told_reason(widget):
    return widget._session.models[0].why_not_at_all_layers


@pytest.mark.parametrize(
    ("first", "method"),
    [
        ([layers.Rescaling(1 / 255)], "gradients"),
        ([layers.Resizing(8, 8), layers.Rescaling(1 / 255)], "gradients"),
        ([layers.RandomFlip(), layers.ZeroPadding2D()], "gradients"),
        ([layers.Dense(4)], "gradcam"),
        ([layers.BatchNormalization()], "gradcam"),
    ],
)
def test_where_layers_before_any_weights_are_all_there_is_pixels_are_explained_first(first, method):
    model = keras.Sequential([keras.Input((32, 32, 3)), *first, layers.Flatten(), layers.Dense(3)])
    with Opened(model, PHOTOS, class_index=1) as widget:
        assert widget.method == method
        assert agrees(widget, PHOTOS[:1].astype("float32"), 1).map.shape == (32, 32)


def test_grey_images_without_a_channel_open_an_mlp():
    grey = FLOATS[..., 0]
    with Opened(_quickstart(), grey, class_index=1) as widget:
        assert (widget.method, widget.layer) == ("gradients", "")
        assert widget._session.images.picture(0).shape == (32, 32, 1)
        np.testing.assert_allclose(widget._session.models[0].scores([0]).shape, (1, 3))


def test_a_model_without_a_spatial_layer_can_be_exported_and_compared(tmp_path):
    flat, net = _mlp(), small_cnn((32, 32, 3), layers.Rescaling(1 / 255), units=3)
    with Opened(flat, FLOATS[:1], class_index=1) as widget:
        text = widget.to_html(tmp_path / "flat.html", verbose=0).read_text("utf-8")
        assert "0 0 1 gradients " in text
        setup, chosen = widget._setup, {**vars(widget.choice)}
        planned = select(setup, chosen, widget._session.models[0].scores, layers="all")
        assert str(planned) == "1 image × 3 classes × 1 method"
    with Opened([net, flat], FLOATS[:1], class_index=1) as widget:
        assert widget.method == "gradcam"
        assert all("reason" not in method for method in widget._setup["methods"])
        widget.model_index = 1
        with pytest.raises(ValueError, match="Grad-CAM reads a layer"):
            widget.wait()
        widget.method = "gradients"
        agrees(widget, FLOATS[:1], 1)


def test_a_map_for_each_place_is_a_segmentation_and_says_so():
    i = keras.Input((16, 16, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="last")(i)
    model = keras.Model(i, layers.Conv2D(4, 1, activation="softmax", name="out")(x))
    images = RNG.uniform(size=(1, 16, 16, 1)).astype("float32")
    with Opened(model, images, class_index=2) as widget:
        assert "pass `target=ke.targets.Region`" in widget._session.notices[0]
        _, maps = ke.gradcam(model, images, target=ke.targets.Region(2), resizing=False, postprocessing=None, verbose=0)
        found = widget.wait()
        assert found.layer == "last"
        np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-4, atol=1e-6)


class Segments(keras.Model):
    """A network without a graph that scores every place, after `extra` outputs of another kind."""

    def __init__(self, extra=0, flat=False):
        super().__init__()
        self.conv, self.out = layers.Conv2D(4, 3, activation="relu", name="conv"), layers.Conv2D(5, 1, name="out")
        self.extra, self.flat = extra, flat

    def call(self, x):
        scores = self.out(self.conv(x))
        scores = ops.reshape(scores, (-1, 36, 5)) if self.flat else scores
        return [ops.mean(scores)] * self.extra + [scores] if self.extra else scores


@pytest.mark.parametrize(("extra", "flat"), [(0, False), (1, False), (0, True)])
def test_segmentations_without_a_graph_are_explained_too(extra, flat):
    images = RNG.uniform(size=(1, 8, 8, 3)).astype("float32")
    model = Segments(extra, flat)
    model(images)
    won = model.out(model.conv(images)).numpy()[0].argmax(-1)
    with Opened(model, images, head=extra, target=ke.targets.Region if flat else None, layer="conv") as widget:
        found = widget.wait()
        np.testing.assert_allclose(found.scores, [(won == channel).mean() for channel in range(5)], rtol=1e-5)
        # Of one dense layer at each position: its kernel, at every position alike.
        kernel = model.out.kernel.numpy()[0, 0, :, widget.class_index] / won.size
        np.testing.assert_allclose(found.map, model.conv(images).numpy()[0] @ kernel, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_models_of_other_precision_open_without_a_false_alarm(policy):
    body = [layers.Rescaling(1 / 255), layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D()]
    keras.config.set_dtype_policy(policy)
    try:
        model = keras.Sequential([keras.Input((32, 32, 3)), *[type(x).from_config(_without_policy(x)) for x in body]])
        model.add(layers.Dense(1, activation="sigmoid", dtype="float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    with Opened(model, PHOTOS, labels=["cat", "dog"]) as widget:
        found = widget.wait()
        np.testing.assert_allclose(found.scores.sum(), 1, rtol=1e-3)
        assert np.isfinite(found.map).all()
        assert widget._session.notices == []


def _without_policy(layer):
    return {name: value for name, value in layer.get_config().items() if name != "dtype"}


def test_text_in_pictures_read_column_by_column():
    i = keras.Input((16, 32, 1))
    x = layers.MaxPooling2D(2, name="pool")(layers.Conv2D(4, 3, padding="same", name="conv")(i))
    x = layers.Reshape((16, 32))(layers.Permute((2, 1, 3), name="turn")(x))
    model = keras.Model(i, layers.Dense(5)(layers.LSTM(6)(x)))
    images = RNG.uniform(size=(1, 16, 32, 1)).astype("float32")
    with Opened(model, images, class_index=4, layer="pool") as widget:
        assert agrees(widget, images, 4).map.shape == (8, 16)


class Token(layers.Layer):
    """Puts a token for the class before the others."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")

    def call(self, x):
        return ops.concatenate([ops.repeat(self.token, ops.shape(x)[0], axis=0), x], axis=1)


def test_a_vision_transformer_with_a_class_token():
    i = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 8, strides=8, name="patches")(layers.Rescaling(1 / 255)(i))
    x = Token(name="token")(layers.Reshape((16, 8))(x))
    for number in range(2):
        normal = layers.LayerNormalization(name=f"norm_{number}")(x)
        x = layers.Add(name=f"block_{number}")([x, layers.MultiHeadAttention(2, 4)(normal, normal)])
    model = keras.Model(i, layers.Dense(3)(x[:, 0]))
    with Opened(model, PHOTOS, class_index=2, layer="patches") as widget:
        assert agrees(widget, PHOTOS[:1].astype("float32"), 2).map.shape == (4, 4)
        widget.method = "gradients"
        assert agrees(widget, PHOTOS[:1].astype("float32"), 2).map.shape == (32, 32)


def test_a_head_by_the_key_of_its_output_is_passed_on():
    i = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(layers.Rescaling(1 / 255)(i)))
    model = keras.Model(i, [layers.Dense(3, name="kind")(x), layers.Dense(1, name="age")(x)])
    for head, count in (("kind", 3), (1, 1)):
        with Opened(model, PHOTOS, head=head, class_index=count - 1) as widget:
            assert len(widget._session.labels) == count
            np.testing.assert_allclose(
                widget.wait().scores, model(PHOTOS[:1].astype("float32"))[head == 1][0], rtol=1e-4
            )


@pytest.mark.parametrize(
    ("cut", "says"),
    [
        (lambda x: x, None),
        (lambda x: x * 0.0, "the gradient of this class at this layer is exactly zero"),
        (lambda x: ops.relu(-ops.abs(x) - 1), "the gradient of this class at this layer is exactly zero"),
    ],
    ids=["seen", "times zero", "dead"],
)
def test_a_layer_that_the_class_does_not_see_is_said_so(cut, says):
    i = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="conv")(i)
    side = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="side")(i))
    y = layers.GlobalAveragePooling2D()(layers.Lambda(cut, name="cut")(x))
    model = keras.Model(i, layers.Dense(3)(layers.Add()([y, side])))
    images = RNG.uniform(size=(1, 16, 16, 3)).astype("float32")
    with Opened(model, images, layer="conv", class_index=0) as widget:
        if says is None:
            assert "gradient" not in (widget.wait().empty_reason or "")
        else:
            note = widget.wait().empty_reason
            assert says in note
            assert "Choose an earlier layer" in note


def test_a_map_of_zeros_for_another_reason_keeps_its_sentence():
    pool = [layers.Conv2D(4, 3, activation="tanh"), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    model = keras.Sequential([keras.Input((16, 16, 3)), layers.Rescaling(1 / 255, name="scale"), *pool])
    with Opened(model, np.zeros((1, 16, 16, 3), "uint8"), layer="scale", class_index=0) as widget:
        assert widget.wait().empty_reason == (
            "The map is zero everywhere: the class does not depend on this layer for this image."
        )
