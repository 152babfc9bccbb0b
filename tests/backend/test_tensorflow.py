import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend.tensorflow import resize, stateless_normal, while_loop


@pytest.mark.parametrize("total", [1, 5])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_loop_goes_from_step_1_to_the_last(total, compiled):
    def run(total):
        return while_loop(lambda number, sums: (sums[0] + number, 2 * sums[1]), 1, total, (tf.constant(0), tf.ones(3)))

    found, powers = (tf.function(run) if compiled else run)(tf.constant(total))
    assert int(found) == sum(range(total))
    np.testing.assert_array_equal(powers, np.full(3, 2.0 ** (total - 1)))


def test_the_noise_of_a_number_does_not_depend_on_its_company():
    together = stateless_normal((4, 5), 7, [3, 1, 2], "float32").numpy()
    np.testing.assert_array_equal(together[1], stateless_normal((4, 5), 7, [1], "float32").numpy()[0])
    assert np.abs(together[0] - together[1]).max() > 0.1
    assert np.abs(together[1] - stateless_normal((4, 5), 8, [1], "float32").numpy()[0]).max() > 0.1


def test_the_noise_is_standard_normal():
    drawn = stateless_normal((100, 100), 0, [0], "float64").numpy()
    assert abs(drawn.mean()) < 0.05
    assert abs(drawn.std() - 1) < 0.05


def test_two_cells_become_four_along_every_axis():
    line = np.array([0.0, 4.0], "float32")
    expected = np.array([0, 1, 3, 4], "float32")
    np.testing.assert_allclose(resize(tf.reshape(line, (1, 2, 1)), (4,))[0, :, 0], expected, atol=1e-6)
    volume = tf.reshape(line, (1, 2, 1, 1, 1)) + tf.reshape(10 * line, (1, 1, 1, 2, 1))
    found = resize(volume, (4, 1, 4))[0, :, 0, :, 0]
    np.testing.assert_allclose(found, expected[:, None] + 10 * expected, atol=1e-5)


def test_a_size_that_only_a_run_tells_gives_the_same():
    images = tf.random.stateless_normal((2, 5, 4, 3), [1, 2])
    run = tf.function(lambda rows: resize(images, (rows, 9)))
    np.testing.assert_allclose(run(tf.constant(7)), resize(images, (7, 9)), atol=1e-5)


def test_the_dtype_stays():
    assert resize(tf.ones((1, 2, 2, 1), "float16"), (3, 3)).dtype == tf.float16
