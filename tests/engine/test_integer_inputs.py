"""A model that takes integers has the gradients of its twin that takes floats."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import ke_widgets as ke

QUIET = {"verbose": 0}


def features(image):
    return layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="tanh")(image))


INTEGER = {
    "Rescaling": lambda x: layers.Rescaling(1 / 255)(x),
    "cast": lambda x: ops.cast(x, "float32") / 255,
    "division": lambda x: x / 255,
    "Lambda": lambda x: layers.Lambda(lambda x: ops.cast(x, "float32") / 255)(x),
    "nested": lambda x: keras.Sequential([keras.Input((10, 8, 3), dtype="uint8"), layers.Rescaling(1 / 255)])(x),
    "Resizing": lambda x: layers.Rescaling(1 / 255)(layers.Resizing(10, 8)(x)),
    "mirrored in training": lambda x: layers.Rescaling(1 / 255)(layers.RandomFlip()(x)),
}


# The inner input of "nested" is of uint8.
KINDS = [(kind, dtype) for kind in INTEGER for dtype in ("uint8", "int32") if (kind, dtype) != ("nested", "int32")]


@pytest.mark.parametrize(("kind", "dtype"), KINDS)
def test_an_input_of_integers_has_the_gradients_of_its_twin_of_floats(kind, dtype):
    def build(dtype):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((10, 8, 3), dtype=dtype)
        scaled = INTEGER[kind](inputs) if dtype != "float32" else layers.Rescaling(1 / 255)(inputs)
        return keras.Model(inputs, layers.Dense(3)(features(scaled)))

    model, twin = build(dtype), build("float32")
    twin.set_weights(model.get_weights())
    x = np.random.default_rng(0).integers(0, 256, (2, 10, 8, 3)).astype(dtype)
    for images in (x, x.astype("float32")):
        logits, maps = ke.gradients(model, images, 2, postprocessing=None, **QUIET)
        wanted, expected = ke.gradients(twin, x.astype("float32"), 2, postprocessing=None, **QUIET)
        np.testing.assert_allclose(logits, wanted, rtol=1e-5)
        np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-9)
