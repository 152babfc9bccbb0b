import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.implicit_bias import added_by
from ke_widgets.inspection import expose, get_logits_layer, is_homogeneous, layers_with_biases
from ke_widgets.methods.gradient import full_gradient_terms, full_gradients, gradients
from ke_widgets.model import hooks
from tests import models
from tests.methods import twins
from tests.methods.networks import WIDE, conv, flatten_head, images, network, randomize, small

IMAGES = images()


def remainder(model, inputs, **own):
    """What is left of the logits when all terms are taken off, as a part of the largest logit (or of 1)."""
    logits, terms = full_gradient_terms(model, inputs, **own)
    terms.pop("between layers", None)  # Whatever is left, by its definition.
    flat = [np.asarray(term) for term in keras.tree.flatten(terms)]
    left = sum(term.reshape(*logits.shape, -1).sum(-1) for term in flat) - logits
    return np.abs(left).max() / max(1, np.abs(logits).max())


# Gradients


@pytest.mark.parametrize("channels", ["max", "mean"])
def test_gradients_equal_their_plain_loop_twin(channels):
    model = small()
    net = twins.Net(model)
    _, maps = gradients(expose(model), IMAGES, channels=channels)
    np.testing.assert_allclose(maps, [twins.gradients(net, image, channels) for image in IMAGES], atol=1e-6)


def test_gradients_of_a_linear_model_are_its_weights():
    model = randomize(keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten(), layers.Dense(3, **WIDE)]))
    weights = np.abs(np.asarray(model.layers[-1].kernel)).reshape(6, 6, 2, 3)
    for channels, expected in (("max", weights.max(2)), ("mean", weights.mean(2))):
        _, maps = gradients(model, IMAGES, channels=channels)
        np.testing.assert_allclose(maps, [expected] * 2, atol=1e-15)


def test_the_default_over_channels_is_the_papers_maximum():
    model = expose(small())
    np.testing.assert_array_equal(gradients(model, IMAGES)[1], gradients(model, IMAGES, channels="max")[1])


def test_integer_images_have_gradients():
    model = small()
    pixels = (10 * IMAGES).astype("int32")
    np.testing.assert_allclose(gradients(model, pixels)[1], gradients(model, pixels.astype("float64"))[1], rtol=1e-6)


def test_gradients_refuse_an_unknown_reduction():
    with pytest.raises(ValueError, match=r"`channels` must be 'max' or 'mean'. Received: channels='sum'"):
        gradients(small(), IMAGES, channels="sum")


# Full-gradients: complete


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


# Full-gradients: maps


def test_full_gradients_equal_their_plain_loop_twin():
    model = small()
    net = twins.Net(model)
    logits = get_logits_layer(model)
    found, constants = layers_with_biases(model, exclude=[logits])
    _, maps = full_gradients(expose(model, found, {"layer": logits, "link": "logits"}), IMAGES, biases=constants)
    np.testing.assert_allclose(maps, [twins.full_gradients(net, image) for image in IMAGES], rtol=1e-5)


def test_each_unit_has_the_map_that_it_has_alone():
    model = flatten_head()
    _, whole = full_gradients(model, IMAGES)
    _, some = full_gradients(model, IMAGES, np.array([[2, 0], [1, 1]]))
    assert whole.shape == (2, 6, 6, 3)
    for image, units in enumerate([(2, 0), (1, 1)]):
        for place, unit in enumerate(units):
            np.testing.assert_allclose(some[image, ..., place], whole[image, ..., unit], rtol=1e-12)
    assert np.abs(np.asarray(whole)[..., 0] - np.asarray(whole)[..., 1]).max() > 0.1


def test_a_map_does_not_depend_on_the_scale_of_one_channel_but_of_the_layer():
    # Rescaled per layer: a channel with a hundredth of the bias stays a hundredth.
    model = flatten_head()
    layer = model.get_layer("conv")
    layer.bias.assign([1.0, 0.0, 0.0])
    first = np.asarray(full_gradients(model, IMAGES)[1])
    layer.bias.assign([1.0, 1e-9, 0.0])
    np.testing.assert_allclose(full_gradients(model, IMAGES)[1], first, atol=1e-6)


def stopping(x):
    return ops.clip(x, 0.0, 6.0)


def apart(six):
    return lambda x: six(conv()(x))


@pytest.mark.parametrize("size", [0.1, 100.0])
def test_relu6_adds_what_any_function_that_stops_at_six_adds(size):
    found = []
    for body in (
        apart(layers.ReLU(6, **WIDE)),
        apart(layers.Activation("relu6", **WIDE)),
        apart(layers.Activation(stopping, **WIDE)),
        conv(activation="relu6"),
        conv(activation=stopping),
    ):
        model = network(body, head=layers.Flatten)
        terms = list(full_gradient_terms(model, size * IMAGES)[1].values())
        found.append((terms, full_gradients(model, size * IMAGES)[1]))
        assert np.any(terms[2]) == (size > 1)
    for terms, maps in found:
        np.testing.assert_allclose(maps, found[2][1], rtol=1e-12)
        for term, expected in zip(terms, found[2][0]):
            np.testing.assert_allclose(term, expected, rtol=1e-12, atol=1e-12)


def test_dense_biases_are_counted_apart():
    model = network(lambda x: conv(activation="relu")(x), head=layers.Flatten)
    _, maps = full_gradients(model, IMAGES)
    _, terms = full_gradient_terms(model, IMAGES)
    np.testing.assert_allclose(terms["logits"], [np.diag(np.asarray(model.get_layer("logits").bias))] * 2, atol=1e-15)
    without = layers_with_biases(model, exclude=[model.get_layer("logits")], return_biases=False)
    np.testing.assert_array_equal(full_gradients(expose(model, without), IMAGES)[1], maps)


def test_biases_given_read_or_found_are_the_same():
    model = network(lambda x: layers.BatchNormalization(**WIDE)(conv(activation="gelu")(x)))
    found, constants = layers_with_biases(model)
    _, expected = full_gradients(model, IMAGES)
    np.testing.assert_array_equal(full_gradients(expose(model, found), IMAGES)[1], expected)
    np.testing.assert_array_equal(full_gradients(expose(model, found), IMAGES, biases=constants)[1], expected)


def test_a_manual_model_is_taken_as_it_is():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    before = conv()(inputs)
    x = layers.GlobalAveragePooling2D(**WIDE)(layers.ReLU(**WIDE)(before))
    model = randomize(keras.Model(inputs, layers.Dense(3, name="logits", **WIDE)(x)))
    manual = keras.Model(inputs, [model.output, before])
    _, maps = full_gradients(manual, IMAGES, biases=[model.get_layer("conv").bias])
    np.testing.assert_allclose(maps, full_gradients(model, IMAGES)[1], rtol=1e-12)


def test_full_gradients_are_compiled_with_two_counts_of_units():
    model = network(lambda x: layers.LayerNormalization(**WIDE)(conv(activation="silu")(x)))
    compiled = tf.function(full_gradients, reduce_retracing=True, autograph=False)
    for units in (1, 2, 3):
        indices = np.arange(2 * units).reshape(2, units) % 3
        np.testing.assert_allclose(
            compiled(model, IMAGES, indices)[1], full_gradients(model, IMAGES, indices)[1], rtol=1e-6, atol=1e-9
        )


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


# Full-gradients over other things than images


def interpolated(values, length):
    """Linear interpolation between the centers of equal pieces, along the first axis."""
    before = (np.arange(len(values)) + 0.5) / len(values)
    flat = values.reshape(len(values), -1)
    after = (np.arange(length) + 0.5) / length
    return np.stack([np.interp(after, before, each) for each in flat.T], -1).reshape(length, *values.shape[1:])


def by_hand(terms, size, layout=lambda term: term):
    """The formula in plain loops, for one image and unit: terms with places `(..., K)` and nothing else."""
    total = 0
    for term in terms:
        values = np.abs(layout(np.asarray(term)))
        span = values.max() - values.min()
        values = ((values - values.min()) / span if span else 0 * values).sum(-1)
        for axis, length in enumerate(size):
            values = np.moveaxis(interpolated(np.moveaxis(values, axis, 0), length), 0, axis)
        total = total + values
    return total


def of_kind(shape, *body):
    x = inputs = keras.Input(shape, dtype="float64")
    for layer in body:
        x = layer(x)
    return randomize(keras.Model(inputs, layers.Dense(3, name="logits", **WIDE)(x)))


def gelu(kind, size, **options):
    return kind(3, size, activation="gelu", **WIDE, **options)


FIRST = {"data_format": "channels_first"}
SIGNALS = {
    "signal": ((12, 2), (-2,), (gelu(layers.Conv1D, 3), layers.MaxPooling1D(**WIDE), gelu(layers.Conv1D, 2))),
    "signal, strided": ((13, 1), (-2,), (gelu(layers.Conv1D, 4, strides=3), layers.LayerNormalization(**WIDE))),
    "signal, recurrent": ((7, 4), (-2,), (layers.LSTM(3, return_sequences=True, **WIDE),)),
    "volume": ((5, 6, 7, 2), (-4, -3, -2), (gelu(layers.Conv3D, 2), layers.UpSampling3D(2, **WIDE))),
    "volume, strided": ((6, 4, 4, 1), (-4, -3, -2), (gelu(layers.Conv3D, 3, strides=2, padding="same"),)),
    "film": ((3, 6, 6, 2), (-4, -3, -2), (layers.TimeDistributed(gelu(layers.Conv2D, 3), **WIDE), layers.ReLU(**WIDE))),
    "image": ((6, 7, 2), (-3, -2), (gelu(layers.Conv2D, 3),)),
}


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("kind", SIGNALS)
def test_signals_and_volumes_have_maps_of_their_own_size(kind, given):
    shape, axes, body = SIGNALS[kind]
    model, inputs = of_kind(shape, *body, layers.Flatten(**WIDE)), images(shape=shape)
    logits, maps = full_gradients(model, inputs, **({"spatial_axis": axes} if given else {}))
    assert maps.shape == (2, *shape[:-1], 3)
    _, terms = full_gradient_terms(model, inputs)
    placed = [term for name, term in terms.items() if not name.startswith("logits")]
    for image, unit in ((0, 0), (1, 2)):
        expected = by_hand([term[image, unit] for term in placed], shape[:-1])
        np.testing.assert_allclose(maps[image, ..., unit], expected, rtol=1e-5)


OPEN = {
    "signal": ((11, 2), layers.Conv1D, layers.GlobalAveragePooling1D),
    "image": ((7, 9, 2), layers.Conv2D, layers.GlobalAveragePooling2D),
    "volume": ((5, 6, 7, 1), layers.Conv3D, layers.GlobalAveragePooling3D),
}


@pytest.mark.parametrize("kind", OPEN)
def test_a_model_for_images_of_any_size_has_the_map_of_one_for_this_size(kind):
    shape, convolution, pooling = OPEN[kind]

    def model(shape):
        return of_kind(shape, gelu(convolution, 2, strides=2), gelu(convolution, 1), pooling(**WIDE))

    fixed, free, inputs = model(shape), model((*[None] * (len(shape) - 1), shape[-1])), images(shape=shape)
    spec = tf.TensorSpec((None, *[None] * (len(shape) - 1), shape[-1]), tf.float64)
    compiled = tf.function(lambda x: full_gradients(free, x)[1], input_signature=[spec], autograph=False)
    np.testing.assert_allclose(compiled(inputs), full_gradients(fixed, inputs)[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("axes", [(-3, -2), (-2, -1)])
@pytest.mark.parametrize("body", ["convolutional", "dense", "two", "patches"])
def test_grey_images_without_a_channel_are_images(body, axes):
    layer = layers.Reshape((8, 6, 1), **WIDE)
    inner = {
        "convolutional": (layer, gelu(layers.Conv2D, 3)),
        "two": (layers.Rescaling(2.0, offset=-1.0, **WIDE), layer, gelu(layers.Conv2D, 3), gelu(layers.Conv2D, 2)),
        "patches": (
            layer,
            layers.Conv2D(3, 2, strides=2, **WIDE),
            layers.Reshape((12, 3), **WIDE),
            layers.Dense(3, **WIDE),
        ),
        "dense": (layers.Flatten(**WIDE), layers.Dense(4, activation="relu", **WIDE)),
    }[body]
    model, inputs = of_kind((8, 6), *inner, layers.Flatten(**WIDE)), images(shape=(8, 6))
    _, maps = full_gradients(model, inputs, spatial_axis=axes)
    assert maps.shape == (2, 8, 6, 3)
    _, terms = full_gradient_terms(model, inputs)
    placed = [
        term[0, 1][..., None] if term.ndim == 4 and term.shape[2:] == (8, 6) else term[0, 1] for term in terms.values()
    ]
    placed = [np.reshape(term, (4, 3, 3)) if term.shape == (12, 3) else np.asarray(term) for term in placed]
    # The rescaling's term has two axes, as tokens have: it is not placed.
    expected = by_hand([term for term in placed if term.ndim == 3 and (body != "two" or term is not placed[1])], (8, 6))
    np.testing.assert_allclose(maps[0, ..., 1], expected, rtol=1e-5)


def test_channels_may_come_first():
    inputs, weights = images(shape=(2, 6, 5)), np.random.default_rng(1).normal(size=(2, 6, 5))
    x = symbol = keras.Input((2, 6, 5), dtype="float64")
    x = x * 2.0 + tf.constant(weights)
    x = layers.BatchNormalization(axis=1, **WIDE)(
        layers.Permute((3, 1, 2), **WIDE)(layers.Permute((2, 3, 1), **WIDE)(x))
    )
    model = randomize(keras.Model(symbol, layers.Dense(3, name="logits", **WIDE)(layers.Flatten(**WIDE)(x))))
    _, maps = full_gradients(model, inputs, spatial_axis=(-2, -1))
    _, terms = full_gradient_terms(model, inputs)
    assert maps.shape == (2, 6, 5, 3)
    placed = [term[1, 0] for name, term in terms.items() if name != "logits"]
    expected = by_hand(placed, (6, 5), lambda term: np.moveaxis(term, 0, -1))
    np.testing.assert_allclose(maps[1, ..., 0], expected, rtol=1e-5)


@pytest.mark.parametrize("shapes", [[(5,)], [(6, 6, 2), (6, 6, 2)], [(3,), (2,)], [(4, 4, 4, 4, 1)]])
def test_inputs_without_one_image_are_refused(shapes):
    inputs = [keras.Input(shape, dtype="float64") for shape in shapes]
    flat = layers.Concatenate(**WIDE)([layers.Flatten(**WIDE)(x) for x in inputs] * 2)
    model = keras.Model(inputs, layers.Dense(3, **WIDE)(flat))
    data = [images(shape=shape) for shape in shapes]
    with pytest.raises(ValueError, match=r"`inputs` must have one image.*Received: spatial_axis=.*of them fit"):
        full_gradients(model, data if len(data) > 1 else data[0])


def test_what_has_no_places_is_passed_by():
    image, age = keras.Input((6, 6, 2), dtype="float64"), keras.Input((2,), dtype="float64")
    x = layers.Concatenate(**WIDE)(
        [layers.Flatten(**WIDE)(conv(activation="relu")(image)), layers.Dense(3, **WIDE)(age)]
    )
    model = randomize(keras.Model([age, image], layers.Dense(3, name="logits", **WIDE)(x)))
    ages = np.array([[1.0, 2.0], [0.5, -1.0]])
    _, maps = full_gradients(model, [ages, IMAGES])
    _, terms = full_gradient_terms(model, [ages, IMAGES])
    np.testing.assert_allclose(
        maps[1, ..., 0], by_hand([terms["inputs"][1][1, 0], terms["conv"][1, 0]], (6, 6)), rtol=1e-5
    )


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


# Refusals


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
