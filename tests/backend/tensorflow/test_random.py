import numpy as np
import pytest

from ke_widgets.backend import stateless_normal, stateless_uniform


@pytest.mark.parametrize("draw", [stateless_normal, stateless_uniform])
def test_the_noise_of_a_number_does_not_depend_on_its_company(draw):
    together = draw((4, 5), 7, [3, 1, 2], "float32").numpy()
    np.testing.assert_array_equal(together[1], draw((4, 5), 7, [1], "float32").numpy()[0])
    assert np.abs(together[0] - together[1]).max() > 0.1
    assert np.abs(together[1] - draw((4, 5), 8, [1], "float32").numpy()[0]).max() > 0.1


def test_the_noise_is_standard_normal():
    drawn = stateless_normal((100, 100), 0, [0], "float64").numpy()
    assert abs(drawn.mean()) < 0.05
    assert abs(drawn.std() - 1) < 0.05


def test_the_noise_is_uniform():
    drawn = stateless_uniform((100, 100), 0, [0], "float64").numpy()
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, 10, (0, 1))[0]
    assert np.abs(counts - 1000).max() < 150  # Five standard deviations.
