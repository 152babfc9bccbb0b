import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets import backend
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import smooth, smoothgrad, squaregrad, vargrad
from tests.methods.networks import WIDE, conv, images, network, randomize, small

IMAGES = images()


def linear_model():
    return randomize(keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten(), layers.Dense(3, **WIDE)]))


def close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


def test_smoothgrad_averages_signed_gradients():
    model = small()
    signed = smoothgrad(model, IMAGES, repetitions=8, noise=0.5)[1]
    absolute = smooth(gradients, 8, noise=0.5)(model, IMAGES)[1]
    assert (np.asarray(signed) <= np.asarray(absolute) + 1e-12).all()
    assert (np.asarray(absolute) - np.asarray(signed)).max() > 1e-3


@pytest.mark.parametrize("repetitions", [1, 4, 5])
def test_smooth_is_exact_for_a_linear_model_whatever_the_samples(repetitions):
    model = linear_model()
    _, expected = gradients(model, IMAGES)
    close(smooth(gradients, repetitions, batch_size=3)(model, IMAGES)[1], expected, 1e-14)
    close(smoothgrad(model, IMAGES, repetitions=repetitions, batch_size=3)[1], expected, 1e-14)


def test_what_stands_beside_the_image_gets_no_noise():
    """The logit is `extra` times the mean pixel, so the gradient at each pixel is `extra / 4`, whatever the image."""
    image, extra = keras.Input((2, 2, 1), dtype="float64"), keras.Input((1,), dtype="float64")
    mean = layers.GlobalAveragePooling2D(dtype="float64")(image)
    model = keras.Model([image, extra], layers.Multiply(dtype="float64")([mean, extra]))
    x = [IMAGES[:2, :2, :2, :1], np.array([[8.0], [-4.0]])]
    for method in (smoothgrad, smooth(gradients, 3)):
        _, maps = method(model, x)
        close(maps[..., 0], np.broadcast_to(np.array([2.0, 1.0])[:, None, None], (2, 2, 2)), 1e-12)


# VarGrad and SquareGrad

OWN = {"repetitions": 6, "noise": 0.4, "batch_size": 4}


def of_each_sample(model):
    """The signed gradients of the noisy images, `(S, B, U, H, W, C)`, by TensorFlow alone."""
    spread = 0.4 * (IMAGES.max((1, 2, 3)) - IMAGES.min((1, 2, 3)))[:, None, None, None]
    found = []
    for one in np.asarray(backend.stateless_normal((6, 6, 2), 0, np.arange(6), "float64")):
        x = tf.constant(IMAGES + spread * one)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            logits = model(x)[0]
            units = [tf.reduce_sum(logits[:, unit]) for unit in range(3)]
        found.append(np.stack([tape.gradient(unit, x) for unit in units], 1))
    return np.array(found)


@pytest.mark.parametrize("channels", ["max", "mean"])
def test_they_are_the_moments_of_the_signed_gradients_before_the_channels_are_reduced(channels):
    model = expose(small(), [])
    samples, reduce = of_each_sample(model), {"max": np.max, "mean": np.mean}[channels]
    for method, expected in ((vargrad, samples.var(0)), (squaregrad, np.square(samples).mean(0))):
        expected = np.moveaxis(reduce(expected, axis=-1), 1, -1)
        close(method(model, IMAGES, channels=channels, **OWN)[1], expected)


def test_the_variance_is_the_mean_square_less_the_square_of_the_signed_mean():
    """Of grey images, whose one channel is not reduced."""
    body = conv(name="second", activation="relu")
    model = expose(network(lambda x: body(conv(activation="relu")(x)), shape=(6, 6, 1)), [])
    mean, square, variance = (
        np.asarray(method(model, IMAGES[..., :1], **OWN)[1]) for method in (smoothgrad, squaregrad, vargrad)
    )
    assert variance.max() > 1e-5
    close(variance, square - mean**2)


def test_a_small_variance_of_large_gradients_is_not_rounded_away():
    """A parabola with a slope of a million: the squares of float32, near 1e12, are 60,000 apart."""
    inputs = keras.Input((2, 2, 1))
    x = layers.Lambda(lambda x: x * x / 2 + 1e6 * x)(inputs)
    model = keras.Model(inputs, layers.Lambda(lambda x: keras.ops.sum(x, axis=(1, 2)))(x))
    own = {"repetitions": 8, "noise": 1.0, "relative": False}
    noise = np.asarray(backend.stateless_normal((2, 2, 1), 0, np.arange(8), "float32"))
    _, maps = vargrad(model, np.zeros((1, 2, 2, 1), "float32"), **own)
    np.testing.assert_allclose(maps[0, ..., 0], noise.var(0)[..., 0], rtol=0.2)


@pytest.mark.parametrize("method", [vargrad, squaregrad])
def test_seed_steps_and_refusals_are_those_of_smoothgrad(method):
    model = expose(small(), [])
    whole = method(model, IMAGES, repetitions=5, batch_size=5)[1]
    close(method(model, IMAGES, repetitions=5, batch_size=2)[1], whole)
    close(method(model, IMAGES[1:], repetitions=5)[1], np.asarray(whole)[1:])
    assert np.abs(np.asarray(method(model, IMAGES, repetitions=5, seed=1)[1]) - whole).max() > 1e-5
    *_, last = step_by_step(method, model, IMAGES, repetitions=5, batch_size=2)
    close(last.result()[1], whole)
    with pytest.raises(ValueError, match="`repetitions` must be an integer of at least 1"):
        method(model, IMAGES, repetitions=0)


def test_without_noise_nothing_varies_and_the_square_is_that_of_the_gradient():
    model = expose(small(), [])
    np.testing.assert_array_equal(vargrad(model, IMAGES, noise=0.0)[1], np.zeros((2, 6, 6, 3)))
    close(squaregrad(model, IMAGES, noise=0.0)[1], np.square(gradients(model, IMAGES)[1]))
    close(vargrad(linear_model(), IMAGES)[1] + 1, np.ones((2, 6, 6, 3)), 1e-14)
