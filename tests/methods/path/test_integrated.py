"""Integrated gradients: exact where the integral is known, complete elsewhere; `test_oracles.py` has captum's."""

import re

import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.engine.baselines import baseline_of
from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.path.integrated import _points, integrated_gradients
from tests.methods.networks import images, small

IMAGES = images()


def test_the_map_of_a_linear_model_is_the_weighted_difference_for_any_number_of_steps():
    model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [2.0], [4.0], [8.0]])])
    image = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 2, 2, 1)
    for steps in (1, 3):
        logits, maps = integrated_gradients(expose(model, []), image, steps=steps, baseline=0.5)
        np.testing.assert_allclose(logits, [[1 + 4 + 12 + 32]])
        np.testing.assert_allclose(maps[0, ..., 0], [[0.5, 3], [10, 28]], rtol=1e-6)


@pytest.mark.parametrize("baseline", [0.0, "mean", "blur"])
def test_the_sum_tends_to_the_difference_of_the_logits(baseline):
    model = expose(small(), [])
    start = np.asarray(model(baseline_of(keras.ops.convert_to_tensor(IMAGES), baseline))[0])
    residuals = []
    for steps in (4, 64, 1024):
        logits, maps = integrated_gradients(model, IMAGES, steps=steps, baseline=baseline)
        residuals.append(np.abs(np.sum(maps, axis=(1, 2)) - (np.asarray(logits) - start)).max())
    # The gradient of a network of ReLUs jumps, so the error falls with the number of steps, not with its square.
    assert residuals[2] < residuals[0] / 50
    assert residuals[2] < 5e-4


def curve(degree):
    """A model of one pixel whose score is its power: its integral is known."""
    inputs = keras.Input((1, 1, 1), dtype="float64")
    x = layers.Lambda(lambda x: x**degree, dtype="float64")(inputs)
    return keras.Model(inputs, layers.Flatten(dtype="float64")(x))


def test_gauss_legendre_is_exact_for_polynomials_where_the_midpoints_are_not():
    image = np.full((1, 1, 1, 1), 2.0)
    for degree in (2, 3, 6):  # Three points integrate gradients up to the degree 5 exactly.
        _, maps = integrated_gradients(expose(curve(degree), []), image, steps=3, rule="gauss-legendre")
        np.testing.assert_allclose(maps, 2.0**degree, rtol=1e-13)
    _, maps = integrated_gradients(expose(curve(3), []), image, steps=2)
    np.testing.assert_allclose(maps, 2 * (3 * 0.5**2 + 3 * 1.5**2) / 2, rtol=1e-13)


@pytest.mark.parametrize("rule", ["midpoint", "gauss-legendre"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_the_weights_sum_to_1_and_the_points_lie_within(rule, steps):
    shares, weights = _points(steps, rule)
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(weights @ shares, 0.5, rtol=1e-14)
    assert 0 < shares.min() <= shares.max() < 1


def test_of_several_baselines_the_maps_are_averaged():
    model, array = expose(small(), []), images(1, seed=3)[0]
    together = integrated_gradients(model, IMAGES, steps=5, baseline=["mean", 0.5, array])[1]
    alone = [integrated_gradients(model, IMAGES, steps=5, baseline=each)[1] for each in ("mean", 0.5, array)]
    np.testing.assert_allclose(together, sum(map(np.asarray, alone)) / 3, rtol=1e-12, atol=1e-15)


def test_a_first_result_of_several_baselines_is_of_all_of_them():
    model = expose(small(), [])
    first, *_ = step_by_step(integrated_gradients, model, IMAGES, steps=4, baseline=("zero", "mean"), batch_size=2)
    points = [1 / 8]
    found = first.result()[1]
    expected = 0
    for baseline in ("zero", "mean"):
        start = np.asarray(baseline_of(keras.ops.convert_to_tensor(IMAGES), baseline))
        for point in points:
            grads = np.asarray(image_jacobian(model, start + point * (IMAGES - start))[1])
            expected = expected + np.einsum("b...c,bu...c->b...u", IMAGES - start, grads) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_what_does_not_fit_is_one_sentence():
    model = expose(small(), [])
    for own, words in (
        ({"steps": 0}, "`steps` must be an integer of at least 1. Received: steps=0"),
        ({"rule": "simpson"}, "`rule` must be 'midpoint' or 'gauss-legendre'. Received: rule='simpson'"),
        ({"baseline": "grey"}, "`baseline` must be a number, an array, 'zero', 'black', 'mean', 'blur' or 'white'."),
        ({"baseline": np.zeros((5, 5, 2))}, "`baseline` must broadcast to the images, (2, 6, 6, 2). Received: shape"),
        ({"baseline": "black"}, "`baseline` must be the values of a black image in the model's input"),
        ({"baseline": []}, "`baseline` must name at least one baseline. Received: baseline=[]"),
        (
            {"baseline": [0.1, 0.2]},
            "2 numbers may be both. Received: baseline=[0.1, 0.2]. Write `np.array([0.1, 0.2])`",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            integrated_gradients(model, IMAGES, **own)


def test_black_is_known_where_the_model_rescales_its_images():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    x = layers.Rescaling(1 / 127.5, offset=-1, dtype="float64")(inputs)
    model = expose(keras.Model(inputs, small()(x)), [])
    photo = 40 * IMAGES + 128
    for name, value in (("black", 0.0), ("white", 255.0)):
        expected = integrated_gradients(model, photo, steps=3, baseline=value)[1]
        np.testing.assert_array_equal(integrated_gradients(model, photo, steps=3, baseline=name)[1], expected)


def test_baselines_of_several_images_are_refused_in_a_loop_over_batches():
    """The next batch would get those of the first."""
    model, each = small(), np.stack([np.zeros((6, 6, 2)), np.ones((6, 6, 2))])
    with pytest.raises(ValueError, match=r"`baseline` must be one for all images, in batches of any number of them"):
        ke.integrated_gradients(model, images(4), 1, batch_size=2, steps=2, baseline=each, verbose=0)
    # One batch that is all there is has its own.
    alone = [integrated_gradients(expose(model, []), IMAGES[n : n + 1], steps=2, baseline=each[n])[1] for n in (0, 1)]
    both = integrated_gradients(expose(model, []), IMAGES, steps=2, baseline=each)[1]
    np.testing.assert_allclose(both, np.concatenate(alone), rtol=1e-12, atol=1e-15)
