"""Who hears a message, what is answered at once, and what the worker is asked."""

import threading
import time

import pytest

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
    widget.layer = "stem"
    end = time.monotonic() + LONG
    while len(states()) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert states()[1]["traits"]["layer"] == "stem"
    assert states()[1]["traits"]["opacity"] == 0.25
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
