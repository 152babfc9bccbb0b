"""Regions of a segmentation and detected boxes, against gradients that a tape of the test's own takes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ke_widgets as ke
from ke_widgets.targets import Box, Region
from tests import models
from tests.methods.fewer import fewer

X = models.images(2)


def unet(activation="softmax", channels=3):
    """Down and up once, with a skip."""
    inputs = keras.Input(models.IMAGE)
    first = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(inputs)
    x = layers.MaxPooling2D(name="down")(first)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="bottom")(x)
    x = layers.Concatenate(name="skip")([layers.UpSampling2D(name="up")(x), first])
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="last")(x)
    return models.randomize(keras.Model(inputs, layers.Conv2D(channels, 1, activation=activation, name="out")(x)))


def detector(names=("boxes", "logits")):
    """Four candidates, one for each quarter of the image, with three classes."""
    inputs = keras.Input(models.IMAGE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="features")(inputs)
    quarters = layers.AveragePooling2D((models.IMAGE[0] // 2, models.IMAGE[1] // 2), name="quarters")(x)
    logits = layers.Reshape((4, 3), name="flat")(layers.Conv2D(3, 1, name="classes")(quarters))
    boxes = layers.Reshape((4, 4), name="boxes")(layers.Conv2D(4, 1, name="places")(quarters))
    model = keras.Model(inputs, dict(zip(names, (boxes, logits))))
    models.randomize(model)
    height, width = models.IMAGE[0] / 2, models.IMAGE[1] / 2
    kernel, _ = model.get_layer("places").get_weights()
    model.get_layer("places").set_weights([0 * kernel, np.array([0, 0, height, width], "float32")])  # All at top left.
    return model


def logits_of(model, layer):
    """The segmentation's logits as a function of a layer's output, written anew by hand."""
    out = model.get_layer("out")

    def logits(signal):
        return tf.nn.conv2d(signal, out.kernel, 1, "SAME") + out.bias

    assert layer == "last"
    return logits


def gradcam_by_hand(signal, score):
    """Channels weighted by the mean of a tape's gradient: the paper's equations 1 and 2."""
    with tf.GradientTape() as tape:
        tape.watch(signal)
        value = score(signal)
    gradient = tape.gradient(value, signal)
    return value.numpy(), np.einsum("bk,bhwk->bhw", gradient.numpy().mean(axis=(1, 2)), signal.numpy())


@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_region_of_a_unet_is_explained_as_a_tape_by_hand_does(activation):
    model, channel = unet(activation), 1
    mask = np.zeros((2, *models.IMAGE[:2]), bool)
    mask[0, 2:5, 1:4], mask[1, 0, 0] = True, True
    signal = tf.convert_to_tensor(keras.Model(model.input, model.get_layer("last").output)(X))
    logits, weights = logits_of(model, "last"), mask / mask.sum(axis=(1, 2), keepdims=True)
    value, expected = gradcam_by_hand(signal, lambda s: tf.reduce_sum(logits(s)[..., channel] * weights, axis=(1, 2)))
    exposed = ke.inspection.expose(model, "last", target=Region(channel))
    for found in (
        ke.methods.cams.gradcam(exposed, X, mask),
        ke.gradcam(model, X, mask, target=Region(channel), postprocessing=None, resizing=False, verbose=0),
        ke.explain(ke.methods.cams.gradcam, exposed, X, mask, resizing=False, batch_size=1, verbose=0),
    ):
        np.testing.assert_allclose(found[0][:, 0], value, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[1][..., 0], expected, rtol=1e-6, atol=1e-6)


def test_without_a_mask_the_region_is_where_the_channel_wins():
    model = unet()
    wins = model.predict(X, verbose=0).argmax(-1)
    for channel in range(3):
        exposed, mask = ke.inspection.expose(model, "last", target=Region(channel)), wins == channel
        (logits, maps), some = ke.methods.cams.gradcam(exposed, X), mask.any(axis=(1, 2))
        given = ke.methods.cams.gradcam(exposed, X, np.where(some[:, None, None], mask, True))
        np.testing.assert_allclose(np.asarray(logits)[some], np.asarray(given[0])[some], rtol=1e-5)
        np.testing.assert_allclose(np.asarray(maps)[some], np.asarray(given[1])[some], rtol=1e-4, atol=1e-6)


def test_a_channel_that_wins_nowhere_has_no_score_and_an_empty_map():
    model = unet("sigmoid", channels=1)
    out = model.get_layer("out")
    out.set_weights([0 * out.kernel.numpy(), np.array([-1.0])])
    logits, maps = ke.methods.cams.gradcam(ke.inspection.expose(model, "last", target=Region(0)), X)
    assert np.isnan(logits).all()
    assert not np.any(maps)


def test_every_method_that_applies_takes_a_region():
    """Those that sample tile the masks: one image twice gives the same map twice, in any company."""
    model, mask = unet(), np.ones((2, *models.IMAGE[:2]), "float32")
    mask[1, 3:] = 0
    for name, (method, spec) in ke.methods.table().items():
        if spec.applies(ke.inspection.expose(model, target=Region(2))):
            continue
        own = fewer(method, models.IMAGE)
        run = lambda x, y: getattr(ke, name)(model, x, y, target=Region(2), verbose=0, **own)  # noqa: B023, E731
        logits, maps = run(X, mask)
        alone = run(X[1:], mask[1:])
        np.testing.assert_allclose(logits[1:], alone[0], rtol=1e-4, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(maps[1:], alone[1], rtol=1e-3, atol=1e-4, err_msg=name)
        assert maps.shape == (2, *models.IMAGE[:2], 1), method


def test_the_nearest_candidate_of_a_box_is_explained_as_a_tape_by_hand_does():
    model = detector()
    places, classes = model.get_layer("places"), model.get_layer("classes")
    height, width = models.IMAGE[0] / 2, models.IMAGE[1] / 2
    y = np.array([[2, 1, 1, height, width], [0, 0, 0, height - 1, width]], "float32")
    signal = tf.convert_to_tensor(keras.Model(model.input, model.get_layer("features").output)(X))
    assert places.bias.numpy()[2] == height

    def score(signal):  # All candidates have the same box, so the first one is taken: the quarter at the top left.
        quarter = tf.reduce_mean(signal[:, : int(height), : int(width)], axis=(1, 2))
        scores = quarter @ classes.kernel[0, 0] + classes.bias
        return tf.gather(scores, [2, 0], batch_dims=1)

    value, expected = gradcam_by_hand(signal, score)
    exposed = ke.inspection.expose(model, "features", target=Box())
    for found in (
        ke.methods.cams.gradcam(exposed, X, y),
        ke.explain(ke.methods.cams.gradcam, exposed, X, y, resizing=False, verbose=0),
    ):
        np.testing.assert_allclose(found[0][:, 0], value, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found[1][..., 0], expected, rtol=1e-6, atol=1e-6)


def test_boxes_come_in_any_form_and_by_a_decoder():
    boxes = np.array([[[0, 0, 4, 4], [2, 2, 6, 6], [4, 4, 8, 8]]], "float32")
    logits = np.arange(6, dtype="float32").reshape(1, 3, 2)
    y = np.array([[1, 2, 2, 6, 7]], "float32")  # It overlaps the second by 16 of 20.
    decoder = lambda outputs: (outputs["a"] * 2, outputs["b"])  # noqa: E731
    for target, outputs in (
        (Box(), [boxes, logits]),
        (Box(), [logits, boxes]),
        (Box(), {"boxes": boxes, "scores": logits}),
        (Box(), np.concatenate([boxes, logits], axis=-1)),
        (Box(decoder), {"a": boxes / 2, "b": logits}),
    ):
        np.testing.assert_array_equal(target(outputs, y), [[3.0]])


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: Region(-1), "`channel` must be the index of an output channel, 0 or more. Received: channel=-1"),
        (lambda: run_region(7), r"`channel` must be one of the 3 channels of .*, 0 to 2. Received: channel=7"),
        (lambda: run_region(0, np.ones((2, 3, 3))), r"masks of the size of the output .*Received: masks of shape \(2, 3"),  # noqa: E501
        (lambda: run_region(0, np.ones((1, *models.IMAGE[:2]))), "one entry for each of the 2 images"),
        (lambda: run_region(0, np.zeros((2, *models.IMAGE[:2]))), "at least one place of each image.*images 0, 1"),
        (lambda: run_region(0, -np.ones((2, *models.IMAGE[:2]))), "weights of at least 0"),
        (lambda: run_region(0, 3), r"must hold masks \(B, H, W\)"),
        (lambda: run_box([[0, 5, 5, 4, 9]]), r"a bottom and right beyond top and left. Received: \[0, 5, 5, 4, 9\]"),
        (lambda: run_box([[0.5, 0, 0, 4, 4]]), "an integer class"),
        (lambda: run_box([0, 0, 4, 4]), r"\(B, 5\), in pixels"),
        (lambda: run_box(None), r"\(B, 5\), in pixels. Received: y=None"),
        (lambda: run_box([[0, 90, 90, 99, 99]]), "overlap a candidate of the model. Received: boxes without one in images"),  # noqa: E501
        (lambda: run_box([[9, 0, 0, 4, 4]]), "must count from 0"),
        (lambda: Box()([np.zeros((1, 2, 3))] * 2, np.zeros((1, 5))), r"Give `Box\(decoder=...\)`"),
        (lambda: classifier(Region(0)), r"must have an output with places and channels.*Units\(\)` takes scores"),
        (lambda: ke.gradcam(unet(), X, 0, verbose=0), r"The scores must be \(B, U\)"),
        (lambda: ke.gradcam(detector(), X, 0, verbose=0), "`head` must choose"),
        (lambda: ke.cam(unet(), X, target=Region(0), verbose=0), "The target of CAM must be Units or Contrast"),
        (lambda: ke.inspection.expose(unet(), target=Region), r"Say `Region\(...\)`: it is a class"),
        (lambda: ke.inspection.expose(unet(), target=3), "`target` must be one of `ke.targets`"),
        (lambda: ke.inspection.expose(unet(), target=Unhashable()), "`target` must be hashable"),
        (lambda: moved(Region(0), np.ones((2, *models.IMAGE[:2]))), "The target of `tta` must hold for mirrored"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_sentence(run, message):
    with pytest.raises((ValueError, TypeError), match=message):
        run()


class Unhashable:
    __hash__ = None

    def __call__(self, outputs, y):
        return outputs


def run_region(channel, mask=None):
    return ke.gradcam(unet(), X, mask, target=Region(channel), verbose=0)


def run_box(y):
    exposed = ke.inspection.expose(detector(), "features", target=Box())
    return ke.explain(ke.methods.cams.gradcam, exposed, X[:1], y, verbose=0)


def classifier(target):
    model = keras.Sequential([keras.Input(models.IMAGE), layers.GlobalAveragePooling2D(), layers.Dense(2)])
    return ke.gradients(model, X, target=target, verbose=0)


def moved(target, y):
    method = ke.methods.meta.tta(ke.methods.cams.gradcam)
    return ke.explain(method, ke.inspection.expose(unet(), "last", target=target), X, y, verbose=0)


def test_masks_of_a_stream_or_of_a_method_by_hand_are_checked_too():
    exposed, wrong = ke.inspection.expose(unet(), "last", target=Region(0)), np.ones((2, 1, 1), "float32")
    for run in (
        lambda: ke.methods.cams.gradcam(exposed, X, wrong),
        lambda: ke.explain(
            ke.methods.cams.gradcam, exposed, tf.data.Dataset.from_tensor_slices((X, wrong)).batch(2), verbose=0
        ),
    ):
        with pytest.raises(ValueError, match=r"must have the shape \(B, 8, 8\). Received: shape \(\w+, 1, 1\)"):
            run()
    mask = np.ones((2, *models.IMAGE[:2]), "float32")
    stream = tf.data.Dataset.from_tensor_slices((X, mask)).batch(2)
    found = ke.explain(ke.methods.cams.gradcam, exposed, stream, verbose=0)
    expected = ke.explain(ke.methods.cams.gradcam, exposed, X, mask, verbose=0)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)
