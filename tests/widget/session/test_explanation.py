import numpy as np
import pytest

from ke_widgets.widget.session.explanation import display_range, empty_reason


@pytest.mark.parametrize(
    ("values", "signed", "expected"),
    [
        ([[-3.0, 2.0]], False, (0, 2)),
        ([[-3.0, 2.0]], True, (-3, 3)),
        ([[-3.0, -2.0]], False, (0, 0)),
        ([[np.nan, 2.0, np.inf]], False, (0, 2)),
        ([[np.nan]], True, (0, 0)),
    ],
)
def test_the_display_range_is_from_zero_or_symmetric_and_of_finite_values(values, signed, expected):
    assert display_range(np.array(values, "float32"), signed) == expected


@pytest.mark.parametrize(
    ("values", "finite", "blind", "expected"),
    [
        ([[0.0, 1.0]], True, False, None),
        ([[0.0, 1.0]], False, False, "This image contains NaN"),
        ([[0.0, np.nan]], True, False, "The map contains NaN"),
        ([[0.0, 0.0]], True, True, "gradient of this class at this layer is exactly zero"),
        ([[0.0, 0.0]], True, False, "does not depend on this layer"),
        ([[-1.0, 0.0]], True, False, "no positive value"),
    ],
)
def test_a_map_that_shows_nothing_says_why(values, finite, blind, expected):
    values = np.array(values)
    found = empty_reason(values, finite, *display_range(values), lambda: blind)
    assert found is None if expected is None else expected in found
