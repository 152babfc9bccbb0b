"""How the defaults are found, by value, and that a model is looked through once."""

import time
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Endpoint
from ke_widgets.model.locate import (
    default_layer,
    logits_endpoint,
    signal_endpoint,
    spatial_signals,
)
from tests import models


@pytest.mark.parametrize("build", [models.doubly_nested, models.over_backbone, models.over_subclassed, models.in_lists])
def test_a_model_is_looked_through_once(build, monkeypatch):
    model = build()
    first = expose(model).endpoints
    for name in ("from_functional", "from_trace"):
        monkeypatch.setattr(callgraph, name, lambda *args: pytest.fail("looked again"))
    monkeypatch.setattr(model_layers, "nodes", lambda *args: pytest.fail("walked again"))
    assert expose(model).endpoints == first
    assert signal_endpoint(model) == first[1]


def test_a_warm_expose_costs_next_to_nothing():
    x = inputs = keras.Input((16, 16, 3))
    for number in range(60):
        x = layers.ReLU()(layers.Conv2D(3, 3, padding="same", name=f"conv{number}")(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(x)))
    started = time.perf_counter()
    expose(model)
    cold = time.perf_counter() - started
    warm = []
    for _ in range(15):
        started = time.perf_counter()
        expose(model)
        warm.append(time.perf_counter() - started)
    assert min(warm) < cold / 4


UNIT = np.array([[1], [0]])


def integers(dtype, scale=layers.Rescaling):
    inputs = keras.Input(models.IMAGE, dtype=dtype)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(scale(1 / 255)(inputs))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return models.randomize(keras.Model(inputs, layers.Dense(3, activation="softmax", name="logits")(x)))


@pytest.mark.parametrize("given", ["float32", "uint8", "int64"])
@pytest.mark.parametrize(
    "build", [integers, lambda dtype: keras.Sequential([keras.Input(models.IMAGE, dtype=dtype), integers(dtype)])]
)
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_a_model_that_takes_integers_has_the_map_of_its_layer_at_the_default(dtype, build, given):
    model = build(dtype)
    images = np.random.default_rng(0).integers(0, 256, (2, *models.IMAGE)).astype(given)
    path = signal_endpoint(model).path.replace("pool", "conv")
    expected = ke.gradcam(expose(model, path), images, UNIT, verbose=0)[1]
    np.testing.assert_allclose(ke.gradcam(model, images, UNIT, verbose=0)[1], expected, rtol=1e-6)
    assert expected.max() > 0


class Shapeless(keras.Model):
    """Builds itself without a word on what it takes."""

    def __init__(self):
        super().__init__(name="shapeless")
        self.conv, self.pool = layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(name="pool")
        self.scores = layers.Dense(3, activation="softmax", name="scores")

    def build(self, shape=(None, *models.IMAGE)):
        self.conv.build(shape)
        self.scores.build((None, 4))
        super().build(shape)

    def call(self, x):
        return self.scores(self.pool(self.conv(x)))


def test_a_model_of_unknown_input_is_looked_through_with_an_image():
    model = Shapeless()
    model.build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            ValueError,
            match=r"`arguments` must be given for 'shapeless': Keras does not know its input shape.*Sequential",
        ):
            expose(model)
    around = keras.Sequential([keras.Input(models.IMAGE), model])
    assert str(signal_endpoint(around)) == "shapeless/pool (input)"
    images = ops.convert_to_tensor(models.images(1))
    assert str(logits_endpoint(model, inputs=images)) == "scores (logits)"
    assert str(signal_endpoint(model, inputs=images)) == "pool (input)"
    assert spatial_signals(model, inputs=images) == {"conv": (None, 6, 6, 4)}
    assert default_layer(model, inputs=images) == "conv"


@pytest.mark.parametrize(
    ("builder", "logits", "signal"),
    [
        (models.flat, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.fused, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.nested_pooling, Endpoint("logits", link="logits"), Endpoint("backbone/pool", link="input")),
        (models.doubly_nested, Endpoint("head/logits", link="logits"), Endpoint("middle/inner/pool", link="input")),
        (models.subclassed, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.in_lists, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.over_backbone, Endpoint("head/logits", link="logits"), Endpoint("head/pool", link="input")),
        (models.over_subclassed, Endpoint("head/logits", link="logits"), Endpoint("head/pool", link="input")),
        (models.convolutional_head, Endpoint("reshape"), Endpoint("pool", link="input")),
        (models.siamese, Endpoint("logits", link="logits"), Endpoint("encoder/pool", link="input", node=1)),
        (models.attention, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
    ],
)
def test_logits_and_signal_are_found_by_walking_back(builder, logits, signal):
    model = builder()
    assert (logits_endpoint(model), signal_endpoint(model)) == (logits, signal)


def test_an_activation_that_makes_no_probability_belongs_to_the_logits():
    model = models.fused(activation="relu")
    assert logits_endpoint(model) == Endpoint("logits")


def test_a_flatten_without_places_is_no_pooling():
    x = inputs = keras.Input(models.IMAGE)
    x = layers.GlobalMaxPooling2D(keepdims=True, name="pool")(layers.Conv2D(4, 3, name="conv")(x))
    model = keras.Model(inputs, layers.Flatten(name="flatten")(layers.Conv2D(3, 1)(x)))
    assert signal_endpoint(model) == Endpoint("pool", link="input")


def test_a_model_without_places_has_no_default_signal():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="table")
    with pytest.raises(ValueError, match=r"`arguments` must be given for 'table'"):
        expose(model)
