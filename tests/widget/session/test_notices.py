import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.widget.session.session import Session

RAW = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype="uint8")
APPLICATIONS = keras.applications
RANGE = "no layer scales them"


def functional(scale=lambda x: x, channels=3):
    i = keras.Input((16, 24, channels))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(scale(i)))
    return keras.Model(i, layers.Dense(3, activation="softmax")(x))


class Net(keras.Model):
    """The convolution is listed before what scales."""

    def __init__(self, scale):
        super().__init__()
        self.conv, self.pool, self.head = layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)
        self.scale = scale

    def call(self, x):
        return self.head(self.pool(self.conv(self.scale(x))))


def subclassed(scale=lambda x: x):
    model = Net(scale)
    model(np.zeros((1, 16, 24, 3), "float32"))
    return model


class Scale(layers.Layer):
    """A layer of one's own, with numbers of its own."""

    def __init__(self, own=True):
        super().__init__()
        self.mean = (
            self.add_weight(shape=(3,), initializer=keras.initializers.Constant(120), trainable=False) if own else 120
        )

    def call(self, x):
        return (x - self.mean) / 60


class Block(layers.Layer):
    def __init__(self, scale):
        super().__init__()
        self.conv, self.scale = layers.Conv2D(4, 3), scale

    def call(self, x):
        return self.conv(self.scale(x))


def _adapted(x):
    layer = layers.Normalization()
    layer.adapt(RAW.astype("float32"))
    return layer(x)


def nested(*first):
    inner = keras.Sequential([keras.Input((16, 24, 3)), *first, layers.Conv2D(4, 3)])
    return functional(lambda x: inner(layers.RandomFlip()(x)))


SCALES = {
    "mobilenet": lambda: functional(APPLICATIONS.mobilenet_v2.preprocess_input),
    "resnet": lambda: functional(APPLICATIONS.resnet50.preprocess_input),
    "torch": lambda: functional(APPLICATIONS.densenet.preprocess_input),
    "Lambda": lambda: functional(layers.Lambda(lambda x: x / 127.5 - 1)),
    "operators": lambda: functional(lambda x: x / 255),
    "multiply": lambda: functional(lambda x: ops.multiply(x, 1 / 255)),
    "Rescaling": lambda: functional(layers.Rescaling(1 / 255)),
    "Normalization": lambda: functional(_adapted),
    "BatchNormalization": lambda: functional(layers.BatchNormalization()),
    "after padding": lambda: functional(
        lambda x: layers.Rescaling(1 / 255)(layers.ZeroPadding2D()(layers.RandomFlip()(x)))
    ),
    "own layer": lambda: functional(Scale()),
    "own layer without weights": lambda: functional(Scale(own=False)),
    "own block": lambda: functional(Block(layers.Rescaling(1 / 255))),
    "own block, operators": lambda: functional(Block(lambda x: x / 255)),
    "nested": lambda: nested(layers.Rescaling(1 / 127.5, offset=-1)),
    "nested BatchNormalization": lambda: nested(layers.BatchNormalization()),
    "subclassed, operators": lambda: subclassed(lambda x: x / 127.5 - 1),
    "subclassed, layer": lambda: subclassed(layers.Rescaling(1 / 255)),
    "subclassed, own layer": lambda: subclassed(Scale()),
    "EfficientNetB0": lambda: APPLICATIONS.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=3),
    "MobileNetV3": lambda: APPLICATIONS.MobileNetV3Small(weights=None, input_shape=(32, 32, 3), classes=3),
}
DOES_NOT = {
    "functional": functional,
    "padded": lambda: functional(layers.ZeroPadding2D(3)),
    "augmented": lambda: functional(lambda x: layers.RandomZoom(0.1)(layers.RandomFlip()(x))),
    "resized": lambda: functional(layers.Resizing(12, 12)),
    "identity": lambda: functional(layers.Lambda(lambda x: x + 0)),
    "swapped colours": lambda: functional(lambda x: x[..., ::-1]),
    "scaled too late": lambda: functional(lambda x: layers.BatchNormalization()(layers.Conv2D(3, 1)(x))),
    "own block": lambda: functional(Block(lambda x: x)),
    "nested": nested,
    "subclassed": subclassed,
    "depthwise": lambda: functional(layers.DepthwiseConv2D(3)),
    "separable": lambda: functional(layers.SeparableConv2D(3, 3)),
    "patches": lambda: functional(lambda x: layers.Reshape((4, 6, 8))(layers.Dense(8)(layers.Reshape((24, 48))(x)))),
}


def images_for(model, form):
    shape = RAW.shape if isinstance(model, Net) else (2, *model.inputs[0].shape[1:])
    raw = np.resize(RAW, shape)
    return {"uint8": raw, "floats": raw.astype("float32"), "list": [each.astype("float64") for each in raw]}[form]


@pytest.mark.parametrize("name", SCALES)
def test_no_false_alarm_where_the_model_scales_by_itself(name):
    model = SCALES[name]()
    assert Session(model, images_for(model, "uint8")).notices == []
    assert Session(model, images_for(model, "floats")).notices == []


@pytest.mark.parametrize("form", ["uint8", "floats", "list"])
@pytest.mark.parametrize("name", DOES_NOT)
def test_an_alarm_where_nothing_scales(name, form):
    model = DOES_NOT[name]()
    (notice,) = Session(model, images_for(model, form)).notices
    assert RANGE in notice
    assert "0 to 255" in notice
    assert "pass `preprocess=`" in notice


@pytest.mark.parametrize(
    "images",
    [RAW / 255, RAW / 127.5 - 1, (RAW - 120.0) / 60, RAW.astype("float32") / 255 * 1.4, RAW > 128, RAW * 0],
    ids=["unit", "signed", "standardized", "a little more", "bool", "black"],
)
def test_no_alarm_where_images_are_scaled_or_show_no_range(images):
    assert Session(functional(), images).notices == []
    assert Session(functional(), RAW, preprocess=lambda x: x).notices == []


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (lambda: functional(layers.Rescaling(1 / 255)), 1),
        (lambda: functional(layers.Rescaling([1 / 255, 1 / 255, 1 / 127.5], -1.0)), 1),
        (lambda: nested(layers.Rescaling(1 / 127.5, -1)), 1),
        (lambda: subclassed(layers.Rescaling(1 / 255)), 1),
        (lambda: functional(layers.Rescaling(2.0, -1)), 0),
        (lambda: functional(_adapted), 0),
    ],
)
def test_images_that_would_be_scaled_twice_are_noticed(model, count):
    notices = Session(model(), RAW / 255).notices
    assert len(notices) == count
    assert all("scales them again" in notice for notice in notices)


def test_more_than_eight_bits_are_noticed():
    deep = RAW.astype("uint16") * 257
    (notice,) = Session(functional(), deep).notices
    assert RANGE in notice
    assert "0 to 65535" in notice
    (notice,) = Session(functional(layers.Rescaling(1 / 255)), deep).notices
    assert "more than the 255" in notice


@pytest.mark.parametrize(
    ("first", "sizes"),
    [
        (layers.CenterCrop(8, 8), "16 × 24 to 8 × 8"),
        (layers.Cropping2D(((0, 4), (2, 2))), "16 × 24 to 12 × 20"),
        (layers.Resizing(12, 12, crop_to_aspect_ratio=True), "16 × 24 to 12 × 12"),
        (layers.Resizing(12, 12, pad_to_aspect_ratio=True), "16 × 24 to 12 × 12"),
        (lambda x: x[:, 2:10], "16 × 24 to 8 × 24"),
        (lambda x: x[:, :, :-4], "16 × 24 to 16 × 20"),
        (lambda x: ops.image.crop_images(x, 2, 2, target_height=8, target_width=9), "16 × 24 to 8 × 9"),
    ],
)
def test_a_crop_before_the_first_weights_is_noticed(first, sizes):
    for model in (
        functional(lambda x: layers.Rescaling(1 / 255)(first(x))),
        functional(lambda x: first(layers.Rescaling(1 / 255)(x))),
    ):
        (notice,) = Session(model, RAW).notices
        assert "crops or pads" in notice
        assert sizes in notice


@pytest.mark.parametrize(
    "first",
    [
        layers.Resizing(8, 12),
        layers.Resizing(8, 12, crop_to_aspect_ratio=True),
        layers.CenterCrop(16, 24),
        lambda x: x[:, ::2, ::2],
        lambda x: x[..., ::-1],
        lambda x: layers.Cropping2D(1)(layers.Conv2D(3, 3)(x)),
    ],
)
def test_what_keeps_the_whole_image_is_not_noticed(first):
    assert Session(functional(lambda x: first(layers.Rescaling(1 / 255)(x))), RAW).notices == []


class Prepared(keras.Model):
    """Like a task of KerasHub: it predicts what its preprocessor makes of photographs of any size."""

    def __init__(self, preprocessor):
        i = keras.Input((8, 8, 3))
        x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(i))
        super().__init__(i, layers.Dense(3, activation="softmax")(x))
        self.preprocessor = preprocessor

    def predict(self, x, **own):
        return super().predict(self.preprocessor(x), **own)


def test_the_models_own_preprocessor_prepares_the_images_where_nobody_says_another():
    model = Prepared(lambda x: keras.ops.image.resize(keras.ops.cast(x, "float32") / 255, (8, 8)))
    session = Session(model, RAW)
    np.testing.assert_allclose(session.models[0].scores([0, 1]), model.predict(RAW, verbose=0), rtol=1e-5)
    (notice,) = session.notices
    assert "the model's own `preprocessor`" in notice
    other = Session(model, RAW, preprocess=lambda x: x[:, :8, :8] * 0.0)
    assert not any("own `preprocessor`" in notice for notice in other.notices)
    np.testing.assert_allclose(other.models[0].scores([0])[0], model(np.zeros((1, 8, 8, 3)))[0], rtol=1e-5)
    assert Session(Prepared(None), np.resize(RAW, (2, 8, 8, 3)) / 255).notices == []


def test_a_crop_by_the_models_own_preprocessor_is_shown_as_the_model_sees_it():
    crop = keras.layers.Resizing(8, 8, crop_to_aspect_ratio=True)
    session = Session(Prepared(lambda x: crop(x) / 255), RAW)
    assert ["own `preprocessor`" in notice for notice in session.notices] == [True, False]
    assert "show the model's input" in session.notices[1]
    expected = np.asarray(crop(RAW[:1]))[0]
    np.testing.assert_allclose(session.images.picture(0), expected, atol=1)


@pytest.mark.parametrize("preprocess", ["resnet", RAW, 3])
def test_a_preprocess_that_is_no_function_is_refused(preprocess):
    with pytest.raises(TypeError, match=r"`preprocess` must be a function .* Received: "):
        Session(functional(), RAW, preprocess=preprocess)


@pytest.mark.parametrize("kind", ["functional", "subclassed"])
@pytest.mark.parametrize("scale", [lambda: layers.Rescaling(1 / 255), lambda: lambda x: x], ids=["scaled", "raw"])
def test_what_scales_another_input_is_not_taken_for_the_images(kind, scale):
    scaled = scale()

    def run(age, image):
        age = layers.Dense(4)(layers.Rescaling(1 / 10, -4)(age))
        return layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(scaled(image))) * age)

    if kind == "functional":
        inputs = {"age": keras.Input((1,), name="age"), "image": keras.Input((16, 24, 3), name="image")}
        model = keras.Model(inputs, run(**inputs))
    else:
        model = Gated(scaled)
        model({"image": np.zeros((1, 16, 24, 3), "float32"), "age": np.zeros((1, 1), "float32")})
    notices = Session(model, {"image": RAW, "age": [30, 50]}).notices
    assert [RANGE in notice for notice in notices] == ([] if isinstance(scaled, layers.Layer) else [True])


class Gated(keras.Model):
    """What reads the age is listed first."""

    def __init__(self, scaled):
        super().__init__()
        self.normal, self.gate = layers.Rescaling(1 / 10, -4), layers.Dense(4)
        self.scaled, self.conv, self.pool = scaled, layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()

    def call(self, x):
        return self.pool(self.conv(self.scaled(x["image"]))) * self.gate(self.normal(x["age"]))
