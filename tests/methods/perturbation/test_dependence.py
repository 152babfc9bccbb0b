import itertools

import numpy as np
import pytest

from ke_widgets.methods.perturbation.dependence import constant, gaussian, hilbert_schmidt

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("number", [2, 3, 4, 7, 8])
def test_the_kernel_is_as_wide_as_the_median_distance_of_pairs(number):
    values = RNG.normal(size=number)
    width = np.median([abs(a - b) for a, b in itertools.combinations(values, 2)])
    expected = np.exp(-((values[:, None] - values) ** 2) / (2 * width**2))
    np.testing.assert_allclose(gaussian(values), expected, rtol=1e-12)


def test_where_most_pairs_are_equal_the_kernel_is_equality():
    values = np.array([1.0, 1, 2, 1, 1])
    np.testing.assert_array_equal(gaussian(values), values[:, None] == values)
    np.testing.assert_array_equal(gaussian(np.array([3.0])), [[1]])


def test_the_criterion_is_the_trace_of_the_centred_kernels():
    chosen, scores = RNG.integers(0, 2, size=(9, 4)).astype("float64"), RNG.normal(size=(9, 2, 3))
    found = np.asarray(hilbert_schmidt(chosen, scores))
    centre = np.eye(9) - 1 / 9
    for image, cell, unit in itertools.product(range(2), range(4), range(3)):
        k = (chosen[:, cell, None] == chosen[:, cell]).astype("float64")
        l = np.asarray(gaussian(scores[:, image, unit]))  # noqa: E741
        expected = np.trace(k @ centre @ l @ centre) / 64
        np.testing.assert_allclose(found[image, cell, unit], expected, rtol=1e-10, atol=1e-14)


def test_a_single_sample_gives_zeros():
    np.testing.assert_array_equal(hilbert_schmidt(np.ones((1, 3)), np.ones((1, 1, 2))), np.zeros((1, 3, 2)))


def test_rounding_is_no_variation():
    scores = np.array([[[1.0, 1.0, 0.0]], [[1 + 1e-7, 1.1, 0.0]]])
    np.testing.assert_array_equal(constant(scores, "float32"), [[True, False, True]])
    np.testing.assert_array_equal(constant(scores, "float64"), [[False, False, True]])
