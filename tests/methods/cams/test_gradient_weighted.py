import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import cam, gradcam, gradcampp, hirescam, layercam, xgradcam
from tests.methods import twins
from tests.methods.cams.common import IMAGES, by_name, close, half_precision
from tests.methods.networks import WIDE, conv, flatten_head, images, network, one_conv, small


@pytest.fixture(scope="module")
def tiny():
    """The network with a NumPy twin."""
    model = small()
    return model, twins.Net(model)


@pytest.mark.parametrize("method", [gradcam, gradcampp, hirescam, layercam, xgradcam], ids=by_name)
def test_a_gradient_cam_equals_its_plain_loop_twin(tiny, method):
    model, net = tiny
    _, maps = method(expose(model, "first"), IMAGES)
    close(maps, [getattr(twins, method.__name__)(net, image) for image in IMAGES], 1e-8)


# Grad-CAM


def test_gradcam_sums_to_the_logit_less_its_bias_for_average_pooling():
    model = one_conv()
    logits, maps = gradcam(expose(model), IMAGES)
    np.testing.assert_allclose(np.sum(maps, axis=(1, 2)) + model.get_layer("logits").bias, logits, atol=4e-15)


def test_gradcam_is_not_complete_for_a_flatten_head():
    model = flatten_head()
    logits, maps = gradcam(expose(model), IMAGES)
    assert np.abs(np.sum(maps, axis=(1, 2)) + model.get_layer("logits").bias - logits).max() > 0.1


def test_gradcam_rolls_with_an_image_on_a_torus():
    def circular(x):
        x = ops.concatenate([x[:, -1:], x, x[:, :1]], axis=1)
        return ops.concatenate([x[:, :, -1:], x, x[:, :, :1]], axis=2)

    def body(x):
        x = conv(4, strides=2, activation="relu", name="first")(layers.Lambda(circular, **WIDE)(x))
        return conv(4, activation="relu", name="second")(layers.Lambda(circular, **WIDE)(x))

    exposed = expose(network(body, shape=(8, 8, 2)), "first")
    pictures = images(shape=(8, 8, 2))
    _, maps = gradcam(exposed, pictures)
    _, rolled = gradcam(exposed, np.roll(pictures, (2, 4), axis=(1, 2)))
    close(rolled, np.roll(maps, (1, 2), axis=(1, 2)))


# Grad-CAM++


def test_gradcampp_has_no_nan_for_dead_channels_and_dead_gradients():
    model = one_conv()
    layer = model.get_layer("conv")
    layer.bias.assign([-100.0, 0.1, 0.1])
    model.get_layer("logits").kernel.assign([[1, 1, 1], [0, 1, -1], [1, 1, 1]])
    _, maps = gradcampp(expose(model), IMAGES)
    assert np.isfinite(maps).all()
    assert np.asarray(maps)[..., 1].any()


@pytest.mark.parametrize("scale", [1e-4, 1e-8, 1e-30])
def test_gradcampp_is_exact_for_small_gradients(scale):
    model = one_conv()
    kernel = np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.3], [-0.6, 0.2, 0.2]]) * scale
    model.get_layer("logits").kernel.assign(kernel)
    _, (signal,) = (lambda logits, *signals: (logits, signals))(*expose(model)(IMAGES))
    totals = np.sum(signal, axis=(1, 2))
    expected = []
    for image, total in zip(np.asarray(signal), totals):
        g = kernel / 16
        # For average pooling every place has the gradient w / Z: worked out on paper.
        weights = np.maximum(g, 0) * 16 / (2 + total[:, None] * g)
        expected.append(image @ weights)
    close(gradcampp(expose(model), IMAGES)[1], expected, 1e-13)


def test_gradcampp_does_not_overflow_in_half_precision_where_the_exponential_of_the_logit_would():
    model = half_precision("mixed_float16", bias=200.0)
    logits, maps = gradcampp(expose(model), IMAGES.astype("float32"))
    assert np.exp(np.float32(np.max(logits))) == np.inf
    assert np.isfinite(maps).all()
    assert np.asarray(maps).any()


# LayerCAM


def test_layercam_is_worked_out_on_paper():
    """One channel, weights 2 and -1 for the unit: only the cells with the positive weight count."""
    inputs = keras.Input((1, 2, 1))
    signal = layers.Conv2D(1, 1, use_bias=False, name="signal")(inputs)
    dense = layers.Dense(1, use_bias=False)
    model = keras.Model(inputs, dense(layers.Flatten()(signal)))
    model.set_weights([np.full((1, 1, 1, 1), 3.0), np.array([[2.0], [-1.0]])])
    logits, maps = layercam(expose(model, "signal"), np.array([5.0, 7.0]).reshape(1, 1, 2, 1))
    close(logits, [[2 * 15 - 21]])
    close(maps, np.array([2 * 15, 0]).reshape(1, 1, 2, 1))


def test_a_scaled_layercam_is_worked_out_on_paper():
    inputs = keras.Input((1, 3, 1))
    signal = layers.Conv2D(1, 1, use_bias=False, name="signal")(inputs)
    model = keras.Model(inputs, layers.Dense(1, use_bias=False)(layers.Flatten()(signal)))
    model.set_weights([np.ones((1, 1, 1, 1)), np.array([[1.0], [2.0], [3.0]])])
    image = np.array([4.0, 1.0, -1.0]).reshape(1, 1, 3, 1)
    _, maps = layercam(expose(model, "signal"), image, scale=2.0)
    close(maps, np.tanh([2 * 4 / 4, 2 * 2 / 4, 2 * -3 / 4]).reshape(1, 1, 3, 1), 1e-6)
    _, empty = layercam(expose(model, "signal"), -abs(image), scale=2.0)
    assert not np.asarray(empty).any()


@pytest.mark.parametrize("scale", [-1.0, float("nan")])
def test_layercam_refuses_a_wrong_scale(scale):
    with pytest.raises(ValueError, match=rf"`scale` must be at least 0. Received: scale={scale}"):
        layercam(expose(one_conv()), IMAGES, scale=scale)


# HiResCAM and XGrad-CAM


@pytest.mark.parametrize("method", [hirescam, xgradcam], ids=by_name)
@pytest.mark.parametrize("build", [one_conv, flatten_head], ids=by_name)
def test_the_sum_of_a_complete_map_and_the_bias_are_the_logit_of_one_linear_layer(build, method):
    model = build()
    logits, maps = method(expose(model), IMAGES)
    np.testing.assert_allclose(np.sum(maps, axis=(1, 2)) + model.get_layer("logits").bias, logits, atol=4e-15)


def test_cam_is_hirescam_times_the_number_of_places():
    exposed = expose(one_conv())
    maps = np.asarray(cam(exposed, IMAGES)[1])
    np.testing.assert_allclose(maps, 16 * np.asarray(hirescam(exposed, IMAGES)[1]), atol=8e-15)


def test_xgradcam_weighs_a_channel_by_its_gradient_where_it_responds():
    """One channel, 1 and 3; the unit has the weights 2 and -1 there: (1 * 2 - 3 * 1) / 4 = -1/4."""
    inputs = keras.Input((1, 2, 1))
    signal = layers.Conv2D(1, 1, use_bias=False, name="signal")(inputs)
    model = keras.Model(inputs, layers.Dense(1, use_bias=False)(layers.Flatten()(signal)))
    model.set_weights([np.ones((1, 1, 1, 1)), np.array([[2.0], [-1.0]])])
    _, maps = xgradcam(expose(model, "signal"), np.array([1.0, 3.0]).reshape(1, 1, 2, 1))
    close(maps, np.array([-0.25, -0.75]).reshape(1, 1, 2, 1))


def test_xgradcam_gives_channels_without_a_sum_no_weight():
    model = one_conv()
    model.get_layer("conv").bias.assign([-100.0, 0.1, 0.1])
    exposed = expose(model)
    signal = np.asarray(exposed(IMAGES)[1])
    assert not signal[..., 0].any()
    _, maps = xgradcam(exposed, IMAGES)
    close(maps, gradcam(exposed, IMAGES)[1])  # The gradient is the same at all places of average pooling.
    model.get_layer("conv").kernel.assign(0 * model.get_layer("conv").kernel)
    model.get_layer("conv").bias.assign([0.0, 0.0, 0.0])
    assert not np.asarray(xgradcam(exposed, IMAGES)[1]).any()
