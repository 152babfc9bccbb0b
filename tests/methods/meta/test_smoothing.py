import numpy as np
import pytest

from ke_widgets import backend
from ke_widgets.engine.evaluations import even
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import smooth
from tests.methods import twins
from tests.methods.networks import images, small

IMAGES = images()


def close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


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


def test_variance_is_the_mean_of_squares_less_the_square_of_the_mean():
    exposed = expose(small(), "first")
    mean, square, variance = (
        np.asarray(smooth(gradcam, 6, statistic=statistic)(exposed, IMAGES)[1])
        for statistic in ("mean", "square", "variance")
    )
    assert variance.max() > 0
    close(square - variance, mean**2, 1e-14)


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
