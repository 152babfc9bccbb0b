import numpy as np

from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.cams import cam, gradcam
from ke_widgets.methods.gradient import gradients
from ke_widgets.methods.meta import contrast, negate
from ke_widgets.methods.path import guided_integrated_gradients
from tests.methods.networks import images, one_conv, small

IMAGES = images()


def test_a_contrast_is_the_difference_of_a_method_that_is_linear_in_the_score():
    exposed = expose(small(), "first")
    logits, maps = (np.asarray(x) for x in gradcam(exposed, IMAGES))
    found, map_ = contrast(gradcam)(exposed, IMAGES, np.array([[2, 0], [0, 1]]))
    np.testing.assert_allclose(found[:, 0], [logits[0, 2] - logits[0, 0], logits[1, 0] - logits[1, 1]], rtol=1e-12)
    expected = maps[0, ..., 2] - maps[0, ..., 0], maps[1, ..., 0] - maps[1, ..., 1]
    np.testing.assert_allclose(map_[..., 0], expected, atol=1e-14)


def test_the_negative_of_a_score_has_the_negative_maps_but_the_same_magnitudes():
    model = one_conv()
    exposed, units = expose(model), np.array([[2, 0], [1, 1]])
    for method, sign in ((gradcam, -1), (cam, -1), (gradients, 1)):
        logits, maps = method(exposed, IMAGES, units)
        found, negated = negate(method)(exposed, IMAGES, units)
        np.testing.assert_allclose(found, -np.asarray(logits), rtol=1e-14)
        np.testing.assert_allclose(negated, sign * np.asarray(maps), atol=1e-14)


def test_a_method_whose_steps_depend_on_each_other_is_contrasted_in_every_step():
    model = expose(small(), [])
    one = guided_integrated_gradients(model, IMAGES, np.array([[0, 2], [0, 2]]), steps=5, distance=0.0)
    logits, maps = contrast(guided_integrated_gradients)(
        model, IMAGES, np.array([[0, 2], [0, 2]]), steps=5, distance=0.0
    )
    np.testing.assert_allclose(logits[:, 0], one[0][:, 0] - one[0][:, 1], rtol=1e-10)
    np.testing.assert_allclose(maps[..., 0], one[1][..., 0] - one[1][..., 1], rtol=1e-8, atol=1e-12)
    *_, last = step_by_step(
        contrast(guided_integrated_gradients), model, IMAGES, np.array([[0, 2], [0, 2]]), steps=5, distance=0.0
    )
    np.testing.assert_allclose(last.result()[1], maps, rtol=1e-8, atol=1e-12)
