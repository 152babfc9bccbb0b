import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.implicit_bias import added_by
from ke_widgets.inspection import expose, is_homogeneous, layers_with_biases
from ke_widgets.methods.gradient import full_gradient_terms, full_gradients
from ke_widgets.model import hooks
from tests import models
from tests.methods.networks import WIDE, conv, flatten_head, images, network, randomize, small

IMAGES = images()


def remainder(model, inputs, **own):
    """What is left of the logits when all terms are taken off, as a part of the largest logit (or of 1)."""
    logits, terms = full_gradient_terms(model, inputs, **own)
    terms.pop("between layers", None)  # Whatever is left, by its definition.
    flat = [np.asarray(term) for term in keras.tree.flatten(terms)]
    left = sum(term.reshape(*logits.shape, -1).sum(-1) for term in flat) - logits
    return np.abs(left).max() / max(1, np.abs(logits).max())


class Scaled(layers.Layer):
    """A layer of the user's own, with a bias that nothing names."""

    def build(self, shape):
        self.offset = self.add_weight(shape=(shape[-1],), name="offset")

    def call(self, x):
        return ops.tanh(x) + self.offset


def squeeze(x):
    gates = layers.Conv2D(3, 1, activation="sigmoid", name="gates", **WIDE)(
        layers.GlobalAveragePooling2D(keepdims=True, **WIDE)(x)
    )
    return layers.Multiply(name="gated", **WIDE)([x, gates])


def attention(x):
    x = layers.Reshape((16, 3), **WIDE)(x)
    x = layers.MultiHeadAttention(2, 3, name="attention", **WIDE)(x, x)
    return layers.Reshape((4, 4, 3), **WIDE)(x)


BODIES = {
    "relu": layers.ReLU(**WIDE),
    "leaky_relu": layers.LeakyReLU(0.2, **WIDE),
    "relu6": layers.ReLU(max_value=0.5, **WIDE),
    "gelu": layers.Activation("gelu", **WIDE),
    "silu": layers.Activation("silu", **WIDE),
    "function": lambda x: ops.silu(x),
    "max_pooling": layers.MaxPooling2D(**WIDE),
    "batch_normalization": layers.BatchNormalization(**WIDE),
    "bn_without_center": layers.BatchNormalization(center=False, **WIDE),
    "bn_without_scale": layers.BatchNormalization(scale=False, epsilon=0.1, **WIDE),
    "bn_of_rows": layers.BatchNormalization(axis=1, **WIDE),
    "layer_normalization": layers.LayerNormalization(**WIDE),
    "group_normalization": layers.GroupNormalization(3, **WIDE),
    "depthwise": layers.DepthwiseConv2D(3, activation="silu", **WIDE),
    "separable": layers.SeparableConv2D(3, 3, activation="relu", **WIDE),
    "transposed": layers.Conv2DTranspose(3, 3, **WIDE),
    "einsum": layers.EinsumDense("bhwk,kl->bhwl", (4, 4, 5), bias_axes="l", activation="gelu", **WIDE),
    "rescaling": layers.Rescaling(2.0, offset=-1.0, **WIDE),
    "dense_of_places": layers.Dense(4, **WIDE),
    "squeeze": squeeze,
    "attention": attention,
    "own": Scaled(**WIDE),
    "plus_one": lambda x: x * 2.0 + 1.0,
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("fused", ["relu", "gelu"])
def test_the_terms_sum_to_the_logit(body, fused):
    model = network(lambda x: BODIES[body](conv(activation=fused)(x)), head=layers.Flatten)
    assert remainder(model, IMAGES) < 2e-15


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "gelu", None])
def test_the_terms_sum_to_whatever_score_is_exposed(activation):
    model = small()
    model.get_layer("logits").activation = keras.activations.get(activation)
    found = layers_with_biases(model, return_biases=False)
    for outputs in ("logits", {"name": "logits", "link": "logits"}):
        assert remainder(expose(model, found, outputs), IMAGES) < 2e-15


KINDS = ["nested", "nested_pooling", "doubly_nested", "subclassed", "over_backbone", "over_subclassed", "attention"]


@pytest.mark.parametrize("kind", [*KINDS, "flat", "fused", "in_lists", "convolutional_head"])
def test_the_terms_sum_to_the_logit_in_every_kind_of_model(kind):
    assert remainder(getattr(models, kind)(), models.images(2)) < 2e-6


@pytest.mark.parametrize("kind", ["siamese", "over_time"])
def test_the_terms_of_every_call_of_a_shared_layer_count(kind):
    model = getattr(models, kind)()
    pair = [models.images(2), models.images(2, seed=1)]
    inputs = pair if kind == "siamese" else np.stack(pair, 1)
    assert remainder(model, inputs) < 2e-6
    if kind == "siamese":
        assert {"encoder/conv, call 0", "encoder/conv, call 1"} <= set(full_gradient_terms(model, inputs)[1])


def test_a_head_of_several_is_complete_by_itself():
    model = models.multi_output()
    found = layers_with_biases(model, return_biases=False)
    for head in (0, 1):
        assert remainder(expose(model, found, head=head) if head else expose(model, found, "logits"), IMAGES8) < 2e-6


IMAGES8 = models.images(2)


@pytest.mark.parametrize("wrong", [1e-7, 1e-2])
def test_a_wrong_epsilon_of_batch_normalization_would_be_seen(wrong):
    model = network(lambda x: layers.BatchNormalization(name="norm", **WIDE)(conv(activation="relu")(x)))
    layer = model.get_layer("norm")
    found, constants = layers_with_biases(model)
    scale = layer.gamma / ops.sqrt(layer.moving_variance + wrong)
    constants[found.index(layer)] = layer.beta - layer.moving_mean * scale
    assert remainder(expose(model, found), IMAGES, biases=constants) > 1e-5


def test_the_gradient_after_a_fused_activation_would_be_seen():
    model = flatten_head()
    bias = model.get_layer("conv").bias
    model.get_layer("logits").activation = None
    after = keras.Model(model.input, [model(model.input), model.get_layer("conv").output])
    logits, terms = full_gradient_terms(after, IMAGES, biases=[bias])
    total = sum(np.asarray(term).reshape(2, 3, -1).sum(-1) for term in terms.values())
    assert np.abs(total + model.get_layer("logits").bias - logits).max() > 0.1


class Positioned(keras.Model):
    """A vision transformer's beginning, as people write it: positions and a class token added between layers."""

    def __init__(self, where):
        super().__init__(dtype="float64")
        self.where = where
        self.patches, self.norm = layers.Conv2D(3, 2, strides=2, **WIDE), layers.LayerNormalization(**WIDE)
        self.dense, self.head = layers.Dense(3, activation="gelu", **WIDE), layers.Dense(3, name="logits", **WIDE)

    def build(self, shape):
        self.positions = self.add_weight(shape=(1, 9, 3), name="positions")
        for layer, inner in (
            (self.patches, shape),
            (self.norm, (1, 9, 3)),
            (self.dense, (1, 9, 3)),
            (self.head, (1, 3)),
        ):
            layer.build(inner)

    def call(self, x):
        x = ops.reshape(self.patches(x), (-1, 9, 3))
        x = x + self.positions if self.where == "before" else x
        x = self.dense(self.norm(x))
        x = ops.concatenate([x, self.positions + 0 * x], axis=1) if self.where == "token" else x
        x = x * ops.tanh(x) if self.where == "after" else x
        return self.head(ops.mean(x, axis=1))


def nested(model):
    inputs = keras.Input((6, 6, 2), dtype="float64")
    return keras.Model(inputs, layers.Dense(3, name="outer", **WIDE)(model(inputs)))


@pytest.mark.parametrize("around", [lambda model: model, nested])
@pytest.mark.parametrize("where", ["before", "token", "after", "nowhere"])
def test_what_a_subclassed_model_computes_between_its_layers_is_what_is_left(where, around):
    model = Positioned(where)
    model(IMAGES)
    model = randomize(around(model))
    logits, terms = full_gradient_terms(model, IMAGES, np.array([[0, 2], [1, 1]]))
    assert list(terms)[-1] == "between layers"
    left = np.abs(terms["between layers"])
    assert left.shape == (2, 2)
    assert (left < 1e-13).all() if where == "nowhere" else (left > 1e-6).all()
    total = sum(np.asarray(term).reshape(2, 2, -1).sum(-1) for term in terms.values())
    np.testing.assert_allclose(total, logits, rtol=1e-12)


def test_positions_are_counted_as_they_are():
    model = Positioned("before")
    model(IMAGES)
    randomize(model)
    with tf.GradientTape() as tape:
        unit = model(IMAGES)[1, 2]
    expected = float(tf.reduce_sum(tape.gradient(unit, model.positions.value) * model.positions))
    np.testing.assert_allclose(full_gradient_terms(model, IMAGES)[1]["between layers"][1, 2], expected, rtol=1e-9)


def test_a_model_made_of_layers_has_nothing_between_them():
    assert "between layers" not in full_gradient_terms(network(lambda x: conv()(x)), IMAGES)[1]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_full_gradients_of_half_precision_are_float32(policy):
    inputs = keras.Input((6, 6, 2))
    x = layers.BatchNormalization(dtype=policy)(layers.Conv2D(3, 3, activation="gelu", dtype=policy)(inputs))
    x = layers.Dense(3, dtype=policy)(layers.Flatten(dtype=policy)(x))
    model = randomize(keras.Model(inputs, x))
    logits, terms = full_gradient_terms(model, IMAGES.astype("float32"))
    assert all(term.dtype == tf.float32 for term in terms.values())
    assert remainder(model, IMAGES.astype("float32")) < 5e-2 * np.abs(logits).max()
    assert np.isfinite(full_gradients(model, IMAGES.astype("float32"))[1]).all()


class Spelled(layers.Layer):
    """SigLIP's: a name of its own for what it does."""

    def __init__(self, activation, **kwargs):
        super().__init__(**WIDE, **kwargs)
        self.activation, self.inner = activation, layers.Dense(3, **WIDE)

    def call(self, x):
        return ops.gelu(self.inner(x), approximate=True)


class SpelledDense(layers.Dense):
    """A dense layer that reads its activation in a way of its own."""

    def call(self, x):
        return ops.square(ops.matmul(x, self.kernel) + self.bias)


def spelled_dense():
    layer = SpelledDense(3, **WIDE)
    layer.activation = "my_square"
    return layer


WORDS = ("gelu_approximate", "quick_gelu", "GELU_PyTorch_tanh", "")


UNKNOWN = [functools.partial(Spelled, word) for word in WORDS]


@pytest.mark.parametrize("made", [*UNKNOWN, spelled_dense])
def test_an_activation_that_keras_does_not_know_depends_on_what_comes_in(made):
    layer = made()
    model = network(lambda x: layer(conv()(x)), head=layers.Flatten)
    found, constants = layers_with_biases(model)
    assert constants[found.index(layer)] is None
    assert not is_homogeneous(layer.activation)
    x = tf.constant(IMAGES[..., :1] * np.ones(3))
    (bias,) = added_by(layer, hooks.Call((x,), {}, layer(x)), [x])
    slope = (layer(1.0001 * x) - layer(0.9999 * x)) / 2e-4
    np.testing.assert_allclose(bias, layer(x) - slope, atol=1e-6)


def test_a_quantized_layer_rounds_what_comes_in():
    inputs = keras.Input((6, 6, 2))
    x = layers.Dense(3, activation="relu", name="dense")(layers.Conv2D(3, 3, activation="relu")(inputs))
    model = randomize(keras.Model(inputs, layers.Dense(3, name="logits")(layers.Flatten()(x))))
    for name in ("dense", "logits"):
        model.get_layer(name).quantize("int8")
    assert remainder(model, IMAGES.astype("float32")) < 2e-6


class Block(layers.Layer):
    """A layer of the user's own that holds a convolution."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = conv(name="inner", activation="relu")

    def call(self, x):
        return self.inner(x)


def test_a_layer_inside_another_one_counts_as_the_outer_one_or_is_chosen_by_hand():
    model = network(Block(name="block", **WIDE), head=layers.Flatten)
    assert [layer.name for layer in layers_with_biases(model, return_biases=False)] == ["block", "logits"]
    assert remainder(model, IMAGES) < 2e-15
    assert remainder(expose(model, ["block/inner", "logits"]), IMAGES) < 2e-15
    _, outer = full_gradient_terms(model, IMAGES)
    _, inner = full_gradient_terms(expose(model, ["block/inner", "logits"]), IMAGES)
    np.testing.assert_allclose(inner["block/inner"], outer["block"], atol=1e-14)


def test_a_manual_model_without_biases_is_refused():
    model = small()
    manual = keras.Model(model.input, [model.output, model.get_layer("first").output])
    with pytest.raises(ValueError, match=r"`biases` must be given.*Received: biases=None"):
        full_gradients(manual, IMAGES)
    with pytest.raises(ValueError, match=r"must expose signals with a constant bias.*Received: first"):
        full_gradients(manual, IMAGES, biases=[None])


def test_biases_of_another_number_are_refused():
    model = small()
    found, constants = layers_with_biases(model)
    with pytest.raises(ValueError, match=r"one for each signal.*Received: 2 for 3 signals of .*first, second, logits"):
        full_gradients(expose(model, found), IMAGES, biases=constants[:2])


def test_a_layer_that_adds_nothing_is_refused():
    with pytest.raises(ValueError, match=r"layers that add something of their own.*Received: pool"):
        full_gradients(expose(small()), IMAGES)


@pytest.mark.parametrize("both", [["block", "block/inner"], ["block/inner", "logits", "block"]])
def test_a_layer_and_what_is_inside_of_it_would_count_twice(both):
    model = network(Block(name="block", **WIDE), head=layers.Flatten)
    with pytest.raises(ValueError, match=r"each bias once.*Received: block/inner, which run inside"):
        full_gradients(expose(model, both), IMAGES)
