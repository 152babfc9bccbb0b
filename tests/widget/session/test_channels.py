"""Segmentations in a session, against the library and a tape of the test's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods import cams, gradient
from ke_widgets.methods.meta import smoothgrad
from ke_widgets.targets import Region
from ke_widgets.widget.session.channels import Channels, MaskedChannel
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session
from tests import models
from tests.targets.test_spatial import gradcam_by_hand, logits_of

X = models.images(3)
METHODS = {"gradcam": cams.gradcam, "gradcampp": cams.gradcampp, "gradients": gradient.gradients}


def unet(activation="softmax", channels=3, bias=None):
    """Two levels down and up, with skips."""
    x = inputs = keras.Input(models.IMAGE)
    skips = []
    for level in range(2):
        x = layers.Conv2D(4 + level, 3, padding="same", activation="relu", name=f"down{level}")(x)
        skips.append(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="bottom")(x)
    for level in reversed(range(2)):
        x = layers.Concatenate(name=f"skip{level}")([layers.UpSampling2D(name=f"up{level}")(x), skips[level]])
        x = layers.Conv2D(5, 3, padding="same", activation="relu", name="last" if level == 0 else "up")(x)
    out = layers.Conv2D(channels, 1, activation=activation, name="out")(x)
    model = models.randomize(keras.Model(inputs, out, name="unet"))
    if bias is not None:
        model.get_layer("out").bias.assign(bias)
    return model


def balanced(model):
    """Shift the biases so that every channel wins somewhere."""
    logits = np.asarray(expose(model, [])(X)[0])
    out = model.get_layer("out")
    out.bias.assign(np.asarray(out.bias) - np.median(logits, axis=(0, 1, 2)))
    return model


def run(session, class_index, method="gradcam", image_index=0, layer=None, contrast_index=None, **params):
    layer = session.models[0].default_layer if layer is None else layer
    return session.run(
        image_index=image_index,
        layer=layer,
        class_index=class_index,
        method=method,
        params=params,
        contrast_index=contrast_index,
    )


def by_library(method, model, image_index, target, layer, y=None):
    view = expose(model, layer, target=target) if layer else expose(model, [], target=target)
    return ke.explain(method, view, X[image_index : image_index + 1], y, resizing=False, verbose=0)


@pytest.mark.parametrize("target", [None, Region, Region(2)])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", None])
def test_the_map_of_each_channel_is_the_librarys(target, activation):
    model = balanced(unet(activation))
    session = Session(model, X, target=target)
    assert isinstance(session.models[0].classes, Channels)
    assert session.models[0].default_layer == expose(model, target=Region(0)).endpoints[1].path == "last"
    for channel in range(3):
        for image in (0, 1):
            found = run(session, channel, image_index=image)
            logits, maps = ke.gradcam(
                model, X[image : image + 1], target=Region(channel), resizing=False, postprocessing=None, verbose=0
            )
            np.testing.assert_allclose(found.map, maps[0, ..., 0], atol=1e-6)
            np.testing.assert_allclose(found.logits, logits[0], rtol=1e-5)
            assert np.abs(found.map).max() > 0


def test_the_map_of_a_channel_is_that_of_a_tape():
    model = balanced(unet())
    session = Session(model, X)
    signal = keras.Model(model.inputs, model.get_layer("last").output)(X[:1])
    logits = logits_of(model, "last")
    for channel in range(3):
        mask = tf.cast(tf.argmax(logits(signal), -1) == channel, "float32")
        score = lambda x: tf.reduce_sum(mask * logits(x)[..., channel]) / tf.reduce_sum(mask)  # noqa: B023, E731
        value, maps = gradcam_by_hand(signal, score)
        found = run(session, channel)
        np.testing.assert_allclose(found.map, maps[0], atol=1e-6)
        np.testing.assert_allclose(found.logits, [value], rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_all_layers_and_compiled_functions_give_the_same_maps_without_a_new_trace_for_each_channel(method):
    model = balanced(unet())
    session = Session(model, X)
    (explained,) = session.models
    assert "out" not in explained.layers
    if method != "gradients":
        found, _ = explained.at_all_layers(Choice(1, "last", 2, method, {}))
        for layer, each in zip(explained.layers, found, strict=True):
            _, maps = by_library(METHODS[method], model, 1, Region(2), layer)
            np.testing.assert_allclose(each, maps[0, ..., 0], rtol=1e-4, atol=1e-6)
    session.prepare([Choice(1, "last", 2, method, {})])
    session._preparing.join()
    for channel in range(3):
        layer = "last" if method != "gradients" else ""
        _, maps = by_library(METHODS[method], model, 1, Region(channel), layer)
        found = run(session, channel, method, 1)
        np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-5, atol=1e-6)


def test_once_compiled_another_channel_runs_no_layer_again(monkeypatch):
    session = Session(balanced(unet()), X)
    run(session, 0)
    session.prepare([Choice(0, "last", 0, "gradcam", {})])
    session._preparing.join()
    ran, original = [], keras.Operation.__call__
    monkeypatch.setattr(keras.Operation, "__call__", lambda *a, **k: (ran.append(1), original(*a, **k))[1])
    maps = [run(session, channel).map for channel in (1, 2)]
    assert not ran
    assert np.abs(maps[0] - maps[1]).max() > 1e-3


def test_scores_are_the_shares_of_pixels_that_channels_win():
    model = balanced(unet())
    session = Session(model, X, ["sky", "road", "car"])
    won = np.asarray(model(X)).argmax(-1)
    shares = np.stack([(won == channel).mean((1, 2)) for channel in range(3)], axis=-1)
    np.testing.assert_allclose(session.models[0].scores([0, 2, 1]), shares[[0, 2, 1]], rtol=1e-6)
    found = run(session, 1, image_index=2)
    np.testing.assert_allclose(found.scores, shares[2], rtol=1e-6)
    assert (found.scores_kind, found.map_unit) == ("share", "logit")
    top, scores, correct = session.predictions([0, 1, 2])
    assert (top, correct) == (shares.argmax(-1).tolist(), [None] * 3)
    np.testing.assert_allclose(scores, shares.max(-1), rtol=1e-6)
    assert session.labels == ["sky", "road", "car"]


def test_a_channel_that_wins_nowhere_says_so():
    session = Session(unet(bias=[0, 100, 0]), X)
    found = run(session, 0)
    assert found.empty_reason == "This class wins at no pixel of the image, so that there is no region to explain."
    assert np.isnan(found.logits).all()
    assert not found.map.any()
    assert found.scores.tolist() == [0, 1, 0]
    assert run(session, 1).empty_reason is None
    assert "wins at no pixel" in run(session, 2, "gradients").empty_reason
    assert "wins at no pixel" in run(session, 2, "scorecam").empty_reason


@pytest.mark.parametrize("name", ["scorecam", "smoothgrad"])
def test_methods_in_steps_explain_the_region_of_the_whole_image(name):
    model = balanced(unet())
    session = Session(model, X)
    mask = np.asarray(model(X[:1])).argmax(-1) == 1
    method = cams.scorecam if name == "scorecam" else smoothgrad
    _, maps = by_library(method, model, 0, Region(1), "last" if name == "scorecam" else "", mask)
    np.testing.assert_allclose(run(session, 1, name).map, maps[0, ..., 0], rtol=1e-4, atol=1e-6)


def test_a_contrast_of_channels_is_that_of_their_logits_where_the_first_wins():
    model = balanced(unet())
    session = Session(model, X)
    mask = np.asarray(model(X[:1])).argmax(-1) == 1
    (this, those), (that, others) = (by_library(cams.gradcam, model, 0, Region(c), "last", mask) for c in (1, 2))
    found = run(session, 1, contrast_index=2)
    np.testing.assert_allclose(found.map, (those - others)[0, ..., 0], atol=1e-6)
    np.testing.assert_allclose(found.logits, this[0] - that[0], rtol=1e-4, atol=1e-6)
    assert not run(session, 1, contrast_index=1).map.any()


def test_one_sigmoid_channel_tells_foreground_and_background_apart():
    model = balanced(unet("sigmoid", 1))
    session = Session(model, X, ["background", "cell"])
    inside = np.asarray(model(X[:1]))[..., 0] > 0.5
    assert 0 < inside.mean() < 1
    np.testing.assert_allclose(session.models[0].scores([0])[0], [1 - inside.mean(), inside.mean()], rtol=1e-6)
    logits, maps = by_library(cams.gradcam, model, 0, Region(0), "last")
    found = run(session, 1)
    np.testing.assert_allclose(found.map, maps[0, ..., 0], atol=1e-6)
    logits, maps = by_library(cams.gradcam, model, 0, Region(0), "last", ~inside)
    found = run(session, 0)
    np.testing.assert_allclose(found.map, -maps[0, ..., 0], atol=1e-6)
    np.testing.assert_allclose(found.logits, -logits[0], rtol=1e-5)
    np.testing.assert_allclose(run(session, 0, contrast_index=1).map, found.map, atol=1e-7)
    assert Session(model, X, ["cell"]).models[0].scores([0])[0].tolist() == [np.float32(inside.mean())]


def test_pixels_in_a_row_are_a_segmentation_where_the_target_says_so():
    model = balanced(unet())
    after = keras.Model(model.inputs, layers.Reshape((64, 3))(model.output))
    np.testing.assert_allclose(run(Session(after, X), 1, layer="last").map, run(Session(model, X), 1).map, atol=1e-6)
    pixels = layers.Reshape((64, 5))(model.get_layer("last").output)
    flat = keras.Model(model.inputs, layers.Dense(3, activation="softmax", name="dense")(pixels))
    for mine, own in zip(flat.get_layer("dense").weights, model.get_layer("out").weights):
        mine.assign(np.reshape(own, mine.shape))
    with pytest.raises(
        ValueError, match=r"\(1, 64, 3\)\. If they are those of its pixels, .*`target=ke.targets.Region`"
    ):
        Session(flat, X)
    found = run(Session(flat, X, target=Region), 1, layer="last")
    np.testing.assert_allclose(found.map, run(Session(model, X), 1).map, atol=1e-6)


def test_curves_keep_the_region_of_the_whole_image():
    model = balanced(unet(None))
    session = Session(model, X)
    mask = np.asarray(model(X[:1])).argmax(-1) == 1
    *_, curves = session.models[0].curves(run(session, 1))
    mean = np.broadcast_to(X[:1].mean((1, 2), keepdims=True), X[:1].shape)
    for at, image in ((0, X[:1]), (-1, mean)):
        expected = np.asarray(model(image))[0, ..., 1][mask[0]].mean()
        np.testing.assert_allclose(curves.deletion[at], expected, rtol=1e-4, atol=1e-5)


def test_training_moves_the_region():
    model = balanced(unet())
    session = Session(model, X)
    before = run(session, 1)
    session.prepare([Choice(0, "last", 1, "gradcam", {})])
    session._preparing.join()
    out = model.get_layer("out")
    out.bias.assign(np.asarray(out.bias) + np.array([0, 3, 0]))
    after = run(session, 1)
    _, maps = by_library(cams.gradcam, model, 0, Region(1), "last")
    np.testing.assert_allclose(after.map, maps[0, ..., 0], atol=1e-6)
    assert after.scores[1] > before.scores[1]


def test_a_model_of_several_outputs_is_a_segmentation_at_the_head_that_is_one():
    segments = balanced(unet())
    count = layers.Dense(2, name="count")(layers.GlobalAveragePooling2D()(segments.get_layer("bottom").output))
    model = keras.Model(segments.inputs, {"mask": segments.output, "count": count})
    with pytest.raises(ValueError, match="`head` must choose an output"):
        Session(model, X)
    np.testing.assert_allclose(run(Session(model, X, head="mask"), 1).map, run(Session(segments, X), 1).map, atol=1e-6)
    assert Session(model, X, head="count").labels == ["0", "1"]


def test_the_region_of_a_mask_is_the_targets():
    outputs, mask = np.random.default_rng(0).normal(size=(1, 4, 5, 3)).astype("float32"), np.zeros((1, 4, 5))
    mask[0, 1:3, 2:] = 1
    y = np.concatenate([[[2, -1]], mask.reshape(1, -1)], axis=1).astype("float32")
    np.testing.assert_allclose(MaskedChannel()(outputs, y), Region(2)(outputs, mask), rtol=1e-6)
    y[:, 1] = 0
    expected = Region(2)(outputs, mask) - Region(0)(outputs, mask)
    np.testing.assert_allclose(MaskedChannel()(outputs, y), expected, rtol=1e-5)
