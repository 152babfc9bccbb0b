"""What the tests of class activation maps share."""

import keras
import numpy as np
from keras import layers

from tests.methods.networks import images, randomize

IMAGES = images()


def by_name(value):
    return getattr(value, "__name__", None)


def close(actual, expected, tolerance=1e-12):
    """Equal but for `tolerance` of the largest number expected."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


def half_precision(policy, bias=0.0):
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 3, activation="relu", name="conv", dtype=policy)(inputs)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    model = randomize(keras.Model(inputs, layers.Dense(3, name="logits", dtype=policy)(x)))
    model.get_layer("logits").bias.assign([bias] * 3)
    return model
