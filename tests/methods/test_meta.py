import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets import backend
from ke_widgets.engine.evaluations import even
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.all_layers import at_all_layers
from ke_widgets.methods.cams import gradcam, scorecam
from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import contrast, smooth, smoothgrad, tta
from tests.methods import twins
from tests.methods.networks import WIDE, conv, images, network, one_conv, randomize, small

IMAGES = images()


def any_size(body=None):
    return network(body or (lambda x: conv(activation="relu")(x)), shape=(None, None, 2))


def linear_model():
    return randomize(keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten(), layers.Dense(3, **WIDE)]))


def close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


# SmoothGrad


def test_smooth_equals_the_plain_loop_over_its_samples():
    model = small()
    net = twins.Net(model)
    noise = np.asarray(backend.stateless_normal((6, 6, 2), 7, np.arange(3), "float64"))
    for relative in (True, False):
        expected = []
        for image in IMAGES:
            sigma = 0.2 * (image.max() - image.min()) if relative else 0.2
            expected.append(np.mean([twins.gradcam(net, image + sigma * one) for one in noise], axis=0))
        method = smooth(gradcam, repetitions=3, noise=0.2, relative=relative, seed=7, batch_size=2)
        close(method(expose(model, "first"), IMAGES)[1], expected, 1e-7)


@pytest.mark.parametrize("method", [gradcam, gradients])
def test_without_noise_smooth_is_the_method_exactly(method):
    exposed = expose(small(), "first")
    for actual, expected in zip(smooth(method, 7, noise=0)(exposed, IMAGES), method(exposed, IMAGES)):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("repetitions", [1, 4, 5])
def test_smooth_is_exact_for_a_linear_model_whatever_the_samples(repetitions):
    model = linear_model()
    _, expected = gradients(model, IMAGES)
    close(smooth(gradients, repetitions, batch_size=3)(model, IMAGES)[1], expected, 1e-14)
    close(smoothgrad(model, IMAGES, repetitions=repetitions, batch_size=3)[1], expected, 1e-14)


@pytest.mark.parametrize(
    ("samples", "most", "size"), [(25, 8, 5), (25, 5, 5), (25, 32, 25), (24, 8, 8), (7, 3, 2), (7, 4, 4), (1, 8, 1)]
)
def test_pieces_are_alike_and_few_samples_are_drawn_for_nothing(samples, most, size):
    found = even(samples, most)
    assert found == size
    assert found <= most


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 7, 50])
def test_smooth_does_not_depend_on_the_batch_size(batch_size):
    exposed = expose(small(), "first")
    for actual, expected in zip(
        smooth(gradcam, 7, batch_size=batch_size)(exposed, IMAGES), smooth(gradcam, 7, batch_size=4)(exposed, IMAGES)
    ):
        close(actual, expected)


def test_the_seed_decides_the_noise():
    exposed = expose(small(), "first")
    first, again, other = (
        smooth(gradcam, 3, seed=seed, batch_size=batch)(exposed, IMAGES)[1] for seed, batch in ((1, 3), (1, 2), (2, 3))
    )
    close(again, first)
    assert np.abs(np.asarray(other) - first).max() > 1e-4


def test_all_samples_are_noisy():
    model = small()
    noise = np.asarray(backend.stateless_normal((6, 6, 2), 0, np.arange(4), "float64"))
    assert (np.abs(noise).max((1, 2, 3)) > 0.1).all()
    _, single = smooth(gradcam, 1)(expose(model, "first"), IMAGES)
    assert np.abs(np.asarray(single) - gradcam(expose(model, "first"), IMAGES)[1]).max() > 1e-4


def test_noise_is_normal_and_each_sample_has_its_own():
    noise = np.asarray(backend.stateless_normal((30, 30, 3), 3, np.arange(4), "float64"))
    assert abs(noise.mean()) < 0.05
    assert abs(noise.std() - 1) < 0.05
    assert np.abs(np.corrcoef(noise.reshape(4, -1)) - np.eye(4)).max() < 0.1
    np.testing.assert_array_equal(backend.stateless_normal((30, 30, 3), 3, np.array([2]), "float64")[0], noise[2])


def test_the_map_of_an_image_does_not_depend_on_its_company():
    exposed = expose(small(), "first")
    method = smooth(gradcam, 4)
    close(method(exposed, IMAGES[1:])[1], np.asarray(method(exposed, IMAGES)[1])[1:])


def test_what_stands_beside_the_image_gets_no_noise():
    """The logit is `extra` times the mean pixel, so the gradient at each pixel is `extra / 4`, whatever the image."""
    image, extra = keras.Input((2, 2, 1), dtype="float64"), keras.Input((1,), dtype="float64")
    mean = layers.GlobalAveragePooling2D(dtype="float64")(image)
    model = keras.Model([image, extra], layers.Multiply(dtype="float64")([mean, extra]))
    x = [IMAGES[:2, :2, :2, :1], np.array([[8.0], [-4.0]])]
    for method in (smoothgrad, smooth(gradients, 3)):
        _, maps = method(model, x)
        close(maps[..., 0], np.broadcast_to(np.array([2.0, 1.0])[:, None, None], (2, 2, 2)), 1e-12)


def test_variance_is_the_mean_of_squares_less_the_square_of_the_mean():
    exposed = expose(small(), "first")
    mean, square, variance = (
        np.asarray(smooth(gradcam, 6, statistic=statistic)(exposed, IMAGES)[1])
        for statistic in ("mean", "square", "variance")
    )
    assert variance.max() > 0
    close(square - variance, mean**2, 1e-14)


def test_smoothgrad_averages_signed_gradients():
    model = small()
    signed = smoothgrad(model, IMAGES, repetitions=8, noise=0.5)[1]
    absolute = smooth(gradients, 8, noise=0.5)(model, IMAGES)[1]
    assert (np.asarray(signed) <= np.asarray(absolute) + 1e-12).all()
    assert (np.asarray(absolute) - np.asarray(signed)).max() > 1e-3


@pytest.mark.parametrize(
    "made",
    [
        smooth(gradcam, 4, noise=1),
        smooth(scorecam, 2, noise=2, batch_size=1),
        smooth(gradients, 3, statistic="variance"),
        smooth(smooth(gradcam, 2), 3),
        smooth(tta(scorecam), 2),
        tta(gradcam),
        tta(smoothgrad),
        smoothgrad,
        contrast(smooth(gradcam, 3)),
        at_all_layers(gradcam),
    ],
    ids=lambda method: method.__name__,
)
@pytest.mark.parametrize("compiled", [False, True])
def test_the_logits_are_those_of_the_image_itself_whatever_is_done_to_it(made, compiled):
    model = small()
    exposed, units = expose(model, "first"), np.array([[0, 2], [1, 1]], "int32")
    clean = np.take_along_axis(np.asarray(exposed(IMAGES)[0]), units, 1)
    expected = clean[:, :1] - clean[:, 1:] if made.__name__.startswith("contrast") else clean
    run = (
        tf.function(lambda x, y: made(exposed, x, y), autograph=False) if compiled else functools.partial(made, exposed)
    )
    np.testing.assert_allclose(run(IMAGES, units)[0], expected, rtol=1e-14)
    if hasattr(made, "evaluations"):
        for progress in step_by_step(made, exposed, IMAGES, units):
            np.testing.assert_allclose(progress.result()[0], expected, rtol=1e-14)


def test_own_parameters_go_to_the_method_within():
    model = small()
    close(
        smooth(gradients, 1, noise=0)(model, IMAGES, channels="mean")[1], gradients(model, IMAGES, channels="mean")[1]
    )
    with pytest.raises(ValueError, match="Received: channels='median'"):
        smooth(gradients)(model, IMAGES, channels="median")


@pytest.mark.parametrize("make", [smooth, tta])
def test_the_same_request_gives_the_same_object(make):
    # So compiled functions, which are kept by method, are used again.
    assert make(gradcam) is make(gradcam)
    assert make(gradcam).__name__ == f"{make.__name__}_gradcam"
    assert make(gradcam) is not make(gradients)


def test_lists_and_repeated_scales_give_the_same_object():
    assert tta(gradcam, scales=[0.5, 1.0, 2]) is tta(gradcam, (0.5, 2.0, 0.5))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"repetitions": 0}, "`repetitions` must be an integer of at least 1. Received: repetitions=0"),
        ({"batch_size": 1.5}, "`batch_size` must be an integer of at least 1. Received: batch_size=1.5"),
        ({"seed": None}, "`seed` must be an integer of at least 0. Received: seed=None"),
        ({"noise": -0.1}, "`noise` must be at least 0. Received: noise=-0.1"),
        ({"noise": float("nan")}, "`noise` must be at least 0. Received: noise=nan"),
        ({"statistic": "median"}, "`statistic` must be 'mean', 'square' or 'variance'. Received: statistic='median'"),
    ],
)
def test_smooth_refuses_a_wrong_parameter_when_it_is_made(own, message):
    with pytest.raises(ValueError, match=message):
        smooth(gradcam, **own)


# Test-time augmentation


@pytest.mark.parametrize("scales", [[1.0], [], ()])
def test_tta_of_nothing_is_the_method(scales):
    exposed = expose(small(), "first")
    for actual, expected in zip(tta(gradcam, scales, hflip=False)(exposed, IMAGES), gradcam(exposed, IMAGES)):
        np.testing.assert_array_equal(actual, expected)


def test_a_symmetric_image_has_a_symmetric_map():
    symmetric = IMAGES + IMAGES[:, :, ::-1]
    maps = np.asarray(tta(gradcam)(expose(small(), "first"), symmetric)[1])
    close(maps, maps[:, :, ::-1])


def test_tta_is_the_mean_of_all_passes():
    exposed = expose(any_size())
    logits, maps = tta(gradcam, scales=[2.0])(exposed, IMAGES)
    expected_logits, expected_maps = [], []
    for size in (6, 12):
        for mirror in (False, True):
            seen = np.asarray(keras.ops.image.resize(IMAGES, (size, size))).astype("float64")
            one, found = gradcam(exposed, seen[:, :, ::-1] if mirror else seen)
            found = np.asarray(found)[:, :, ::-1] if mirror else np.asarray(found)
            found = [[twins.resize(m[..., u], (4, 4)) for u in range(3)] for m in found]
            expected_logits.append(one)
            expected_maps.append(np.moveaxis(found, 1, -1))
    close(logits, expected_logits[0], 1e-6)
    close(maps, np.mean(expected_maps, axis=0), 1e-6)


def test_the_mean_of_equal_passes_is_each_of_them():
    # Divided by anything but their number, it would not be.
    model = any_size(lambda x: layers.Lambda(lambda x: 0 * x + 1, **WIDE)(conv(activation="relu")(x)))
    exposed = expose(model, next(layer for layer in model.layers if isinstance(layer, layers.Lambda)))
    logits, maps = tta(scorecam, [0.5, 2.0])(exposed, IMAGES)
    expected_logits, expected = scorecam(exposed, IMAGES)
    close(logits, expected_logits)
    close(maps, expected, 1e-6)


def test_scales_are_refused_where_the_model_takes_one_size():
    method = tta(gradcam, [0.5])
    with pytest.raises(ValueError, match=r"`scales` must be empty.*Received: scales=\(0.5,\)"):
        method(expose(one_conv()), IMAGES)


@pytest.mark.parametrize("scales", [[0], [-1.0], ["2"], [float("nan")], [True]])
def test_tta_refuses_a_wrong_scale(scales):
    with pytest.raises(ValueError, match=r"`scales` must be numbers above 0. Received"):
        tta(gradcam, scales)


# Together


def test_methods_of_methods_nest():
    exposed = expose(small(), "first")
    method = smooth(tta(scorecam), 2, batch_size=1)
    expected = np.mean([m(exposed, x)[1] for m, x in _noisy(tta(scorecam), 2)], axis=0)
    close(method(exposed, IMAGES)[1], expected, 1e-6)
    *_, last = step_by_step(method, exposed, IMAGES, batch_size=2)
    close(last.result()[1], expected, 1e-6)


def _noisy(method, count):
    spread = 0.15 * (IMAGES.max((1, 2, 3)) - IMAGES.min((1, 2, 3)))[:, None, None, None]
    for one in np.asarray(backend.stateless_normal((6, 6, 2), 0, np.arange(count), "float64")):
        yield method, IMAGES + spread * one
