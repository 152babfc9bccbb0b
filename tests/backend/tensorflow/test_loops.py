import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import while_loop


@pytest.mark.parametrize("total", [1, 5])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_goes_from_step_1_to_the_last(total, compiled):
    def run(total):
        return while_loop(lambda number, sums: (sums[0] + number, 2 * sums[1]), 1, total, (tf.constant(0), tf.ones(3)))

    found, powers = (tf.function(run) if compiled else run)(tf.constant(total))
    assert int(found) == sum(range(total))
    np.testing.assert_array_equal(powers, np.full(3, 2.0 ** (total - 1)))


@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_may_start_at_any_step_and_run_none(compiled):
    def run(total):
        return while_loop(lambda number, sums: (sums[0] + number,), 3, total, (tf.constant(0),))

    run = tf.function(run) if compiled else run
    assert int(run(tf.constant(6))[0]) == 3 + 4 + 5
    assert int(run(tf.constant(3))[0]) == 0
