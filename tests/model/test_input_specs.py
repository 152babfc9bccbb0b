"""What a model takes, and the sizes that a model of any size is tried at."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.model import input_specs
from ke_widgets.model.locate import default_layer, spatial_signals
from tests import models


class Doubling(layers.Layer):
    """As in networks that upsample to a size that they compute: it needs to know the sides."""

    def compute_output_shape(self, shape):
        return (shape[0], None, None, shape[3])

    def call(self, x):
        factor = 2 * int(x.shape[1]) // int(x.shape[1]) if x.shape[1] is not None else int(ops.shape(x)[1] and 0)
        return layers.UpSampling2D(factor)(x)


@pytest.mark.parametrize("shape", [(None, None, 3), (None, 16, 3), (16, None, 3)], ids=str)
def test_a_model_of_any_size_that_runs_at_known_sides_only_is_looked_through(shape):
    inputs = keras.Input(shape)
    x = Doubling(name="up")(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, ops.mean(layers.Conv2D(3, 1, name="last")(x), (1, 2)))
    assert default_layer(model) == "last"
    assert spatial_signals(model) == dict.fromkeys(("conv", "up"), (None, None, None, 4)) | {
        "last": (None, None, None, 3)
    }


def shapes(model, inputs=None):
    return [tuple(spec.shape) for spec in input_specs.attempts(model, inputs)]


def of_shape(*shape):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Activation("relu")(inputs))


def test_open_sides_are_tried_at_sizes_that_tell_rows_from_columns():
    assert shapes(of_shape(None, None, 3)) == [
        (7, 224, 192, 3),
        (7, 64, 64, 3),
        (7, 224, 224, 3),
        (None, None, None, 3),
    ]
    assert shapes(of_shape(None, 16, 3)) == [(7, 224, 16, 3), (7, 64, 16, 3), (None, None, 16, 3)]


def test_what_is_closed_is_tried_with_and_without_a_batch():
    assert shapes(of_shape(8, 6, 3)) == [(7, 8, 6, 3), (None, 8, 6, 3)]
    assert shapes(of_shape(None, 3)) == [(7, None, 3), (None, None, 3)], "time stays open"


def test_where_channels_come_first_the_sides_are_the_last_two(monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    assert shapes(of_shape(3, None, None))[0] == (7, 3, 224, 192)
    assert shapes(of_shape(None, None, 3))[0] == (7, 224, 192, 3)


def test_several_inputs_are_tried_as_the_model_wants_them_nested():
    first = next(input_specs.attempts(models.multi_input()))
    assert first == {"image": tf.TensorSpec((7, 8, 8, 3)), "extra": tf.TensorSpec((7, 2))}


class Unbuilt(keras.Model):
    def call(self, x):
        return x


class Pair(keras.Model):
    def build(self, shapes):
        pass

    def call(self, x):
        return x[0]


def test_a_model_without_a_graph_says_what_it_was_built_with():
    called = models.subclassed()
    assert input_specs.declared(called) == tf.TensorSpec((None, 8, 8, 3), "float32")
    assert input_specs.is_known(called)
    pair = Pair()
    pair.build([(2, 8, 8, 3), (2, 5)])
    assert input_specs.declared(pair) == [tf.TensorSpec((None, 8, 8, 3)), tf.TensorSpec((None, 5))]


def test_a_model_that_says_nothing_is_tried_with_an_example_or_not_at_all():
    model = Unbuilt()
    assert not input_specs.is_known(model)
    assert shapes(model) == []
    example = tf.zeros((2, 5, 4, 3), "uint8")
    assert [spec.dtype for spec in input_specs.attempts(model, example)] == [tf.uint8, tf.uint8]
    assert shapes(model, example) == [(7, 5, 4, 3), (None, 5, 4, 3)]


@pytest.mark.parametrize(
    ("shape", "is_open"), [((None, None, 3), True), ((8, None, 3), True), ((8, 8, 3), False), ((None, 3), False)]
)
def test_a_model_of_any_size_takes_images_of_open_sides(shape, is_open):
    assert input_specs.has_open_sides(of_shape(*shape)) is is_open


def test_noise_fits_its_spec_in_shape_kind_and_strength():
    spec, rng = tf.TensorSpec((None, 4, None, 3), "float16"), np.random.default_rng
    expected = 3 * rng(0).normal(size=(1, 4, 1, 3))
    found = input_specs.noise(spec, rng(0), 3)
    assert found.dtype == tf.float16
    np.testing.assert_allclose(found, expected.astype("float16"))
    pixels = input_specs.noise(tf.TensorSpec((None, 40, 40, 3), "uint8"), rng(0), 2)
    assert (pixels.dtype, int(np.min(pixels)), int(np.max(pixels))) == (tf.uint8, 0, 255)
    tokens = input_specs.noise(tf.TensorSpec((None, 400), "int32"), rng(0), 2)
    assert set(np.unique(tokens)) == {0, 1}, "no token that a small vocabulary lacks"
