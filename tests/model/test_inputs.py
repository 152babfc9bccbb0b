"""Where the places are in what goes into a model, and in what comes out of its layers."""

import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from tests import models

FIRST = {"data_format": "channels_first"}


def first(shape=(3, 8, 12), conv=layers.Conv2D, pool=layers.GlobalAveragePooling2D, inner=None):
    x = inputs = keras.Input(shape)
    x = x if inner is None else inner(x)
    x = conv(4, 3, padding="same", activation="relu", name="conv", **FIRST)(x)
    x = pool(name="pool", **FIRST)(x)
    return models.randomize(keras.Model(inputs, layers.Dense(3, activation="softmax", name="logits")(x)))


CASES = {
    "images": (first, (3, 8, 12)),
    "square images": (lambda: first((3, 8, 8)), (3, 8, 8)),
    "grey images": (lambda: first((1, 8, 12)), (1, 8, 12)),
    "volumes": (lambda: first((2, 5, 6, 7), layers.Conv3D, layers.GlobalAveragePooling3D), (2, 5, 6, 7)),
    "images with channels last, permuted inside": (
        lambda: first((8, 12, 3), inner=layers.Permute((3, 1, 2))),
        (8, 12, 3),
    ),
    "in a Sequential": (
        lambda: models.randomize(keras.Sequential([keras.Input((3, 8, 12)), *first().layers[1:]])),
        (3, 8, 12),
    ),
}
Y = np.array([[0], [2]])


@pytest.mark.parametrize("case", CASES)
def test_channels_first_are_read_without_a_word_of_the_user(case):
    build, shape = CASES[case]
    model, x = build(), models.images(2, shape)
    places = shape[:-1] if shape[-1] == 3 else shape[1:]
    logits, maps = ke.explain(ke.methods.cams.gradcam, ke.inspection.expose(model), x, Y, resizing=False, verbose=0)
    # A global average and one dense layer: the map is the kernel's sum of the channels, over the number of places.
    signal = np.asarray(ke.inspection.expose(model, "conv")(x)[1])
    kernel = np.asarray(model.get_layer("logits").kernel)[:, Y[:, 0]].T
    expected = np.einsum("bk...,bk->b...", signal, kernel) / np.prod(places)
    np.testing.assert_allclose(maps[..., 0], expected, rtol=1e-4, atol=1e-6)
    for name in ("gradcam", "gradcampp", "scorecam", "cam", "gradients", "smoothgrad", "full_gradients"):
        found = getattr(ke, name)(model, x, Y, verbose=0)[1]
        assert found.shape == (2, *places, 1), name
        assert np.isfinite(found).all()


@pytest.mark.parametrize("case", ["images", "square images", "grey images", "in a Sequential"])
def test_axes_that_are_given_say_the_same(case):
    build, shape = CASES[case]
    model, x = build(), models.images(2, shape)
    for name in ("gradcam", "scorecam", "gradients", "smoothgrad", "full_gradients"):
        usual = getattr(ke, name)(model, x, Y, verbose=0)[1]
        given = getattr(ke, name)(model, x, Y, spatial_axis=(-2, -1), verbose=0)[1]
        np.testing.assert_allclose(usual, given, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ((28, 28), [layers.Flatten()]),
        ((12, 12, 3), [layers.Rescaling(1 / 255), layers.Flatten()]),
        ((12, 12, 1), [layers.GlobalAveragePooling2D()]),
        ((12, 10, 3), [layers.Normalization(mean=0.0, variance=1.0), layers.AveragePooling2D(2), layers.Flatten()]),
        ((12, 12, 3), [layers.Permute((3, 1, 2)), layers.Flatten()]),
    ],
    ids=["grey", "rescaled", "pooled pixels", "normalized", "permuted"],
)
def test_the_pixels_themselves_are_no_signal_and_the_answer_names_what_needs_none(shape, body):
    model = keras.Sequential([keras.Input(shape), *body, layers.Dense(5, activation="relu"), layers.Dense(3)])
    with pytest.raises(ValueError, match=r"`arguments` must be given .* no layer with weights .*`ke.gradients`"):
        ke.gradcam(model, models.images(2, shape), Y, verbose=0)
    assert ke.gradients(model, models.images(2, shape), Y, verbose=0)[1].shape == (2, *shape[:2], 1)


@pytest.mark.parametrize(
    "head", [layers.Flatten(), layers.Reshape((3,)), layers.Activation("linear")], ids=lambda x: x.name
)
def test_scores_of_a_convolution_over_one_place_are_scores(head):
    x = inputs = keras.Input((8, 10, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    model = models.randomize(keras.Model(inputs, head(layers.Conv2D(3, 1, activation="softmax", name="scores")(x))))
    x = models.images(2, (8, 10, 3))
    scores = np.asarray(model(x)).reshape(2, 3)
    logits = ke.gradients(model, x, verbose=0)[0]
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), scores, rtol=1e-5)
    assert ke.gradcam(model, x, Y, verbose=0)[1].shape == (2, 8, 10, 1)
