"""Gradients of units, against weights that are known and against central differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.gradients import image_jacobian, jacobian, signal_jacobian
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import gradients
from tests import models


def central_differences(function, x, step=1e-2):
    """Differentiate `function(x) -> (B, U)` with respect to each value of `x` by differences, (B, U, ...)."""
    rows = []
    for place in np.ndindex(x.shape[1:]):
        moved = np.zeros_like(x)
        moved[(slice(None), *place)] = step
        rows.append((np.asarray(function(x + moved)) - np.asarray(function(x - moved))) / (2 * step))
    return np.stack(rows, -1).reshape(*rows[0].shape, *x.shape[1:])


def smooth(shape=(4, 4, 3)):
    """A network without kinks, in float64, so that differences are exact to many digits."""
    x = inputs = keras.Input(shape, dtype="float64")
    x = layers.Conv2D(2, 3, activation="tanh", dtype="float64", name="conv")(x)
    x = layers.Flatten(dtype="float64", name="flatten")(x)
    return models.randomize(keras.Model(inputs, layers.Dense(2, activation="softmax", dtype="float64")(x)))


def test_central_differences_agree_with_gradients():
    model = smooth()
    exposed, x = expose(model, []), models.images(2, (4, 4, 3)).astype("float64")
    expected = central_differences(lambda x: exposed(x)[0], x, step=1e-5)
    _, maps = gradients(exposed, x)
    np.testing.assert_allclose(maps, np.moveaxis(np.abs(expected).max(-1), 1, -1), atol=1e-8)


def test_siamese_calls_each_have_their_own_gradient():
    model = models.siamese()
    pair = [models.images(2), models.images(2, seed=1)]
    before = models.snapshot(model)
    kernel = np.asarray(model.get_layer("logits").weights[0])
    for node, rows in [(0, kernel[:4]), (1, kernel[4:]), ("last", kernel[4:])]:
        exposed = expose(model, {"name": ("encoder", "conv"), "node": node})
        logits, (signal,), (grads,) = signal_jacobian(exposed, pair)
        # Pooling spreads a row of the kernel evenly over the 36 places.
        expected = np.broadcast_to(rows.T[None, :, None, None] / 36, grads.shape)
        np.testing.assert_allclose(grads, expected, rtol=1e-5, atol=1e-7)
        _, maps = gradcam(exposed, pair)
        np.testing.assert_allclose(maps, np.asarray(signal) @ rows / 36, rtol=1e-4, atol=1e-6)
    assert models.same(before, models.snapshot(model)) == []


def test_the_map_of_an_attention_block_agrees_with_central_differences():
    # One image: with several units at once, TensorFlow's own batching gave wrong numbers here, or ended the process.
    model, x = models.attention(), models.images(1)
    before = models.snapshot(model)
    exposed = expose(model, "conv")
    _, (signal,), (grads,) = signal_jacobian(exposed, x)
    _, maps = gradcam(exposed, x)
    np.testing.assert_allclose(compiled(gradcam, exposed)(x, None)[1], maps, rtol=1e-4, atol=1e-6)
    assert models.same(before, models.snapshot(model)) == []

    inner = keras.Input(signal.shape[1:])
    y = tokens = model.get_layer("tokens")(inner)
    y = model.get_layer("norm")(model.get_layer("add")([model.get_layer("attention")(y, y), tokens]))
    head = keras.Model(inner, model.get_layer("logits")(model.get_layer("pool")(y)))
    expected = central_differences(lambda s: expose(head, [])(s)[0], np.asarray(signal))
    np.testing.assert_allclose(grads, expected, rtol=2e-2, atol=2e-3)
    weights = np.asarray(grads).mean((2, 3))
    np.testing.assert_allclose(maps, np.einsum("bijk,buk->biju", signal, weights), rtol=1e-4, atol=1e-6)


def failing(function, *args):
    with pytest.raises(ValueError, match="Received") as caught:
        function(*args)
    return str(caught.value)


def test_units_that_do_not_depend_on_the_signal_are_refused():
    model = models.multi_output()
    before = models.snapshot(model)
    exposed = expose(model, "other_conv", "logits")
    assert "must depend on the signal. Received: other_conv (output)" in failing(gradcam, exposed, models.images())
    assert models.same(before, models.snapshot(model)) == []


def test_units_that_do_not_depend_on_the_image_are_refused():
    model = keras.Sequential([keras.Input((6, 6, 2)), layers.Lambda(lambda x: ops.ones((2, 3)))])
    with pytest.raises(ValueError, match=r"units must depend on the image. Received: the input 'keras_tensor"):
        gradients(model, models.images(2, (6, 6, 2)))


# The rows of the Jacobian


def linear(shape=(2, 3, 1), units=3):
    """Scores that are sums of weighted pixels; the model, and a weight for each unit and pixel."""
    inputs = keras.Input(shape, dtype="float64")
    x = layers.Flatten(dtype="float64")(inputs)
    model = models.randomize(keras.Model(inputs, layers.Dense(units, dtype="float64", name="logits")(x)))
    return model, np.asarray(model.get_layer("logits").kernel).T.reshape(units, *shape)


IMAGES = models.images(2, (2, 3, 1)).astype("float64")
UNITS = np.array([[2, 0], [1, 1]])


def test_the_gradient_of_a_linear_model_is_its_weights_unit_by_unit():
    model, weights = linear()
    logits, (grads,) = jacobian(model, IMAGES)
    np.testing.assert_allclose(logits, model(IMAGES))
    np.testing.assert_allclose(grads, [weights] * 2)
    logits, (grads,) = jacobian(model, IMAGES, UNITS)
    np.testing.assert_allclose(logits, np.take_along_axis(np.asarray(model(IMAGES)), UNITS, 1))
    np.testing.assert_allclose(grads, weights[UNITS])
    _, (grads,) = jacobian(model, IMAGES, UNITS[:, :1])
    np.testing.assert_allclose(grads, weights[UNITS[:, :1]])


def test_integers_are_differentiated_as_floats():
    model, weights = linear()
    logits, (grads,) = jacobian(model, np.arange(12).reshape(IMAGES.shape))
    assert grads.dtype.is_floating
    np.testing.assert_allclose(grads, [weights] * 2, rtol=1e-6)


@pytest.mark.parametrize("units", [None, UNITS, UNITS[:, :1]], ids=["all", "two", "one"])
@pytest.mark.parametrize("build", [models.flat, models.attention])
def test_rows_computed_together_are_those_computed_one_by_one(build, units):
    exposed, x = expose(build(), "conv"), models.images(2)
    for function in (jacobian, signal_jacobian):
        expected = keras.tree.flatten(function(exposed, x, units))
        found = tf.function(function, autograph=False)(exposed, x, units)
        for one, other in zip(keras.tree.flatten(found), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_gradient_of_the_signal_is_the_way_from_there_to_the_units():
    model = models.convolutional_head()
    _, (signal,), (grads,) = signal_jacobian(expose(model, "pool"), models.images(2), UNITS)
    kernel = np.asarray(model.get_layer("logits").kernel)[0, 0]
    np.testing.assert_array_equal(signal, expose(model, "pool")(models.images(2))[1])
    np.testing.assert_allclose(grads[:, :, 0, 0], kernel.T[UNITS], rtol=1e-5)


# The image, laid out in places


def test_of_several_inputs_one_is_the_image_or_all_are_differentiated():
    model = models.multi_input()
    exposed = expose(model, [])
    x = {"image": models.images(2), "extra": np.ones((2, 2), "float32")}
    _, (extra, image) = jacobian(exposed, x)
    _, (alone,) = jacobian(exposed, x, position=1)
    _, found = image_jacobian(exposed, x)
    np.testing.assert_array_equal(alone, image)
    np.testing.assert_array_equal(found, image)
    kernel = np.asarray(model.get_layer("logits").kernel)
    np.testing.assert_allclose(extra, [kernel[4:].T] * 2, rtol=1e-5)
    with pytest.raises(ValueError, match=r"Received: image_input='picture'"):
        image_jacobian(exposed, x, image_input="picture")


def test_channels_come_last_wherever_they_were():
    model, weights = linear((3, 8, 6))
    images = models.images(2, (3, 8, 6))
    _, grads = image_jacobian(model, images, UNITS, spatial_axis=(-2, -1))
    np.testing.assert_allclose(grads, np.moveaxis(weights, 1, -1)[UNITS], rtol=1e-6)


def test_grey_images_have_one_channel():
    model, weights = linear((10, 9))
    _, grads = image_jacobian(model, models.images(2, (10, 9)))
    np.testing.assert_allclose(grads, [weights[..., None]] * 2, rtol=1e-6)


def test_an_input_that_the_units_do_not_depend_on_is_named():
    image, extra = keras.Input(models.IMAGE, name="image"), keras.Input((2,), name="extra")
    pooled = layers.GlobalAveragePooling2D()(image)
    model = keras.Model([image, extra], layers.Dense(3)(pooled))
    x = [models.images(2), np.ones((2, 2), "float32")]
    with pytest.raises(ValueError, match=r"Received: the input 'extra', which they do not depend on"):
        jacobian(model, x, position=1)
    assert len(jacobian(model, x, position=0)[1]) == 1
