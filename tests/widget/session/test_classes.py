import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets import metrics
from ke_widgets.inspection import expose
from ke_widgets.methods import table
from ke_widgets.widget.export.snapshot import alt_text
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.describe import describe
from ke_widgets.widget.session.session import Session
from tests.methods.fewer import fewer

IMAGES = np.random.default_rng(0).uniform(size=(6, 12, 12, 3)).astype("float32")
LABELS = ["cat", "dog"]


def build(activation="sigmoid", units=1, after=()):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(6, 3, activation="tanh", name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(units, activation=activation, name="head"),
            *after,
        ],
        name="net",
    )
    logits = model.get_layer("conv")(IMAGES).numpy().mean((1, 2)) @ model.get_layer("head").kernel.numpy()
    model.get_layer("head").bias.assign(-np.median(logits, axis=0))  # Half of the images are of class 1.
    return model


HEADS = {
    "fused": lambda: build("sigmoid"),
    "function": lambda: build(keras.ops.sigmoid),
    "Activation": lambda: build(None, after=[layers.Activation("sigmoid")]),
    "hard": lambda: build("hard_sigmoid"),
    "cast": lambda: build("sigmoid", after=[layers.Activation("linear", dtype="float64")]),
}


def run(session, class_index, method="gradcam", contrast_index=None, **own):
    choice = {"image_index": 2, "layer": "conv", "class_index": class_index, "contrast_index": contrast_index}
    return session.run(method=method, params=own, **choice)


@pytest.mark.parametrize(
    ("head", "labels"),
    [
        *[(head, LABELS) for head in HEADS],
        *[("fused", own) for own in (None, {"cat": 0, "dog": 1}, LABELS.__getitem__)],
    ],
)
def test_one_sigmoid_unit_tells_two_classes_apart(head, labels):
    model = HEADS[head]()
    p = model.predict(IMAGES, verbose=0)[:, 0]
    truth = (p > 0.5).astype(int)
    assert 0 < truth.sum() < 6
    session = Session(model, IMAGES, labels, y_true=truth[:, None])
    assert session.labels == (["0", "1"] if labels is None else LABELS)
    (explained,) = session.models
    scores = explained.scores(range(6))
    np.testing.assert_allclose(scores, np.stack([1 - p, p], axis=1), rtol=1e-5)
    assert explained.scores_kind(scores) == "probability"
    top, score, right = session.predictions(range(6))
    assert top == truth.tolist()
    np.testing.assert_allclose(score, np.maximum(p, 1 - p), rtol=1e-5)
    assert right == [True] * 6
    if labels is None:
        assert Session(model, IMAGES, y_true=1 - truth).predictions(range(6))[2] == [False] * 6
        assert Session(model, IMAGES, y_true=[-1] * 6).predictions(range(6))[2] == [None] * 6


@pytest.mark.parametrize("name", table())
def test_class_0_is_explained_by_the_negative_logit_and_a_contrast_of_the_two_is_the_class(name):
    """The twin has a softmax over `(0, y)`: of two logits whose difference is `y`."""
    model = build()
    session, (method, spec) = Session(model, IMAGES, LABELS), table()[name]
    exposed = expose(model, "conv" if spec.reads == "signal" else [])
    twin = build()
    kernel, bias = model.get_layer("head").get_weights()
    twin.get_layer("head").set_weights([-kernel, -bias])
    negative = expose(twin, "conv" if spec.reads == "signal" else [])
    if spec.applies(exposed):
        assert session.why_not(name, 0) == spec.applies(exposed)
        return
    own = fewer(method, IMAGES.shape[1:])
    # In the widget, the background is the user's images.
    is_beside = own.pop("background", None) is not None
    background = {"background": np.concatenate([session.images.inputs(n) for n in range(6)])} if is_beside else {}
    for class_index, view in ((0, negative), (1, exposed)):
        logits, maps = method(view, IMAGES[2:3], np.array([[0]]), **own, **background)
        for contrast_index in (None, 1 - class_index):
            found = run(session, class_index, name, contrast_index, **own)
            np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-3, atol=1e-5 * np.abs(maps).max())
            np.testing.assert_allclose(found.logits, logits[0], rtol=1e-4)
            assert (found.unit, found.contrast) == (class_index, contrast_index)


def test_a_class_is_explained_the_same_after_preparing_and_at_all_layers():
    session = Session(build(), IMAGES, LABELS)
    choice = {"image_index": 2, "layer": "conv", "contrast_index": None, "method": "gradcam", "params": {}}
    first = session.run(class_index=1, **choice)
    session.prepare([Choice(**{**choice, "class_index": 1, "model_index": 0})])
    session._preparing.join()
    again = session.run(class_index=0, **choice)
    np.testing.assert_allclose(again.map, -first.map, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(again.scores, first.scores, rtol=1e-6)
    values, _ = session.models[0].at_all_layers(Choice(class_index=0, **choice))
    np.testing.assert_allclose(values[-1], again.map, rtol=1e-5, atol=1e-8)


def test_curves_of_class_0_are_of_one_less_the_probability():
    model = build()
    session = Session(model, IMAGES, LABELS)
    for class_index in (0, 1):
        explanation = run(session, class_index)
        *_, curves = session.models[0].curves(explanation)
        found = metrics.deletion(
            expose(model, [], outputs={"name": "head"}),
            IMAGES[2:3],
            explanation.map[None, ..., None],
            [[0]],
            baseline="mean",
        )
        expected = found.curve.scores[0, :, 0]
        np.testing.assert_allclose(curves.deletion, expected if class_index else 1 - expected, rtol=1e-4)
        np.testing.assert_allclose(curves.deletion[0], explanation.scores[class_index], rtol=1e-5)
        np.testing.assert_allclose(curves.insertion[-1], explanation.scores[class_index], rtol=1e-5)


def test_what_is_said_of_a_class_names_the_class_that_its_score_is_of():
    session = Session(build(), IMAGES, LABELS)
    assert describe(session)["labels"] == LABELS
    assert "Grad-CAM of cat at conv of net" in alt_text(session, run(session, 0))
    assert "Grad-CAM of dog rather than cat" in alt_text(session, run(session, 1, contrast_index=0))


def test_one_label_is_one_class_and_right_goes_by_a_half():
    model = build()
    p = model.predict(IMAGES, verbose=0)[:, 0]
    session = Session(model, IMAGES, ["defect"], y_true=p > 0.5)
    assert session.labels == ["defect"]
    np.testing.assert_allclose(session.models[0].scores(range(6))[:, 0], p, rtol=1e-5)
    assert session.predictions(range(6))[2] == [True] * 6
    with pytest.raises(ValueError, match="one of the 1 classes, 0 to 0"):
        run(session, 1)


def test_a_linear_unit_is_one_class_and_two_where_two_are_named():
    model = build(None)
    y = model.predict(IMAGES, verbose=0)[:, 0]
    assert Session(model, IMAGES).labels == ["0"]
    session = Session(model, IMAGES, LABELS, y_true=(y > 0)[:, None])  # Trained with `from_logits=True`.
    (explained,) = session.models
    np.testing.assert_allclose(explained.scores([0])[0], [-y[0], y[0]], rtol=1e-5)
    assert explained.scores_kind(explained.scores([0])) == "logit"
    assert session.predictions(range(6))[0] == (y > 0).astype(int).tolist()
    assert session.predictions(range(6))[2] == [True] * 6


@pytest.mark.parametrize(
    ("activation", "units", "count"),
    [("relu", 1, 1), ("softplus", 1, 1), ("softmax", 1, 1), ("sigmoid", 2, 2), ("softmax", 2, 2), ("sigmoid", 5, 5)],
)
def test_other_heads_have_a_class_for_each_unit(activation, units, count):
    assert len(Session(build(activation, units), IMAGES).labels) == count


@pytest.mark.parametrize("units", [1, 2, 3])
def test_more_labels_than_classes_are_refused(units):
    labels = ["background", *"abc"[: max(units, 2)]]
    with pytest.raises(
        ValueError, match=rf"each of the {max(units, 2)} classes, and no other\. Received: {len(labels)}"
    ):
        Session(build("sigmoid", units), IMAGES, labels)


def test_a_binary_model_is_compared_with_a_softmax_over_two_classes():
    session = Session([build(), build("softmax", 2)], IMAGES, LABELS)
    for number, explained in enumerate(session.models):
        np.testing.assert_allclose(explained.scores([1]).sum(), 1, rtol=1e-5)
        assert run(session, 0).map.shape == (10, 10)
        assert session.predictions([0], number)[0][0] in (0, 1)


def test_an_image_that_is_not_finite_does_not_change_what_the_classes_are():
    images = IMAGES.copy()
    images[0, 0, 0, 0] = np.nan
    session = Session(build(), images, LABELS)
    scores = session.models[0].scores([1])
    np.testing.assert_allclose(scores.sum(), 1, rtol=1e-5)
