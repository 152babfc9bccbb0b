import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import smooth, smoothgrad
from tests.methods.networks import WIDE, images, randomize, small

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
