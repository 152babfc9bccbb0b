"""A job's turns: what it says, when it goes on, how it ends."""

from dataclasses import dataclass

import pytest

from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.jobs import Job
from ke_widgets.widget.features.feature import Feature, Progress, Reply, Rest


@dataclass(frozen=True)
class Request:
    """Do these, in order: each is yielded, and a function called first."""

    steps: tuple


def answer(session, request, stop):
    for step in request.steps:
        yield step(stop) if callable(step) else step


class Noted:
    """A job, and all that it says and asks for."""

    def __init__(self, *steps, id="j", pane=1, **how):
        self.said, self.values, self.turns, self.rests, self.stopped = [], [], [], [], []
        feature = Feature(Request, answer, on_stop=self.stopped.append, **{"queue": "all", **how})
        asked = messages.Ask("work", id, Request(steps), pane)
        self.job = Job(feature, None, asked, self.send, self.turns.append, self.rests.append)

    def send(self, job, message, value):
        assert job is self.job
        self.said.append(message)
        self.values.append(value)


def test_progress_and_the_reply_carry_the_id_and_the_pane():
    noted = Noted(Progress(1, 2, "half", {"x": 1}, [b"a"], "first"), Reply({"y": 2}, [b"b"], "last"))
    noted.job.turn()
    progress = {"kind": "progress", "id": "j", "pane": 1, "done": 1, "total": 2, "text": "half", "x": 1}
    assert noted.said == [(progress, [b"a"]), ({"kind": "work", "id": "j", "pane": 1, "y": 2}, [b"b"])]
    assert noted.values == ["first", "last"]


def test_what_belongs_to_no_pane_names_none():
    noted = Noted(Reply({}), pane=None)
    noted.job.turn()
    assert noted.said == [({"kind": "work", "id": "j"}, [])]


def test_a_turn_ends_where_others_may_go_first_or_something_is_waited_for():
    noted = Noted(None, Rest(lambda: "until"), Reply({}))
    assert not noted.job.has_begun
    noted.job.turn()
    assert noted.job.has_begun
    assert (noted.turns, noted.rests, noted.said) == ([noted.job], [], [])
    noted.job.turn()
    assert noted.rests == [noted.job]
    assert noted.job.until() == "until"
    noted.job.turn()
    assert len(noted.said) == 1


def test_a_cancelled_job_says_what_it_has():
    noted = Noted(None, lambda stop: Reply({"why": stop()}))
    noted.job.turn()
    noted.job.stop("cancelled")
    noted.job.stop("superseded")
    assert len(noted.stopped) == 2
    noted.job.turn()
    assert [(content["kind"], content["why"]) for content, _ in noted.said] == [("work", "cancelled")]


def test_a_superseded_job_says_only_that():
    noted = Noted(None, Reply({}))
    noted.job.turn()
    noted.job.stop("superseded")
    noted.job.turn()
    assert noted.said == [({"kind": "superseded", "id": "j"}, [])]


def test_who_stops_without_a_reply_is_superseded_and_who_ends_without_one_is_at_fault():
    noted = Noted(None)
    noted.job.turn()
    noted.job.stop("cancelled")
    noted.job.turn()
    assert [content["kind"] for content, _ in noted.said] == ["superseded"]
    noted = Noted()
    with pytest.raises(RuntimeError, match="`work` ended without a reply"):
        noted.job.turn()


def test_what_comes_after_the_reply_is_not_said():
    noted = Noted(Reply({"n": 1}), Reply({"n": 2}))
    noted.job.turn()
    assert [content["n"] for content, _ in noted.said] == [1]


def test_an_error_is_of_the_pane():
    noted = Noted()
    noted.job.fail("broken", "a hint", None)
    ((content, _),) = noted.said
    assert (content["kind"], content["id"], content["pane"], content["message"]) == ("error", "j", 1, "broken")


@pytest.mark.parametrize("queue", ["latest", "all"])
def test_of_the_latest_each_pane_has_one_place(queue):
    one, other = Noted(queue=queue).job, Noted(queue=queue).job
    assert (one.sender == other.sender) == (queue == "latest")
    assert one.sender != Noted(queue=queue, pane=2).job.sender
