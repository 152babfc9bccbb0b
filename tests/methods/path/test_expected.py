"""Expected gradients: the mean of integrated gradients over a background; `test_oracles.py` has captum's."""

import numpy as np
import pytest

from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step, table
from ke_widgets.methods.path import expected_gradients, integrated_gradients
from tests.methods.networks import images, small

IMAGES, BACKGROUND = images(), images(3, seed=1)


@pytest.fixture(scope="module")
def model():
    return expose(small(), [])


def test_it_tends_to_the_mean_of_integrated_gradients_over_the_background(model):
    exact = np.asarray(integrated_gradients(model, IMAGES, steps=200, baseline=list(BACKGROUND))[1])
    errors = []
    for samples in (50, 5000):
        maps = np.asarray(expected_gradients(model, IMAGES, background=BACKGROUND, samples=samples)[1])
        errors.append(np.sqrt(np.mean((maps - exact) ** 2) / np.mean(exact**2)))
    assert errors[1] < errors[0] / 5  # A mean of samples: a hundred times as many are ten times as near.
    assert errors[1] < 0.03


def test_the_first_samples_are_the_same_for_any_number(model):
    first, *_ = step_by_step(expected_gradients, model, IMAGES, background=BACKGROUND, samples=12, batch_size=4)
    alone = expected_gradients(model, IMAGES, background=BACKGROUND, samples=4)
    np.testing.assert_allclose(first.result()[1], alone[1], rtol=1e-12, atol=1e-15)


def test_a_seed_gives_a_map_and_another_seed_another_one(model):
    def maps(seed):
        return np.asarray(expected_gradients(model, IMAGES, background=BACKGROUND, samples=5, seed=seed)[1])

    np.testing.assert_array_equal(maps(3), maps(3))
    assert np.abs(maps(3) - maps(4)).max() > 1e-3


def test_the_reference_is_the_mean_score_of_the_background(model):
    reference = table()["expected_gradients"][1].reference
    expected = np.tile(np.mean(np.asarray(model(BACKGROUND)[0]), axis=0), (2, 1))
    np.testing.assert_allclose(reference(model, IMAGES, background=BACKGROUND), expected, rtol=1e-6)


@pytest.mark.parametrize("background", [None, "mean", np.zeros((0, 6, 6, 2)), 3.0])
def test_a_background_that_is_no_set_of_images_is_refused(model, background):
    with pytest.raises(ValueError, match=r"`background` must hold images as the model takes them.* Received: backgr"):
        expected_gradients(model, IMAGES, background=background)


def test_a_background_of_another_size_is_refused(model):
    with pytest.raises(ValueError, match=r"`baseline` must broadcast to the images, \(2, 6, 6, 2\)"):
        expected_gradients(model, IMAGES, background=images(3, (5, 5, 2)))
