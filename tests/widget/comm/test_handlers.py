"""From a request to its answers."""

import contextlib

import pytest
from PIL import Image

from ke_widgets import methods
from ke_widgets.widget.view import ExplainerWidget
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
