"""A page as the widget sees it, and methods that a test holds between two of their steps."""

import threading
import time

import numpy as np

from ke_widgets import methods

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


def train(model):
    """Move every weight a little, as a step of training does."""
    for weight in model.trainable_weights:
        weight.assign_add(np.full(weight.shape, 0.01, "float32"))
