import itertools

import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.backend import stateless_uniform
from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.perturbation import hsic, sobol
from ke_widgets.methods.perturbation.dependence import gaussian
from ke_widgets.methods.perturbation.sensitivity import replaced
from tests.methods.networks import images, small

IMAGES = images()
STRIPES = np.arange(36).reshape(6, 6) // 6  # Six segments, the rows.


def of_pixels(weights, function=None):
    """A model of three pixels, one segment each: a weighted sum of them, or of a function of them."""
    x = inputs = keras.Input((1, 3, 1), dtype="float64")
    x = layers.Flatten(dtype="float64")(x)
    x = x if function is None else function(x)
    x = layers.Dense(1, use_bias=False, dtype="float64", name="logits")(x)
    model = keras.Model(inputs, x)
    model.set_weights([np.array(weights, "float64").reshape(-1, 1)])
    return expose(model, [])


def scores(model, image, values):
    """The scores `(N, U)` of an image with as much of each segment shown as each row says, one by one."""
    return np.concatenate([np.asarray(model(image * each[STRIPES][None, ..., None])[0]) for each in values])


@pytest.fixture(scope="module")
def model():
    return expose(small(), [])


# Sobol indices


def test_each_row_is_evaluated_once_and_then_with_each_segment_replaced():
    values, rows, is_replaced = map(np.asarray, replaced(3, 2, 5, ops.arange(9, dtype="int32")))
    drawn = np.asarray(stateless_uniform((4,), 5, [0, 1, 2], "float32"))
    a, b = drawn[:, :2], drawn[:, 2:]
    np.testing.assert_array_equal(rows, [0, 1, 2, 0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(is_replaced, [[0, 0]] * 3 + [[1, 0], [0, 1]] * 3)
    np.testing.assert_array_equal(values[:3], a)
    for n in range(3):
        np.testing.assert_array_equal(values[3 + 2 * n : 5 + 2 * n], [[b[n, 0], a[n, 1]], [a[n, 0], b[n, 1]]])


def test_indices_of_a_sum_are_shares_of_the_variance():
    _, maps = sobol(of_pixels([1, 2, 3]), np.ones((1, 1, 3, 1)), samples=1024)
    np.testing.assert_allclose(np.ravel(maps), np.array([1, 4, 9]) / 14, atol=0.06)


def test_a_segment_that_does_nothing_has_0_and_one_that_does_all_has_1():
    _, maps = sobol(of_pixels([0, 5, 0]), np.ones((1, 1, 3, 1)), samples=1024)
    np.testing.assert_array_equal(np.ravel(maps)[[0, 2]], 0)
    np.testing.assert_allclose(np.ravel(maps)[1], 1, atol=0.06)


def test_indices_of_a_product_count_what_segments_do_together():
    """Of u v, with the variance 1/9 - 1/16 and u uniform: E[v^2] Var[u] over it, 1/36 over 7/144."""
    product = of_pixels([1], lambda x: x[:, :1] * x[:, 1:2])
    _, maps = sobol(product, np.ones((1, 1, 3, 1)), samples=1024)
    np.testing.assert_allclose(np.ravel(maps), [4 / 7, 4 / 7, 0], atol=0.06)


def test_they_are_jansens_estimate_for_every_batch_size(model):
    count, number = 5, 6
    drawn = np.asarray(stateless_uniform((2 * number,), 3, np.arange(count), "float32"), "float64")
    a, b = drawn[:, :number], drawn[:, number:]
    expected = np.zeros((2, number, 3))
    for image, i in itertools.product(range(2), range(number)):
        mixed = a.copy()
        mixed[:, i] = b[:, i]
        first, other = (scores(model, IMAGES[image : image + 1], each) for each in (a, mixed))
        expected[image, i] = ((first - other) ** 2).sum(axis=0) / (2 * count * first.var(axis=0, ddof=1))
    for batch_size in (1, 4, 35):
        _, maps = sobol(model, IMAGES, samples=count, segments=STRIPES, seed=3, batch_size=batch_size)
        np.testing.assert_allclose(maps, np.repeat(expected[:, :, None], 6, axis=2), rtol=1e-9, atol=1e-12)


def test_every_step_has_the_indices_of_the_rows_that_are_done(model):
    found = list(step_by_step(sobol, model, IMAGES, samples=3, segments=STRIPES, batch_size=3))
    assert len(found) == 7
    np.testing.assert_array_equal(found[0].result()[1], 0)  # The rows alone.
    half = np.asarray(found[1].result()[1])  # Three segments of the first row.
    assert (half[:, :3] > 0).all()
    np.testing.assert_array_equal(half[:, 3:], 0)
    np.testing.assert_allclose(found[-1].result()[1], sobol(model, IMAGES, samples=3, segments=STRIPES)[1], rtol=1e-9)


# HSIC


def halves(samples, number, seed):
    return (np.asarray(stateless_uniform((number,), seed, np.arange(samples), "float32")) < 0.5).astype("float64")


def criterion(chosen, values):
    centre = np.eye(len(values)) - 1 / len(values)
    kernel = (chosen[:, None] == chosen).astype("float64")
    return np.trace(kernel @ centre @ np.asarray(gaussian(values)) @ centre) / (len(values) - 1) ** 2


def test_they_are_the_traces_of_centred_kernels_for_every_batch_size(model):
    chosen = halves(11, 6, 3)
    expected = np.zeros((2, 6, 3))
    for image in range(2):
        found = scores(model, IMAGES[image : image + 1], chosen)
        for i, unit in itertools.product(range(6), range(3)):
            expected[image, i, unit] = criterion(chosen[:, i], found[:, unit])
    for batch_size in (1, 4, 11):
        _, maps = hsic(model, IMAGES, samples=11, segments=STRIPES, seed=3, batch_size=batch_size)
        np.testing.assert_allclose(maps, np.repeat(expected[:, :, None], 6, axis=2), rtol=1e-9, atol=1e-12)


def test_a_segment_that_does_nothing_tends_to_0():
    small_, large = (
        np.ravel(hsic(of_pixels([0, 3, 1]), np.ones((1, 1, 3, 1)), samples=samples)[1]) for samples in (50, 800)
    )
    assert large[0] < 0.01 * large[1]
    assert large[0] < small_[0]
    assert large[2] > 5 * large[0]


def test_one_segment_on_paper():
    """A score that is the segment itself: both kernels say whether two samples are equal, up to the Gaussian's value
    between unequal ones, and the median distance is 0 or 1."""
    samples = 40
    chosen = halves(samples, 3, 0)[:, 1]
    shown = chosen.sum()
    pairs = samples * (samples - 1) / 2
    unequal = shown * (samples - shown)
    off = np.exp(-0.5) if unequal > pairs / 2 else 0
    # Centred, each kernel is a multiple of the product of centred choices: 2 and 2 (1 - off) / 2.
    squares = (shown - shown**2 / samples) ** 2
    _, maps = hsic(of_pixels([0, 1, 0]), np.ones((1, 1, 3, 1)), samples=samples)
    np.testing.assert_allclose(np.ravel(maps)[1], 4 * (1 - off) * squares / (samples - 1) ** 2, rtol=1e-6)


def test_neither_scale_nor_a_constant_changes_the_map():
    net = small()
    _, before = hsic(expose(net, []), IMAGES, samples=60, grid=3)
    dense = net.layers[-1]
    dense.kernel.assign(100 * dense.kernel)
    dense.bias.assign(100 * dense.bias - 7)
    _, after = hsic(expose(net, []), IMAGES, samples=60, grid=3)
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_every_step_is_that_of_fewer_samples(model):
    for progress in step_by_step(hsic, model, IMAGES, samples=10, grid=2, batch_size=4):
        _, maps = progress.result()
        expected = hsic(model, IMAGES, samples=min(10, 4 * progress.done), grid=2)[1]
        np.testing.assert_allclose(maps, expected, rtol=1e-9, atol=1e-14)


# Both


@pytest.mark.parametrize("method", [sobol, hsic])
def test_a_constant_score_gives_zeros(method):
    net = small()
    net.layers[-1].kernel.assign(0 * net.layers[-1].kernel)
    _, maps = method(expose(net, []), IMAGES, samples=8, grid=2)
    np.testing.assert_array_equal(maps, 0)


@pytest.mark.parametrize("method", [sobol, hsic])
def test_a_single_sample_gives_zeros_and_none_is_refused(model, method):
    np.testing.assert_array_equal(method(model, IMAGES, samples=1, grid=2)[1], 0)
    with pytest.raises(ValueError, match=r"`samples` must be an integer of at least 1. Received: samples=0"):
        method(model, IMAGES, samples=0)
