import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.gradient import gradients
from tests.methods import twins
from tests.methods.networks import WIDE, images, randomize, small

IMAGES = images()


@pytest.mark.parametrize("channels", ["max", "mean"])
def test_gradients_equal_their_plain_loop_twin(channels):
    model = small()
    net = twins.Net(model)
    _, maps = gradients(expose(model), IMAGES, channels=channels)
    np.testing.assert_allclose(maps, [twins.gradients(net, image, channels) for image in IMAGES], atol=1e-6)


def test_gradients_of_a_linear_model_are_its_weights():
    model = randomize(keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten(), layers.Dense(3, **WIDE)]))
    weights = np.abs(np.asarray(model.layers[-1].kernel)).reshape(6, 6, 2, 3)
    for channels, expected in (("max", weights.max(2)), ("mean", weights.mean(2))):
        _, maps = gradients(model, IMAGES, channels=channels)
        np.testing.assert_allclose(maps, [expected] * 2, atol=1e-15)


def test_the_default_over_channels_is_the_papers_maximum():
    model = expose(small())
    np.testing.assert_array_equal(gradients(model, IMAGES)[1], gradients(model, IMAGES, channels="max")[1])


def test_integer_images_have_gradients():
    model = small()
    pixels = (10 * IMAGES).astype("int32")
    np.testing.assert_allclose(gradients(model, pixels)[1], gradients(model, pixels.astype("float64"))[1], rtol=1e-6)


def test_gradients_refuse_an_unknown_reduction():
    with pytest.raises(ValueError, match=r"`channels` must be 'max' or 'mean'. Received: channels='sum'"):
        gradients(small(), IMAGES, channels="sum")
