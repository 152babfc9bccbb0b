"""Who hears a message, what is answered at once, and what the worker is asked."""

import contextvars
import threading
import time
from dataclasses import dataclass

import pytest

from ke_widgets.widget.comm import messages
from ke_widgets.widget.features import curves
from ke_widgets.widget.features.feature import Feature, Progress, Reply
from tests.widget.comm.fakes import Wired, choice
from tests.widget.page import LONG, Page, pieces


def test_of_many_requests_every_one_is_answered_and_the_newest_wins(widget):
    page = Page(widget)
    for number in range(30):
        page.explain(str(number), class_index=number % 3, layer=("stem", "block/conv")[number % 2])
    widget.wait(LONG)
    assert sorted(int(id) for _, id in page.kinds()) == list(range(30))
    assert page.kinds()[-1] == ("result", "29")
    assert widget.result.layer == "block/conv"


def test_whether_the_kernel_is_at_a_question_is_answered_from_the_handler(widget, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(widget._session.models[0], "steps", lambda choice: gate.wait(LONG) and iter(()))
    page = Page(widget)
    page.explain("a1")
    for id in ("a1", "lost", None):
        page.send({"kind": "check", "id": id, "pane": 0})
    assert [(content["id"], content["known"]) for content in page.received] == [
        ("a1", True),
        ("lost", False),
        (None, False),
    ]
    gate.set()


def test_what_python_chose_is_told_until_it_was_seen(widget):
    page = Page(widget)
    page.send({"kind": "hello"})
    states = lambda: [content for content in page.received if content["kind"] == "state"]  # noqa: E731
    widget.opacity = 0.25
    widget.panel = "curves"
    widget.layer = "stem"
    end = time.monotonic() + LONG
    while len(states()) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert states()[1]["traits"]["layer"] == "stem"
    assert states()[1]["traits"]["opacity"] == 0.25
    assert states()[1]["traits"]["panel"] == "curves"
    assert states()[1]["serial"] == max(c["serial"] for c in page.received if c["kind"] == "result")
    page.send({"kind": "ack", "number": states()[1]["number"]})
    assert widget._controller.resend.rest() is None


def test_pictures_wait_for_no_model(widget, monkeypatch):
    page, (go, began) = Page(widget), pieces(monkeypatch, 5)
    page.explain("long", layer="block", method="scorecam")
    assert began.acquire(timeout=LONG)
    page.send({"kind": "images", "id": "i", "indices": [1, 3], "size": 4})
    assert widget._controller.painter.wait(LONG)
    assert page.ends() == [("images", "i")]
    for _ in range(5):
        go.release()
    widget.wait(LONG)
    assert page.ends() == [("images", "i"), ("result", "long")]


@pytest.mark.parametrize("content", [{"kind": "other", "id": "x"}, "text", {"kind": "explain", "id": "x"}])
def test_a_message_that_makes_no_sense_is_answered_with_an_error(widget, content):
    page = Page(widget)
    page.send(content)
    assert page.received[0]["kind"] == "error"
    page.explain("after")
    widget.wait(LONG)
    assert page.kinds()[-1] == ("result", "after")


def test_a_choice_from_the_page_that_is_not_there_is_an_error_and_changes_nothing(widget):
    page, before = Page(widget), widget.choice
    page.explain("x", layer="nowhere")
    assert page.kinds() == [("error", "x")]
    assert "Nearest" in page.received[0]["message"]
    assert widget.choice == before


def test_cancel_in_one_pane_leaves_the_work_of_another_be(widget, monkeypatch):
    page, (go, began) = Page(widget), pieces(monkeypatch, 3)
    page.explain("a", pane=0, layer="block", method="scorecam")
    assert began.acquire(timeout=LONG)
    page.explain("b", pane=1, layer="stem", method="scorecam")
    page.explain("c", pane=2, layer="stem", method="scorecam")
    page.send({"kind": "cancel", "id": "b", "pane": 1})
    assert page.kinds() == [("superseded", "b")]
    go.release(6)
    widget.wait(LONG)
    assert page.ends() == [("superseded", "b"), ("result", "a"), ("result", "c")]
    results = [each for each in page.received if each["kind"] == "result"]
    assert [(each["done"], each["total"]) for each in results] == [(3, 3), (3, 3)]


def test_what_python_began_is_cancelled_by_its_pane(widget, monkeypatch):
    widget.method = "scorecam"
    widget.wait(LONG)
    page, (go, began) = Page(widget), pieces(monkeypatch, 3)
    widget.layer = "block"
    assert began.acquire(timeout=LONG)
    page.send({"kind": "cancel", "id": None, "pane": 1})
    page.send({"kind": "cancel", "id": None, "pane": 0})
    go.release(3)
    assert widget.wait(LONG).done == 1


def test_a_newer_request_stops_a_long_one_between_two_pieces(widget, monkeypatch):
    page, (go, began) = Page(widget), pieces(monkeypatch, 5)
    page.explain("old", layer="block", method="scorecam")
    assert began.acquire(timeout=LONG)
    page.explain("new", layer="stem", method="scorecam")
    go.release(6)
    assert widget.wait(LONG).layer == "stem"
    assert page.ends() == [("superseded", "old"), ("result", "new")]


def test_requests_of_two_panes_do_not_displace_each_other(widget):
    page = Page(widget)
    for number in range(6):
        choice = {"image_index": 0, "layer": "stem", "class_index": number % 3, "method": "gradcam", "params": {}}
        page.send({"kind": "explain", "id": str(number), "pane": number % 2, "choice": choice})
    widget.wait(LONG)
    answers = [(content["pane"], content["id"]) for content in page.received if content["kind"] == "result"]
    assert {(0, "4"), (1, "5")} <= set(answers)
    assert sorted(id for _, id in page.kinds()) == list("012345")


# Without threads and models: what is asked of the worker is noted


def test_a_choice_of_the_main_pane_becomes_the_traits_and_each_pane_has_a_place_of_its_own():
    wired = Wired()
    assert not wired.heard
    wired.hear_explain("a", class_index=2)
    wired.hear_explain("b", pane=1)
    wired.hear_explain("c", kind="all_layers")
    assert wired.heard
    assert wired.adopted == [choice(class_index=2)]
    assert [(request.id, sender) for request, sender in wired.worker.asked] == [
        ("a", (0, "explain")),
        ("b", (1, "explain")),
        ("c", (0, "all_layers")),
    ]


@pytest.mark.parametrize("content", [{"kind": "explain", "id": "x"}, {"kind": "?", "id": "x"}])
def test_what_makes_no_sense_is_answered_with_its_id_and_goes_no_further(content):
    wired = Wired()
    wired.receive(content)
    assert [(each["kind"], each["id"]) for each in wired.sent] == [("error", "x")]
    wired.hear_explain("y", layer="nowhere")
    assert (wired.sent[1]["id"], wired.sent[1]["message"]) == ("y", "There is no layer 'nowhere'.")
    assert (wired.worker.asked, wired.adopted) == ([], [])


def test_a_request_whose_place_is_taken_is_told_so_where_the_page_asked():
    wired = Wired()
    wired.worker.dropped = [messages.Explain("old", choice()), messages.Explain(None, choice())]
    wired.hear_explain("one")
    assert wired.sent == [], "it was asked from Python"
    wired.hear_explain("two")
    assert [(each["kind"], each["id"]) for each in wired.sent] == [("superseded", "old")]


def test_cancel_and_check_mean_a_request_by_its_id_or_else_by_its_pane():
    wired = Wired()
    for request in (messages.Explain(None, choice(), 1), messages.Explain("a", choice(), 1)):
        wired.submit(request)
    known = [(None, 1, True), (None, 0, False), ("a", 0, True), ("b", 1, False)]
    for id, pane, _ in known:
        wired.hear("check", id=id, pane=pane)
    assert [(each["id"], each["pane"], each["known"]) for each in wired.sent] == known
    wired.hear("cancel", id=None, pane=0)
    assert len(wired.worker.asked) == 2
    wired.hear("cancel", id=None, pane=1)
    assert [request.id for request, _ in wired.worker.asked] == ["a"]
    wired.hear("cancel", id="a", pane=0)
    assert wired.worker.asked == []
    assert [each["id"] for each in wired.sent if each["kind"] == "superseded"] == ["a"]


@dataclass(frozen=True)
class Request:
    """What a test asks of a feature, which notes there that it should stop."""

    stopped: list


def in_two_turns(session, request, stop):
    yield Progress(1, 2, "half")
    yield
    yield Reply({"why": stop()})


def featured(**how):
    """A controller with one feature, `work`."""
    feature = Feature(Request, in_two_turns, on_stop=lambda request: request.stopped.append("stop"), **how)
    return Wired(features={"work": feature})


def test_cancel_of_a_file_stops_files_and_nothing_else():
    wired, stopped = featured(queue="all", from_page=False), []
    wired.ask("work", Request(stopped), "work", None)
    wired.hear_explain("a")
    wired.hear("cancel", id="a")
    assert stopped == []
    wired.hear_explain("b")
    wired.hear("cancel", id="work")
    assert stopped == ["stop"]
    assert [request.id for request, _ in wired.worker.asked] == ["b"]
    wired.hear("work", id="x", stopped=[])
    assert wired.sent[-1]["message"].startswith("A message must be one of hello, explain, cancel, check, ack. Received")


def test_what_has_begun_ends_by_itself_with_a_reply_and_what_has_not_is_dropped():
    wired = featured(queue="all")
    for id in ("a", "b"):
        wired.hear("work", id=id, stopped=[])
    (first, _), (_, _) = wired.worker.asked
    first.turn()
    for id in ("a", "b"):
        wired.hear("cancel", id=id)
    first.turn()
    assert [(each["kind"], each["id"], each.get("why")) for each in wired.sent] == [
        ("progress", "a", None),
        ("superseded", "b", None),
        ("work", "a", "cancelled"),
    ]


@pytest.mark.parametrize(("queue", "superseded"), [("latest", ["a", "b"]), ("all", [])])
def test_of_the_latest_the_newest_of_each_pane_wins_and_of_all_each_is_answered(queue, superseded):
    wired = featured(queue=queue)
    wired.hear("work", id="a", pane=0, stopped=[])
    wired.worker.asked[0][0].turn()  # It waits for its second turn.
    wired.worker.dropped = []
    wired.hear("work", id="other", pane=1, stopped=[])
    wired.hear("work", id="b", pane=0, stopped=[])
    if queue == "latest":
        wired.worker.dropped = [next(job for job, _ in wired.worker.asked if job.id == "b")]
    wired.hear("work", id="c", pane=0, stopped=[])
    wired.worker.asked[0][0].turn()
    ends = [(each["kind"], each["id"]) for each in wired.sent if each["kind"] != "progress"]
    assert sorted(id for kind, id in ends if kind == "superseded") == superseded
    assert [id for kind, id in ends if kind == "work"] == ([] if superseded else ["a"])


def test_a_feature_that_uses_no_model_waits_for_none():
    wired = featured(queue="all", uses_model=False)
    wired.hear("work", id="a", stopped=[])
    ((job, _),) = wired.painter.asked
    job.turn()
    assert wired.worker.asked == []
    assert [each for each, _ in wired.painter.asked] == [job, job]


def test_check_knows_what_waits_and_what_rests():
    wired = Wired()
    wired.hear("predictions", id="p", indices=[0])
    wired.hear("check", id="p", pane=0)
    ((job, _),) = wired.worker.asked
    job.turn()
    wired.worker.asked.clear()
    wired.hear("check", id="p", pane=0)
    wired.hear("check", id="q", pane=0)
    assert [(each["id"], each["known"]) for each in wired.sent] == [("p", True), ("p", True), ("q", False)]


def test_the_choice_of_a_request_to_a_feature_is_checked_when_it_comes():
    wired = Wired()
    wired.hear("curves", id="c", pane=0, choice=vars(choice(layer="nowhere")))
    assert (wired.sent[0]["id"], wired.sent[0]["message"]) == ("c", "There is no layer 'nowhere'.")
    assert (wired.worker.asked, wired.adopted) == ([], [])


def test_curves_are_asked_for_and_cancelled_beside_everything_else():
    wired = Wired()
    wired.hear_explain("a")
    wired.ask("curves", curves.Request(choice()))
    assert [(each.name, sender) for each, sender in wired.worker.asked[1:]] == [("curves", (0, "curves"))]
    wired.hear("cancel", id=None, pane=0)
    assert len(wired.worker.asked) == 2, "that is about maps"
    wired.stop("curves")
    assert [request.id for request, _ in wired.worker.asked] == ["a"]
    assert wired.sent == [], "the page did not ask"
    ((heard, name, content, value),) = wired.panel
    assert (heard, name, content["kind"], value) == ("hear", "curves", "superseded", None)


def test_what_is_published_goes_where_the_page_listens():
    where, found = contextvars.ContextVar("where", default="the cell"), []
    wired = Wired()
    wired.publish(lambda: found.append(where.get()))
    contextvars.copy_context().run(lambda: (where.set("the page"), wired.hear("hello")))
    wired.publish(lambda: found.append(where.get()))
    wired.publish(lambda: found.append(where.set("changed") and where.get()))
    wired.publish(lambda: found.append(where.get()))
    assert found == ["the cell", "the page", "changed", "the page"]


def test_a_function_is_called_where_the_session_is_used_and_gives_or_raises():
    wired = Wired()
    assert wired.call(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        wired.call(lambda: 1 / 0)


def test_to_settle_is_to_ask_for_what_was_not_asked_for_and_to_raise_what_failed():
    wired = Wired()
    assert wired.settle(choice(), 1, None)
    assert wired.settle(choice(), 1, None)
    assert [request.choice for request, _ in wired.worker.asked] == [choice()]
    assert wired.settle(choice(layer="other"), 1, None)
    assert [request.choice.layer for request, _ in wired.worker.asked] == ["stem", "other"]
    wired.handlers.error = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        wired.settle(choice(layer="other"), 1, None)
    wired.worker.waits = False
    assert not wired.settle(choice(layer="other"), 1, None)


def test_to_settle_after_a_training_is_to_explain_all_again():
    wired, again = Wired(), []
    wired.settle(choice(), 1, lambda: again.append("all"))
    assert again == []
    wired.weights = [1]
    wired.settle(choice(), 1, lambda: again.append("all"))
    assert again == ["all"]


def test_what_python_chose_is_told_only_once_a_page_is_there():
    wired = Wired()
    wired.resend.changed()
    assert wired._rest() is None
    wired.hear("hello")
    assert wired.opened == 1
    assert wired._rest() == 1
    assert wired.sent == [{"kind": "state", "id": None, "number": 1, "serial": 0, "traits": {"layer": "stem"}}]
    wired.hear("ack", number=1)
    assert wired._rest() is None


def test_predictions_wait_for_a_rest_and_then_for_the_model_to_be_compiled():
    wired = Wired()
    wired.hear("predictions", id="p", indices=[0])
    wired.worker.asked.pop()[0].turn()
    assert wired.worker.asked == []
    wired._session.is_preparing = True
    assert wired._rest() == 0.1, "it is looked again soon"
    assert wired.worker.asked == []
    wired._session.models[0].is_compiled = True
    assert wired._rest() is None
    ((job, sender),) = wired.worker.asked
    assert job.id == "p"
    assert sender is job
    wired._rest()
    assert len(wired.worker.asked) == 1


def test_closing_stops_every_job_and_who_waits_for_it():
    wired, stopped = featured(queue="all"), []
    wired.ask("work", Request(stopped), "work", None)
    wired.worker.close = wired.painter.close = lambda: None
    wired.close()
    assert stopped == ["stop"]
