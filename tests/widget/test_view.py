import contextlib
import json
import threading
import time

import numpy as np
import pytest
from PIL import Image

from ke_widgets import methods, metrics
from ke_widgets.widget.view import ExplainerWidget

LONG = 60


class Page:
    """What a page is to the widget: it sends messages, and collects the messages and trait updates that come."""

    def __init__(self, widget):
        self.widget = widget
        self.received = []
        self.updated = set()
        widget.comm.send = self._receive

    def _receive(self, data=None, metadata=None, buffers=None):
        if data["method"] == "custom":
            self.received.append(data["content"])
        else:
            self.updated |= set(data["state"])

    def send(self, content):
        self.widget._handle_custom_msg(content, [])

    def explain(self, id, pane=0, **change):
        choice = {"image_index": 0, "layer": "stem", "class_index": 0, "method": "gradcam", "params": {}, **change}
        self.send({"kind": "explain", "id": id, "pane": pane, "choice": choice})

    def predictions(self, *indices):
        """Ask what the model sees on images, and wait for the answer, which comes when the widget rests."""
        self.send({"kind": "predictions", "id": "p", "indices": list(indices), "model_index": 0})
        end = time.monotonic() + LONG
        while ("predictions", "p") not in self.kinds():
            assert time.monotonic() < end, "no predictions came"
            time.sleep(0.01)
        return next(content for content in self.received if content["kind"] == "predictions")

    def kinds(self):
        return [(content["kind"], content.get("id")) for content in self.received]

    def ends(self):
        """Without the progress that is told where tracing took long."""
        return [kind for kind in self.kinds() if kind[0] != "progress"]


@pytest.fixture
def widget(model, images):
    widget = ExplainerWidget(model, images, labels=["a", "b", "c"])
    widget.wait(LONG)
    yield widget
    widget.close()


def test_it_opens_on_the_best_class_and_the_last_layer(widget, model, images):
    scores = model(images[:1].astype("float32")).numpy()[0]
    assert (widget.layer, widget.class_index, widget.method) == ("block/add", scores.argmax(), "gradcam")
    assert widget.result.unit == scores.argmax()


def test_a_trait_set_in_python_is_explained(widget):
    widget.layer = "stem"
    widget.class_index = 2
    result = widget.wait(LONG)
    assert (result.layer, result.unit) == ("stem", 2)
    assert result is widget.result


def test_first_values_may_be_chosen(model, images):
    widget = ExplainerWidget(model, images, layer="stem", class_index=1, image_index=3, opacity=0.25)
    result = widget.wait(LONG)
    assert (result.layer, result.unit, result.image_index, widget.opacity) == ("stem", 1, 3, 0.25)
    widget.close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("contrast_index", 9, "0 to 2. Received: contrast_index=9"),
        ("model_index", 1, "one of the 1 models"),
        ("panes", [{"layer": "stm"}], "Nearest: 'stem'"),
        ("panes", [{"layr": "stem"}], r"`panes` must hold dicts of .* Received: \['layr'\]"),
        ("layer", "stm", "Nearest: 'stem'"),
        ("layer", "pool", "spatial output"),
        ("class_index", 3, "0 to 2. Received: class_index=3"),
        ("image_index", 5, "0 to 4. Received: image_index=5"),
        ("method", "gradcan", "Received: method='gradcan'"),
        ("params", {"a": 1}, r"Received: \['a'\]"),
    ],
)
def test_a_trait_set_to_what_is_not_there_is_refused_and_nothing_is_lost(widget, name, value, message):
    before = widget.choice
    with pytest.raises(ValueError, match=message):
        setattr(widget, name, value)
    assert widget.choice == before
    widget.image_index = 1
    assert widget.wait(LONG).image_index == 1


def test_a_new_widget_hides_nothing_of_its_map(widget):
    assert widget.threshold == 0


def test_opacity_and_colormap_are_checked_too(widget):
    with pytest.raises(ValueError, match=r"from 0 to 1\. Received: opacity=2\. For 2 %, write 0\.02"):
        widget.opacity = 2
    with pytest.raises(ValueError, match=r"`colormap` must be one of inferno, .* Received: colormap='jet'"):
        widget.colormap = "jet"


def test_a_request_from_the_page_is_answered_with_its_id_and_becomes_the_traits(widget):
    page = Page(widget)
    page.explain("a", layer="block", class_index=1, image_index=4)
    widget.wait(LONG)
    assert page.kinds() == [("result", "a")]
    assert (widget.layer, widget.class_index, widget.image_index) == ("block", 1, 4)
    assert page.received[0]["choice"]["layer"] == "block"
    assert not page.updated & {"layer", "class_index", "image_index"}, "what the page knows was sent back to it"
    widget.layer = "stem"
    assert "layer" in page.updated


def test_of_many_requests_every_one_is_answered_and_the_newest_wins(widget):
    page = Page(widget)
    for number in range(30):
        page.explain(str(number), class_index=number % 3, layer=("stem", "block/conv")[number % 2])
    widget.wait(LONG)
    assert sorted(int(id) for _, id in page.kinds()) == list(range(30))
    assert page.kinds()[-1] == ("result", "29")
    assert widget.result.layer == "block/conv"


def test_a_trait_update_from_the_page_starts_nothing(widget):
    page = Page(widget)
    widget.set_state({"class_index": (widget.class_index + 1) % 3, "opacity": 0.5})
    assert widget._controller.worker.wait(LONG)
    assert page.kinds() == []


def test_a_view_that_opens_is_sent_the_newest_result(widget):
    page = Page(widget)
    page.send({"kind": "hello"})
    assert page.kinds() == [("result", None)]


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


def test_pictures_are_sent_as_png(widget):
    page = Page(widget)
    painter = widget._controller.painter
    page.send({"kind": "images", "id": "i", "indices": [1, 3], "size": 4})
    assert painter.wait(LONG)
    assert page.received == [{"kind": "images", "id": "i", "indices": [1, 3], "size": 4, "sizes": [[8, 8], [8, 8]]}]
    page.send({"kind": "images", "id": "j", "indices": [99], "size": 4})
    assert painter.wait(LONG)
    assert page.kinds()[-1] == ("error", "j")


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


def test_the_newest_result_is_kept_for_a_page_that_loads_later(widget):
    widget.class_index = 0
    result = widget.wait(LONG)
    end = time.monotonic() + LONG
    while widget._snapshot.get("content", {}).get("choice", {}).get("class_index") != 0 and time.monotonic() < end:
        threading.Event().wait(0.02)
    kept = widget._snapshot
    values = np.frombuffer(kept["map"], "<f2").reshape(result.map.shape) * kept["content"]["map"]["scale"]
    np.testing.assert_allclose(values, result.map, rtol=1e-3, atol=1e-3 * np.abs(result.map).max())
    assert kept["image"][:4] == b"\x89PNG"


def test_the_setup_tells_the_page_all_it_needs(widget):
    setup = widget._setup
    assert setup["labels"] == ["a", "b", "c"]
    assert setup["images"] == 5
    assert [node["path"] for node in setup["models"][0]["nodes"] if node["spatial"]] == [
        "rescaling",
        "stem",
        "block",
        "block/conv",
        "block/add",
    ]
    methods = {method["name"]: method for method in setup["methods"]}
    assert methods["gradcam"]["uses_layer"] is True
    assert methods["gradients"]["uses_layer"] is False
    (channels,) = methods["gradients"]["params"]
    assert channels == {"name": "channels", "kind": "choice", "default": "max", "choices": ("max", "mean")}


def pieces(monkeypatch, count):
    """Make every method that goes by pieces take `count` pieces, each held until the test lets it go."""
    go, began = threading.Semaphore(0), threading.Semaphore(0)
    whole = methods.step_by_step

    def slow(*args, **params):
        *_, last = whole(*args, **params)
        for done in range(1, count + 1):
            began.release()
            assert go.acquire(timeout=LONG)
            yield methods.Progress(done, count, last.result)

    monkeypatch.setattr(methods, "step_by_step", slow)
    return go, began


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


def train(model):
    """Move every weight a little, as a step of training does."""
    for weight in model.trainable_weights:
        weight.assign_add(np.full(weight.shape, 0.01, "float32"))


def test_after_a_training_nothing_older_is_a_result(widget, model):
    before = widget.result
    train(model)
    result = widget.wait(LONG)
    assert result is not before
    assert (before.generation, result.generation) == (0, 1)
    np.testing.assert_allclose(result.scores, np.asarray(model(widget._session.images.inputs(0)))[0], rtol=1e-5)
    assert np.abs(result.map - before.map).max() > 0


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


def test_a_newer_request_stops_a_long_one_between_two_pieces(widget, monkeypatch):
    page, (go, began) = Page(widget), pieces(monkeypatch, 5)
    page.explain("old", layer="block", method="scorecam")
    assert began.acquire(timeout=LONG)
    page.explain("new", layer="stem", method="scorecam")
    go.release(6)
    assert widget.wait(LONG).layer == "stem"
    assert page.ends() == [("superseded", "old"), ("result", "new")]


def test_panes_follow_the_main_one_but_for_what_differs(widget):
    widget.panes = [{"layer": "stem"}, {"method": "gradcampp"}]
    widget.class_index = 2
    widget.wait(LONG)
    main, other_layer, other_method = widget.results
    assert [r.unit for r in widget.results] == [2, 2, 2]
    assert (main.layer, other_layer.layer, other_method.layer) == ("block/add", "stem", "block/add")
    assert (main.method, other_layer.method, other_method.method) == ("gradcam", "gradcam", "gradcampp")


def test_requests_of_two_panes_do_not_displace_each_other(widget):
    page = Page(widget)
    for number in range(6):
        choice = {"image_index": 0, "layer": "stem", "class_index": number % 3, "method": "gradcam", "params": {}}
        page.send({"kind": "explain", "id": str(number), "pane": number % 2, "choice": choice})
    widget.wait(LONG)
    answers = [(content["pane"], content["id"]) for content in page.received if content["kind"] == "result"]
    assert {(0, "4"), (1, "5")} <= set(answers)
    assert sorted(id for _, id in page.kinds()) == list("012345")


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


def test_a_layer_that_the_page_picked_from_its_scan_is_computed_when_asked_for(widget):
    Page(widget)
    widget.set_state({"layer": "stem"})
    assert widget.wait(LONG).layer == "stem"


def test_predictions_are_answered(model, images):
    widget = ExplainerWidget(model, images, y_true=[0, 1, 2, 0, 1])
    widget.wait(LONG)
    predictions = Page(widget).predictions(0, 1, 2, 3, 4)
    top = model(images.astype("float32")).numpy().argmax(-1)
    assert predictions["top"] == top.tolist()
    assert predictions["correct"] == (top == [0, 1, 2, 0, 1]).tolist()
    widget.close()


def test_closing_ends_the_thread(model, images):
    widget = ExplainerWidget(model, images)
    widget.wait(LONG)
    thread = widget._controller.worker._thread
    widget.close()
    thread.join(LONG)
    assert not thread.is_alive()


def marks(widget):
    figure = widget.charts.children[0]
    return figure.marks[0]


def test_the_charts_show_the_scores_and_a_click_on_a_bar_picks_its_class(widget):
    bars = marks(widget)
    np.testing.assert_allclose(sorted(bars.y), sorted(widget.result.scores), rtol=1e-6)
    place = list(bars.x).index(2)
    bars.selected = np.array([place])
    assert widget.wait(LONG).unit == widget.class_index == 2


def test_curves_are_computed_when_asked_for_and_taken_away_with_their_map(widget):
    box = widget.charts.children[1]
    button, figure = box.children
    button.click()
    assert widget._controller.worker.wait(LONG)
    deletion, insertion = figure.marks[:2]
    whole, _ = metrics.deletion(
        widget._session.models[0].model,
        widget._session.images.inputs(0),
        widget.result.map[None, ..., None],
        np.array([[widget.class_index]]),
        baseline="mean",
    )[1:]
    np.testing.assert_allclose(deletion.y, whole[0, :, 0], rtol=1e-4)
    assert len(insertion.y) == len(deletion.y) == 33
    assert button.description == "Deletion and insertion"
    widget.class_index = (widget.class_index + 1) % 3
    widget.wait(LONG)
    assert len(deletion.y) == 0
    assert figure.title == "The map has changed"


def test_shown_by_itself_it_brings_its_charts_and_otherwise_not(model, images):
    alone = ExplainerWidget(model, images, charts=False)
    together = ExplainerWidget(model, images)
    view = "application/vnd.jupyter.widget-view+json"
    bundles = [each._repr_mimebundle_() for each in (alone, together)]
    ids = [(b[0] if isinstance(b, tuple) else b)[view]["model_id"] for b in bundles]
    assert ids[0] == alone.model_id
    assert ids[1] == together._box.model_id
    view, under = together._box.children
    assert view is together
    button, *charts = under.children
    assert not charts
    assert together._panel is None, "nothing is made before it is asked for"
    button.value = True
    assert under.children == (button, together.charts)
    button.value = False
    assert under.children == (button,)
    alone.close()
    together.close()


def test_the_bytes_before_the_first_picture_do_not_grow_with_the_images(model, capsys):
    def sent(count):
        widget = ExplainerWidget(model, np.zeros((count, 8, 8, 3), "uint8") + 9, charts=False)
        page = Page(widget)
        page.send({"kind": "hello"})
        page.send({"kind": "images", "id": "i", "indices": [0], "size": 0})
        widget.wait(LONG)
        state = {name: value for name, value in widget.get_state().items() if name not in ("_esm", "_css", "_snapshot")}
        described = len(json.dumps([state, page.received], default=str))
        code = sum(len(getattr(widget, name)) for name in ("_esm", "_css"))
        pictures = (
            len(widget._session.images.encoded(0).data) + widget.result.map.size * 2 + widget.result.scores.size * 4
        )
        widget.close()
        return described + pictures, code

    (few, code), (many, _) = sent(3), sent(3000)
    with capsys.disabled():
        print(
            f"\nbefore the first picture: {many:,} bytes of messages with 3,000 images, and {code:,} of code and styles"
        )
    assert many - few < 100
