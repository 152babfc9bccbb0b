"""A model that takes integers has the gradients of its twin that takes floats."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.engine.integer_inputs import seen_as_floats

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


def scaled(dtype="uint8"):
    inputs = keras.Input((4, 4, 1), dtype=dtype, name="pixels")
    x = layers.Rescaling(2.0, offset=-1.0, name="scale")(inputs)
    return keras.Model(inputs, layers.Flatten()(x))


def test_while_the_block_runs_the_first_layer_gives_what_it_makes_of_the_floats():
    model = scaled()
    pixels, floats = np.full((1, 4, 4, 1), 3, "uint8"), tf.fill((1, 4, 4, 1), 3.5)
    with seen_as_floats(model, [(model.inputs[0], floats)]):
        inside = model(pixels)
    np.testing.assert_array_equal(inside, np.full((1, 16), 2 * 3.5 - 1))
    np.testing.assert_array_equal(model(pixels), np.full((1, 16), 2 * 3 - 1))


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_gradients_pass_to_the_floats(dtype):
    model = scaled(dtype)
    floats = tf.random.stateless_uniform((1, 4, 4, 1), (0, 1))
    with tf.GradientTape() as tape:
        tape.watch(floats)
        with seen_as_floats(model, [(model.inputs[0], floats)]):
            total = tf.reduce_sum(model(np.zeros((1, 4, 4, 1), dtype)))
    np.testing.assert_array_equal(tape.gradient(total, floats), np.full((1, 4, 4, 1), 2.0))


def test_floats_and_unknown_inputs_need_nothing():
    model = scaled("float32")
    x = np.ones((1, 4, 4, 1), "float32")
    with seen_as_floats(model, [(model.inputs[0], 5 * x), (None, 5 * x)]):
        np.testing.assert_array_equal(model(x), np.ones((1, 16)))


def twice(inputs):
    shared = layers.Rescaling(1 / 255, name="scale")
    return layers.Add()([shared(inputs), shared(inputs)])


@pytest.mark.parametrize(
    ("first", "path"),
    [(lambda x: layers.Add(name="sum")([x, x]), "sum"), (twice, "scale")],
    ids=["together", "more than once"],
)
def test_an_input_that_is_taken_with_others_or_twice_is_refused_by_name(first, path):
    inputs = keras.Input((4, 4, 1), dtype="uint8", name="pixels")
    model = keras.Model(inputs, layers.Flatten()(first(inputs)))
    said = f"Received: the input 'pixels' of dtype uint8, which '{path}' takes together with others, or more than once"
    with pytest.raises(ValueError, match=said), seen_as_floats(model, [(model.inputs[0], tf.zeros((1, 4, 4, 1)))]):
        pass
    np.testing.assert_array_equal(model(np.zeros((1, 4, 4, 1), "uint8")), np.zeros((1, 16)))
