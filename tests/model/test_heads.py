"""Which output is explained, and what is kept of a model for as long as it stays the same."""

import gc
import weakref
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.engine.forward import with_signal
from ke_widgets.explaining.views import view_for
from ke_widgets.inspection import expose
from ke_widgets.model.heads import chosen, kept_of, manual_signals, written_heads
from ke_widgets.model.locate import (
    head_activation,
    head_index,
    logits_endpoint,
    spatial_signals,
)
from tests import models


def test_heads_are_chosen_by_index_or_name():
    model = models.multi_output()
    assert expose(model, head=0).endpoints == expose(model, head="logits").endpoints
    assert [str(e) for e in expose(model, head="other").endpoints] == ["other (logits)", "other_pool (input)"]


def test_a_head_must_be_chosen_where_there_are_several():
    model = models.multi_output()
    for head in (None, 2, "third", True):
        with pytest.raises(
            ValueError, match=r"`head` must choose an output of 'multi_output': one of \['logits', 'other'\]"
        ):
            expose(model, head=head)


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
        assert all(view_for(model, reads) is model for reads in ("signal", "inputs", "biases", None))
        assert with_signal(model) is model


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


def test_what_is_kept_holds_no_model():
    model = models.over_subclassed()
    expose(model)
    spatial_signals(model)
    head_activation(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


NESTED = [(("classes", "kind"), "first"), (("classes", "age"), "second"), (("mask",), "second")]


@pytest.mark.parametrize(
    ("head", "index"), [(("classes", "age"), 1), ("classes/kind", 0), ("mask", 2), ("first", 0), (1, 1), (0, 0)]
)
def test_an_output_is_called_by_its_keys_its_text_its_name_or_its_number(head, index):
    assert chosen(models.flat(), head, NESTED) == index


@pytest.mark.parametrize("head", [None, "second", "classes", 3, -1, True, 1.0, ("mask", "age")])
def test_a_name_of_two_outputs_or_of_none_is_refused(head):
    with pytest.raises(ValueError, match="one of ") as caught:
        chosen(models.flat(), head, NESTED)
    assert "['classes/kind', 'classes/age', 'mask']. Received: head=" in str(caught.value)


def test_of_an_unknown_number_of_outputs_any_index_may_be_there():
    model = models.flat()
    assert (chosen(model, None, None), chosen(model, 5, None), chosen(model, None, [((), "only")])) == (0, 5, 0)
    with pytest.raises(ValueError, match=r"by its index, from 0. Received: head='age'"):
        chosen(model, "age", None)


def test_outputs_are_listed_with_the_keys_that_lead_to_them():
    model = two_heads(lambda a, b, c: {"classes": [a, b], "mask": c})
    keys = [keys for keys, _ in written_heads(model)]
    assert keys == [("classes", 0), ("classes", 1), ("mask",)]
    assert written_heads(models.flat()) == [((), "predictions")]
    assert written_heads(models.subclassed()) is None


def test_what_is_kept_of_a_model_is_one_dict_until_it_changes():
    model, other = fused(), fused()
    kept_of(model)["seen"] = True
    assert kept_of(model)["seen"]
    assert "seen" not in kept_of(other)
    model.get_layer("logits").set_weights([2 * w for w in model.get_layer("logits").get_weights()])
    assert "seen" in kept_of(model), "other weights are not another model"
    replaced(model)
    assert "seen" not in kept_of(model)
