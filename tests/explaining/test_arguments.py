"""What the loop refuses: in one sentence, before anything runs, and with nothing left behind."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.methods.cams import gradcam
from tests import models
from tests.explaining.streams import UNITS, batched


def run(model, **changed):
    arguments = {"method": gradcam, "x": models.images(3), "y": UNITS, "verbose": 0, **changed}
    return ke.explain(arguments.pop("method"), ke.inspection.expose(model), arguments.pop("x"), **arguments)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"method": "gradcam"}, TypeError, r"such as `ke.methods.cams.gradcam`. Received: method='gradcam'"),
        ({"method": "smoothgrad"}, TypeError, r"such as `ke.methods.cams.gradcam`. Received: method='smoothgrad'"),
        ({"method": None}, TypeError, r"`method` must be a method, such as .* Received: method=None"),
        ({"method": 3}, TypeError, r"`method` must be a method, such as .* Received: method=3"),
        (
            {"method": ke.gradients},
            TypeError,
            r"`ke.methods.gradient.gradients`. Received: the shortcut `ke.gradients`",
        ),
        ({"method": ke.gradcam}, TypeError, r"`ke.methods.cams.gradcam`. Received: the shortcut `ke.gradcam`"),
        (
            {"batch_size": 0},
            ValueError,
            "`batch_size` must be an integer of at least 1, or None. Received: batch_size=0",
        ),
        ({"batch_size": -3}, ValueError, "Received: batch_size=-3"),
        ({"batch_size": True}, TypeError, "Received: batch_size=True"),
        ({"batch_size": 2.0}, TypeError, "Received: batch_size=2.0"),
        ({"batch_size": "2"}, TypeError, "Received: batch_size='2'"),
        ({"steps": 0}, ValueError, "`steps` must be an integer of at least 1, or None. Received: steps=0"),
        ({"steps": "all"}, TypeError, "Received: steps='all'"),
        ({"steps_per_execution": 1.5}, TypeError, "Received: steps_per_execution=1.5"),
        ({"inner_batch_size": 4}, TypeError, "has no argument 'batch_size', nor has the method `gradcam`"),
        ({"verbose": 3}, ValueError, "`verbose` must be 'auto', 0, 1 or 2. Received: verbose=3"),
        ({"verbose": "loud"}, ValueError, "Received: verbose='loud'"),
        ({"verbose": None}, ValueError, "Received: verbose=None"),
        (
            {"postprocessing": "normalize"},
            TypeError,
            "`postprocessing` must be a function of maps.* Received: postprocessing='n",
        ),
        ({"postprocessing": 1}, TypeError, "`postprocessing` must be a function of maps"),
        ({"resizing": 224}, TypeError, r"or a size such as \(224, 224\). Received: resizing=224"),
        ({"resizing": "image"}, TypeError, "Received: resizing='image'"),
        ({"resizing": (0, 4)}, ValueError, r"in integers above 0.* Received: resizing=\(0, 4\)"),
        ({"resizing": (4.0, 4)}, ValueError, r"Received: resizing=\(4.0, 4\)"),
        ({"resizing": (1, 2, 3, 4)}, ValueError, r"Received: resizing=\(1, 2, 3, 4\)"),
        ({"y": [[0], [1, 2], [0]]}, ValueError, r"`y` must have as many units for each image"),
        ({"y": np.eye(3, dtype=int)}, ValueError, r"`y` must hold the numbers of units.* say `y.argmax\(-1\)`"),
        ({"y": np.eye(3)}, ValueError, r"Received: y of dtype float64. For one-hot labels, say `y.argmax\(-1\)`"),
        ({"y": UNITS[..., None]}, ValueError, r"Received: y of shape \(3, 2, 1\)"),
        ({"y": ["cat", "dog", "cat"]}, ValueError, r"`y` must hold integers.* dtype <U3"),
        ({"y": 1.5}, ValueError, r"`y` must hold integers.* dtype float64"),
        ({"y": 3}, ValueError, r"one less than the number of units, 3. Received: units from 3 to 3"),
        ({"y": -1}, ValueError, r"`y` must hold units from 0. Received: y with -1"),
        ({"chanels": "max"}, TypeError, r"`explain` has no argument 'chanels', nor has the method `gradcam`"),
        ({"postprocesing": None}, TypeError, r"no argument 'postprocesing'.* Did you mean 'postprocessing'\?"),
        ({"method": ke.methods.gradient.gradients, "chanels": "max"}, TypeError, r"Did you mean 'channels'\?"),
        ({"method": ke.methods.cams.scorecam, "weight": "logits"}, TypeError, r"Did you mean 'weights'\?"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused_in_one_sentence(model, right, changed, error, words):
    with pytest.raises(error, match=words):
        run(model, **changed)
    for found, wanted in zip(run(model, y=UNITS[:, :1]), right[1]):
        np.testing.assert_array_equal(found, wanted)


# Warnings


def large(units):
    inputs = keras.Input((64, 64, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, strides=16, name="conv")(inputs))
    return keras.Model(inputs, layers.Dense(units)(x))


def warned(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in found if "maps" in str(each.message)]


def test_all_units_of_a_large_head_are_warned_of_once_before_they_fill_the_memory(monkeypatch):
    from ke_widgets.explaining import loop

    monkeypatch.setattr(loop, "_LARGE", 1024**2)
    model, x = large(100), np.random.default_rng(0).random((4, 64, 64, 1), "float32")
    (words,) = warned(lambda: ke.gradcam(model, x, batch_size=2, verbose=0))
    assert "all 100 units take 6.2 GB for 4 images" in words
    assert "y=model.predict(x).argmax(-1)" in words
    (words,) = warned(lambda: ke.gradcam(model, batched(x), verbose=0))
    assert "for 4 images" in words
    (words,) = warned(lambda: ke.gradcam(model, (x for _ in range(3)), verbose=0))
    assert "for 4 images" in words
    assert warned(lambda: ke.gradcam(model, x, 3, verbose=0)) == []
    assert warned(lambda: ke.gradcam(model, x, resizing=False, verbose=0)) == []
    assert warned(lambda: ke.gradcam(large(10), x[:2], verbose=0)) == []


def blind(kind):
    """A model whose scores do not see the places of the layer `seen`."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 4, strides=4, name="seen")(inputs)
    if kind == "class token":
        tokens = layers.Reshape((4, 4), name="tokens")(x)
        tokens = layers.Add(name="last")([layers.MultiHeadAttention(1, 4)(tokens, tokens), tokens])
        return keras.Model(inputs, layers.Dense(2)(layers.Lambda(lambda x: x[:, 0] * 1)(tokens))), "last"
    if kind == "dead":
        x = layers.ReLU(name="dead")(layers.Lambda(lambda x: -1 - 0 * x)(x))
        return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))), "dead"
    if kind == "zero weights":
        return keras.Model(
            inputs, layers.Dense(2, kernel_initializer="zeros")(layers.GlobalAveragePooling2D()(x))
        ), "seen"
    return keras.Model(inputs, layers.Dense(2)(0 * layers.GlobalAveragePooling2D()(x))), "seen"


@pytest.mark.parametrize("kind", ["dead", "zero weights", "times zero"])
@pytest.mark.parametrize("loop", ["gradcam", "batches"])
def test_maps_that_are_zero_everywhere_are_warned_of_once(kind, loop):
    model, layer = blind(kind)
    exposed, x = ke.inspection.expose(model, layer), models.images(4)

    def call():
        if loop == "gradcam":
            ke.gradcam(exposed, x, 1, batch_size=2, verbose=0)
        else:
            list(ke.explain_batches(gradcam, exposed, x, 1, batch_size=2))

    (words,) = warned(call)
    assert f"All maps are exactly 0: no explained unit depends on the signal {layer} (output)" in words


def test_maps_of_which_one_is_not_zero_are_not_warned_of(model):
    exposed, x = ke.inspection.expose(model), models.images(3)
    x[:2] = 0
    assert warned(lambda: ke.gradcam(exposed, x, 1, verbose=0)) == []
    # What a filter makes zero is an answer.
    assert warned(lambda: ke.gradcam(exposed, x, verbose=0, postprocessing=lambda maps: 0 * maps)) == []


class Windows(layers.Layer):
    """Cuts images into windows that stand in the batch, as Swin does, and back."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Conv2D(3, 1, name="inner")

    def call(self, x):
        shape = keras.ops.shape(x)
        windows = keras.ops.reshape(x, (-1, 2, 4, 2, 4, 3))
        windows = keras.ops.reshape(keras.ops.transpose(windows, (0, 1, 3, 2, 4, 5)), (-1, 4, 4, 3))
        windows = keras.ops.reshape(self.inner(windows), (-1, 2, 2, 4, 4, 3))
        return keras.ops.reshape(keras.ops.transpose(windows, (0, 1, 3, 2, 4, 5)), shape)


@pytest.mark.parametrize("name", ["gradcam", "gradcampp", "scorecam", "cam"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_signal_with_windows_in_its_batch_is_refused(name, count):
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(Windows(name="windows")(inputs))
    exposed = ke.inspection.expose(keras.Model(inputs, layers.Dense(2)(x)), "windows/inner")
    with pytest.raises(
        ValueError,
        match=rf"one entry for each image. Received: windows/inner \(output\), with {4 * count} for {count} ",
    ):
        getattr(ke, name)(exposed, models.images(count), 1, verbose=0)
    with pytest.raises(ValueError, match="one entry for each image"):  # eagerly
        getattr(ke.methods.cams, name)(exposed, models.images(count))
    whole = ke.inspection.expose(exposed.model, "windows")
    assert ke.gradcam(whole, models.images(count), 1, verbose=0)[1].shape == (count, 8, 8, 1)


@pytest.mark.parametrize("loop", ["gradcam", "batches"])
def test_maps_that_the_model_makes_nan_are_named_as_its_own_fault(model, loop):
    broken = keras.models.clone_model(model)
    broken.set_weights(model.get_weights())
    broken.weights[-1].assign(broken.weights[-1] * 0 + float("nan"))
    broken.weights[-2].assign(broken.weights[-2] * float("nan"))
    x = models.images(3)

    def call():
        if loop == "gradcam":
            ke.gradcam(ke.inspection.expose(broken), x, 1, batch_size=2, verbose=0)
        else:
            list(ke.explain_batches(gradcam, ke.inspection.expose(broken), x, 1, batch_size=2))

    (words,) = warned(call)
    assert "The maps of 3 of 3 images contain NaN or infinite values, though the images do not" in words
    assert f"{broken.name!r} makes them" in words
