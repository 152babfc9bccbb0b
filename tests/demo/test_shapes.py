import numpy as np
import pytest

from ke_widgets.demo.shapes import OUTLINES, area


def test_area_of_a_triangle_is_half_base_times_height():
    assert area(np.array([[0, 0], [4, 0], [1, 3]])) == 6


def test_area_does_not_depend_on_the_direction_of_the_outline():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]])
    assert area(square) == area(square[::-1]) == 4


@pytest.mark.parametrize("label", OUTLINES)
def test_outlines_have_area_pi_around_the_origin(label):
    outline = OUTLINES[label]
    np.testing.assert_allclose(area(outline), np.pi)
    np.testing.assert_allclose(outline.min(axis=0), -outline.max(axis=0))


def test_ring_has_a_hole_of_its_share_of_the_area():
    radii = np.linalg.norm(OUTLINES["ring"], axis=-1)
    np.testing.assert_allclose(radii.min() / radii.max(), 0.42, rtol=1e-2)
