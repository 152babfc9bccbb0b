"""From a request to its answers."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ke_widgets import methods
from ke_widgets.widget.comm import handlers, messages
from ke_widgets.widget.features import curves, predictions
from ke_widgets.widget.view import ExplainerWidget
from tests.widget.comm.fakes import Told, choice
from tests.widget.page import LONG, Page, pieces, train


def test_pictures_are_sent_as_png(widget):
    page = Page(widget)
    painter = widget._controller.painter
    page.send({"kind": "images", "id": "i", "indices": [1, 3], "size": 4})
    assert painter.wait(LONG)
    assert page.received == [{"kind": "images", "id": "i", "indices": [1, 3], "size": 4, "sizes": [[8, 8], [8, 8]]}]
    page.send({"kind": "images", "id": "j", "indices": [99], "size": 4})
    assert painter.wait(LONG)
    assert page.kinds()[-1] == ("error", "j")


def test_an_image_that_cannot_be_read_is_told_in_the_pane_that_wants_it(model, images, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, images):
        Image.fromarray(image).save(path)
    widget = ExplainerWidget(model, paths)
    widget.wait(LONG)
    paths[2].unlink()
    page = Page(widget)
    page.send({"kind": "images", "id": "i", "indices": [0, 2], "size": 4})
    page.explain("e", pane=1, image_index=2)
    with contextlib.suppress(ValueError):
        widget.wait(LONG)
    assert widget._controller.painter.wait(LONG)
    error, thumbnails = sorted(page.received, key=lambda content: content["kind"])
    assert (thumbnails["kind"], thumbnails["sizes"]) == ("images", [[8, 8], [0, 0]])
    assert (error["kind"], error["id"], error["pane"]) == ("error", "e", 1)
    assert "2.png" in error["message"]
    top = model(images[:2].astype("float32")).numpy().argmax(-1)
    assert page.predictions(0, 2, 1)["top"] == [top[0], -1, top[1]]
    widget.close()


def test_an_exception_in_a_method_is_an_error_reply_with_a_hint_and_the_widget_goes_on(widget, monkeypatch):
    page = Page(widget)
    with monkeypatch.context() as patch:
        patch.setattr(methods, "step_by_step", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("broken")))
        page.explain("x", layer="stem", method="scorecam")
        with pytest.raises(RuntimeError, match="broken"):
            widget.wait(LONG)
    (error,) = page.received
    assert (error["kind"], error["id"], error["message"]) == ("error", "x", "RuntimeError: broken")
    assert "go on" in error["hint"]
    page.explain("y", layer="stem", method="scorecam")
    assert widget.wait(LONG).layer == "stem"


def test_cancel_keeps_what_was_computed_and_says_how_far_it_got(widget, monkeypatch):
    page, (go, began) = Page(widget), pieces(monkeypatch, 5)
    page.explain("x", layer="block", method="scorecam")
    assert began.acquire(timeout=LONG)
    page.send({"kind": "cancel", "id": "x"})
    go.release()
    result = widget.wait(LONG)
    assert (result.done, result.total, result.layer) == (1, 5, "block")
    assert page.kinds() == [("result", "x")]
    assert (page.received[0]["done"], page.received[0]["total"]) == (1, 5)


def test_the_page_is_told_of_a_training_once_its_cell_has_run(widget, model):
    page = Page(widget)
    page.send({"kind": "hello"})
    page.explain("a")
    widget.wait(LONG)
    before = len(page.received)
    train(model)
    widget._check_weights()
    widget._check_weights()
    assert widget._controller.worker.wait(LONG)
    assert page.received[before:] == [{"kind": "generations", "id": None, "generations": [1]}]
    page.explain("b")
    assert widget._controller.worker.wait(LONG)
    page.predictions(0)
    assert {content["generation"] for content in page.received[before + 1 :]} == {1}


def test_a_scan_is_answered_with_every_layer(widget):
    page = Page(widget)
    choice = {"image_index": 0, "layer": "stem", "class_index": 1, "method": "gradcam", "params": {}}
    page.send({"kind": "all_layers", "id": "s", "pane": 0, "choice": choice})
    widget.wait(LONG)
    (answer,) = page.received
    assert (answer["kind"], answer["id"], answer["layers"]) == ("all_layers", "s", widget._session.models[0].layers)
    assert [(each["height"], each["width"]) for each in answer["maps"]] == [(8, 8)] * 5
    page.send({"kind": "all_layers", "id": "t", "pane": 0, "choice": {**choice, "method": "scorecam"}})
    widget.wait(LONG)
    assert page.kinds()[-1] == ("error", "t")


# Of a session that computes nothing


def test_a_request_is_answered_with_its_map_and_what_was_found_is_kept():
    told = Told()
    told.ask(messages.Explain("a", choice(), 0))
    told.ask(messages.Explain("b", choice(class_index=0), 1))
    assert told.contents("kind", "id", "pane", "serial") == [("result", "a", 0, 1), ("result", "b", 1, 2)]
    assert [np.frombuffer(buffers[0], "<f2").tolist() for _, buffers in told.answers] == [[1], [1]]
    assert told.handlers.newest() is told.handlers.found(choice())
    assert told.handlers.found(choice(class_index=0)) is not told.handlers.newest()
    assert told.handlers.found(choice(layer="other")) is None
    assert [name for name, *_ in told.panel] == ["show"], "the charts follow the main pane"


def test_a_view_that_opens_later_is_told_the_newest_of_every_pane():
    told = Told()
    for number, pane in enumerate((0, 1, 0)):
        told.ask(messages.Explain(str(number), choice(class_index=number), pane))
    told.answers.clear()
    told.handlers.repeat()
    assert sorted(told.contents("kind", "id", "pane", "serial")) == [("result", None, 0, 3), ("result", None, 1, 2)]


def test_only_what_python_chose_is_checked_again():
    told = Told()
    told.ask(messages.Explain("a", choice()))
    told.ask(messages.Explain(None, choice(class_index=0)))
    assert told.checked == [choice(class_index=0)]


def test_a_superseded_request_is_dropped_and_a_cancelled_one_keeps_what_it_has():
    told = Told(pieces=4)
    told.ask(messages.Explain("old", choice()), lambda: "superseded")
    told.ask(messages.Explain(None, choice()), lambda: "superseded")
    assert told.contents("kind", "id") == [("superseded", "old")], "Python waits for no answer"
    assert told.handlers.newest() is None
    stops = iter([None, "cancelled"])
    told.ask(messages.Explain("new", choice()), lambda: next(stops))
    assert told.contents("kind", "id")[1:] == [("result", "new")]
    assert told.handlers.newest().done == 2


def test_progress_is_told_ten_times_a_second_and_shown_twice(monkeypatch):
    now = iter(np.arange(0, 2, 0.06).round(2))
    monkeypatch.setattr(handlers, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    told = Told(pieces=20)
    told.ask(messages.Explain("a", choice(), 2))
    *steps, (end, _) = told.answers
    # A step takes 0.06 seconds: every second one is told, and the first of these after half a second has a map.
    assert [content["done"] for content, _ in steps] == [2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert [content["done"] for content, _ in steps if "map" in content] == [10]
    assert steps[0][0]["text"] == "step 2 of 20"
    assert {(content["id"], content["pane"], content["total"]) for content, _ in steps} == {("a", 2, 20)}
    assert (end["kind"], end["done"]) == ("result", 20)


def test_the_newest_64_results_are_kept():
    told = Told()
    for number in (*range(64), 0, 64):
        told.ask(messages.Explain(None, choice(image_index=number)))
    found = [number for number in range(66) if told.handlers.found(choice(image_index=number)) is not None]
    assert found == [0, *range(2, 65)], "the first was asked for again"


@pytest.mark.parametrize("pane", [0, 1])
def test_an_error_is_told_where_it_was_caused(pane):
    told, error = Told(), RuntimeError("broken")
    told.handlers.failed(messages.Explain("a", choice(), pane), error)
    assert told.contents("kind", "id", "pane", "message") == [("error", "a", pane, "RuntimeError: broken")]
    assert told.answers[0][0]["choice"] == vars(choice())
    assert told.handlers.error is (None if pane else error)
    told.ask(messages.Explain("b", choice()))
    assert told.handlers.error is None


def test_curves_and_predictions_that_fail_say_so_in_their_place():
    told = Told()
    told.handlers.failed(told.job("curves", curves.Request(choice()), id=None), ValueError("x" * 200))
    assert told.answers == []
    ((heard, name, content, value),) = told.panel
    assert (heard, name, content["kind"], content["message"], value) == ("hear", "curves", "error", "x" * 200, None)
    told.handlers.failed(told.job("predictions", predictions.Request([9]), "p", None), ValueError("no image 9"))
    assert told.contents("kind", "id", "pane", "message") == [("error", "p", None, "no image 9")]
    told.handlers.failed(told.job("curves", curves.Request(choice()), "c", 1), ValueError("no"))
    assert told.contents("kind", "id", "pane", "message")[1:] == [("error", "c", 1, "no")]
    assert told.answers[1][0]["choice"] == vars(choice())


def test_after_a_training_all_that_was_found_is_forgotten_and_the_page_told_once():
    told = Told()
    told.ask(messages.Explain("a", choice()))
    assert not told.handlers.trained()
    told.weights = [3]
    assert told.handlers.trained()
    assert not told.handlers.trained()
    assert (told.handlers.newest(), told.handlers.found(choice())) == (None, None)
    assert told.contents("kind", "id")[1:] == [("generations", None)]
    assert told.answers[-1][0]["generations"] == [3]


def test_at_rest_the_newest_result_is_kept_once_with_its_picture_and_every_pane_is_prepared():
    told = Told()
    told.handlers.rest(lambda: False)
    assert told.kept == []
    told.ask(messages.Explain("a", choice(image_index=2)))
    told.ask(messages.Explain("b", choice(class_index=0), 1))
    for _ in range(2):
        told.handlers.rest(lambda: False)
    (kept,) = told.kept
    assert (kept["image"], kept["size"], kept["content"]["id"]) == (b"2 of 8", [5, 4], "a")
    assert told.prepared[1:] == [[choice(image_index=2), choice(class_index=0)]] * 2
    told.ask(messages.Explain("c", choice(image_index=1)))
    told.handlers.rest(lambda: False)
    assert [each["content"]["id"] for each in told.kept] == ["a", "c"]


def test_a_job_gets_one_turn():
    told, turns = Told(), []
    job = told.job("predictions", predictions.Request([0]), "p", None)
    job.turn = lambda: turns.append("turn")
    told.ask(job)
    assert (turns, told.answers) == (["turn"], [])


def test_a_job_that_is_dropped_is_answered_where_the_page_asked():
    told = Told()
    told.handlers.drop(told.job("curves", curves.Request(choice()), "c"))
    told.handlers.drop(told.job("curves", curves.Request(choice()), None))
    assert told.contents("kind", "id") == [("superseded", "c")]
