import threading
from types import SimpleNamespace

import pytest

from ke_widgets.widget.comm.worker import Worker
from ke_widgets.widget.features import predictions
from ke_widgets.widget.features.feature import Rest

LONG = 20  # seconds; a test that waits so long has failed


class Looks:
    """A session whose model sees class 2 i on image i, and whose weights change when a test says so."""

    def __init__(self):
        self.asked = []
        self.weights = 0
        self.is_preparing = False
        self.before = lambda: None
        self.models = [SimpleNamespace(generation=lambda: self.weights, is_compiled=False)]
        self.models *= 2

    def predictions(self, indices, model):
        self.before()
        self.asked.append((list(indices), model))
        return [2 * i for i in indices], [i + self.weights / 2 for i in indices], [None] * len(indices)


def turns(session, indices, model_index=0):
    """What it yields once it may begin."""
    found = predictions.answer(session, predictions.Request(indices, model_index), lambda: None)
    assert isinstance(next(found), Rest)
    return found


def run(session, indices, model_index=0):
    """Answer a request, one turn after the other; the answer, and how many turns it took."""
    *before, reply = turns(session, indices, model_index)
    assert set(before) <= {None}
    assert reply.buffers == ()
    return reply.content, len(before) + 1


def test_all_images_are_told_in_one_answer_and_each_is_looked_at_once():
    session = Looks()
    content, turns = run(session, list(range(100)), 1)
    assert content["indices"] == list(range(100))
    assert content["model_index"] == 1
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
    answering = turns(session, list(range(50)))

    def turn(request, _):
        if request == "pick":
            order.append("pick")
        elif next(answering) is None:
            worker.submit(request, request)
        else:
            order.append("predictions")

    worker = Worker(turn, None)
    worker.submit("predictions", "predictions")
    assert started.wait(LONG)
    worker.submit("pick", "page")
    gate.set()
    assert worker.wait(LONG)
    assert order == ["pick", "predictions"]
    worker.close()


def test_a_slow_model_is_asked_about_one_image_at_a_time(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("ke_widgets.widget.features.predictions.time.monotonic", lambda: next(now))
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


def beginning(session, model_index=0):
    """Whether it may begin, with `preparing` told."""
    rest = next(predictions.answer(session, predictions.Request([0], model_index), lambda: None))

    def begins(preparing):
        session.is_preparing = preparing
        return rest.until()

    return begins


def test_it_waits_while_the_model_is_being_compiled():
    session = Looks()
    begins = beginning(session)
    assert not begins(preparing=False), "the compiling begins when the page rests, as this does"
    assert not begins(preparing=True)
    session.models[0].is_compiled = True
    assert begins(preparing=True)


def test_it_does_not_wait_for_a_model_that_cannot_be_compiled():
    begins = beginning(Looks())
    assert not begins(preparing=True)
    assert begins(preparing=False)


def test_what_cannot_be_found_does_not_wait():
    assert beginning(Looks(), model_index=7)(preparing=True)
