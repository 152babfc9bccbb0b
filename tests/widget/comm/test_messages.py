import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ke_widgets.widget.comm import messages
from ke_widgets.widget.images.encoding import Encoded
from ke_widgets.widget.images.fitting import WHOLE
from ke_widgets.widget.session.choice import Choice

# The page's tests read the same file, so that both sides agree on every message's shape.
FIXTURES = Path(__file__).parents[3] / "js" / "test" / "fixtures" / "messages.json"
CHOICE = Choice(2, "block/conv", 1, "gradcam", {"channels": "max"}, contrast_index=0, model_index=1)


def explanation(values, low=0.0, high=2.0, empty_reason=None, input_region=WHOLE):
    """What `messages.result` reads of an Explanation."""
    scores = np.array([0.25, 0.75], "float32")
    return SimpleNamespace(
        map=np.asarray(values),
        low=low,
        high=high,
        scores=scores,
        scores_kind="probability",
        milliseconds=1.5,
        empty_reason=empty_reason,
        done=3,
        total=4,
        generation=2,
        input_region=input_region,
    )


def from_kernel():
    """One message of every kind that the kernel sends: content, and its buffers as lists of bytes."""
    values = np.array([[0.0, -0.25, 1e-9], [0.5, 2.0, np.nan]])
    two = [np.array([[1.0, -0.5]]), np.array([[0.25]])]
    every = {
        "result": messages.result("7", 1, 3, CHOICE, explanation(values)),
        "superseded": messages.superseded("6"),
        "progress": messages.progress("7", 1, 5, 25, "step 5 of 25"),
        "preview": messages.progress(
            "7", 1, 9, 25, "step 9 of 25", explanation(values, input_region=(0, 1 / 6, 1, 5 / 6))
        ),
        "all_layers": messages.all_layers(
            "9", 0, 4, 2, CHOICE, ["stem", "block/conv"], two, [(0.0, 1.0), (-0.25, 0.25)], 12.5
        ),
        "predictions": messages.predictions("10", 1, 2, [0, 4], [1, 0], [0.75, 0.5], [True, None]),
        "error": messages.error(
            "7", "`layer` must name a layer.", "Choose another.", "Traceback.", choice=CHOICE, pane=1
        ),
        "generations": messages.generations([2, 0]),
        "check_reply": messages.check_reply("7", 1, True),
        "state": messages.state(5, 12, {"layer": "stem", "opacity": 0.5}),
        "images": messages.pictures("8", [0, 4], 112, [Encoded(b"\x89PNG", (96, 96)), Encoded(b"\xff\xd8", (64, 80))]),
    }
    return {
        kind: {"content": content, "buffers": [list(buffer) for buffer in buffers]}
        for kind, (content, buffers) in every.items()
    }


def from_page():
    choice = {"image_index": 2, "layer": "block/conv", "class_index": 1, "method": "gradcam", "contrast_index": 0}
    choice = {**choice, "params": {"channels": "max"}, "model_index": 1}
    return {
        "hello": {"kind": "hello"},
        "explain": {"kind": "explain", "id": "7", "pane": 1, "choice": choice},
        "all_layers": {"kind": "all_layers", "id": "9", "pane": 0, "choice": choice},
        "predictions": {"kind": "predictions", "id": "10", "indices": [0, 4], "model_index": 1},
        "cancel": {"kind": "cancel", "id": "7", "pane": 1},
        "check": {"kind": "check", "id": "7", "pane": 1},
        "ack": {"kind": "ack", "number": 5},
        "images": {"kind": "images", "id": "8", "indices": [0, 4], "size": 112},
    }


def test_the_fixtures_that_the_page_is_tested_with_are_what_python_writes():
    written = {"kernel": from_kernel(), "page": from_page()}
    assert json.loads(FIXTURES.read_text()) == written


def test_messages_from_the_page_are_read():
    page = from_page()
    assert messages.parse(page["hello"]) == messages.Hello()
    assert messages.parse(page["explain"]) == messages.Explain("7", CHOICE, pane=1)
    assert messages.parse(page["all_layers"]) == messages.AllLayers("9", CHOICE)
    assert messages.parse(page["predictions"]) == messages.Predictions("10", [0, 4], model_index=1)
    assert messages.parse(page["cancel"]) == messages.Cancel("7", pane=1)
    assert messages.parse(page["check"]) == messages.Check("7", 1)
    assert messages.parse(page["ack"]) == messages.Ack(5)
    assert messages.parse(page["images"]) == messages.Pictures("8", [0, 4], 112)


@pytest.mark.parametrize(
    "content",
    [None, "hello", {}, {"kind": "other"}, {"kind": "explain", "id": "1"}, {"kind": "hello", "extra": 1},
     {"kind": "explain", "id": "1", "choice": {"layer": "a"}}],
)  # fmt: skip
def test_other_messages_are_refused(content):
    with pytest.raises(ValueError, match="A message must be one of hello, explain, all_layers"):
        messages.parse(content)


def test_a_map_travels_in_units_of_its_largest_size():
    values = np.array([[1e-9, -4e-9], [2e-9, 0.0]])
    content, (buffer, _) = messages.result("1", 0, 1, CHOICE, explanation(values, high=2e-9))
    read = np.frombuffer(buffer, "<f2").astype("float64").reshape(2, 2) * content["map"]["scale"]
    np.testing.assert_allclose(read, values, rtol=1e-3)
    assert content["map"]["min"] == -4e-9


def test_what_is_not_finite_never_reaches_json():
    content, _ = messages.result("1", 0, 1, CHOICE, explanation(np.full((2, 2), np.nan), high=0.0, empty_reason="so"))
    assert "NaN" not in json.dumps(content)
    assert content["map"]["finite"] is False


if __name__ == "__main__":
    FIXTURES.parent.mkdir(parents=True, exist_ok=True)
    FIXTURES.write_text(json.dumps({"kernel": from_kernel(), "page": from_page()}, indent=1) + "\n")
