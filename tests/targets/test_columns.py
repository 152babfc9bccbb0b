"""Units, contrasts, values and similarity: against numbers by hand, other ways to the same score, and a tape."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.targets import Contrast, Similarity, Target, Units, Value
from tests import models

X = models.images(3)
gradcam = ke.methods.cams.gradcam


def embedder():
    inputs = keras.Input(models.IMAGE)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return models.randomize(keras.Model(inputs, layers.Dense(5, name="embedding")(x)))


@pytest.mark.parametrize("y", [[[0, 2], [1, 1], [2, 0]], [2, 1, 0], 1, None])
def test_units_are_what_is_explained_without_a_target(y):
    y = None if y is None else np.asarray(y)
    found = ke.gradcam(models.fused(), X, y, target=Units(), verbose=0)
    expected = ke.gradcam(models.fused(), X, y, verbose=0)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("name", ["gradcam", "cam", "scorecam", "gradients"])
def test_a_contrast_is_that_of_the_method_of_methods(name):
    model, pairs = models.fused(), np.array([[0, 2], [1, 0], [2, 1]])
    method = ke.methods.table()[name][0]
    exposed = ke.inspection.expose(model, "conv" if name != "gradients" else [])
    found = ke.explain(method, exposed, X, pairs, target=Contrast(), verbose=0)
    expected = ke.explain(ke.methods.meta.contrast(method), exposed, X, pairs, verbose=0)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-7)
    logits = np.asarray(exposed(X)[0])
    rows = np.arange(3)
    np.testing.assert_allclose(found[0][:, 0], logits[rows, pairs[:, 0]] - logits[rows, pairs[:, 1]], rtol=1e-5)


def test_a_pair_may_be_one_for_all_images():
    model = models.fused()
    alone = ke.gradcam(model, X, np.array([0, 2]), target=Contrast(), verbose=0)
    each = ke.gradcam(model, X, np.array([[0, 2]] * 3), target=Contrast(), verbose=0)
    np.testing.assert_array_equal(alone[1], each[1])


def test_values_are_the_outputs_as_they_are():
    """Of a softmax the probabilities, whose gradient is that of the logits times p (1 - p), for two units."""
    model = models.fused(units=2)
    probabilities = model.predict(X, verbose=0)
    values, maps = ke.gradcam(model, X, 1, target=Value(), postprocessing=None, resizing=False, verbose=0)
    np.testing.assert_allclose(values[:, 0], probabilities[:, 1], rtol=1e-6)
    _, of_logits = ke.gradcam(model, X, np.array([[1, 0]] * 3), target=Contrast(), postprocessing=None, resizing=False,
                              verbose=0)  # fmt: skip
    expected = of_logits * (probabilities[:, 0] * probabilities[:, 1])[:, None, None, None]
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-7)


def test_similarity_is_explained_as_a_tape_by_hand_does():
    model, y = embedder(), np.random.default_rng(1).normal(size=(3, 5)).astype("float32")
    head = model.get_layer("embedding")
    signal = tf.convert_to_tensor(keras.Model(model.input, model.get_layer("conv").output)(X))
    with tf.GradientTape() as tape:
        tape.watch(signal)
        embedding = tf.reduce_mean(signal, axis=(1, 2)) @ head.kernel + head.bias
        score = -keras.losses.cosine_similarity(embedding, y)
    gradient = tape.gradient(score, signal).numpy()
    expected = np.einsum("bk,bhwk->bhw", gradient.mean(axis=(1, 2)), signal.numpy())
    exposed = ke.inspection.expose(model, "conv", target=Similarity())
    logits, maps = gradcam(exposed, X, y)
    np.testing.assert_allclose(np.asarray(logits)[:, 0], score.numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(maps)[..., 0], expected, rtol=1e-4, atol=1e-6)
    one = ke.explain(gradcam, exposed, X, y[0], resizing=False, verbose=0)
    np.testing.assert_allclose(one[1][0], maps[0], rtol=1e-5, atol=1e-7)


def test_similarity_to_nothing_is_zero_and_has_a_gradient():
    logits, maps = gradcam(ke.inspection.expose(embedder(), "conv", target=Similarity()), X, np.zeros((3, 5)))
    assert not np.any(logits)
    assert not np.any(maps)


@dataclasses.dataclass(frozen=True)
class Margin(Target):
    """The unit's logit less the mean of all, times a factor."""

    factor: float = 1.0

    def __call__(self, outputs, y):
        return self.factor * (ke.inspection.gather_units(outputs, y) - ops.mean(outputs, axis=-1, keepdims=True))


def test_a_target_of_the_users_own_is_compiled_once_for_each_value():
    model, y = models.fused(), np.array([[0], [1], [2]])
    logits = np.asarray(ke.inspection.expose(model)(X)[0])
    margin = logits[np.arange(3), y[:, 0]] - logits.mean(axis=1)
    for factor in (1.0, 3.0, 1.0):
        found, maps = ke.gradcam(model, X, y, target=Margin(factor), postprocessing=None, verbose=0)
        np.testing.assert_allclose(found[:, 0], factor * margin, rtol=1e-4, atol=1e-6)
        _, unit = ke.gradcam(model, X, y, target=Margin(), postprocessing=None, verbose=0)
        np.testing.assert_allclose(maps, factor * unit, rtol=1e-4, atol=1e-6)


def test_the_models_own_target_gives_way_to_another_one():
    exposed = ke.inspection.expose(models.fused(), "conv", target=Value())
    found = ke.gradcam(exposed, X, 1, target=Units(), verbose=0)
    expected = ke.gradcam(ke.inspection.expose(models.fused(), "conv"), X, 1, verbose=0)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("target", "y", "message"),
    [
        (Contrast(), None, r"two units for each image, integers \(B, 2\), or one pair for all. Received: y=None"),
        (Contrast(), [[0, 1, 2]] * 3, "two units for each image"),
        (Contrast(), [[0, 1]] * 2, "one entry for each of the 3 images"),
        (Contrast(), [[0, 9]] * 3, "must count from 0"),
        (Value(), [0.5] * 3, r"integers \(B, U\), \(B,\) or one for all"),
        (Value(), [0, 1], "one entry for each of the 3 images"),
        (Similarity(), None, r"an embedding for each image, \(B, D\), or one \(D,\) for all. Received: y=None"),
        (Similarity(), np.ones((3, 4)), "embeddings of the size of the output of 'fused', 3. Received: .* size 4"),
        (Similarity(), np.full((3, 3), np.nan), "must be finite"),
        (Similarity(), np.ones((2, 3)), "one entry for each of the 3 images"),
        (lambda outputs, y: outputs[..., None], 0, r"A target must give scores \(B, U\). Received: .* \(None, 3, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(target, y, message):
    with pytest.raises(ValueError, match=message):
        ke.gradcam(models.fused(), X, y, target=target, verbose=0)


def test_an_output_with_places_is_no_embedding():
    model = keras.Sequential([keras.Input(models.IMAGE), layers.Conv2D(3, 1)])
    with pytest.raises(ValueError, match=r"Similarity must have an embedding \(B, D\).*Region\(channel\)` takes a seg"):
        ke.gradients(model, X, np.ones((3, 3)), target=Similarity(), verbose=0)
