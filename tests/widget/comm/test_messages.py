import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ke_widgets.widget.comm import messages
from ke_widgets.widget.features import FEATURES, all_layers, costs, curves, images, path, predictions
from ke_widgets.widget.images.encoding import Encoded
from ke_widgets.widget.images.fitting import WHOLE
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explanation import Curves
from tests.widget.comm.fakes import Told

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
        completeness=None,
    )


class Session(Told):
    """A session of two layers that computes nothing."""

    def __init__(self):
        super().__init__()
        self.weights = [2]
        self.models = [self, self]
        self.layers = ["stem", "block/conv"]
        self.is_compiled = True
        self.images = SimpleNamespace(encoded=self.encoded, pictures=self.pictures, input_region=lambda index: WHOLE)
        self.results.serial = 3

    def generation(self):
        return self.weights[0]

    def at_all_layers(self, choice):
        return [np.array([[1.0, -0.5]]), np.array([[0.25]])], [(0.0, 1.0), (-0.25, 0.25)]

    def predictions(self, indices, model_index):
        known = {0: (1, 0.75, True), 4: (0, 0.5, None)}
        return tuple(list(each) for each in zip(*(known[index] for index in indices)))

    def encoded(self, index, size):
        return {0: Encoded(b"\x89PNG", (96, 96)), 4: Encoded(b"\xff\xd8", (64, 80))}[index]

    def run(self, **fields):
        return explanation(np.ones((1, 1)))

    def way(self, choice, shares):
        yield from ((2 * share, np.full((2, 2, 3), share)) for share in shares)

    def pictures(self, index, seen):
        return (255 * seen).astype("uint8")

    def curves(self, found):
        shares, deletion = np.array([0, 0.5, 1]), np.array([1, 0.5, 0.25])
        yield Curves(shares, deletion, None, 2, 6)
        yield Curves(shares, deletion, np.array([0.25, 0.75, 1]), 6, 6)


def replies(name, request, id, pane=None):
    """All that a feature answers, but for times."""
    session = Session()
    job = session.job(name, request, id, pane)
    job.turn()
    while not session.answers or session.answers[-1][0]["kind"] == "progress":
        job.turn()
    for content, _ in session.answers:
        if "milliseconds" in content:
            content["milliseconds"] = 12.5
    return session.answers


def from_kernel():
    """One message of every kind that the kernel sends: content, and its buffers as lists of bytes."""
    values = np.array([[0.0, -0.25, 1e-9], [0.5, 2.0, np.nan]])
    preview, found = replies("curves", curves.Request(CHOICE), "11", 1)
    every = {
        "result": messages.result("7", 1, 3, CHOICE, explanation(values)),
        "superseded": messages.superseded("6"),
        "progress": messages.progress("7", 1, 5, 25, "step 5 of 25"),
        "preview": messages.progress(
            "7", 1, 9, 25, "step 9 of 25", explanation(values, input_region=(0, 1 / 6, 1, 5 / 6))
        ),
        "all_layers": replies("all_layers", all_layers.Request(CHOICE), "9", 0)[0],
        "predictions": replies("predictions", predictions.Request([0, 4], 1), "10")[0],
        "curves so far": preview,
        "curves": found,
        "path": replies("path", path.Request(dataclasses.replace(CHOICE, method="integrated_gradients")), "13", 0)[-1],
        "error": messages.error(
            "7", "`layer` must name a layer.", "Choose another.", "Traceback.", choice=CHOICE, pane=1
        ),
        "generations": messages.generations([2, 0]),
        "check_reply": messages.check_reply("7", 1, True),
        "state": messages.state(5, 12, {"layer": "stem", "opacity": 0.5}),
        "images": replies("images", images.Request([0, 4], 112), "8")[0],
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
        "curves": {"kind": "curves", "id": "11", "pane": 1, "choice": choice},
        "costs": {"kind": "costs", "id": "12", "pane": 0, "choice": choice},
        "path": {"kind": "path", "id": "13", "pane": 0, "choice": choice},
    }


def parse(content):
    return messages.parse(content, {name: each.request for name, each in FEATURES.items() if each.from_page})


def test_the_fixtures_that_the_page_is_tested_with_are_what_python_writes():
    written = {"kernel": from_kernel(), "page": from_page()}
    assert json.loads(FIXTURES.read_text()) == written


def test_messages_from_the_page_are_read():
    page = from_page()
    assert parse(page["hello"]) == messages.Hello()
    assert parse(page["explain"]) == messages.Explain("7", CHOICE, pane=1)
    assert parse(page["cancel"]) == messages.Cancel("7", pane=1)
    assert parse(page["check"]) == messages.Check("7", 1)
    assert parse(page["ack"]) == messages.Ack(5)
    assert parse(page["all_layers"]) == messages.Ask("all_layers", "9", all_layers.Request(CHOICE), pane=0)
    assert parse(page["predictions"]) == messages.Ask("predictions", "10", predictions.Request([0, 4], model_index=1))
    assert parse(page["images"]) == messages.Ask("images", "8", images.Request([0, 4], 112))
    assert parse(page["costs"]) == messages.Ask("costs", "12", costs.Request(CHOICE), pane=0)
    assert parse(page["path"]) == messages.Ask("path", "13", path.Request(CHOICE), pane=0)
    assert parse(page["curves"]) == messages.Ask("curves", "11", curves.Request(CHOICE), pane=1)


@pytest.mark.parametrize(
    "content",
    [None, "hello", {}, {"kind": "other"}, {"kind": "explain", "id": "1"}, {"kind": "hello", "extra": 1},
     {"kind": "explain", "id": "1", "choice": {"layer": "a"}}, {"kind": ["hello"]}, {"kind": "export", "id": "1"},
     {"kind": "images", "id": "1", "indices": [0]}, {"kind": "images", "indices": [0], "size": 1},
     {"kind": "images", "id": 1, "indices": [0], "size": 1}, {"kind": "curves", "id": "1", "choice": 3},
     {"kind": "images", "id": "1", "pane": [0], "indices": [0], "size": 1},
     {"kind": "images", "id": "1", "indices": [0], "size": 1, "choice": None}],
)  # fmt: skip
def test_other_messages_are_refused(content):
    with pytest.raises(ValueError, match="A message must be one of hello, explain, all_layers"):
        parse(content)


def test_an_error_names_the_kinds_that_exist_and_the_fields_of_the_kind():
    with pytest.raises(ValueError, match=r"all_layers, images, predictions, curves, .*check, ack. Received: .*'other'"):
        parse({"kind": "other", "id": "1"})
    with pytest.raises(ValueError, match=r"those of 'images' are id, pane, indices, size. Received: .*'sizes'"):
        parse({"kind": "images", "id": "1", "indices": [0], "size": 8, "sizes": 3})


def test_a_request_that_refuses_its_values_does_so_in_its_own_words():
    @dataclasses.dataclass(frozen=True)
    class Request:
        share: float

        def __post_init__(self):
            if not 0 <= self.share <= 1:
                raise ValueError(f"`share` must be from 0 to 1. Received: share={self.share}.")

    with pytest.raises(ValueError, match=r"^`share` must be from 0 to 1. Received: share=3.$"):
        messages.parse({"kind": "gain", "id": "1", "share": 3}, {"gain": Request})


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
