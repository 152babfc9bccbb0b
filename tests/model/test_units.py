"""Units, batches and numbers that only a run can tell: gathered, or refused."""

import numpy as np
import pytest

from ke_widgets.inspection import (
    gather_units,
)


@pytest.mark.parametrize(("axis", "batch_dims"), [(-1, -1), (1, 1), (-1, 0), (2, 1), (1, -1)])
def test_gather_units_agrees_with_tensorflow(axis, batch_dims):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 5) if axis != 2 else (2, 3, 5))
    indices = rng.integers(5, size=(2, 4))
    expected = tf.gather(scores, indices, axis=axis, batch_dims=batch_dims)
    np.testing.assert_array_equal(gather_units(scores, indices, axis, batch_dims), expected)
