import numpy as np
import pytest

from ke_widgets import filters

MAPS = np.array([[-4.0, 1.0], [0.0, 2.0]]).reshape(1, 2, 2, 1)
CASES = {
    "normalize": [0, 5 / 6, 4 / 6, 1],
    "positive": [0, 1, 0, 2],
    "negative": [4, 0, 0, 0],
    "absolute": [4, 1, 0, 2],
    "positive_normalize": [0, 0.5, 0, 1],
    "negative_normalize": [1, 0, 0, 0],
    "absolute_normalize": [1, 0.25, 0, 0.5],
}
SCALING = ["normalize", "positive_normalize", "negative_normalize", "absolute_normalize"]


@pytest.mark.parametrize("name", CASES)
def test_a_filter_gives_what_was_worked_out_by_hand(name):
    np.testing.assert_allclose(np.ravel(getattr(filters, name)(MAPS)), CASES[name], rtol=1e-15)


def test_negative_is_not_positive():
    # In the library that the seeds describe, both are max(x, 0).
    np.testing.assert_array_equal(filters.negative(MAPS), filters.positive(-MAPS))
    np.testing.assert_array_equal(filters.positive(MAPS) - filters.negative(MAPS), MAPS)


@pytest.mark.parametrize("name", SCALING)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_map_gives_no_nan(name, value):
    maps = np.full((1, 3, 3, 1), value)
    scaled = np.asarray(getattr(filters, name)(maps))
    assert np.isfinite(scaled).all()
    if name == "normalize":
        np.testing.assert_array_equal(scaled, 0)


@pytest.mark.parametrize("name", SCALING)
def test_each_map_is_scaled_on_its_own(name):
    maps = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    whole = np.asarray(getattr(filters, name)(maps))
    assert whole.shape == maps.shape
    for image in range(3):
        for unit in range(2):
            one = getattr(filters, name)(100 * maps[image : image + 1, ..., unit : unit + 1])
            np.testing.assert_allclose(whole[image, ..., unit], np.asarray(one)[0, ..., 0], rtol=1e-12)


@pytest.mark.parametrize("name", SCALING)
def test_a_scaled_map_has_the_maximum_1_and_stays_at_or_above_0(name):
    scaled = np.asarray(getattr(filters, name)(np.random.default_rng(1).normal(size=(2, 4, 4, 3))))
    np.testing.assert_allclose(scaled.max((1, 2)), 1)
    assert scaled.min() >= 0


def test_filters_keep_float64_and_take_other_axes():
    volume = np.random.default_rng(2).normal(size=(2, 3, 4, 5, 1))
    scaled = np.asarray(filters.normalize(volume, axis=(1, 2, 3)))
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled.min((1, 2, 3)), 0)
    np.testing.assert_allclose(scaled.max((1, 2, 3)), 1)
