"""Blur integrated gradients: complete, and a plain loop; `test_oracles.py` has PAIR's."""

import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.engine.baselines import blur
from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.inspection import expose
from ke_widgets.methods import table
from ke_widgets.methods.path import blur_integrated_gradients
from tests.methods.networks import images, small

IMAGES = images()


def test_the_sum_tends_to_the_logit_less_that_of_the_blurred_image():
    model = expose(small(), [])
    reference = table()["blur_integrated_gradients"][1].reference(model, IMAGES, blur=0.4)
    np.testing.assert_allclose(reference, model(blur(IMAGES, 0.4 * 6))[0], rtol=1e-12)
    residuals = []
    for steps in (8, 512):
        logits, maps = blur_integrated_gradients(model, IMAGES, steps=steps, blur=0.4)
        residuals.append(np.abs(np.sum(maps, axis=(1, 2)) - (np.asarray(logits) - np.asarray(reference))).max())
    assert residuals[1] < residuals[0] / 20
    assert residuals[1] < 2e-3


def test_the_sum_of_a_linear_model_is_exact_for_any_number_of_steps():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    model = keras.Model(inputs, layers.Dense(3, dtype="float64")(layers.Flatten(dtype="float64")(inputs)))
    weights = np.asarray(model.layers[-1].kernel).reshape(6, 6, 2, 3)
    for steps in (1, 4):
        _, maps = blur_integrated_gradients(expose(model, []), IMAGES, steps=steps, blur=0.3)
        change = IMAGES - np.asarray(blur(IMAGES, 0.3 * 6))
        np.testing.assert_allclose(maps, np.einsum("bhwc,hwcu->bhwu", change, weights), rtol=1e-10, atol=1e-12)


def test_it_is_what_a_plain_loop_gives():
    model, steps, most = expose(small(), []), 5, 0.5 * 6
    expected = 0
    for step in range(steps):
        sigmas = most * (1 - np.array([step, step + 0.5, step + 1]) / steps)
        before, middle, after = (np.asarray(blur(IMAGES, max(sigma, 1e-9))) for sigma in sigmas)
        grads = np.asarray(image_jacobian(model, middle)[1])
        expected = expected + np.einsum("b...c,bu...c->b...u", after - before, grads)
    _, maps = blur_integrated_gradients(model, IMAGES, steps=steps, blur=0.5, batch_size=3)
    np.testing.assert_allclose(maps, expected, rtol=1e-10, atol=1e-13)


def test_a_blur_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"`blur` must be above 0. Received: blur=0"):
        blur_integrated_gradients(expose(small(), []), IMAGES, blur=0.0)
