import threading
from types import SimpleNamespace

import pytest

from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.predictions import PredictionsJob
from ke_widgets.widget.comm.worker import Worker

LONG = 20  # seconds; a test that waits so long has failed


class Looks:
    """A session whose model sees class 2 i on image i, and whose weights change when a test says so."""

    def __init__(self):
        self.asked = []
        self.weights = 0
        self.before = lambda: None
        self.models = [SimpleNamespace(generation=lambda: self.weights, is_compiled=False)]
        self.models *= 2

    def predictions(self, indices, model):
        self.before()
        self.asked.append((list(indices), model))
        return [2 * i for i in indices], [i + self.weights / 2 for i in indices], [None] * len(indices)


def run(session, indices, model_index=0):
    """Answer a request, one turn after the other; the answer, and how many turns it took."""
    answers, waiting = [], []
    request = messages.Predictions("p", indices, model_index)
    work = PredictionsJob(session, request, lambda answer: answers.append(answer[0]), waiting.append)
    waiting.append(work)
    turns = 0
    while waiting:
        turns += 1
        waiting.pop().turn()
    (content,) = answers
    return content, turns


def test_all_images_are_told_in_one_answer_and_each_is_looked_at_once():
    session = Looks()
    content, turns = run(session, list(range(100)), 1)
    assert content["indices"] == list(range(100))
    assert content["model_index"] == 1
    assert content["id"] == "p"
    assert content["top"] == [2 * i for i in range(100)]
    assert [i for indices, _ in session.asked for i in indices] == list(range(100))
    assert turns == len(session.asked) < 100
    assert len(session.asked[0][0]) == 1
    assert max(len(indices) for indices, _ in session.asked) <= 32


def test_a_model_trained_between_two_turns_is_asked_again_about_all_images():
    session = Looks()

    def train():
        session.weights = int(len(session.asked) > 1)

    session.before = train
    content, _ = run(session, [0, 1, 2, 3, 4, 5, 6])
    assert content["generation"] == 1
    assert content["score"] == [i + 0.5 for i in range(7)], "scores of two sets of weights in one answer"


def test_a_pick_waits_for_one_turn_at_most():
    """The page asks about its thumbnails, and then the user picks a layer."""
    session, started, gate, order = Looks(), threading.Event(), threading.Event(), []

    def wait():
        started.set()
        assert gate.wait(LONG)

    session.before = wait
    worker = Worker(lambda request, _: request.turn() if request != "pick" else order.append("pick"), None)
    request = messages.Predictions("p", list(range(50)))
    work = PredictionsJob(
        session, request, lambda answer: order.append("predictions"), lambda it: worker.submit(it, it)
    )
    worker.submit(work, work)
    assert started.wait(LONG)
    worker.submit("pick", "page")
    gate.set()
    assert worker.wait(LONG)
    assert order == ["pick", "predictions"]
    worker.close()


def test_a_slow_model_is_asked_about_one_image_at_a_time(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("ke_widgets.widget.comm.predictions.time.monotonic", lambda: next(now))
    session = Looks()
    run(session, [3, 1, 2])
    assert [indices for indices, _ in session.asked] == [[3], [1], [2]]


def test_what_the_session_refuses_is_raised():
    session = Looks()

    def refuse():
        raise ValueError("no such image")

    session.before = refuse
    with pytest.raises(ValueError, match="no such image"):
        run(session, [7])


def predicting(session, indices=(0,), model_index=0):
    return PredictionsJob(session, messages.Predictions("p", list(indices), model_index), None, None)


def test_it_waits_while_the_model_is_being_compiled():
    session = Looks()
    work = predicting(session)
    assert work.waits(preparing=False), "the compiling begins when the page rests, as this does"
    assert work.waits(preparing=True)
    session.models[0].is_compiled = True
    assert not work.waits(preparing=True)


def test_it_does_not_wait_for_a_model_that_cannot_be_compiled():
    work = predicting(Looks())
    assert work.waits(preparing=True)
    assert not work.waits(preparing=False)


def test_what_cannot_be_found_does_not_wait():
    assert not predicting(Looks(), model_index=7).waits(preparing=True)
