import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets.engine.images import baseline_image, image_of, with_images
from ke_widgets.inspection import expose
from ke_widgets.methods.path import integrated_gradients
from ke_widgets.methods.perturbation import occlusion

RNG = np.random.default_rng(0)
# Shape of an image in the model's layout, its `spatial_axis`, and its shape with spatial axes first.
LAYOUTS = {
    "rows and columns": ((3, 4, 2), (-3, -2), (3, 4, 2)),
    "channels first": ((3, 3, 3), (-2, -1), (3, 3, 3)),
    "grey": ((3, 4), (-3, -2), (3, 4, 1)),
    "signal": ((5, 2), (-3, -2), (5, 2)),
    "volume": ((3, 2, 4, 2), (-3, -2), (3, 2, 4, 2)),
}


def linear(shape):
    """A model whose logit is a weighted sum of its input, and the weights."""
    weights = RNG.normal(size=shape)
    inputs = keras.Input(shape, dtype="float64")
    x = inputs
    if shape == (5, 2):  # A pooling over time says that it is a signal.
        x = layers.AveragePooling1D(1, dtype="float64")(x)
    dense = layers.Dense(1, use_bias=False, dtype="float64")
    model = keras.Model(inputs, dense(layers.Flatten(dtype="float64")(x)))
    dense.kernel.assign(weights.reshape(-1, 1))
    return model, weights


@pytest.fixture(params=LAYOUTS)
def case(request):
    shape, axis, first = LAYOUTS[request.param]
    model, weights = linear(shape)
    return expose(model, []), weights, RNG.normal(size=(2, *shape)), axis, first


def places(x, axis, first):
    """A tensor in the model's layout with spatial axes first, by hand."""
    return (np.moveaxis(x, 1, -1) if axis == (-2, -1) else x).reshape(len(x), *first)


def test_an_image_goes_out_and_comes_back_in_its_own_layout(case):
    model, _, x, axis, first = case
    image = image_of(model, x, None, axis)
    np.testing.assert_array_equal(image, places(x, axis, first))
    both = np.stack([np.asarray(image), 2 * np.asarray(image)])
    np.testing.assert_array_equal(
        with_images(model, x, keras.ops.convert_to_tensor(both), None, axis), np.concatenate([x, 2 * x])
    )


def test_a_baseline_has_the_layout_of_the_input_and_a_mean_is_over_all_places(case):
    model, _, x, axis, first = case
    other = RNG.normal(size=x.shape)
    np.testing.assert_allclose(baseline_image(model, x, other, None, axis), places(other, axis, first))
    image = places(x, axis, first)
    mean = image.mean(axis=tuple(range(1, image.ndim - 1)), keepdims=True)
    np.testing.assert_allclose(baseline_image(model, x, "mean", None, axis), np.broadcast_to(mean, image.shape))
    assert baseline_image(model, x, "blur", None, axis).shape == image.shape


def test_a_linear_model_is_taken_apart_exactly_in_every_layout(case):
    model, weights, x, axis, first = case
    added = places((x - 0.5) * weights, axis, first).sum(axis=-1)
    for found in (
        integrated_gradients(model, x, spatial_axis=axis, steps=3, baseline=0.5),
        occlusion(model, x, spatial_axis=axis, window=1, stride=1, baseline=0.5, batch_size=4),
    ):
        np.testing.assert_allclose(np.asarray(found[1])[..., 0], added, rtol=1e-10, atol=1e-12)


def test_what_stands_beside_the_image_is_repeated():
    image, extra = keras.Input((2, 2, 1)), keras.Input((1,))
    model = keras.Model([image, extra], layers.Multiply()([layers.GlobalAveragePooling2D()(image), extra]))
    x = [np.ones((2, 2, 2, 1), "float32"), np.array([[8.0], [4.0]], "float32")]
    images = keras.ops.stack([x[0], 3 * x[0]])
    found = model(with_images(model, x, images, None, (-3, -2)))
    np.testing.assert_allclose(found, [[8], [4], [24], [12]])


def test_counts_below_one_are_refused():
    model, _ = linear((3, 4, 2))
    x = np.ones((1, 3, 4, 2))
    with pytest.raises(ValueError, match=r"`steps` must be an integer of at least 1. Received: steps=0"):
        integrated_gradients(expose(model, []), x, steps=0)
    for own in ({"window": 0}, {"stride": 2.5}):
        with pytest.raises(ValueError, match=r"must be an integer of at least 1. Received: "):
            occlusion(expose(model, []), x, **own)


def test_windows_need_a_known_size():
    model = keras.Sequential([keras.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(1)])
    compiled = tf.function(lambda x: occlusion(expose(model, []), x, window=2), autograph=False)
    with pytest.raises(ValueError, match="The images of `occlusion` must have a known size"):
        compiled.get_concrete_function(tf.TensorSpec((None, None, None, 1)))
