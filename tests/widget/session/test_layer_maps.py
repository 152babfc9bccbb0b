"""Every way to a map gives the same one; once all is ready, nothing is compiled for another layer, class or image."""

import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.backend import current_trace
from ke_widgets.engine import compiling
from ke_widgets.widget.session import layer_maps
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session
from tests import models

X = models.images(3)
LAYERS = ("one", "two", "three")
CHOICE = {
    "image_index": 0,
    "class_index": 0,
    "contrast_index": None,
    "method": "gradcam",
    "params": {},
    "model_index": 0,
}


def build(units=3, activation="softmax", middle=None):
    x = inputs = keras.Input(models.IMAGE)
    for name in LAYERS:
        layer = layers.Conv2D(4, 3, padding="same", activation="relu", name=name)
        x = (middle if middle and name == "two" else layer)(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return models.randomize(keras.Model(inputs, layers.Dense(units, activation=activation, name="scores")(x)))


@pytest.fixture
def runs(monkeypatch):
    """Count how often any layer's code runs: compiled functions that are ready run none."""
    counted, original = [0], keras.Operation.__call__

    def call(self, *args, **kwargs):
        counted[0] += 1
        return original(self, *args, **kwargs)

    monkeypatch.setattr(keras.Operation, "__call__", call)
    return counted


def prepared(session, **choice):
    session.prepare([Choice(**{"layer": "three", **CHOICE, **choice})])
    session._preparing.join()


def expected(model, layer, image, class_index, contrast=None, method="gradcam"):
    exposed, function = ke.inspection.expose(model, layer), getattr(ke.methods.cams, method)
    if contrast is not None:
        return ke.methods.meta.contrast(function)(exposed, X[image : image + 1], np.array([[class_index, contrast]]))
    return function(exposed, X[image : image + 1], np.array([[class_index]]))


@pytest.mark.parametrize("method", ["gradcam", "gradcampp"])
@pytest.mark.parametrize("contrast", [None, 2])
def test_all_ways_give_the_map_of_the_method(method, contrast):
    model = build()
    session = Session(model, X)
    asked = {**CHOICE, "method": method, "contrast_index": contrast}
    for ready in (False, True):
        for layer in LAYERS:
            for image, unit in ((0, 0), (0, 1), (1, 1)):
                choice = {**asked, "layer": layer, "image_index": image, "class_index": unit}
                logits, maps = expected(model, layer, image, unit, contrast, method)
                found = session.run(**choice)
                np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-5, atol=1e-7)
                np.testing.assert_allclose(found.logits, logits[0], rtol=1e-5)
                np.testing.assert_allclose(found.scores, model(X)[image], rtol=1e-5)
        if not ready:
            prepared(session, method=method, contrast_index=contrast)


def test_when_all_is_ready_no_layer_class_or_image_is_traced(runs):
    session = Session(build(), X)
    session.run(**CHOICE, layer="three")
    prepared(session)
    runs[0] = 0
    for layer in LAYERS:
        for image in range(len(X)):
            for unit in range(3):
                session.run(**{**CHOICE, "layer": layer, "image_index": image, "class_index": unit})
    assert runs[0] == 0


def test_the_other_one_of_two_classes_is_ready_too(runs):
    session = Session(build(1, "sigmoid"), X, labels=["cat", "dog"])
    session.run(**CHOICE, layer="three")
    prepared(session)
    runs[0] = 0
    for unit in (0, 1):
        for layer in LAYERS:
            session.run(**{**CHOICE, "layer": layer, "class_index": unit})
    assert runs[0] == 0


def test_one_preparation_makes_the_rest_of_the_model_ready_for_another_class(runs, monkeypatch):
    """The first map, of all layers at once, keeps no signal."""
    session = Session(build(), X)
    session.run(**CHOICE, layer="three")
    prepared(session)
    session.run(**{**CHOICE, "class_index": 1}, layer="three")
    monkeypatch.setattr(layer_maps.LayerMaps, "_at_layer", lambda self, question: pytest.fail("the whole model ran"))
    runs[0] = 0
    found = session.run(**{**CHOICE, "class_index": 2}, layer="three").map
    assert runs[0] == 0
    np.testing.assert_allclose(found, expected(session.models[0].model, "three", 0, 2)[1][0, ..., 0], rtol=1e-5)


def test_a_rest_runs_the_model_no_more_once_its_rest_is_compiled(monkeypatch):
    """`prepare` is called at every rest, and each image is one that keeps no signal yet."""
    session, traced = Session(build(), X), []
    session.run(**CHOICE, layer="three")
    prepared(session)
    original = compiling.Compiled.trace
    monkeypatch.setattr(
        compiling.Compiled, "trace", lambda *args: traced.append(original(*args)) or (lambda *_: pytest.fail("it ran"))
    )
    for image in (0, 1):
        prepared(session, image_index=image)
    assert len(traced) == 2


def test_the_first_map_compiles_nothing(runs):
    session = Session(build(), X)
    runs[0] = 0
    session.run(**CHOICE, layer="two")
    first = runs[0]
    session.run(**{**CHOICE, "layer": "one", "image_index": 1})
    # Each layer ran once for each map, and nothing was traced beside.
    assert runs[0] == 2 * first


@pytest.mark.parametrize("eager", [True, False])
def test_a_layer_without_a_gradient_takes_none_from_the_others(monkeypatch, eager):
    """Behind a frozen backbone the layers have maps, and those before it say why they have none."""
    monkeypatch.setattr(layer_maps, "_is_safe_eagerly", lambda model: eager)
    model = build(middle=layers.Lambda(keras.ops.stop_gradient, name="two"))
    session = Session(model, X)
    for _ in range(2):
        for image in (0, 1):
            found = session.run(**{**CHOICE, "layer": "three", "image_index": image})
            np.testing.assert_allclose(found.map, expected(model, "three", image, 0)[1][0, ..., 0], rtol=1e-5)
            with pytest.raises(ValueError, match="must depend on the signal"):
                session.run(**{**CHOICE, "layer": "one", "image_index": image})
        prepared(session)
    with pytest.raises(ValueError, match="must depend on the signal"):
        session.models[0].at_all_layers(Choice(**CHOICE, layer="three"))


def test_what_cannot_be_compiled_is_not_tried_again_and_again_and_nobody_is_told(monkeypatch):
    session = Session(build(), X)
    session.run(**CHOICE, layer="three")
    monkeypatch.setattr(layer_maps, "with_outputs", lambda method: _refuses)
    monkeypatch.setattr(layer_maps, "run_and_keep", lambda method: _refuses)
    tries.clear()
    for _ in range(3):
        prepared(session)  # An exception in its thread would fail the test.
    assert len(tries) == 2


tries = []


def _refuses(model, inputs, indices, **params):
    tries.append(inputs)
    raise RuntimeError("This is not to be compiled.")


class Doubled(layers.Conv2D):
    """A convolution with code of its own."""

    def call(self, inputs):
        return 2 * super().call(inputs)


def test_a_model_that_tensorflow_cannot_differentiate_eagerly_is_compiled_at_once(monkeypatch):
    model = build(middle=Doubled(4, 1, 2, name="two"))
    session, eager = Session(model, X), []
    original = layer_maps.run_and_keep

    def look(method):
        function = original(method)

        def noted(model, inputs, *args, **params):
            eager.append(current_trace() is None)
            return function(model, inputs, *args, **params)

        return noted

    monkeypatch.setattr(layer_maps, "run_and_keep", look)
    found = session.run(**CHOICE, layer="three")
    np.testing.assert_allclose(found.map, expected(model, "three", 0, 0)[1][0, ..., 0], rtol=1e-5, atol=1e-7)
    assert eager == [False]


def test_the_first_map_of_an_image_brings_those_of_all_layers(runs):
    """Also where a convolution leaves pixels out, whose eager gradient by TensorFlow may end the process."""
    model = build(middle=layers.Conv2D(4, 1, 2, name="two"))
    session = Session(model, X)
    session.run(**CHOICE, layer="three")
    runs[0] = 0
    found = {layer: session.run(**CHOICE, layer=layer).map for layer in LAYERS}
    assert runs[0] == 0
    for layer, values in found.items():
        expected_map = expected(model, layer, 0, 0)[1][0, ..., 0]
        np.testing.assert_allclose(values, expected_map, rtol=1e-5, atol=1e-7)


def test_maps_of_all_layers_serve_each_of_them(runs):
    session = Session(build(), X)
    values, _ = session.models[0].at_all_layers(Choice(**CHOICE, layer="three"))
    runs[0] = 0
    for layer, value in zip(LAYERS, values):
        np.testing.assert_allclose(session.run(**CHOICE, layer=layer).map, value, rtol=1e-6)
    assert runs[0] == 0


def test_beside_a_later_cell_the_first_map_is_that_of_one_layer_alone(runs, monkeypatch):
    """All layers are a thousand operations there, each of which waits for Python."""
    session = Session(build(), X)
    monkeypatch.setattr(layer_maps, "cell_runs", lambda: True)
    monkeypatch.setattr(layer_maps, "cells_begun", lambda: 1)
    found = session.run(**CHOICE, layer="three").map
    np.testing.assert_allclose(found, expected(session.models[0].model, "three", 0, 0)[1][0, ..., 0], rtol=1e-5)
    monkeypatch.setattr(layer_maps, "cell_runs", lambda: False)
    runs[0] = 0
    session.run(**CHOICE, layer="two")
    assert runs[0] > 0
    runs[0] = 0
    session.run(**CHOICE, layer="one")
    assert runs[0] == 0
