import numpy as np
import pytest
from keras import ops

from ke_widgets.methods.perturbation.sliding import count_windows, coverage, windows


def drawn(sizes, window, stride):
    count = count_windows(sizes, window, stride)
    return np.asarray(windows(sizes, window, stride, ops.arange(count, dtype="int32")))


def test_the_last_window_ends_at_the_border():
    expected = [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]
    np.testing.assert_array_equal(drawn((5,), 2, 2), expected)
    np.testing.assert_array_equal(coverage((5,), 2, 2, "float64")[:, 0], [1, 1, 1, 2, 1])


def test_a_window_larger_than_the_image_covers_all_of_it():
    np.testing.assert_array_equal(drawn((2, 3), 4, 1), np.ones((1, 2, 3)))


@pytest.mark.parametrize("sizes", [(7,), (5, 6), (3, 4, 5)])
def test_windows_go_row_by_row_and_cover_what_is_counted(sizes):
    found = drawn(sizes, 3, 2)
    starts = [[*range(0, size - 3, 2), size - 3] for size in sizes]
    for mask, corner in zip(found, np.array(np.meshgrid(*starts, indexing="ij")).reshape(len(sizes), -1).T):
        expected = np.zeros(sizes)
        expected[tuple(slice(start, start + 3) for start in corner)] = 1
        np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(coverage(sizes, 3, 2, "float32")[..., 0], found.sum(axis=0))
