"""The 47 mistakes of a first CNN: each works as it was meant, or says in one sentence what to write."""

import contextlib
import gc
import re
import sys
from typing import Any

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from PIL import Image

import ke_widgets as ke

NAMES = ["airplane", "cat", "dog"]
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype="uint8")
X = PIXELS.astype("float32") / 255
Y = np.array([2, 0, 1, 1])
LONG = 60


def cnn(*before, shape=(8, 8, 3), build=True):
    keras.utils.set_random_seed(0)
    layers = [*before, keras.layers.Conv2D(4, 3, activation="relu", name="conv"), keras.layers.GlobalAveragePooling2D()]
    entrance = [keras.Input(shape)] if build else []
    return keras.Sequential([*entrance, *layers, keras.layers.Dense(3, activation="softmax")])


@pytest.fixture(scope="module")
def model():
    return cnn()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for index, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def said(monkeypatch):
    """What Python says of errors that it cannot raise, such as those in `__del__`."""
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    return said


def make(model, images: Any = X, **chosen: Any):
    return ke.ExplainerWidget(model, images, **{"labels": NAMES, "charts": False, **chosen})


def scale(x):
    return x / np.float32(255)


# What is written, and what should have been.
TAKEN = {
    "the model was never compiled": (lambda m, p: make(m), {}),
    "images are float64": (lambda m, p: make(m, PIXELS / 255), {}),
    "images are int64": (lambda m, p: make(m, PIXELS.astype("int64"), preprocess=scale), {}),
    "labels are a tuple": (lambda m, p: make(m, labels=tuple(NAMES)), {}),
    "labels are an array": (lambda m, p: make(m, labels=np.array(NAMES)), {}),
    "labels are a Series": (lambda m, p: make(m, labels=pandas.Series(NAMES)), {}),
    "labels are a dict from index": (lambda m, p: make(m, labels=dict(enumerate(NAMES))), {}),
    "labels are class_indices": (lambda m, p: make(m, labels={name: i for i, name in enumerate(NAMES)}), {}),
    "targets are (N, 1)": (lambda m, p: make(m, y_true=Y[:, None]), {"y_true": Y}),
    "targets are one-hot": (lambda m, p: make(m, y_true=keras.utils.to_categorical(Y)), {"y_true": Y}),
    "targets are names": (lambda m, p: make(m, y_true=[NAMES[y] for y in Y]), {"y_true": Y}),
    "the class is a name": (lambda m, p: make(m, class_index="Cat"), {"class_index": 1}),
    "the method is ke.gradcam": (lambda m, p: make(m, method=ke.gradcam), {"method": "gradcam"}),
    "the method is the method": (lambda m, p: make(m, method=ke.methods.cams.gradcam), {"method": "gradcam"}),
    "the method is gradcam++": (lambda m, p: make(m, method="gradcam++"), {"method": "gradcampp"}),
    "the layer is the layer": (lambda m, p: make(m, layer=m.get_layer("conv")), {"layer": "conv"}),
    "panes are a dict": (lambda m, p: make(m, panes={"method": "Gradients"}), {"panes": [{"method": "gradients"}]}),
    "images are one file": (lambda m, p: make(m, f"{p}/0.png", preprocess=scale), {}),
    "images are a glob": (lambda m, p: make(m, (f for f in sorted(p.glob("*.png"))), preprocess=scale), {}),
}
NOTICED = {
    "x / 255 twice": (lambda m, p: make(cnn(keras.layers.Rescaling(1 / 255))), "pass the images before scaling"),
}
REFUSED = {
    "the model is not built": (lambda m, p: make(cnn(build=False)), "call it once on data, or `model.build(...)`"),
    "no batch axis": (lambda m, p: make(m, X[0]), "write `images[None]`"),
    "grey without a channel": (lambda m, p: make(m, X[..., 0]), "write `np.repeat(images[..., None], 3, axis=-1)`"),
    "channels first": (lambda m, p: make(m, np.moveaxis(X, -1, 1)), "write `np.moveaxis(images, 1, -1)`"),
    "too few labels": (lambda m, p: make(m, labels=NAMES[:2]), "each of the 3 classes. Received: 2; without a name: 2"),
    "a number of no class": (lambda m, p: make(m, class_index=3), "one of the 3 classes, 0 to 2"),
    "a negative class": (lambda m, p: make(m, class_index=-1), "one of the 3 classes, 0 to 2"),
    "a misspelt layer": (lambda m, p: make(m, layer="cnov"), "Nearest: 'conv'"),
    "opacity in percent": (lambda m, p: make(m, opacity=60), "For 60 %, write 0.6"),
    "another colormap": (lambda m, p: make(m, colormap="Jet"), "must be one of inferno, viridis, magma"),
    "threshold in quotation marks": (lambda m, p: make(m, threshold="0.1"), "Without quotation marks: 0.1"),
    "the path of a model": (lambda m, p: make("model.keras"), "`keras.models.load_model('model.keras')`"),
    "the history of fit": (lambda m, p: make(history(m)), "pass the model itself"),
    "a model of another input": (lambda m, p: make([m, cnn(shape=(8, 8, 1))]), "(H, W, C) = (8, 8, 1)"),
    "no images": (lambda m, p: make(m, []), "`images` must hold at least one image"),
    "labls=": (lambda m, p: make(m, labls=NAMES), "Did you mean 'labels'?"),
    "preprocessing=": (lambda m, p: make(m, preprocessing=scale), "Did you mean 'preprocess'?"),
    "labels by place": (
        lambda m, p: ke.ExplainerWidget(m, X, NAMES),
        "`ke.ExplainerWidget(model, images, labels=...)`",
    ),
    "swapped": (lambda m, p: ke.ExplainerWidget(X, m), "`model` must come first, then `images`"),
    "a parameter by itself": (
        lambda m, p: make(m, method="smoothgrad", repetitions=30),
        "write `params={'repetitions': 30}`",
    ),
    "a folder": (lambda m, p: make(m, str(p)), ".glob('*.png'))`"),
    "a pattern": (lambda m, p: make(m, f"{p}/*.png"), "images = sorted(glob.glob("),
    "a dataset": (
        lambda m, p: make(m, tf.data.Dataset.from_tensor_slices((X, Y)).batch(2)),
        "images = np.concatenate([np.asarray(x) for x, *_ in data.take(4)])",
    ),
    "preprocess with parentheses": (lambda m, p: make(m, preprocess=scale(X)), "without calling it"),
    "the name of a preprocess": (
        lambda m, p: make(m, preprocess="resnet"),
        "`preprocess=keras.applications.resnet.preprocess_input`",
    ),
    "an attribute that is not there": (lambda m, p: setattr(make(m), "class_idx", 1), "Did you mean 'class_index'?"),
}


def history(model):
    found = keras.callbacks.History()
    found.set_model(model)
    return found


@pytest.mark.parametrize("mistake", TAKEN)
def test_it_works_as_it_was_meant(model, photos, mistake):
    write, meant = TAKEN[mistake]
    with contextlib.closing(make(model, **meant)) as right, contextlib.closing(write(model, photos)) as widget:
        expected, found = right.wait(LONG), widget.wait(LONG)
        np.testing.assert_allclose(found.map, expected.map, rtol=1e-4, atol=1e-6)
        assert (widget.choice, widget.panes) == (right.choice, right.panes)
        told, wanted = ({key: w._setup[key] for key in ("labels", "y_true")} for w in (widget, right))
        assert told == wanted
        if "y_true" in meant:
            assert widget._session.predictions(range(4)) == right._session.predictions(range(4))


@pytest.mark.parametrize("mistake", NOTICED)
def test_it_is_noticed(model, photos, mistake):
    write, notice = NOTICED[mistake]
    with contextlib.closing(write(model, photos)) as widget:
        assert notice in " ".join(widget._setup["notices"])


@pytest.mark.parametrize("mistake", ["another size"])
def test_it_is_fitted_or_refused(model, mistake):
    try:
        widget = make(model, np.zeros((2, 12, 20, 3), "uint8"))
    except ValueError as error:
        assert "(H, W, C) = (8, 8, 3). Received: an image of shape (12, 20, 3)." in str(error)  # noqa: PT017
    else:
        assert any("8 × 8" in notice for notice in widget._setup["notices"])
        widget.close()


@pytest.mark.parametrize("mistake", REFUSED)
def test_it_says_in_one_sentence_what_to_write(model, photos, mistake, said):
    write, advice = REFUSED[mistake]
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        write(model, photos)
    text = str(caught.value)
    assert advice in text
    assert len(text.replace(str(photos), "photos")) <= 300
    assert "\n" not in text
    assert not re.search(r"\d\.\d+[, ]+\d\.\d+|(?<!as)array\(|dtype=| at 0x", text), (
        "an array, or an address, is printed"
    )
    del caught
    gc.collect()
    assert said == []


def test_there_are_47():
    assert len({*TAKEN, *NOTICED, *REFUSED, "another size"}) == 47
