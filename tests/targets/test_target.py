import numpy as np
import pytest

from ke_widgets.targets.target import Target, check_entries, each_image, rows


def test_integers_become_rows_and_all_else_is_left():
    np.testing.assert_array_equal(rows(4, 3, "T"), [[4], [4], [4]])
    np.testing.assert_array_equal(rows([4, 5, 6], 3, "T"), [[4], [5], [6]])
    np.testing.assert_array_equal(rows(4, None, "T"), [[4]])
    np.testing.assert_array_equal(rows([0.5, 1.5], 2, "T"), [0.5, 1.5])


def test_there_must_be_one_entry_for_each_image():
    np.testing.assert_array_equal(each_image([[1], [2]], None, "T"), [[1], [2]])
    with pytest.raises(ValueError, match=r"`y` of the target T must have one entry for each of the 3 images.*\(2, 1\)"):
        each_image([[1], [2]], 3, "T")
    with pytest.raises(ValueError, match=r"for each of the 3 images. Received: shape \(\)"):
        rows(0.5, 3, "T")


def test_the_base_computes_nothing():
    assert Target().prepare(None, 3) is None
    assert Target() == Target()
    assert hash(Target()) == hash(Target())
    with pytest.raises(NotImplementedError):
        Target()(np.zeros((1, 2)), None)


def test_an_entry_of_another_shape_is_refused_where_it_would_be_broadcast():
    check_entries(np.ones((2, 8, 8)), (8, None), "T")
    for shape in ((2, 1, 1), (2, 8), (2, 8, 8, 1)):
        with pytest.raises(ValueError, match=r"target T must have the shape \(B, 8, any\)\. Received: shape"):
            check_entries(np.ones(shape), (8, None), "T")
