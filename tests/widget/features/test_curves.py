"""Both curves of a map: their numbers, in turns, and where they end early."""

from types import SimpleNamespace

import numpy as np
import pytest

from ke_widgets import metrics
from ke_widgets.widget.features import curves
from ke_widgets.widget.features.feature import Progress, Reply
from ke_widgets.widget.session.explanation import Curves
from tests.widget.comm.fakes import Told, choice, explained
from tests.widget.page import LONG, Page, train


def step(done, total=3):
    return Curves(np.array([0, 1]), np.array([1.0, 0.5]), None if done < 2 else np.array([0.5, 1.0]), done, total)


class Session(Told):
    """A session whose curves are made up."""

    def __init__(self, found):
        super().__init__()
        self.found, self.asked = found, []
        self.models = [SimpleNamespace(curves=self.curves, generation=lambda: self.weights[0])]

    def curves(self, explanation):
        self.asked.append(explanation)
        yield from self.found

    def answer(self, stop=lambda: None):
        return curves.answer(self, curves.Request(choice()), stop)


def numbers(reply):
    return [np.frombuffer(each, "<f4").tolist() for each in reply.buffers]


def test_the_curves_are_those_of_the_metrics_for_the_map_that_is_shown(widget):
    page, session = Page(widget), widget._session
    page.send({"kind": "curves", "id": "c", "pane": 0, "choice": vars(widget.choice)})
    assert widget._controller.worker.wait(LONG)
    ((kind, id),) = page.ends()
    assert (kind, id) == ("curves", "c")
    (_, _, found) = [*curves.answer(session, curves.Request(widget.choice), lambda: None)][-1]
    assert found[0] is widget.result
    for metric, baseline, got in ((metrics.deletion, "mean", found[1][1]), (metrics.insertion, "blur", found[1][2])):
        whole = metric(
            session.models[0].model,
            session.images.inputs(0),
            widget.result.map[None, ..., None],
            np.array([[widget.class_index]]),
            baseline=baseline,
        ).curve
        np.testing.assert_allclose(got, whole.scores[0, :, 0], rtol=1e-4)


def test_they_come_as_they_are_computed_with_a_turn_for_others_after_each_step(monkeypatch):
    now = iter([10.0, 10.0, 10.1, 10.2, 10.7, 10.7])
    monkeypatch.setattr(curves, "time", SimpleNamespace(monotonic=lambda: next(now)))
    first, *between, last = Session([step(done, 5) for done in (1, 2, 3, 4, 5)]).answer()
    assert first[:3] == (1, 5, "1 of 5")
    assert [each if each is None else type(each) for each in between] == [None, None, None, Progress, None]
    assert between[3].done == 4
    assert isinstance(last, Reply)
    assert (last.content["done"], last.content["total"], last.content["generation"]) == (5, 5, 0)
    assert last.content["choice"] == vars(choice())
    assert numbers(first) == [[0, 1], [1, 0.5], pytest.approx([np.nan, np.nan], nan_ok=True)]
    assert numbers(last) == [[0, 1], [1, 0.5], [0.5, 1]]
    assert last.value[1].done == 5


def test_a_cancelled_request_keeps_what_it_has():
    (reply,) = Session([step(1), step(2)]).answer(lambda: "cancelled")
    assert (reply.content["done"], reply.content["total"]) == (1, 3)


def test_the_map_is_the_one_that_was_shown_and_else_explained_now():
    session, shown = Session([step(3)]), explained()
    session.results.keep(choice(), shown)
    (reply,) = session.answer()
    assert session.asked == [shown]
    assert reply.value[0] is shown
    session.weights = [1]
    (reply,) = session.answer()
    assert session.asked[1] is not shown, "it was of other weights"
    assert reply.content["generation"] == 1


def test_curves_of_two_sets_of_weights_are_an_error():
    session = Session([step(1), step(2), step(3)])
    answering = session.answer()
    next(answering)
    session.weights = [1]
    with pytest.raises(RuntimeError, match=r"The model was trained while its curves were computed."):
        list(answering)


def test_a_pick_does_not_wait_for_all_of_the_curves_and_a_training_is_told(widget, model):
    page, choice = Page(widget), vars(widget.choice)
    page.send({"kind": "curves", "id": "c", "pane": 0, "choice": choice})
    page.explain("e", class_index=2)
    assert widget._controller.worker.wait(LONG)
    assert page.ends() == [("result", "e"), ("curves", "c")]
    kept = [weight.numpy() for weight in model.weights]
    began = widget._session.models[0].curves

    def training(explanation):
        for number, each in enumerate(began(explanation)):
            if number == 1:
                train(model)
            yield each

    widget._session.models[0].curves = training
    page.send({"kind": "curves", "id": "d", "pane": 1, "choice": choice})
    assert widget._controller.worker.wait(LONG)
    for weight, value in zip(model.weights, kept):
        weight.assign(value)
    (error,) = [each for each in page.received if each["kind"] == "error"]
    assert (error["id"], error["pane"]) == ("d", 1)
    assert "The model was trained while its curves were computed." in error["message"]


def test_a_contrast_has_no_curves_and_says_so_in_its_pane(widget):
    page = Page(widget)
    choice = {**vars(widget.choice), "contrast_index": (widget.class_index + 1) % 3}
    page.send({"kind": "curves", "id": "c", "pane": 2, "choice": choice})
    assert widget._controller.worker.wait(LONG)
    ((kind, id),) = page.ends()
    assert (kind, id, page.received[-1]["pane"]) == ("error", "c", 2)
    assert "leave the contrast out" in page.received[-1]["message"]
