"""A model small enough to draw, images for it, and a widget over them."""

import keras
import numpy as np
import pytest

from ke_widgets.widget.view import ExplainerWidget
from tests.widget.page import LONG


@pytest.fixture(scope="session")
def model():
    """conv -> block(conv, add) -> pool -> dense with a fused sigmoid, on raw 8x8 images."""
    keras.utils.set_random_seed(0)
    inner_input = keras.Input((8, 8, 4), name="inner")
    inner = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(inner_input)
    inner = keras.layers.Add(name="add")([inner, inner_input])
    block = keras.Model(inner_input, inner, name="block")
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = keras.layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = block(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid", name="scores")(x), name="tiny")


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(0).integers(0, 256, size=(5, 8, 8, 3), dtype="uint8")


@pytest.fixture
def widget(model, images):
    widget = ExplainerWidget(model, images, labels=["a", "b", "c"])
    widget.wait(LONG)
    yield widget
    widget.close()
