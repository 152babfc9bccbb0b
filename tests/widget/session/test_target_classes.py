"""Regressions and other targets in a session, against the library."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods import cams, gradient
from ke_widgets.targets import Box, Contrast, Region, Similarity, Target, Units, Value
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session
from ke_widgets.widget.session.target_classes import Columns, OwnScores
from tests import models
from tests.targets.test_spatial import detector
from tests.widget.session.test_channels import balanced, by_library, run, unet

X = models.images(3)


def regression(columns=2):
    x = inputs = keras.Input(models.IMAGE)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.Dense(columns, activation="sigmoid", name="values")(layers.GlobalAveragePooling2D()(x))
    return models.randomize(keras.Model(inputs, x, name="regression"))


def test_a_regression_is_explained_by_its_columns_as_they_are():
    model = regression()
    session = Session(model, X, ["age", "height"], target=Value())
    assert isinstance(session.models[0].classes, Columns)
    for column in range(2):
        found = run(session, column, layer="conv")
        values, maps = by_library(cams.gradcam, model, 0, Value(), "conv", column)
        np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found.logits, values[0], rtol=1e-5)
        np.testing.assert_allclose(found.scores, model(X[:1])[0], rtol=1e-5)
        assert (found.scores_kind, found.map_unit) == ("value", "value")
    pixels = run(session, 0, "gradients")
    np.testing.assert_allclose(
        pixels.map, by_library(gradient.gradients, model, 0, Value(), "", 0)[1][0, ..., 0], rtol=1e-5, atol=1e-7
    )
    assert pixels.map_unit == "value per unit of input"
    contrast = run(session, 0, layer="conv", contrast_index=1)
    np.testing.assert_allclose(
        contrast.map, run(session, 0, layer="conv").map - run(session, 1, layer="conv").map, atol=1e-7
    )
    assert "CAM reads the weights of units" in session.why_not("cam", 0)
    *_, curves = session.models[0].curves(run(session, 1, layer="conv"))
    np.testing.assert_allclose(curves.deletion[0], np.asarray(model(X[:1]))[0, 1], rtol=1e-5)


def test_one_column_of_a_sigmoid_is_a_value_and_no_two_classes():
    session = Session(regression(1), X, target=Value())
    assert session.labels == ["0"]
    assert Session(regression(1), X).labels == ["0", "1"]


@pytest.mark.parametrize("target", [Units(), Contrast()])
def test_units_and_contrasts_are_what_there_is_without_a_target(target):
    model = models.fused()
    plain, session = Session(model, X), Session(model, X, target=target)
    for contrast in (None, 2):
        np.testing.assert_array_equal(
            run(session, 1, layer="conv", contrast_index=contrast).map,
            run(plain, 1, layer="conv", contrast_index=contrast).map,
        )
    (scores,) = session.models[0].scores([0])
    best = np.argsort(-scores)
    expected = {"class_index": best[0]} | ({"contrast_index": best[1]} if isinstance(target, Contrast) else {})
    assert session.first_classes(scores) == expected
    if isinstance(target, Contrast):
        assert session.first_classes(scores, int(best[2])) == {"class_index": best[2], "contrast_index": best[0]}


def test_a_channel_of_the_target_is_shown_first():
    session = Session(unet(), X, target=Region(2))
    assert session.first_classes(np.array([0.5, 0.4, 0.1])) == {"class_index": 2}


def test_likeness_to_an_embedding_of_each_image_is_one_class():
    model = regression(4)
    y = np.random.default_rng(2).normal(size=(3, 4))
    session = Session(model, X, target=Similarity(), target_y=y)
    assert isinstance(session.models[0].classes, OwnScores)
    for image in (0, 2):
        found = run(session, 0, image_index=image, layer="conv")
        scores, maps = by_library(cams.gradcam, model, image, Similarity(), "conv", y[image : image + 1])
        np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found.scores, scores[0], rtol=1e-5)
        assert (found.scores_kind, found.map_unit) == ("value", "cosine")
    *_, curves = session.models[0].curves(found)
    np.testing.assert_allclose(curves.deletion[0], found.scores[0], rtol=1e-5)
    one = Session(model, X, target=Similarity(), target_y=y[0])
    np.testing.assert_allclose(one.models[0].scores([0]), session.models[0].scores([0]), rtol=1e-6)


@dataclasses.dataclass(frozen=True)
class Margin(Target):
    """The unit's logit less the mean of all; all units without data."""

    def __call__(self, outputs, y):
        return ke.inspection.gather_units(outputs, y) - ops.mean(outputs, axis=-1, keepdims=True)


@pytest.mark.parametrize("y", [None, [2, 0, 1]])
def test_the_scores_of_a_users_own_target_are_its_classes(y):
    model = models.fused()
    session = Session(model, X, target=Margin(), target_y=y)
    logits = np.asarray(expose(model, [])(X)[0])
    expected = logits - logits.mean(-1, keepdims=True)
    expected = expected if y is None else expected[np.arange(3), y][:, None]
    np.testing.assert_allclose(session.models[0].scores([0, 1, 2]), expected, rtol=1e-4, atol=1e-6)
    units = range(3) if y is None else [y[1]]
    for number, unit in enumerate(units):
        found = run(session, number, image_index=1, layer="conv")
        _, maps = by_library(cams.gradcam, model, 1, Margin(), "conv", unit)
        np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-4, atol=1e-6)
    if y is None:
        found = run(session, 0, image_index=1, layer="conv", contrast_index=2)
        expected = run(session, 0, image_index=1, layer="conv").map - run(session, 2, image_index=1, layer="conv").map
        np.testing.assert_allclose(found.map, expected, atol=1e-6)


@dataclasses.dataclass(frozen=True)
class Both(Target):
    """The sum of two outputs' first scores."""

    reads = "outputs"

    def __call__(self, outputs, y):
        one, other = keras.tree.flatten(outputs)
        return one[:, :1] + other[:, :1]


def test_a_target_may_read_all_outputs():
    model = models.multi_output()
    session = Session(model, X, target=Both(), head=0)
    found = run(session, 0, layer="backbone/conv")
    one, other = model(X[:1])
    np.testing.assert_allclose(found.scores, np.asarray(one[0, :1] + other[0, :1]), rtol=1e-5)
    _, maps = by_library(cams.gradcam, model, 0, Both(), "backbone/conv")
    np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-4, atol=1e-7)


def test_two_widgets_on_one_model_share_no_answers():
    model = regression(3)
    sessions = [Session(model, X), Session(model, X, target=Value()), Session(model, X, target=Margin())]
    for _ in range(2):
        found = [run(session, 1, layer="conv").map for session in sessions]
        targets = [Units(), Value(), Margin()]
        for each, target in zip(found, targets):
            _, maps = by_library(cams.gradcam, model, 0, target, "conv", 1)
            np.testing.assert_allclose(each, maps[0, ..., 0], rtol=1e-4, atol=1e-7)
        assert all(np.abs(found[a] - found[b]).max() > 1e-5 for a, b in ((0, 1), (0, 2), (1, 2)))
        for session in sessions:
            session.prepare([Choice(0, "conv", 1, "gradcam", {})])
            session._preparing.join()


def test_nothing_is_stale_after_training():
    model = regression(2)
    model.compile("sgd", "mse")
    sessions = {target: Session(model, X, target=target) for target in (Value(), Margin())}
    for session in sessions.values():
        run(session, 0, layer="conv")
    model.fit(X, np.ones((3, 2)), verbose=0)
    for target, session in sessions.items():
        found = run(session, 0, layer="conv")
        scores, maps = by_library(cams.gradcam, model, 0, target, "conv", 0)
        np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.scores[0], scores[0, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (unet, {"target": Region(3)}, "`channel` must be one of the 3 channels of 'unet', 0 to 2. Received: channel=3"),
        (models.fused, {"target": Region}, r"Region must have an output with places and channels.*`ke.targets.Units"),
        (unet, {"target": Value()}, r"Value must have outputs \(B, U\).*`ke.targets.Region\(channel\)` takes a segm"),
        (unet, {"target": Units()}, r"Units must have scores \(B, U\).*`ke.targets.Region\(channel\)` takes a segm"),
        (models.fused, {"target": Box()}, r"Box must know boxes \(B, N, 4\) and logits \(B, N, C\) of the model"),
        (detector, {"target": Box(), "target_y": [1, 2, 3]}, "`target_y` must be left out for Box"),
        (detector, {"target": Box(), "y_true": [1, 2, 0]}, "an image of a detector has many true classes"),
        (detector, {}, "must choose|outputs"),
        (unet, {"target_y": [1, 2, 3]}, r"`target_y` must be left out for the units: .*target_y=\[1, 2, 3\]"),
        (unet, {"target": Region, "target_y": X[..., 0]}, "`target_y` must be left out for Region"),
        (regression, {"target": Value(), "target_y": [0, 1, 0]}, "`target_y` must be left out for Value"),
        (regression, {"target": Similarity()}, "`target_y` of the target Similarity must hold an embedding for each"),
        (regression, {"target": Similarity(), "target_y": np.ones((2, 2))}, "`target_y` .* each of the 3 images"),
        (regression, {"target": Similarity(), "target_y": np.ones((3, 5))}, r"`target_y` of .* shape \(B, 2\)"),
        (models.fused, {"target": Margin(), "target_y": [0, 1]}, "`target_y` .* one entry for each of the 3 images"),
        (unet, {"y_true": [0, 1, 2]}, r"`y_true` must be left out: an image of a segmentation .*y_true=\[0, 1, 2\]"),
        (regression, {"target": Value(), "y_true": [0, 1, 0]}, "`y_true` must be left out: the scores of Value"),
    ],
)
def test_what_does_not_fit_is_refused(build, options, message):
    with pytest.raises(ValueError, match=message):
        Session(build(), X, **options)


def test_what_is_no_target_is_refused():
    for wrong in ("dog", Value, 3):
        with pytest.raises(TypeError, match=r"`target` must be one of `ke\.targets`"):
            Session(models.fused(), X, target=wrong)


def test_models_of_two_kinds_are_refused():
    with pytest.raises(ValueError, match=r"`model` must list models of the same kind\. Received: a segmentation"):
        Session([unet(), models.fused()], X)
    session = Session([balanced(unet()), unet()], X)
    assert len(session.models) == 2
