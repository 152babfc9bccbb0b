import numpy as np
import tensorflow as tf

from ke_widgets.backend import resize


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
