import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets.widget.session.fingerprint import fingerprint
from ke_widgets.widget.session.session import Session

IMAGES = np.random.default_rng(0).uniform(size=(2, 8, 8, 3)).astype("float32")


class Weighted(layers.Layer):
    """A layer with one weight of any shape and type that acts on nothing."""

    def __init__(self, shape, dtype="float32"):
        super().__init__()
        self.own = self.add_weight(shape=shape, dtype=dtype, initializer="zeros", trainable=False)

    def call(self, x):
        return x


def net(*first, dtype=None):
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            *first,
            layers.Conv2D(2, 3, dtype=dtype),
            layers.GlobalAveragePooling2D(dtype=dtype),
            layers.Dense(3, dtype=dtype),
        ]
    )


def mark(model):
    return np.asarray(tf.function(lambda: fingerprint(model, None, None))()).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "int64", "uint8", "int8", "bool"])
@pytest.mark.parametrize("rank", range(6))
def test_a_change_is_seen_in_weights_of_every_rank_and_type(rank, dtype):
    layer = Weighted((3, 2, 3, 2, 3)[:rank], dtype)
    model = net(layer)
    before = mark(model)
    assert mark(model) == before
    layer.own.assign(np.ones(layer.own.shape, "float32"))
    assert mark(model) != before


def test_a_change_too_small_for_a_float32_is_seen_in_wider_weights():
    for dtype, old, new in (("float64", 1.0, 1 + 1e-12), ("int32", 2**24, 2**24 + 1), ("int64", 2**40, 2**40 + 1)):
        layer = Weighted((2,), dtype)
        layer.own.assign([old, old])
        model = net(layer)
        before = mark(model)
        layer.own.assign([old, new])
        assert mark(model) != before


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2, 2)])
def test_empty_weights_are_nothing(shape):
    model = net(Weighted(shape))
    assert mark(model) == mark(model)


def test_a_model_without_weights_has_an_empty_mark():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.AveragePooling2D(4), layers.Flatten()])
    assert mark(model) == b""


def _adapted():
    layer = layers.Normalization()
    layer.adapt(IMAGES)
    return layer


def _temperature():
    layer = Weighted(())
    layer.own.assign(3.0)
    return layer


@pytest.mark.parametrize(
    "build",
    [
        lambda: net(_adapted()),
        lambda: net(_temperature()),
        lambda: net(dtype="mixed_float16"),
        lambda: net(layers.RandomFlip(), layers.RandomRotation(0.1), layers.GaussianNoise(0.1), layers.Dropout(0.5)),
        lambda: net(layers.BatchNormalization()),
        lambda: net(layers.SpectralNormalization(layers.Conv2D(3, 3, padding="same"))),
    ],
    ids=["adapted", "scalar", "mixed", "random", "batch", "spectral"],
)
def test_looking_changes_no_generation_and_loading_does(build):
    model = build()
    session = Session(model, IMAGES)
    choice = {"layer": session.models[0].default_layer, "class_index": 0, "method": "gradcam", "params": {}}
    for image in (0, 1, 0):
        session.run(image_index=image, **choice)
    assert session.generations() == [0]
    model.set_weights([np.asarray(weight) + np.ones((), weight.dtype) for weight in model.get_weights()])
    assert session.generations() == [1]
    np.testing.assert_allclose(session.models[0].scores([0])[0], model(IMAGES[:1], training=False)[0], rtol=1e-2)


def test_a_quantized_model_is_marked_and_its_loading_noticed():
    model = net()
    model.quantize("int8")
    session = Session(model, IMAGES)
    assert session.generations() == [0]
    kernel = model.layers[-1]._kernel
    kernel.assign(np.ones(kernel.shape, "int8"))
    assert session.generations() == [1]
