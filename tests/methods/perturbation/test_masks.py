import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.backend import resize, stateless_uniform
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.perturbation import rise
from ke_widgets.methods.perturbation.masks import random_masks
from tests.methods.networks import images, small

IMAGES = images()


def linear(weights):
    shape = (*weights.shape, 1)
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([weights.reshape(-1, 1)])
    return expose(model, [])


@pytest.mark.parametrize("sizes", [(9,), (7, 10), (4, 5, 6)])
def test_a_mask_is_a_grid_enlarged_to_one_cell_more_and_cut_at_the_shift(sizes):
    cells, rank = 3, len(sizes)
    found = np.asarray(random_masks(sizes, cells, 0.4, 5, [0, 3, 8], "float64"))
    for mask, number in zip(found, [0, 3, 8]):
        drawn = np.asarray(stateless_uniform((cells**rank + rank,), 5, [number], "float32"))[0]
        grid = (drawn[: cells**rank] < 0.4).astype("float32").reshape(1, *[cells] * rank, 1)
        sides = [-(-size // cells) for size in sizes]
        large = np.asarray(resize(ops.convert_to_tensor(grid), [(cells + 1) * side for side in sides]))[0, ..., 0]
        shifts = [int(u * side) for u, side in zip(drawn[cells**rank :], sides)]
        cut = large[tuple(slice(shift, shift + size) for shift, size in zip(shifts, sizes))]
        np.testing.assert_allclose(mask, cut, atol=1e-6)


def test_the_expectation_of_every_pixel_is_the_share():
    masks = np.asarray(random_masks((12, 12), 3, 0.3, 0, np.arange(4000), "float32"))
    assert masks.min() >= 0
    assert masks.max() <= 1
    # A pixel is at most as spread as one cell: 0.46 / sqrt(4000), five times.
    assert np.abs(masks.mean(axis=0) - 0.3).max() < 0.036


def test_with_one_cell_the_map_is_the_logit_by_the_number_of_masks_that_show_it():
    model = linear(np.array([[1.0, 2.0, 4.0]]))
    samples = 40
    shown = int(np.sum(np.asarray(random_masks((1, 3), 1, 0.25, 0, np.arange(samples), "float32"))[:, 0, 0]))
    assert 0 < shown < samples
    _, maps = rise(model, np.ones((1, 1, 3, 1)), samples=samples, cells=1, share=0.25)
    np.testing.assert_allclose(np.ravel(maps), [7 * shown / (0.25 * samples)] * 3, rtol=1e-6)
    _, maps = rise(model, np.ones((1, 1, 3, 1)), samples=samples, cells=1, share=0.25, divisor="masks")
    np.testing.assert_allclose(np.ravel(maps), [7] * 3, rtol=1e-6)


@pytest.mark.parametrize("divisor", ["expectation", "masks"])
def test_it_is_the_plain_loop_for_every_batch_size(divisor):
    model, image = expose(small(), []), IMAGES[:1]
    masks = np.asarray(random_masks((6, 6), 3, 0.4, 7, np.arange(11), "float64"))
    weighted, total = np.zeros((6, 6, 3)), np.zeros((6, 6, 1))
    for mask in masks:
        score = np.asarray(model(image * mask[..., None] + 0.5 * (1 - mask[..., None]))[0])[0]
        for i, j in itertools.product(range(6), range(6)):
            weighted[i, j] += mask[i, j] * score
            total[i, j] += mask[i, j]
    expected = weighted / (0.4 * 11 if divisor == "expectation" else total)
    own = {"samples": 11, "cells": 3, "share": 0.4, "seed": 7, "baseline": 0.5, "divisor": divisor}
    for batch_size in (1, 4, 11):
        _, maps = rise(model, image, batch_size=batch_size, **own)
        np.testing.assert_allclose(maps[0], expected, rtol=1e-6, atol=1e-8)


def test_the_map_of_an_additive_model_tends_to_its_expectation():
    """Of a sum of pixels w x m: the expectation of the mask at p times that at q, over the share, weighted with w x."""
    weights = np.random.default_rng(0).normal(size=(4, 4))
    _, maps = rise(linear(weights), np.ones((1, 4, 4, 1)), samples=8000, cells=2)
    # All grids of 2 x 2 cells, at all shifts, are as probable as each other.
    expected, count = np.zeros((4, 4)), 0
    for bits, top, left in itertools.product(itertools.product([0, 1], repeat=4), range(2), range(2)):
        grid = ops.convert_to_tensor(np.array(bits, "float32").reshape(1, 2, 2, 1))
        mask = np.asarray(resize(grid, (6, 6)))[0, top : top + 4, left : left + 4, 0]
        expected, count = expected + (weights * mask).sum() * mask, count + 1
    np.testing.assert_allclose(maps[0, ..., 0], expected / count / 0.5, atol=0.05 * np.abs(weights).sum() / 4)


def test_fewer_masks_are_the_first_ones():
    model = expose(small(), [])
    for progress in step_by_step(rise, model, IMAGES, samples=9, cells=2, batch_size=4):
        logits, maps = progress.result()
        expected = rise(model, IMAGES, samples=min(9, 4 * progress.done), cells=2)
        np.testing.assert_allclose(logits, expected[0])
        np.testing.assert_allclose(maps, expected[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"samples": 0}, "`samples` must be an integer of at least 1"),
        ({"cells": 1.5}, "`cells` must be an integer of at least 1"),
        ({"share": 0.0}, "`share` must be above 0 and at most 1. Received: share=0.0"),
        ({"divisor": "n"}, "`divisor` must be 'expectation' or 'masks'. Received: divisor='n'"),
    ],
)
def test_wrong_numbers_are_refused(own, message):
    with pytest.raises(ValueError, match=message):
        rise(expose(small(), []), IMAGES, **own)
