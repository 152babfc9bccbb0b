"""What the widget does in its kernel, without a page: `python -m tests.benchmarks.kernel [network]`."""

import json
import sys

import tensorflow as tf

import ke_widgets as ke
from tests.benchmarks import networks, plain
from tests.benchmarks.pairing import difference, ratios

IMAGES = 8  # more than the signals that are kept, so that a new image is a new one


def rows(name):
    """Measure a widget on one network.

    Args:
        name: Name of the network.

    Yields:
        Dicts as `methods.rows` gives; those that are not ratios say so in `unit`.
    """
    model, images = networks.build(name), networks.images(IMAGES)
    forward = tf.function(lambda x: model(x, training=False), autograph=False)
    widget = ke.ExplainerWidget(model, images, preprocess=lambda x: x, charts=False)
    layer = networks.last_layer(model)
    widget.layer = layer
    widget.wait()
    numbers = {"image": 0, "class": 0}

    def bare():
        return forward(tf.constant(images[:1])).numpy()

    def another_image():
        numbers["image"] = (numbers["image"] + 1) % IMAGES
        widget.image_index = numbers["image"]
        return widget.wait().map

    def another_class():
        numbers["class"] = (numbers["class"] + 1) % 100  # more than the results that are kept
        widget.class_index = numbers["class"]
        return widget.wait().map

    def row(work, found, seconds, most, unit, expected):
        own = widget.result
        plainly = plain.gradcam(model, layer, tf.constant(images[own.image_index][None]), [own.unit])[0, ..., 0]
        base = {"work": work, "network": name, "batch": 1, "unit": unit, "milliseconds": 1000 * seconds, "ours": found}
        return {**base, "peers": {}, "most": most, "difference": difference(expected, plainly)}

    found, seconds = ratios(bare, {"ours": another_image}, 30)
    yield row("widget: another image, Grad-CAM, last layer", found["ours"], seconds, 1.1, "forward", another_image())
    widget._session.prepare([{**vars(widget.choice)}])
    widget._session._preparing.join()
    found, seconds = ratios(bare, {"ours": another_class}, 50)
    found = 1000 * seconds * found["ours"]
    yield row("widget: another class, same image and layer", found, seconds, 5, "milliseconds", another_class())
    widget.close()


def main(names):
    for name in names or networks.NETWORKS:
        for row in rows(name):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
