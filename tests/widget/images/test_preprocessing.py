import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ke_widgets.widget.images.preprocessing import check_preprocess, own_colours, sees_all

APPLICATIONS = keras.applications
IMAGES = {
    "uint8": np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype="uint8"),
    "floats": np.random.default_rng(0).uniform(0.01, 0.99, (64, 64, 3)).astype("float32"),
    "grey": np.random.default_rng(0).integers(0, 256, (50, 40), dtype="uint8"),
    "deep": np.random.default_rng(0).integers(0, 65536, (40, 60, 1)).astype("float32"),
}


def resized(height, width, method="bilinear", **own):
    return lambda x: tf.image.resize(_coloured(x), (height, width), method=method, **own)


def _coloured(x):
    return x[..., None] if len(x.shape) == 3 else x


def _with_pillow(x):
    (image,) = x
    image = Image.fromarray(image if image.dtype == np.uint8 else image[..., 0])
    return np.asarray(image.resize((32, 32)), "float32")[None]


def _standardized(x):
    return tf.image.per_image_standardization(_coloured(x))


PLAIN = {
    "nothing": lambda x: x,
    "scaled": lambda x: x / 127.5 - 1,
    "bilinear": resized(32, 32),
    "nearest": resized(33, 20, "nearest"),
    "area": resized(16, 16, "area"),
    "bicubic, larger": resized(224, 224, "bicubic", antialias=True),
    "every second": lambda x: x[:, ::2, ::2],
    "caffe": lambda x: APPLICATIONS.resnet50.preprocess_input(
        np.repeat(_coloured(x)[..., :1], 3, axis=-1).astype("float32")
    ),
    "standardized": _standardized,
    "grey": lambda x: _coloured(x).mean(axis=-1, keepdims=True),
    "negative": lambda x: 255 - x,
    "gamma": lambda x: (np.abs(x) / 65535.0) ** 1.1,
    "Keras": keras.layers.Resizing(24, 24),
}
MOVED = {
    "centre crop": lambda x: x[:, 4:-4, 4:-4],
    "one side": lambda x: x[:, :-5],
    "crop then resize": lambda x: tf.image.resize(_coloured(x)[:, 3:-3, 3:-3], (32, 32)),
    "to the aspect": keras.layers.Resizing(16, 32, crop_to_aspect_ratio=True),
    "letterbox": lambda x: tf.image.resize_with_pad(_coloured(x), 32, 90),
    "border": lambda x: tf.pad(_coloured(x), [[0, 0], [6, 6], [6, 6], [0, 0]]),
    "mirror": lambda x: x[:, :, ::-1],
    "upside down": lambda x: x[:, ::-1],
    "turned": lambda x: np.swapaxes(x, 1, 2),
    "turned by 180": lambda x: x[:, ::-1, ::-1],
    "crop, standardized": lambda x: _standardized(_coloured(x)[:, 6:-6, 6:-6]),
    "one colour": lambda x: x * 0,
    "fails": lambda x: 1 / 0,
}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("how", PLAIN)
def test_what_only_resizes_shows_all_of_the_image(how, kind):
    assert sees_all(PLAIN[how], IMAGES[kind])


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("how", MOVED)
def test_what_crops_pads_or_moves_does_not(how, kind):
    assert not sees_all(MOVED[how], IMAGES[kind])


def test_pillow_resizes_too():
    assert sees_all(_with_pillow, IMAGES["uint8"])
    assert sees_all(_with_pillow, IMAGES["grey"])


@pytest.mark.parametrize(
    "how",
    [
        lambda x: x / 255.0,
        lambda x: (x[..., ::-1] - np.array([103.939, 116.779, 123.68])) / np.array([0.2, 1.0, 50.0]),
        lambda x: APPLICATIONS.vgg16.preprocess_input(x.astype("float32")),
        lambda x: x.astype("float32") @ np.array([[0.3, 0.5, 0.1], [0.6, -0.4, 0.1], [0.1, 0.1, 0.9]]) - 7,
        lambda x: 255 - x.astype("float32"),
    ],
)
def test_colours_are_found_back_where_they_were_scaled_shifted_or_mixed(how):
    image = IMAGES["uint8"]
    back = own_colours(how, image)
    np.testing.assert_allclose(back(np.asarray(how(image[None]))[0]), image, atol=0.5)


@pytest.mark.parametrize("how", [_standardized, lambda x: (x / 255.0) ** 3, lambda x: x[..., :1], lambda x: 1 / 0])
def test_colours_that_cannot_be_found_back_are_not(how):
    assert own_colours(how, IMAGES["uint8"]) is None


class Scale:
    def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        ("resnet", "Received: 'resnet'. Write `preprocess=keras.applications.resnet.preprocess_input`"),
        ("ResNet50", "Write `preprocess=keras.applications.resnet50.preprocess_input`"),
        ("mobilenet_v2", "Write `preprocess=keras.applications.mobilenet_v2.preprocess_input`"),
        (keras.applications.resnet50, "Write `preprocess=keras.applications.resnet50.preprocess_input`"),
        (keras.applications.efficientnet, "Write `preprocess=keras.applications.efficientnet.preprocess_input`"),
        (np, "Received: the module 'numpy'.$"),
        (
            np.zeros((5, 32, 32, 3)),
            r"Received: an array of shape \(5, 32, 32, 3\), float64. Pass the function itself, ",
        ),
        (Scale, r"Received: the class 'Scale'. Create an instance: `preprocess=Scale\(...\)`"),
        (keras.layers.Rescaling, r"Create an instance: `preprocess=Rescaling\(...\)`"),
        (1 / 255, "Received: 0.00392"),
        ({"scale": 2}, r"Received: \{'scale': 2\}.$"),
    ],
)
def test_what_is_no_function_is_refused_with_what_to_write(preprocess, message):
    with pytest.raises(TypeError, match="`preprocess` must be a function .*" + message) as caught:
        check_preprocess(preprocess)
    assert len(str(caught.value)) < 300


def test_functions_layers_and_objects_that_are_called_are_taken():
    for preprocess in (None, np.array, Scale(), keras.layers.Rescaling(2.0), lambda x: x):
        check_preprocess(preprocess)
