import keras
import numpy as np
import pytest
import tensorflow as tf

from ke_widgets import metrics
from ke_widgets.inspection import expose
from ke_widgets.targets import Box
from ke_widgets.widget.session.candidates import Candidate
from ke_widgets.widget.session.session import Session
from tests import models
from tests.targets.test_spatial import detector, gradcam_by_hand

X = models.images(3)
CHOICE = {"image_index": 1, "layer": "features", "method": "gradcam", "params": {}}


@pytest.fixture(scope="module")
def session():
    return Session(detector(), X, ["cat", "dog", "bird"], target=Box())


def logits_of(session, image=1):
    return session.models[0].model.predict(X, verbose=0)["logits"][image]


def test_the_score_of_a_class_is_that_of_its_best_candidate(session):
    expected = [logits_of(session, image).max(axis=0) for image in range(3)]
    np.testing.assert_allclose(session.models[0].scores([0, 1, 2]), expected, rtol=1e-5, atol=1e-6)
    assert session.models[0].scores_kind(expected[0]) == "logit"
    found = session.predictions([0, 1, 2])
    assert found[0] == [int(each.argmax()) for each in expected]


@pytest.mark.parametrize("class_index", [0, 1, 2])
def test_a_class_is_explained_at_its_best_candidate_as_a_tape_by_hand_does(session, class_index):
    model = session.models[0].model
    best = int(logits_of(session)[:, class_index].argmax())
    rows, columns = (slice(4 * part, 4 * part + 4) for part in divmod(best, 2))
    classes = model.get_layer("classes")

    def score(signal):
        quarter = tf.reduce_mean(signal[:, rows, columns], axis=(1, 2))
        return (quarter @ classes.kernel[0, 0] + classes.bias)[:, class_index]

    signal = tf.convert_to_tensor(keras.Model(model.input, model.get_layer("features").output)(X[1:2]))
    value, expected = gradcam_by_hand(signal, score)
    found = session.run(**CHOICE, class_index=class_index)
    np.testing.assert_allclose(found.logits, value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.map, expected[0], rtol=1e-5, atol=1e-6)
    assert found.map[rows, columns].any()


def test_a_contrast_is_at_the_candidate_of_the_first_class(session):
    logits = logits_of(session)
    best = logits[:, 2].argmax()
    found = session.run(**CHOICE, class_index=2, contrast_index=0)
    np.testing.assert_allclose(found.logits, [logits[best, 2] - logits[best, 0]], rtol=1e-4, atol=1e-6)


def test_curves_follow_the_candidate_of_the_image_itself(session):
    *_, curves = session.models[0].curves(session.run(**CHOICE, class_index=1))
    best = logits_of(session)[:, 1].argmax()
    blank = np.broadcast_to(X[1:2].mean(axis=(1, 2), keepdims=True), X[1:2].shape)
    end = session.models[0].model(blank)["logits"][0, best, 1]
    np.testing.assert_allclose(curves.deletion[[0, -1]], [logits_of(session)[best, 1], end], rtol=1e-4, atol=1e-5)


def test_a_decoder_says_where_boxes_and_logits_are():
    model = detector(("places", "kinds"))
    decode = lambda outputs: (outputs["places"], outputs["kinds"])  # noqa: E731
    session = Session(model, X, target=Box(decode))
    expected = model.predict(X, verbose=0)["kinds"].max(axis=1)
    np.testing.assert_allclose(session.models[0].scores([0, 1, 2]), expected, rtol=1e-5, atol=1e-6)
    assert "features" in session.models[0].layers


def test_a_candidate_is_a_target_of_the_library_too():
    model = detector()
    y = np.array([[2, 3, -1], [0, 1, 2], [1, 0, -1]])
    logits = model.predict(X, verbose=0)["logits"]
    scores = np.asarray(Candidate()(model(X), y))
    expected = [logits[0, 3, 2], logits[1, 1, 0] - logits[1, 1, 2], logits[2, 0, 1]]
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-4, atol=1e-6)
    maps = np.random.default_rng(0).random((3, 8, 8, 1))
    result = metrics.deletion(expose(model, [], target=Candidate()), X, maps, y, steps=2)
    np.testing.assert_allclose(result.curve.scores[:, 0, 0], expected, rtol=1e-4, atol=1e-6)
