"""Heads, what is kept, what a model takes: how the defaults are found, by value."""

import gc
import time
import warnings
import weakref
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.engine.gradients import with_signal
from ke_widgets.explaining.loop import view_for
from ke_widgets.inspection import expose
from ke_widgets.model import callgraph
from ke_widgets.model import layers as model_layers
from ke_widgets.model.heads import manual_signals
from ke_widgets.model.locate import (
    default_layer,
    head_activation,
    head_index,
    logits_endpoint,
    signal_endpoint,
    spatial_signals,
)
from tests import models

UNIT = np.array([[1], [0]])


def trunk():
    inputs = keras.Input(models.IMAGE)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    return inputs, x, layers.GlobalAveragePooling2D(name="pool")(x)


def two_heads(form):
    inputs, x, pooled = trunk()
    kind = layers.Dense(3, activation="softmax", name="first")(pooled)
    age = layers.Dense(2, name="second")(pooled)
    mask = layers.Conv2D(1, 1, activation="sigmoid", name="third")(x)
    return models.randomize(keras.Model(inputs, form(kind, age, mask)))


class Several(keras.Model):
    """Gives its heads in a form of its own."""

    def __init__(self, form):
        super().__init__()
        self.conv, self.pool, self.form = layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(), form
        self.first, self.second = layers.Dense(3, "softmax", name="first"), layers.Dense(2, name="second")
        self.third = layers.Conv2D(1, 1, activation="sigmoid", name="third")

    def call(self, x):
        x = self.conv(x)
        pooled = self.pool(x)
        return self.form(self.first(pooled), self.second(pooled), self.third(x))


FORMS = {
    "list": (lambda a, b, c: [a, b, c], (0, 1)),
    "tuple of a head and a map": (lambda a, b, c: (a, c), (0, None)),
    "dict": (lambda a, b, c: {"kind": a, "age": b}, ("kind", "age")),
    "dict, other order": (lambda a, b, c: {"zebra": b, "apple": a, "mask": c}, ("apple", "zebra")),
    "nested": (lambda a, b, c: {"classes": [a, b], "mask": c}, (("classes", 0), ("classes", 1))),
    "nested, in text": (lambda a, b, c: {"classes": {"kind": a}, "ages": b}, ("classes/kind", "ages")),
}
METHODS = ("gradcam", "gradcampp", "scorecam", "cam", "gradients", "smoothgrad", "full_gradients")


@pytest.mark.parametrize("build", [two_heads, lambda form: models.called(Several(form))], ids=["graph", "subclassed"])
@pytest.mark.parametrize("kind", FORMS)
def test_a_head_is_chosen_as_the_user_wrote_it_and_never_taken(build, kind):
    form, (first, second) = FORMS[kind]
    model = build(form)
    whole = model(models.images(2))
    for name in METHODS:
        with pytest.raises(ValueError, match=r"`head` must choose an output of .*one of \[.*expose\(model, head="):
            getattr(ke, name)(model, models.images(2), UNIT, verbose=0)
    for name in ("gradcam", "scorecam"):
        with pytest.raises(ValueError, match="`head` must choose an output of"):
            getattr(ke.methods.cams, name)(model, models.images(2), UNIT)
    by_hand = dict(zip(("first", "second", "third"), _call(_Parts(model), models.images(2))))
    (logits,) = expose(model, [], head=first)(models.images(2))
    np.testing.assert_allclose(ops.softmax(logits), by_hand["first"], rtol=1e-5)
    assert not np.allclose(logits, by_hand["first"])
    assert head_activation(model, first) == "softmax"
    if second is not None:
        np.testing.assert_allclose(expose(model, [], head=second)(models.images(2))[0], by_hand["second"], rtol=1e-5)
    for head in ("species", 3, -1, True, 1.0, ("classes", 7)):
        with pytest.raises(ValueError, match=r"`head` must choose an output of .* Received: head="):
            head_index(model, head)
    keras.tree.assert_same_structure(whole, model(models.images(2)))


_call: Any = Several.call


class _Parts:
    """The layers of a model of two heads, as `Several.call` wants them; gives them side by side."""

    def __init__(self, model):
        self.conv, self.pool = model.get_layer("conv"), layers.GlobalAveragePooling2D()
        self.first, self.second = model.get_layer("first"), _layer(model, "second")
        self.third, self.form = _layer(model, "third"), lambda *heads: heads


def _layer(model, name):
    found = [layer for layer in model.layers if layer.name == name]
    return found[0] if found else (lambda x: None)


@pytest.mark.parametrize("build", [two_heads, lambda form: models.called(Several(form))], ids=["graph", "subclassed"])
@pytest.mark.parametrize(
    "form", [lambda a, b, c: {"kind": a}, lambda a, b, c: [a], lambda a, b, c: a], ids=["dict", "list", "tensor"]
)
def test_a_single_output_needs_no_head_whatever_it_stands_in(build, form):
    model = build(form)
    (logits,) = expose(model, [])(models.images(2))
    np.testing.assert_allclose(ops.softmax(logits), keras.tree.flatten(model(models.images(2)))[0], rtol=1e-5)
    values, _ = ke.gradcam(model, models.images(2), UNIT, verbose=0)
    np.testing.assert_allclose(values, np.take_along_axis(np.asarray(logits), UNIT, 1), rtol=1e-5)


def with_signals(*names):
    model = models.flat()
    return keras.Model(model.input, [model.get_layer("logits").output, *(model.get_layer(n).output for n in names)])


def of_nested():
    model = models.nested()
    backbone, pool = model.get_layer("backbone"), model.get_layer("pool")
    return keras.Model(model.input, [model.get_layer("logits").output, pool.input, backbone.get_layer("conv").input])


@pytest.mark.parametrize(
    ("build", "manual"),
    [
        (lambda: with_signals("conv"), True),
        (lambda: with_signals("conv", "pool"), True),
        (lambda: with_signals("images"), True),
        (lambda: with_signals("predictions"), False),
        (lambda: with_signals("conv", "predictions"), False),
        (models.multi_output, False),
        (lambda: two_heads(lambda a, b, c: [a, c]), False),
        (lambda: two_heads(lambda a, b, c: {"kind": a, "mask": c}), False),
        (models.flat, False),
        (models.in_lists, False),
    ],
)
def test_only_what_the_first_output_depends_on_is_a_signal(build, manual):
    model = build()
    assert manual_signals(model) is manual
    if manual:
        assert all(view_for(model, signals) is model for signals in ("one", "none", "biases", None))
        assert with_signal(model) is model


# What is kept.


def fused(activation="softmax"):
    return models.fused(activation=activation)


def replaced(model):
    model.get_layer("logits").activation = keras.activations.linear


def named(model):
    model.get_layer("logits").activation = "linear"


def other_function(model):
    model.get_layer("logits").activation = tf.sigmoid


def added(model):
    model.add(layers.Dense(2, activation="sigmoid", name="more"))


def popped(model):
    model.pop()


def more_of_the_same(model):
    model.add(layers.Activation("linear", name="more"))
    model.add(layers.Softmax(name="again"))


@pytest.mark.parametrize(
    ("change", "logits", "activation"),
    [
        (replaced, "logits (logits)", None),
        (other_function, "logits (logits)", "sigmoid"),
        (named, "logits (logits)", None),
        (added, "more (logits)", "sigmoid"),
        (popped, "pool (output)", None),
        (more_of_the_same, "logits (logits)", "softmax"),
    ],
)
def test_what_was_found_is_looked_for_again_once_the_model_is_another(change, logits, activation):
    model = fused()
    assert (str(logits_endpoint(model)), head_activation(model)) == ("logits (logits)", "softmax")
    assert str(logits_endpoint(model)) == "logits (logits)"
    change(model)
    assert (str(logits_endpoint(model)), head_activation(model)) == (logits, activation)


def test_a_change_deep_inside_is_noticed():
    inner = fused()
    outer = models.called(Wrapped(inner))
    assert head_activation(outer) == "softmax"
    inner.get_layer("logits").activation = keras.activations.linear
    assert head_activation(outer) is None


class Wrapped(keras.Model):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, x):
        return self.model(x)


@pytest.mark.parametrize("build", [models.doubly_nested, models.over_backbone, models.over_subclassed, models.in_lists])
def test_a_model_is_looked_through_once(build, monkeypatch):
    model = build()
    first = expose(model).endpoints
    for name in ("from_functional", "from_trace"):
        monkeypatch.setattr(callgraph, name, lambda *args: pytest.fail("looked again"))
    monkeypatch.setattr(model_layers, "nodes", lambda *args: pytest.fail("walked again"))
    assert expose(model).endpoints == first
    assert signal_endpoint(model) == first[1]


def test_a_warm_expose_costs_next_to_nothing():
    x = inputs = keras.Input((16, 16, 3))
    for number in range(60):
        x = layers.ReLU()(layers.Conv2D(3, 3, padding="same", name=f"conv{number}")(x))
    model = keras.Model(inputs, layers.Dense(2, "softmax")(layers.GlobalAveragePooling2D()(x)))
    started = time.perf_counter()
    expose(model)
    cold = time.perf_counter() - started
    warm = []
    for _ in range(15):
        started = time.perf_counter()
        expose(model)
        warm.append(time.perf_counter() - started)
    assert min(warm) < cold / 4


def test_what_is_kept_holds_no_model():
    model = models.over_subclassed()
    expose(model)
    spatial_signals(model)
    head_activation(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


# What a model takes.


def integers(dtype, scale=layers.Rescaling):
    inputs = keras.Input(models.IMAGE, dtype=dtype)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(scale(1 / 255)(inputs))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return models.randomize(keras.Model(inputs, layers.Dense(3, activation="softmax", name="logits")(x)))


@pytest.mark.parametrize("given", ["float32", "uint8", "int64"])
@pytest.mark.parametrize(
    "build", [integers, lambda dtype: keras.Sequential([keras.Input(models.IMAGE, dtype=dtype), integers(dtype)])]
)
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_a_model_that_takes_integers_has_the_map_of_its_layer_at_the_default(dtype, build, given):
    model = build(dtype)
    images = np.random.default_rng(0).integers(0, 256, (2, *models.IMAGE)).astype(given)
    path = signal_endpoint(model).path.replace("pool", "conv")
    expected = ke.gradcam(expose(model, path), images, UNIT, verbose=0)[1]
    np.testing.assert_allclose(ke.gradcam(model, images, UNIT, verbose=0)[1], expected, rtol=1e-6)
    assert expected.max() > 0


class Shapeless(keras.Model):
    """Builds itself without a word on what it takes."""

    def __init__(self):
        super().__init__(name="shapeless")
        self.conv, self.pool = layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(name="pool")
        self.scores = layers.Dense(3, activation="softmax", name="scores")

    def build(self, shape=(None, *models.IMAGE)):
        self.conv.build(shape)
        self.scores.build((None, 4))
        super().build(shape)

    def call(self, x):
        return self.scores(self.pool(self.conv(x)))


def test_a_model_of_unknown_input_is_looked_through_with_an_image():
    model = Shapeless()
    model.build()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(
            ValueError,
            match=r"`arguments` must be given for 'shapeless': Keras does not know its input shape.*Sequential",
        ):
            expose(model)
    around = keras.Sequential([keras.Input(models.IMAGE), model])
    assert str(signal_endpoint(around)) == "shapeless/pool (input)"
    images = ops.convert_to_tensor(models.images(1))
    assert str(logits_endpoint(model, inputs=images)) == "scores (logits)"
    assert str(signal_endpoint(model, inputs=images)) == "pool (input)"
    assert spatial_signals(model, inputs=images) == {"conv": (None, 6, 6, 4)}
    assert default_layer(model, inputs=images) == "conv"


class Doubling(layers.Layer):
    """As in networks that upsample to a size that they compute: it needs to know the sides."""

    def compute_output_shape(self, shape):
        return (shape[0], None, None, shape[3])

    def call(self, x):
        factor = 2 * int(x.shape[1]) // int(x.shape[1]) if x.shape[1] is not None else int(ops.shape(x)[1] and 0)
        return layers.UpSampling2D(factor)(x)


@pytest.mark.parametrize("shape", [(None, None, 3), (None, 16, 3), (16, None, 3)], ids=str)
def test_a_model_of_any_size_that_runs_at_known_sides_only_is_looked_through(shape):
    inputs = keras.Input(shape)
    x = Doubling(name="up")(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, ops.mean(layers.Conv2D(3, 1, name="last")(x), (1, 2)))
    assert default_layer(model) == "last"
    assert spatial_signals(model) == dict.fromkeys(("conv", "up"), (None, None, None, 4)) | {
        "last": (None, None, None, 3)
    }


class Never(layers.Layer):
    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        raise RuntimeError("not today")


def test_a_model_that_runs_at_no_size_says_why():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, Never()(inputs), name="net")
    with pytest.raises(
        ValueError, match=r"`model` must run on what it says that it takes. Received: 'net', which raised"
    ):
        callgraph.from_trace(model)
