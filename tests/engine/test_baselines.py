import numpy as np
import pytest

from ke_widgets.engine.baselines import blur


def test_blurring_keeps_what_is_constant_and_spreads_the_rest():
    np.testing.assert_allclose(blur(np.full((1, 3, 5, 2), 7.0), 2.0), 7, rtol=1e-6)
    image = np.random.default_rng(0).normal(size=(1, 4, 3, 1))
    expected = np.zeros((4, 3))
    for i, j in np.ndindex(4, 3):
        weights = {(y, x): np.exp(-((y - i) ** 2 + (x - j) ** 2) / (2 * 1.5**2)) for y, x in np.ndindex(4, 3)}
        expected[i, j] = sum(w * image[0, y, x, 0] for (y, x), w in weights.items()) / sum(weights.values())
    np.testing.assert_allclose(np.asarray(blur(image, 1.5))[0, ..., 0], expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"`deviation` must be above 0. Received: deviation=0"):
        blur(image, 0)
