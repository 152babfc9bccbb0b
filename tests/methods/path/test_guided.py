"""Guided integrated gradients: on the straight way left Riemann sums; `test_oracles.py` has PAIR's."""

import keras
import numpy as np
import pytest

from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.path import guided_integrated_gradients
from ke_widgets.methods.path.guided import _moved
from tests.methods.networks import images, small

IMAGES = images()


def test_without_distance_it_is_the_left_riemann_sum_of_integrated_gradients():
    model = expose(small(), [])
    grads = sum(np.asarray(image_jacobian(model, IMAGES * k / 7)[1]) for k in range(7)) / 7
    _, maps = guided_integrated_gradients(model, IMAGES, steps=7, distance=0.0)
    np.testing.assert_allclose(maps, np.einsum("b...c,bu...c->b...u", IMAGES, grads), rtol=1e-12, atol=1e-15)


def test_the_weakest_values_move_first_and_the_last_group_as_far_as_is_left():
    start, image = np.zeros((1, 4, 1)), np.array([4.0, -2.0, 1.0, 3.0]).reshape(1, 4, 1)
    strength = np.array([0.4, 0.1, 0.2, 0.3]).reshape(1, 1, 4, 1)
    tensors = [keras.ops.convert_to_tensor(x) for x in (start[None], image, start, strength)]
    half = keras.ops.convert_to_tensor(0.5, "float64")
    # Half of the way is 5 of 10: the weakest half (2 and 1) whole, and 2 of the 7 that the others are away.
    moved = _moved(*tensors, half, fraction=0.5, distance=1.0)
    np.testing.assert_allclose(np.ravel(moved), [4 * 2 / 7, -2, 1, 3 * 2 / 7], rtol=1e-12)
    # Within 0.25 of the line no value is beyond 0.75 of its way, nor behind 0.25 of it.
    moved = _moved(*tensors, half, fraction=0.25, distance=0.25)
    np.testing.assert_allclose(np.ravel(moved), [1.0, -1.5, 0.75, 1.75], rtol=1e-12)


def test_the_sum_tends_to_the_difference_of_the_logits():
    model, residuals = expose(small(), []), []
    start = np.asarray(model(np.zeros_like(IMAGES))[0])
    for steps in (8, 400):
        logits, maps = guided_integrated_gradients(model, IMAGES, steps=steps)
        residuals.append(np.abs(np.sum(maps, axis=(1, 2)) - (np.asarray(logits) - start)).max())
    assert residuals[1] < residuals[0] / 5
    assert residuals[1] < 0.02


def test_each_step_goes_on_from_the_one_before():
    model, units = expose(small(), []), np.array([[1, 2], [0, 2]])
    found = list(step_by_step(guided_integrated_gradients, model, IMAGES, units, steps=6))
    assert [each.done for each in found] == list(range(1, 8))
    whole = guided_integrated_gradients(model, IMAGES, units, steps=6)[1]
    np.testing.assert_allclose(found[-1].result()[1], whole, rtol=1e-10, atol=1e-14)
    assert not np.any(found[0].result()[1])


@pytest.mark.parametrize("own", [{"fraction": 0.0}, {"fraction": 1.5}, {"distance": -0.1}, {"distance": 2.0}])
def test_what_is_out_of_range_is_refused(own):
    with pytest.raises(ValueError, match=r"`fraction` must be above 0 and at most 1, and `distance` from 0 to 1"):
        guided_integrated_gradients(expose(small(), []), IMAGES, **own)
