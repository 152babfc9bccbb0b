"""Models whose graphs are drawn: six that people use, and two with several inputs or outputs.

Run as a script, it writes their rows for the page's tests: `python -m tests.widget.architectures`.
"""

import gzip
import json
from pathlib import Path

import keras
from keras import layers

FIXTURES = Path(__file__).parents[2] / "js" / "test" / "fixtures" / "graphs"


def siamese():
    """Two images through one encoder with a skip, then their difference."""
    inner = keras.Input((16, 16, 3), name="inner")
    x = layers.Conv2D(8, 3, padding="same", name="stem")(inner)
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.Add(name="add")([x, y])
    encoder = keras.Model(inner, layers.GlobalAveragePooling2D(name="pool")(x), name="encoder")
    left, right = keras.Input((16, 16, 3), name="left"), keras.Input((16, 16, 3), name="right")
    flipped = layers.RandomFlip(name="flip")(right)
    difference = layers.Subtract(name="difference")([encoder(left), encoder(flipped)])
    scores = layers.Dense(1, activation="sigmoid", name="same")(difference)
    return keras.Model([left, right], scores, name="siamese")


def multi_output():
    """A nested backbone with two outputs; the finer one meets the coarser one again; two heads."""
    inner = keras.Input((32, 32, 3), name="inner")
    fine = layers.Conv2D(8, 3, strides=2, padding="same", name="fine")(inner)
    coarse = layers.Conv2D(16, 3, strides=2, padding="same", name="coarse")(fine)
    backbone = keras.Model(inner, [fine, coarse], name="backbone")
    image = keras.Input((32, 32, 3), name="image")
    low, high = backbone(layers.Rescaling(1 / 255, name="rescaling")(image))
    up = layers.UpSampling2D(name="up")(layers.Conv2D(8, 1, name="lateral")(high))
    merged = layers.Add(name="merge")([up, low])
    boxes = layers.Conv2D(4, 3, padding="same", name="boxes")(merged)
    classes = layers.Dense(5, name="classes")(layers.GlobalAveragePooling2D(name="pool")(high))
    return keras.Model(image, {"boxes": boxes, "classes": classes}, name="multi_output")


def _application(name, side):
    return lambda: getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))


ARCHITECTURES = {
    "MobileNetV2": _application("MobileNetV2", 64),
    "ResNet50V2": _application("ResNet50V2", 64),
    "InceptionV3": _application("InceptionV3", 96),
    "DenseNet121": _application("DenseNet121", 64),
    "NASNetLarge": lambda: keras.applications.NASNetLarge(weights=None, input_shape=(96, 96, 3), include_top=False),
    "siamese": siamese,
    "multi_output": multi_output,
}


def write():
    """Write each model's rows for the page's tests, with the layers that have rows and columns marked spatial."""
    from ke_widgets.widget.session.graph import graph

    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, build in ARCHITECTURES.items():
        keras.backend.clear_session()
        rows, edges_known = graph(build())
        nodes = [{**row, "spatial": _spatial(row)} for row in rows]
        text = json.dumps({"edges_known": edges_known, "nodes": nodes}, separators=(",", ":"))
        (FIXTURES / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        print(f"{name}: {len(rows)} rows")


def _spatial(row):
    shape = row["shape"]
    return shape is not None and len(shape) == 4 and min(shape[1:3]) > 1 and row["type"] != "InputLayer"


if __name__ == "__main__":
    write()
