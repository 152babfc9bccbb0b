import itertools

import numpy as np
import pytest
from keras import ops

from ke_widgets.methods.perturbation.coalitions import by_shapley_kernel, coins, count_coalitions, shapley_weights


def numbers(count):
    return ops.arange(count, dtype="int32")


def test_all_coalitions_are_evaluated_once_where_samples_reach_for_them():
    assert count_coalitions(8, 3) == 8
    assert count_coalitions(1000, 3) == 8
    assert count_coalitions(7, 3) == 7
    for draw, first in ((coins, (1, 1, 1)), (by_shapley_kernel, (0, 0, 0))):
        found = [tuple(map(int, each)) for each in np.asarray(draw(8, 3, 0, numbers(8)))]
        assert found[0] == first
        assert sorted(found) == sorted(itertools.product([0, 1], repeat=3))


def test_the_shapley_kernel_on_paper():
    """Of four segments: 3 / (4 1 3) for one of them or all but one, 3 / (6 2 2) for two."""
    weights = shapley_weights(16, 4, by_shapley_kernel(16, 4, 0, numbers(16)))
    sizes = np.asarray(by_shapley_kernel(16, 4, 0, numbers(16))).sum(axis=1).astype(int)
    np.testing.assert_allclose(weights[:, 0], np.array([0, 1 / 4, 1 / 8, 1 / 4, 0])[sizes])


def test_sampled_coalitions_come_in_pairs_of_complements_by_the_kernel():
    found = np.asarray(by_shapley_kernel(6001, 13, 3, numbers(6001)))
    assert not found[0].any()
    np.testing.assert_array_equal(found[1::2], 1 - found[2::2])
    sizes = found[1::2].sum(axis=1).astype(int)
    expected = 1 / (np.arange(1, 13) * np.arange(12, 0, -1))
    share = np.bincount(sizes, minlength=14)[1:13] / 3000
    assert np.abs(share - expected / expected.sum()).max() < 0.04  # Five standard deviations.
    np.testing.assert_allclose(found[1:].mean(axis=0), np.full(13, 0.5), atol=1e-12)
    assert np.abs(found[1::2].mean(axis=0) - 0.5).max() < 0.05
    np.testing.assert_array_equal(shapley_weights(6001, 13, found)[:, 0], [0, *[1] * 6000])


def test_coins_are_fair_but_for_the_first():
    found = np.asarray(coins(4000, 20, 3, numbers(4000)))
    assert found[0].all()
    assert np.abs(found.mean(axis=0) - 0.5).max() < 0.04


@pytest.mark.parametrize("draw", [coins, by_shapley_kernel])
def test_a_coalition_depends_on_seed_and_number_only(draw):
    together = np.asarray(draw(1000, 20, 3, numbers(10)))
    np.testing.assert_array_equal(draw(500, 20, 3, numbers(10)[7:8])[0], together[7])
    assert np.any(np.asarray(draw(1000, 20, 4, numbers(10))) != together)


def test_fewer_samples_than_segments_are_refused():
    with pytest.raises(
        ValueError, match=r"`samples` must be at least the number of segments.*samples=4, and 5 segments"
    ):
        count_coalitions(4, 5)
    with pytest.raises(ValueError, match="`samples` must be an integer"):
        count_coalitions(2.5, 2)
