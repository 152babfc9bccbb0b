import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.gradient import full_gradient_terms, gradient_input, gradients
from tests.methods import twins
from tests.methods.networks import WIDE, conv, images, network, randomize, small

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


# Input x gradient


def test_input_x_gradient_of_a_linear_model_is_each_pixels_share_of_the_logit():
    model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1)])
    model.set_weights([np.array([[1.0], [-2.0], [4.0], [8.0]]), np.array([0.5])])
    logits, maps = gradient_input(model, np.array([1.0, 2.0, 3.0, 0.0]).reshape(1, 2, 2, 1))
    np.testing.assert_array_equal(maps[0, ..., 0], [[1, -4], [12, 0]])
    np.testing.assert_array_equal(logits, [[9.5]])


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_sum_of_input_x_gradient_is_the_logit_less_the_terms_of_all_biases(activation):
    model = network(lambda x: layers.BatchNormalization(**WIDE)(conv(activation=activation)(x)), head=layers.Flatten)
    units = np.array([[2, 0], [1, 1]])
    logits, maps = gradient_input(expose(model, []), IMAGES, units)
    _, terms = full_gradient_terms(model, IMAGES, units)
    rest = sum(np.asarray(term).reshape(2, 2, -1).sum(-1) for name, term in terms.items() if name != "inputs")
    # Keras's exact GELU takes the root of 1/2 in float32.
    np.testing.assert_allclose(np.sum(maps, axis=(1, 2)), logits - rest, atol=1e-12 if activation == "relu" else 1e-7)
    np.testing.assert_allclose(maps, np.moveaxis(np.sum(terms["inputs"], axis=-1), 1, -1), atol=1e-14)


LAYOUTS = {
    "channels first": ((2, 6, 5), layers.Permute((2, 3, 1), **WIDE), (-2, -1), (6, 5)),
    "a signal": ((7, 2), layers.Conv1D(3, 3, **WIDE), (-2,), (7,)),
    "a volume": ((4, 5, 6, 2), layers.Conv3D(3, 3, **WIDE), (-4, -3, -2), (4, 5, 6)),
    "a grey image": ((6, 5), layers.Reshape((6, 5, 1), **WIDE), (-2, -1), (6, 5)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_input_x_gradient_is_complete_in_any_layout(layout):
    shape, layer, axes, size = LAYOUTS[layout]
    inputs = keras.Input(shape, dtype="float64")
    x = layers.Dense(3, use_bias=False, **WIDE)(layers.Flatten(**WIDE)(layer(inputs)))
    model = randomize(keras.Model(inputs, x))
    logits, maps = gradient_input(model, images(2, shape), spatial_axis=axes)
    assert maps.shape == (2, *size, 3)
    bias = getattr(layer, "bias", None)
    given = np.zeros((1, 3)) if bias is None else np.asarray(model(np.zeros((1, *shape))))
    np.testing.assert_allclose(np.sum(maps, axis=tuple(range(1, 1 + len(size)))), logits - given, atol=1e-12)


def test_integers_and_another_input_are_no_hindrance():
    image, extra = keras.Input((2, 2, 1), dtype="float64"), keras.Input((1,), dtype="float64")
    mean = layers.GlobalAveragePooling2D(**WIDE)(image)
    model = keras.Model([image, extra], layers.Multiply(**WIDE)([mean, extra]))
    x = [np.arange(4).reshape(1, 2, 2, 1), np.array([[8.0]])]
    np.testing.assert_allclose(gradient_input(model, x)[1][0, ..., 0], [[0, 2], [4, 6]])
