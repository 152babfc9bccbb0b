"""What the widget does in its kernel, without a page: `python -m tests.benchmarks.kernel [network]`."""

import itertools
import json
import sys
import threading

import tensorflow as tf

import ke_widgets as ke
from tests.benchmarks import networks, plain
from tests.benchmarks.pairing import difference, ratios

IMAGES = 8  # more than the signals that are kept, so that a new image is a new one
LONG = 60


class Page:
    """What a page does: it sends a question, and has its answer when that is sent."""

    def __init__(self, widget):
        self._widget = widget
        self._answered = threading.Event()
        self._number = 0
        widget._controller._send = self._hear

    def _hear(self, content, buffers=None):
        if content["kind"] == "result" and content["id"] == str(self._number):
            self._answered.set()

    def ask(self, **choice):
        """Ask for a map, and give its `Explanation`."""
        self._number += 1
        self._answered.clear()
        choice = {**vars(self._widget.choice), **choice}
        message = {"kind": "explain", "id": str(self._number), "pane": 0, "choice": choice}
        self._widget._handle_custom_msg(message, [])
        assert self._answered.wait(LONG)
        return self._widget.result


def rows(name):
    """Measure a widget on one network.

    Args:
        name: Name of the network.

    Yields:
        Dicts as `methods.rows` gives; those that are no ratios say so in `unit`.
    """
    model, images = networks.build(name), networks.images(IMAGES)
    forward = tf.function(lambda x: model(x, training=False), autograph=False)
    widget = ke.ExplainerWidget(model, images, preprocess=lambda x: x, charts=False)
    layer = widget.layer = networks.last_layer(model)
    widget.wait()
    page, image, unit = Page(widget), itertools.cycle(range(IMAGES)), itertools.cycle(range(100))

    def bare():
        return forward(tf.constant(images[:1])).numpy()

    def row(work, found, kind, seconds, most, result):
        expected = plain.gradcam(model, layer, tf.constant(images[result.image_index][None]), [result.unit])
        base = {"work": work, "network": name, "batch": 1, "unit": kind, "milliseconds": 1000 * seconds, "ours": found}
        return {**base, "peers": {}, "most": most, "difference": difference(result.map, expected[0, ..., 0])}

    found, seconds = ratios(bare, {"ours": lambda: page.ask(image_index=next(image))})
    result = page.ask(image_index=next(image))
    yield row("widget: another image, Grad-CAM, last layer", found["ours"], "forward", seconds, 1.1, result)
    widget._session.prepare([widget.choice])  # as it does by itself when the page rests
    widget._session._preparing.join()
    found, seconds = ratios(bare, {"ours": lambda: page.ask(class_index=next(unit))})
    milliseconds = 1000 * seconds * found["ours"]
    result = page.ask(class_index=next(unit))
    yield row("widget: another class, same image and layer", milliseconds, "milliseconds", 0, 5, result)
    widget.close()


def main(names):
    for name in names or networks.NETWORKS:
        for row in rows(name):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
