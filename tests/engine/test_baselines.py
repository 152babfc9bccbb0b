import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.engine.baselines import baseline_of, blur


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


@pytest.mark.parametrize("baseline", [0.5, np.full((5, 1), 2.0), np.arange(2.0).reshape(2, 1, 1, 1), "mean", "blur"])
def test_a_baseline_is_the_same_where_the_number_of_images_is_unknown(baseline):
    images = np.random.default_rng(0).normal(size=(2, 3, 5, 1)).astype("float32")
    signature = [tf.TensorSpec((None, 3, 5, 1))]
    compiled = tf.function(lambda x: baseline_of(x, baseline), input_signature=signature, autograph=False)
    found = np.asarray(baseline_of(tf.constant(images), baseline))
    np.testing.assert_allclose(compiled(images), found, rtol=1e-6)
    if not isinstance(baseline, str):
        np.testing.assert_array_equal(found, np.broadcast_to(np.asarray(baseline, "float32"), images.shape))
    with pytest.raises(ValueError, match=r"`baseline` must broadcast to the images, \(None, 3, 5, 1\)."):
        tf.function(lambda x: baseline_of(x, np.zeros((4, 1))), input_signature=signature, autograph=False)(images)


def test_black_and_white_are_values_of_the_range_where_it_is_known():
    images = np.random.default_rng(0).normal(size=(2, 3, 5, 1)).astype("float32")
    for name, value in (("black", 0), ("white", 255), ("zero", 0)):
        np.testing.assert_array_equal(
            baseline_of(tf.constant(images), name, (0.0, 255.0)), np.full(images.shape, value)
        )
    with pytest.raises(ValueError, match=r"values of a white image in the model's input.*Received: baseline='white'"):
        baseline_of(tf.constant(images), "white")
    with pytest.raises(ValueError, match=r"'zero', 'black', 'mean', 'blur' or 'white'. Received: baseline='grey'"):
        baseline_of(tf.constant(images), "grey")
