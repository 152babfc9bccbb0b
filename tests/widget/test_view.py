import base64
import contextlib
import json
import re
import threading
import time

import numpy as np

from ke_widgets.targets import Contrast, Region
from ke_widgets.widget.export.snapshot import alt_text
from ke_widgets.widget.view import ExplainerWidget
from tests import models
from tests.targets.test_spatial import unet
from tests.widget.images.test_feed import DATA, gated, rows
from tests.widget.page import LONG, Page, train

X = models.images(3)


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


def test_the_target_says_which_classes_come_first(images):
    with contextlib.closing(ExplainerWidget(models.fused(), X, target=Contrast())) as widget:
        order = np.argsort(-np.asarray(models.fused()(X[:1]))[0])
        assert (widget.class_index, widget.contrast_index) == (order[0], order[1])
        assert widget.wait(LONG).contrast == order[1]
    given = {"class_index": int(order[2]), "contrast_index": int(order[1])}
    with contextlib.closing(ExplainerWidget(models.fused(), X, target=Contrast(), **given)) as widget:
        assert (widget.class_index, widget.contrast_index) == (order[2], order[1])
    for target, given, expected in ((Region(2), {}, 2), (Region(2), {"class_index": "b"}, 1)):
        with contextlib.closing(ExplainerWidget(unet(), X, target=target, labels=["a", "b", "c"], **given)) as widget:
            assert widget.class_index == expected


def test_a_segmentation_is_captioned_saved_and_exported_with_its_shares(tmp_path):
    model = unet()
    with contextlib.closing(ExplainerWidget(model, X, target=Region(1), labels=["a", "b", "c"])) as widget:
        found = widget.wait(LONG)
        expected = f"ExplainerWidget: Grad-CAM of b at last of {model.name}, image 0"
        assert alt_text(widget._session, found) == expected
        assert widget._setup["shares"] is True
        widget.save(tmp_path / "map.png", colorbar=True, title=True)
        path = widget.to_html(tmp_path / "maps.html", verbose=0)
        stored = json.loads(re.search(r'"scores":(\[\[\{.*?\}\]\])', path.read_text("utf-8"))[1])
        shares = np.frombuffer(base64.b64decode(stored[0][2]["values"]), "<f4")
        won = np.asarray(model(X[2:3])).argmax(-1)
        np.testing.assert_allclose(shares, [(won == channel).mean() for channel in range(3)], rtol=1e-6)
        assert stored[0][2]["kind"] == "share"


def test_a_model_of_several_inputs_is_saved_and_exported_with_each_images_row(tmp_path):
    model = gated()
    with contextlib.closing(ExplainerWidget(model, DATA, image_index=1)) as widget:
        widget.wait(LONG)
        path = widget.to_html(tmp_path / "maps.html", verbose=0)
        stored = json.loads(re.search(r'"scores":(\[\[\{.*?\}\]\])', path.read_text("utf-8"))[1])
        for index in (0, 3):
            scores = np.frombuffer(base64.b64decode(stored[0][index]["values"]), "<f4")
            np.testing.assert_allclose(scores, np.asarray(model(rows(model, DATA, index)))[0], rtol=1e-5)
        assert "shares" not in widget._setup


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


def test_a_trait_update_from_the_page_starts_nothing(widget):
    page = Page(widget)
    widget.set_state({"class_index": (widget.class_index + 1) % 3, "opacity": 0.5})
    assert widget._controller.worker.wait(LONG)
    assert page.kinds() == []


def test_a_view_that_opens_is_sent_the_newest_result(widget):
    page = Page(widget)
    page.send({"kind": "hello"})
    assert page.kinds() == [("result", None)]


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
    assert channels.pop("help").startswith('How the colour channels of a pixel become one number: "max", as in')
    shown = {"name": "channels", "kind": "choice", "default": "max", "choices": ("max", "mean")}
    assert channels == {**shown, "low": None, "high": None}


def test_after_a_training_nothing_older_is_a_result(widget, model):
    before = widget.result
    train(model)
    result = widget.wait(LONG)
    assert result is not before
    assert (before.generation, result.generation) == (0, 1)
    np.testing.assert_allclose(result.scores, np.asarray(model(widget._session.images.inputs(0)))[0], rtol=1e-5)
    assert np.abs(result.map - before.map).max() > 0


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


def test_the_page_is_told_of_the_panels_and_of_the_one_that_python_opens(widget):
    assert {"name": "curves", "title": "Curves"} in widget._setup["panels"]
    page = Page(widget)
    widget.panel = "curves"
    assert "panel" in page.updated
    widget.set_state({"panel": ""})
    assert widget.panel == ""
