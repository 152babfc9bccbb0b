import functools

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets import backend
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.all_layers import at_all_layers
from ke_widgets.methods.cams import gradcam, scorecam
from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import contrast, smooth, smoothgrad, tta
from tests.methods.networks import images, small

IMAGES = images()


def close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


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
