"""The way of a path method, from its start to the image: the scores there, and pictures of it."""

import io

import numpy as np
import pytest
from PIL import Image

from ke_widgets.engine.forward import forward
from ke_widgets.widget.features import path
from ke_widgets.widget.features.feature import Progress
from tests.widget.comm.fakes import Told, choice
from tests.widget.page import train


def played(widget, stop=lambda: None, **changed):
    own = {**vars(widget.choice), "method": "integrated_gradients", "params": {"baseline": 0.25}, **changed}
    return [*path.answer(widget._session, path.Request(type(widget.choice)(**own)), stop)]


def numbers(buffer):
    return np.frombuffer(buffer, "<f4")


def test_scores_and_pictures_are_those_of_the_images_on_the_way(widget):
    session = widget._session
    reply = played(widget, class_index=2, image_index=1)[-1]
    shares, scores = map(numbers, reply.buffers[:2])
    np.testing.assert_allclose(shares, np.linspace(0, 1, 25), rtol=1e-6)
    image = session.images.inputs(1)
    way = 0.25 + shares[:, None, None, None] * (image - 0.25)
    logits = np.asarray(forward(session.models[0].view(""), way.astype("float32"))[0])
    np.testing.assert_allclose(scores, logits[:, 2], rtol=1e-4, atol=1e-5)
    pictures = [np.asarray(Image.open(io.BytesIO(each))) for each in reply.buffers[2:]]
    assert len(pictures) == 25
    assert np.ptp(pictures[0].astype(int)) == 0, "a baseline of one colour"
    assert np.ptp(pictures[-1].astype(int)) > 50


def test_a_blur_begins_blurred_and_a_contrast_has_the_difference_of_scores(widget):
    one, other = (
        numbers(played(widget, method="blur_integrated_gradients", params={}, class_index=each)[-1].buffers[1])
        for each in (0, 2)
    )
    both = played(widget, method="blur_integrated_gradients", params={}, class_index=0, contrast_index=2)[-1]
    np.testing.assert_allclose(numbers(both.buffers[1]), one - other, rtol=1e-4, atol=1e-5)


def test_a_method_without_a_way_is_refused(widget):
    with pytest.raises(
        ValueError, match=r"must go a way that can be played: Integrated gradients, .*Received: Grad-CAM"
    ):
        played(widget, method="gradcam")


def test_who_has_enough_gets_what_there_is(widget):
    reply = played(widget, stop=lambda: "cancelled")[-1]
    assert np.isfinite(numbers(reply.buffers[1])).sum() == 1
    assert len(reply.buffers) == 3


def test_it_comes_as_it_is_computed(monkeypatch):
    session = Told()
    session.models[0].way = lambda choice, shares: ((share, np.zeros((1, 1, 3))) for share in shares)
    session.models[0].images = type(
        "Images", (), {"pictures": lambda self, index, seen: np.zeros(seen.shape, "uint8")}
    )()
    now = iter(np.arange(0, 1000, 0.3))
    monkeypatch.setattr(path.time, "monotonic", lambda: next(now))
    found = [*path.answer(session, path.Request(choice(method="integrated_gradients")), lambda: None)]
    previews = [each for each in found if isinstance(each, Progress)]
    assert len(previews) > 3
    assert [np.isfinite(numbers(each.buffers[1])).sum() for each in previews] == [each.done for each in previews]
    assert None in found


def test_a_model_that_is_trained_meanwhile_has_no_way(widget):
    turns = path.answer(
        widget._session,
        path.Request(type(widget.choice)(**{**vars(widget.choice), "method": "integrated_gradients"})),
        lambda: train(widget._session.models[0].model),
    )
    with pytest.raises(RuntimeError, match="trained while its way was played"):
        list(turns)
