import base64
import concurrent.futures
import hashlib
import itertools
import json
import os
import re
import threading
from html.parser import HTMLParser

import keras
import numpy as np
import pytest

from ke_widgets.widget.export import job as exporting
from ke_widgets.widget.export.selection import heading
from ke_widgets.widget.session.explained_model import ExplainedModel
from ke_widgets.widget.view import ExplainerWidget

LONG = 20
HOSTILE = '</script><!--<img src=x onerror="alert(1)">'


class Page(HTMLParser):
    """What a browser finds in the file."""

    def __init__(self, path):
        super().__init__()
        self.scripts, self.styles, self.tags, self.texts = {}, [], [], []
        self._inside = None
        self.policy = ""
        self.source = path.read_text("utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._inside = (tag, dict(attrs).get("id", "code"))
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        tag, id = self._inside or (None, None)
        if tag == "script":
            self.scripts[id] = data
        elif tag == "style":
            self.styles.append(data)
        else:
            self.texts.append(data)

    def contents(self):
        return json.loads(self.scripts["contents"]), json.loads(self.scripts["maps"])


def values(stored):
    told = stored["map"]
    numbers = np.frombuffer(base64.b64decode(stored["values"]), "<f2").astype("float64") * told["scale"]
    return numbers.reshape(told["height"], told["width"])


@pytest.fixture
def widget(model, images):
    widget = ExplainerWidget(model, images, labels=["a", "b", "c"], charts=False)
    widget.wait(LONG)
    yield widget
    widget.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "maps.html"


def export(widget, path, **asked):
    return widget.to_html(path, **{"verbose": 0, **asked})


def test_the_file_holds_the_map_of_every_combination(widget, path):
    layers = ["stem", "block/conv", "block/add"]  # as many as are worth a pass over all layers
    assert export(widget, path, images=[4, 1], layers=layers, classes=["c", 0], methods=["gradcam", "scorecam"]) == path
    contents, maps = Page(path).contents()
    wanted = list(itertools.product(enumerate([4, 1]), layers, [2, 0], ["gradcam", "scorecam"]))
    assert len(maps) == len(wanted) == 24
    for (place, image), layer, unit, method in wanted:
        right = widget._session.run(image_index=image, layer=layer, class_index=unit, method=method, params={})
        stored = maps[f"0 {place} {unit} {method} {layer}"]
        np.testing.assert_allclose(values(stored), right.map, atol=1e-3 * np.abs(right.map).max())
        np.testing.assert_allclose([stored["map"]["low"], stored["map"]["high"]], [right.low, right.high], rtol=1e-5)
    scores = [np.frombuffer(base64.b64decode(each["values"]), "<f4") for each in contents["scores"][0]]
    np.testing.assert_allclose(scores, widget._session.models[0].scores([4, 1]))
    assert base64.b64decode(contents["images"][1]["data"]) == widget._session.images.encoded(1).data
    assert [each["top"] for each in contents["predictions"][0]] == widget._session.predictions([4, 1])[0]


def test_a_method_that_looks_at_the_image_has_one_map_for_all_layers(widget, path):
    export(widget, path, images=0, layers="all", classes=0, methods="gradients")
    _, maps = Page(path).contents()
    assert list(maps) == ["0 0 0 gradients "]


def test_the_size_is_told_and_refused_before_the_rest_is_computed(widget, path, capsys, monkeypatch):
    export(widget, path, layers="all", methods=["gradcam", "scorecam"], verbose=2)
    told = capsys.readouterr().out
    size = path.stat().st_size
    assert "maps.html: 5 images × 5 layers × 3 classes × 2 methods, 150 maps, about 0.2 MB" in told
    path.unlink()
    computed = []
    whole = ExplainedModel.steps
    monkeypatch.setattr(ExplainedModel, "steps", lambda *a, **k: computed.append(1) or whole(*a, **k))
    with pytest.raises(ValueError, match=r"`limit` must be at least the size of the file") as refused:
        export(widget, path, layers="all", methods=["gradcam", "scorecam"], limit=size // 2)
    expected = int(re.search(r"about ([\d,]+) bytes", str(refused.value))[1].replace(",", ""))
    assert abs(expected - size) < 0.01 * size
    assert len(computed) == 5, "one image, one class, five layers"
    assert list(path.parent.iterdir()) == []


def test_images_of_several_sizes_are_counted_as_they_are(path):
    inputs = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3, padding="same", name="conv")(inputs))
    images = [np.full((side, 2 * side, 3), 0.5, "float32") for side in (8, 60)]
    widget = ExplainerWidget(keras.Model(inputs, keras.layers.Dense(2)(x)), images, charts=False)
    with pytest.raises(ValueError, match="about") as refused:
        export(widget, path, limit=10)
    told = int(re.search(r"about ([\d,]+) bytes", str(refused.value))[1].replace(",", ""))
    export(widget, path)
    assert abs(told - path.stat().st_size) < 0.01 * told
    _, maps = Page(path).contents()
    assert values(maps["0 1 0 gradcam conv"]).shape == (60, 120)
    widget.close()


def test_two_models_have_their_own_layers(model, images, path):
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(3, 3, name="only")], name="other")
    other = keras.Model(other.inputs, keras.layers.GlobalAveragePooling2D()(other.outputs[0]), name="other")
    widget = ExplainerWidget([model, other], images, charts=False)
    export(widget, path, images=0, layers="stem", classes=0)
    contents, maps = Page(path).contents()
    assert list(maps) == ["0 0 0 gradcam stem", "1 0 0 gradcam only"]
    assert [each["default_layer"] for each in contents["setup"]["models"]] == ["stem", "only"]
    widget.close()


def test_what_a_method_cannot_do_is_said_and_the_rest_is_there(widget, path, capsys):
    export(widget, path, images=0, classes=0, layers=["rescaling", "stem"], methods="cam", verbose=2)
    _, maps = Page(path).contents()
    assert "CAM" in maps["0 0 0 cam rescaling"]["error"]
    assert "map" in maps["0 0 0 cam stem"]
    assert "1 of 2 maps could not be computed" in capsys.readouterr().out
    with pytest.raises(ValueError, match="`methods` must name methods that run on this model: 'cam'"):
        export(widget, path, layers="rescaling", methods="cam")


@pytest.mark.parametrize("name", ["limit", "path", "folder"])
def test_a_bad_place_or_limit_is_refused(widget, tmp_path, name):
    bad = {"limit": {"limit": 0}, "path": {"path": tmp_path}, "folder": {"path": tmp_path / "no" / "x.html"}}[name]
    with pytest.raises(ValueError, match=r"`limit` must be a number|`path` must name a file in a folder that exists"):
        export(widget, **{"path": tmp_path / "x.html", **bad})


def test_text_from_elsewhere_is_text(model, images, path):
    widget = ExplainerWidget(model, images, labels=[HOSTILE, "b", "c"], charts=False)
    export(widget, path, title=HOSTILE)
    page = Page(path)
    assert page.tags.count("script") == 3
    assert "img" not in page.tags
    assert page.texts.count(HOSTILE) == 2, "the title, and the heading"
    contents, _ = page.contents()
    assert contents["setup"]["labels"][0] == HOSTILE
    widget.close()


def test_the_policy_allows_this_script_and_this_style_and_nothing_from_outside(widget, path):
    export(widget, path, images=0)
    page = Page(path)

    def of(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == of(page.scripts["code"])
    assert rules["style-src"] == of(page.styles[0])
    assert page.tags.count("script") == 3
    assert page.tags.count("style") == 1
    assert set(re.findall(r"https?://[\w./]+", page.source)) <= {
        f"http://www.w3.org/{end}" for end in ("2000/svg", "1999/xhtml", "1998/Math/MathML")
    }


def test_scores_that_are_no_numbers_are_written_so_that_the_page_can_read_them(model, path):
    images = np.zeros((2, 8, 8, 3), "float32")
    images[1, 0, 0, 0] = np.nan
    widget = ExplainerWidget(model, images, charts=False)
    export(widget, path)
    contents, maps = Page(path).contents()
    assert contents["predictions"][0][1]["score"] is None
    assert "NaN" in maps[f"0 1 {widget.class_index} gradcam block/add"]["empty_reason"]
    widget.close()


def gated(monkeypatch):
    """Let every method wait, piece by piece, for the test."""
    go, began = threading.Semaphore(0), threading.Semaphore(0)
    whole = ExplainedModel.steps

    def slow(*args, **choice):
        began.release()
        assert go.acquire(timeout=LONG)
        yield from whole(*args, **choice)

    monkeypatch.setattr(ExplainedModel, "steps", slow)
    return go, began


def in_background(widget, path, **asked):
    pool = concurrent.futures.ThreadPoolExecutor(1)
    return pool.submit(export, widget, path, **{"layers": ["stem", "block/add"], **asked})


def test_the_widget_answers_while_a_file_is_made(widget, path, monkeypatch):
    monkeypatch.setattr(exporting, "_TURN_SECONDS", 0.0)
    go, began = gated(monkeypatch)
    made = in_background(widget, path)
    assert began.acquire(timeout=LONG)
    answers = []
    widget.comm.send = lambda data=None, **_: answers.append(data)
    choice = {"image_index": 3, "layer": "stem", "class_index": 1, "method": "gradcam", "params": {}}
    widget._handle_custom_msg({"kind": "explain", "id": "x", "choice": choice}, [])
    go.release(1)  # the map that was begun
    assert began.acquire(timeout=LONG)
    go.release(1)  # and then, the file being far from done, what the page asked for
    assert began.acquire(timeout=LONG)
    assert not made.done()
    assert [a["content"]["id"] for a in answers if a.get("content", {}).get("kind") == "result"] == ["x"]
    go.release(1000)
    assert made.result(LONG) == path
    told = [a["content"] for a in answers if a.get("content", {}).get("kind") == "progress"]
    assert {each["id"] for each in told} == {"export"}
    assert told[-1]["done"] == told[-1]["total"] == 30


@pytest.mark.parametrize("how", ["page", "close"])
def test_a_cancelled_export_leaves_no_file_and_says_so(widget, path, monkeypatch, how):
    go, began = gated(monkeypatch)
    path.write_text("before")
    made = in_background(widget, path)
    assert began.acquire(timeout=LONG)
    if how == "page":
        widget._handle_custom_msg({"kind": "cancel", "id": "export", "pane": 0}, [])
    else:
        widget.close()
    with pytest.raises(concurrent.futures.CancelledError, match=r"maps.html was cancelled; no file was written"):
        made.result(LONG)
    go.release(1000)
    if how == "page":
        widget.class_index = 1
        assert widget.wait(LONG).unit == 1
    assert [each.name for each in path.parent.iterdir()] == ["maps.html"]
    assert path.read_text() == "before"


def test_cancelling_a_map_does_not_cancel_the_file(widget, path, monkeypatch):
    monkeypatch.setattr(exporting, "_TURN_SECONDS", 0.0)
    go, began = gated(monkeypatch)
    made = in_background(widget, path)
    assert began.acquire(timeout=LONG)
    widget._handle_custom_msg({"kind": "cancel", "id": None, "pane": 0}, [])
    go.release(1000)
    assert made.result(LONG) == path


def test_maps_of_different_weights_never_make_one_file(images, path, monkeypatch):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    widget = ExplainerWidget(model, images / 255, charts=False)
    widget.wait(LONG)
    go, began = gated(monkeypatch)
    made = in_background(widget, path, layers="conv")
    assert began.acquire(timeout=LONG)
    model.layers[-1].bias.assign([1.0, 2.0])
    go.release(1000)
    with pytest.raises(RuntimeError, match="the model was trained during the export"):
        made.result(LONG)
    assert list(path.parent.iterdir()) == []
    widget.close()


def test_what_fails_while_it_is_written_leaves_what_was_there(widget, path, monkeypatch):
    path.write_text("before")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        export(widget, path)
    assert [each.name for each in path.parent.iterdir()] == ["maps.html"]
    assert path.read_text() == "before"
    assert widget.wait(LONG) is widget.result


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a"], "What a looks at"),
        (["a", "b"], "What a and b look at"),
        (["a", "b", "c"], "What a, b and c look at"),
    ],
)
def test_the_heading_is_a_sentence_of_one_model_or_several(names, expected):
    assert heading(names) == expected


def test_the_heading_and_the_line_under_the_view_name_all_models_and_there_is_one_pane(model, path, images):
    widget = ExplainerWidget([model, model, model], images, panes=[{"model_index": 1}], charts=False)
    text = export(widget, path, images=0, classes=0, layers="stem").read_text("utf-8")
    widget.close()
    assert "<h1>What tiny, tiny and tiny look at</h1>" in text
    assert "Grad-CAM of tiny, tiny and tiny: " in text
    assert Page(path).contents()[0]["traits"]["panes"] == []


def test_all_of_few_classes_must_stay_within_the_limit_too(model, path, images):
    widget = ExplainerWidget(model, images, charts=False)
    with pytest.raises(ValueError, match=r"`limit` must be .* 5 images .* 3 classes .* Ask for fewer images"):
        export(widget, path, limit=1000)
    assert not path.exists()
    widget.close()


def test_a_file_of_one_sigmoid_unit_holds_two_classes(path, images):
    keras.utils.set_random_seed(0)
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1, activation="sigmoid")]
    first = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3, name="conv")]
    model = keras.Sequential([*first, *head])
    p = model.predict(images, verbose=0)[:, 0]
    widget = ExplainerWidget(model, images, labels=["cat", "dog"], y_true=p > 0.5, charts=False)
    contents, maps = Page(export(widget, path, images=[0, 3], classes=["cat", "dog"])).contents()
    widget.close()
    assert contents["setup"]["labels"] == ["cat", "dog"]
    for place, image in enumerate((0, 3)):
        scores = np.frombuffer(base64.b64decode(contents["scores"][0][place]["values"]), "<f4")
        np.testing.assert_allclose(scores, [1 - p[image], p[image]], rtol=1e-5)
        assert contents["scores"][0][place]["kind"] == "probability"
        assert contents["predictions"][0][place]["top"] == int(p[image] > 0.5)
        assert contents["predictions"][0][place]["correct"]
        against, speaking = (values(maps[f"0 {place} {unit} gradcam conv"]) for unit in (0, 1))
        np.testing.assert_allclose(against, -speaking, rtol=2e-3)
