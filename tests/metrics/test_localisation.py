import numpy as np
import pytest

from ke_widgets.metrics import pointing_game
from ke_widgets.metrics.localisation import energy_pointing_game


def test_the_maximum_counts_for_each_unit_on_its_own():
    maps = np.zeros((2, 4, 4, 2))
    maps[0, 1, 2, 0] = maps[0, 3, 3, 1] = maps[1, 0, 0, 0] = maps[1, 2, 2, 1] = 1
    masks = np.zeros((2, 4, 4, 2), bool)
    masks[0, 1, 2, 0] = masks[0, 0, 0, 1] = masks[1, 0, :, 0] = True
    np.testing.assert_array_equal(pointing_game(maps, masks).values, [[True, False], [True, False]])


def test_a_coarse_map_points_at_the_middle_of_its_largest_cell():
    maps = np.zeros((1, 4, 4, 1))
    maps[0, 1, 2, 0] = 1
    masks = np.zeros((1, 16, 16, 1), bool)
    masks[0, 5:7, 9:11, 0] = True
    assert pointing_game(maps, masks).values.all()
    assert not pointing_game(maps, ~masks).values.any()


def test_maps_and_masks_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match=r"same B and U.*\(1, 2, 2, 1\) and \(1, 4, 4, 2\)"):
        pointing_game(np.zeros((1, 2, 2, 1)), np.zeros((1, 4, 4, 2)))


def test_the_energy_on_the_object_is_a_share_of_what_is_positive():
    maps = np.array([[1.0, -2.0], [3.0, 0.0]]).reshape(1, 2, 2, 1)
    masks = np.array([[False, False], [True, True]]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(energy_pointing_game(maps, masks).values, [[0.75]])
    np.testing.assert_allclose(energy_pointing_game(maps, np.ones_like(masks)).values, [[1]])
    assert np.isnan(energy_pointing_game(-np.abs(maps), masks).values).all()
