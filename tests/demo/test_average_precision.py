import numpy as np
import pytest

from ke_widgets.demo import average_precision


def test_average_precision_is_the_mean_precision_at_the_positives():
    targets = np.array([[1, 0], [0, 0], [1, 1], [0, 1]])
    scores = np.array([[0.9, 0.9], [0.8, 0.8], [0.7, 0.7], [0.6, 0.6]])
    # First class: ranks 1 and 3, precisions 1/1 and 2/3. Second: ranks 3 and 4, precisions 1/3 and 2/4.
    np.testing.assert_allclose(average_precision(targets, scores), [(1 + 2 / 3) / 2, (1 / 3 + 1 / 2) / 2])


def test_average_precision_is_1_for_a_perfect_ranking_and_ignores_the_scale():
    targets = np.array([[0], [1], [1], [0]])
    scores = np.array([[-3.0], [5.0], [4.0], [3.0]])
    assert average_precision(targets, scores) == average_precision(targets, scores / 100) == 1


def test_average_precision_of_random_scores_is_the_share_of_positives():
    rng = np.random.default_rng(0)
    targets = rng.random((20000, 1)) < 0.3
    np.testing.assert_allclose(average_precision(targets, rng.random((20000, 1))), 0.3, atol=0.02)


def test_average_precision_without_positives_is_nan():
    assert np.isnan(average_precision(np.zeros((3, 1)), np.ones((3, 1))))


def test_average_precision_refuses_unequal_shapes():
    with pytest.raises(ValueError, match=r"same shape \(B, U\). Received: shapes \(3, 2\) and \(3, 1\)"):
        average_precision(np.zeros((3, 2)), np.zeros((3, 1)))
