import numpy as np

from ke_widgets.metrics.sizes import resized


def test_a_map_in_the_middle_of_two_cells_is_their_mean():
    maps = np.array([[0.0, 4.0]]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(resized(maps, (1, 4))[0, 0, :, 0], [0, 1, 3, 4], atol=1e-6)


def test_maps_of_the_right_size_keep_every_bit():
    maps = np.full((1, 2, 2, 1), 1 / 3)
    assert resized(maps, (2, 2)) is maps
