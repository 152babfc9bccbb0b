import itertools
import math

import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.perturbation import kernel_shap, lime
from ke_widgets.methods.perturbation.coalitions import coins
from tests.methods.networks import images, small

IMAGES = images()
STRIPES = np.arange(36).reshape(6, 6) // 6  # Six segments, the rows.


def scores(model, segments, image, coalitions, baseline=0.0):
    """The scores `(N, U)` of one image `(1, H, W, C)` with the segments of each coalition shown, one by one."""
    masks = [np.asarray(each, "float64")[segments][None, ..., None] for each in coalitions]
    return np.concatenate([np.asarray(model(image * mask + baseline * (1 - mask))[0]) for mask in masks])


def shapley_values(value, number):
    """By the definition: the mean of what a segment adds over the coalitions of the others. `value` takes a tuple."""
    found = []
    for i in range(number):
        others = [j for j in range(number) if j != i]
        total = 0
        for size, chosen in ((k, c) for k in range(number) for c in itertools.combinations(others, k)):
            share = math.factorial(size) * math.factorial(number - size - 1) / math.factorial(number)
            with_it, without = ([int(j in (*chosen, *extra)) for j in range(number)] for extra in ([i], []))
            total = total + share * (value[tuple(with_it)] - value[tuple(without)])
        found.append(total)
    return np.array(found)


def exact(model, segments, image, number, baseline=0.0):
    every = list(itertools.product([0, 1], repeat=number))
    return shapley_values(dict(zip(every, scores(model, segments, image, every, baseline))), number)


@pytest.fixture(scope="module")
def model():
    return expose(small(), [])


@pytest.fixture(scope="module")
def additive():
    """A model whose logit is a weighted sum of 64 pixels, and the weights."""
    wide = {"dtype": "float64"}
    head = [layers.Flatten(**wide), layers.Dense(1, use_bias=False, **wide)]
    net = keras.Sequential([keras.Input((8, 8, 1), **wide), *head])
    weights = np.random.default_rng(0).normal(size=(8, 8))
    net.set_weights([weights.reshape(-1, 1)])
    return expose(net, []), weights


def of_cells(plane, cells=4):
    """The sum over each cell of a grid, at its pixels."""
    side = 8 // cells
    return np.kron(plane.reshape(cells, side, cells, side).sum(axis=(1, 3)), np.ones((side, side)))


# KernelSHAP


@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_with_all_coalitions_the_values_are_shapleys(model, baseline):
    expected = np.stack([exact(model, STRIPES, image[None], 6, baseline) for image in IMAGES])
    for batch_size in (1, 7, 64):
        _, maps = kernel_shap(model, IMAGES, segments=STRIPES, baseline=baseline, batch_size=batch_size)
        np.testing.assert_allclose(maps, np.repeat(expected[:, :, None], 6, axis=2), rtol=0, atol=1e-12)


def test_images_may_have_segments_of_their_own(model):
    quarters = np.arange(36).reshape(6, 6) // 18
    both = np.stack([STRIPES, quarters])
    _, maps = kernel_shap(model, IMAGES, segments=both)
    for image, (segments, number) in enumerate([(STRIPES, 6), (quarters, 2)]):
        expected = exact(model, segments, IMAGES[image : image + 1], number)
        np.testing.assert_allclose(maps[image], expected[segments], rtol=0, atol=1e-12)


@pytest.mark.parametrize("samples", [36, 101, 400])
def test_the_sum_is_what_the_image_adds_to_the_baseline_however_few_samples(model, samples):
    logits, maps = kernel_shap(model, IMAGES, grid=6, samples=samples, baseline=0.5)
    without = np.asarray(model(np.full_like(IMAGES, 0.5))[0])
    np.testing.assert_allclose(np.sum(maps, axis=(1, 2)), np.asarray(logits) - without, rtol=0, atol=1e-12)


def test_the_sum_is_kept_where_images_have_different_numbers_of_segments(model):
    both = np.stack([np.arange(36).reshape(6, 6), STRIPES])
    logits, maps = kernel_shap(model, IMAGES, segments=both, samples=60)
    expected = np.asarray(logits) - np.asarray(model(0 * IMAGES)[0])
    np.testing.assert_allclose(np.sum(maps[0], axis=(0, 1)), expected[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.sum(maps[1], axis=0)[0], expected[1], rtol=0, atol=1e-12)


def test_what_segments_add_is_found_from_few_samples_where_they_add_up(additive):
    model, weights = additive
    image = np.random.default_rng(1).normal(size=(1, 8, 8, 1))
    _, maps = kernel_shap(model, image, grid=4, samples=60, baseline=0.25)
    np.testing.assert_allclose(maps[0, ..., 0], of_cells(weights * (image[0, ..., 0] - 0.25)), rtol=1e-9, atol=1e-12)


def test_samples_tend_to_the_shapley_values(model):
    expected = np.asarray(kernel_shap(model, IMAGES, grid=3, samples=512)[1])
    errors = [
        np.abs(np.asarray(kernel_shap(model, IMAGES, grid=3, samples=samples)[1]) - expected).max()
        for samples in (32, 511)
    ]
    assert errors[1] < 0.4 * errors[0]
    assert errors[1] < 0.1 * np.abs(expected).max()


def test_one_segment_has_it_all(model):
    logits, maps = kernel_shap(model, IMAGES, segments=np.zeros((6, 6), int))
    expected = np.asarray(logits) - np.asarray(model(0 * IMAGES)[0])
    np.testing.assert_allclose(maps, np.broadcast_to(expected[:, None, None], maps.shape), atol=1e-12)


def test_the_sum_holds_after_each_step(model):
    for progress in step_by_step(kernel_shap, model, IMAGES, grid=6, samples=100, batch_size=8):
        logits, maps = progress.result()
        expected = np.asarray(logits) - np.asarray(model(0 * IMAGES)[0])
        np.testing.assert_allclose(np.sum(maps, axis=(1, 2)), expected, rtol=0, atol=1e-12)


# LIME


def test_without_a_penalty_it_finds_what_segments_add(additive):
    model, weights = additive
    image = np.random.default_rng(1).normal(size=(1, 8, 8, 1))
    for own in ({"grid": 2}, {"grid": 4, "samples": 60}):
        _, maps = lime(model, image, penalty=0.0, **own)
        expected = of_cells(weights * image[0, ..., 0], own["grid"])
        np.testing.assert_allclose(maps[0, ..., 0], expected, rtol=1e-9, atol=1e-11)


def test_two_segments_on_paper():
    """Scores 0, 1, 2 and 3 of the coalitions, of which the kernel is so wide that all weigh 1: the penalty is added to
    the sum of squares around the mean, 4 x 1/4."""
    net = keras.Sequential([keras.Input((1, 2, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
    net.set_weights([np.array([[1.0], [2.0]])])
    _, maps = lime(expose(net, []), np.ones((1, 1, 2, 1)), kernel_width=1e6, penalty=3.0)
    np.testing.assert_allclose(np.ravel(maps), [1 / 4, 2 / 4], rtol=1e-6)


@pytest.mark.parametrize("samples", [64, 40])
def test_it_is_a_weighted_ridge_regression(model, samples):
    chosen = np.asarray(coins(samples, 6, 3, ops.arange(samples, dtype="int32")))
    norms = np.sqrt(chosen.sum(axis=1)) * math.sqrt(6)
    cosine = np.divide(chosen.sum(axis=1), norms, out=np.zeros(samples), where=norms > 0)
    weights = np.sqrt(np.exp(-((1 - cosine) ** 2) / 0.3**2))  # As the package lime writes it.
    design = np.c_[chosen, np.ones(samples)]
    left = design.T * weights @ design + 2.0 * np.diag([1] * 6 + [0])
    own = {"segments": STRIPES, "samples": samples, "seed": 3, "kernel_width": 0.3, "penalty": 2.0}
    for batch_size in (1, 7):
        _, maps = lime(model, IMAGES, **own, batch_size=batch_size)
        for image in range(2):
            found = scores(model, STRIPES, IMAGES[image : image + 1], chosen)
            expected = np.linalg.solve(left, design.T * weights @ found)[:6]
            np.testing.assert_allclose(maps[image], np.repeat(expected[:, None], 6, axis=1), rtol=0, atol=1e-12)


def test_each_image_has_the_kernel_of_its_own_segments(model):
    halves = np.arange(36).reshape(6, 6) // 18
    _, both = lime(model, IMAGES, segments=np.stack([STRIPES, halves]), penalty=0.0)
    _, alone = lime(model, IMAGES[1:], segments=halves, penalty=0.0)
    np.testing.assert_allclose(both[1], alone[0], rtol=1e-9, atol=1e-12)


def test_every_step_has_finite_maps(model):
    for own in ({"segments": STRIPES}, {"grid": 6, "samples": 50}):
        for progress in step_by_step(lime, model, IMAGES, penalty=0.0, batch_size=1, **own):
            assert np.isfinite(progress.result()[1]).all()


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"penalty": -1.0}, "`penalty` must be at least 0. Received: penalty=-1.0"),
        ({"kernel_width": 0.0}, "`kernel_width` must be above 0. Received: kernel_width=0.0"),
        ({"grid": 6, "samples": 35}, "Received: samples=35, and 36 segments"),
        ({"grid": 0}, "`grid` must be an integer of at least 1"),
    ],
)
def test_wrong_numbers_are_refused(model, own, message):
    with pytest.raises(ValueError, match=message):
        lime(model, IMAGES, **own)


# Both


@pytest.mark.parametrize("method", [lime, kernel_shap])
def test_a_constant_score_gives_zeros(method):
    net = small()
    net.layers[-1].kernel.assign(0 * net.layers[-1].kernel)
    _, maps = method(expose(net, []), IMAGES, grid=2)
    np.testing.assert_allclose(maps, 0, atol=1e-15)


@pytest.mark.parametrize("method", [lime, kernel_shap])
def test_the_seed_decides(model, method):
    found = [np.asarray(method(model, IMAGES, grid=6, samples=60, seed=seed)[1]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-3
