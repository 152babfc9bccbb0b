"""What is kept of images: each is run once, details for a few of them only."""

import numpy as np

from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.widget.images.feed import Feed
from ke_widgets.widget.images.image_input import image_input
from ke_widgets.widget.images.images import Images
from ke_widgets.widget.session import scores
from ke_widgets.widget.session.channels import Channels, MaskedChannel
from ke_widgets.widget.session.classes import Classes
from ke_widgets.widget.session.scores import Scores
from tests import models
from tests.targets.test_spatial import unet

X = models.images(7)


def made(model, classes, target=None):
    view = Exposed(model, [Endpoint(""), Endpoint("")], target)
    return Scores(view, classes, Images(X, models.IMAGE), Feed(image_input(model)))


def counted(monkeypatch):
    ran, original = [], scores.run
    monkeypatch.setattr(scores, "run", lambda f, v, x, y=None: (ran.append(x.shape[0]), original(f, v, x, y))[1])
    return ran


def test_each_image_is_run_once_and_several_together(monkeypatch):
    model, ran = models.fused(), counted(monkeypatch)
    found = made(model, Classes(3, True))
    np.testing.assert_allclose(found.of([4, 0, 4]), np.asarray(model(X[[4, 0, 4]])), rtol=1e-5)
    np.testing.assert_allclose(found.of([0, 1]), np.asarray(model(X[:2])), rtol=1e-5)
    assert ran == [2, 1]
    found.know(2, np.array([[1.0, 2.0, 3.0]]))
    assert found.of([2]).tolist() == [[1, 2, 3]]
    found.forget()
    np.testing.assert_allclose(found.of([2]), np.asarray(model(X[2:3])), rtol=1e-5)
    assert ran == [2, 1, 1]
    assert found.detail(0) is None


def test_winners_of_a_few_images_are_kept_and_shares_of_all(monkeypatch):
    model, ran = unet(None), counted(monkeypatch)
    won = np.asarray(model(X)).argmax(-1)
    found = made(model, Channels(3, False), MaskedChannel())
    shares = [[(each == channel).mean() for channel in range(3)] for each in won]
    np.testing.assert_allclose(found.of(range(7)), shares, rtol=1e-6)
    assert ran == [1] * 7
    for index in (6, 6, 0, 0):
        np.testing.assert_array_equal(found.detail(index), won[index].ravel())
    assert ran == [1] * 8  # The first of them was dropped, its shares were not.
    np.testing.assert_allclose(found.of([0, 3]), np.asarray(shares)[[0, 3]], rtol=1e-6)
    found.know(0, np.zeros((1, 8, 8, 3)))  # Not of the model's output alone.
    np.testing.assert_allclose(found.of([0])[0], shares[0], rtol=1e-6)
    assert ran == [1] * 8
