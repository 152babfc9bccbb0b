import numpy as np

from ke_widgets.backend import stateless_normal


def test_the_noise_of_a_number_does_not_depend_on_its_company():
    together = stateless_normal((4, 5), 7, [3, 1, 2], "float32").numpy()
    np.testing.assert_array_equal(together[1], stateless_normal((4, 5), 7, [1], "float32").numpy()[0])
    assert np.abs(together[0] - together[1]).max() > 0.1
    assert np.abs(together[1] - stateless_normal((4, 5), 8, [1], "float32").numpy()[0]).max() > 0.1


def test_the_noise_is_standard_normal():
    drawn = stateless_normal((100, 100), 0, [0], "float64").numpy()
    assert abs(drawn.mean()) < 0.05
    assert abs(drawn.std() - 1) < 0.05
