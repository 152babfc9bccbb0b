"""The default signal lies over the image as the image lies, and reaches the scores."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.model.locate import default_layer, signal_endpoint, spatial_signals
from tests import models

SQUARE, WIDE = (16, 16, 3), (16, 24, 3)


def head(x):
    return layers.Dense(3, name="scores")(layers.GlobalAveragePooling2D(name="pool")(x))


def network(body, shape):
    """Make a model of `conv`, a body, and a dense head, if the body has none."""
    inputs = keras.Input(shape)
    x = body(layers.Conv2D(4, 3, padding="same", activation="tanh", name="conv")(inputs))
    if len(x.shape) == 4:
        x = head(x)
    return models.randomize(keras.Model(inputs, x if x.shape[1:] == (3,) else layers.Dense(3, name="scores")(x)))


# The convolutional models: each body, and the layer whose output must be looked at.


class Turn(layers.Layer):
    """A layer of one's own that lays the image on its side."""

    def call(self, x):
        return tf.transpose(x, (0, 2, 1, 3))


class Nested(keras.Model):
    """A model of one's own that turns its image in its call."""

    def __init__(self):
        super().__init__(name="nested")
        self.first = layers.Conv2D(4, 3, padding="same", name="first")
        self.second = layers.Conv2D(4, 3, padding="same", name="second")

    def call(self, x):
        return self.second(ops.transpose(self.first(x), (0, 2, 1, 3)))


def other(x, name="other"):
    return layers.Conv2D(4, 3, padding="same", activation="tanh", name=name)(x)


def columns_as_time(x):
    x = layers.Permute((2, 1, 3))(layers.MaxPooling2D(2, name="small")(x))
    return layers.LSTM(4)(layers.Reshape((x.shape[1], -1))(x))


def rows_as_time(x):
    x = layers.MaxPooling2D(2, name="small")(x)
    return layers.Bidirectional(layers.LSTM(4))(layers.Reshape((x.shape[1], -1))(x))


def sequences(x):
    x = layers.Reshape((x.shape[1], -1))(layers.MaxPooling2D(2, name="small")(x))
    return layers.Flatten()(layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x))


TURNED = {
    "Permute before Flatten": (lambda x: layers.Flatten()(layers.Permute((2, 1, 3))(x)), "conv"),
    "Permute before pooling": (lambda x: other(layers.Permute((2, 1, 3))(x)), "conv"),
    "Lambda": (lambda x: other(layers.Lambda(lambda t: tf.transpose(t, (0, 2, 1, 3)))(x)), "conv"),
    "operation": (lambda x: other(ops.transpose(x, (0, 2, 1, 3))), "conv"),
    "swapaxes": (lambda x: other(ops.swapaxes(x, 1, 2)), "conv"),
    "einsum": (lambda x: other(ops.einsum("bhwc->bwhc", x)), "conv"),
    "a layer of one's own": (lambda x: other(Turn()(x)), "conv"),
    "in a model's call": (lambda x: Nested()(x), "nested/first"),
    "channels first": (lambda x: layers.Flatten()(layers.Permute((3, 1, 2))(x)), "conv"),
    "flipped": (lambda x: other(ops.flip(x, 2)), "conv"),
    "rolled": (lambda x: other(ops.roll(x, 3, 1)), "conv"),
    "halves put below one another": (
        lambda x: other(ops.concatenate([x[:, :, :8], x[:, :, 8:16]], 1)),
        "conv",
    ),
    "sides that do not fit": (lambda x: other(layers.Reshape((x.shape[1] // 2, 4 * x.shape[2], -1))(x)), "conv"),
    "columns as time": (columns_as_time, "small"),
    "rows as time": (rows_as_time, "small"),
    "sequences": (sequences, "small"),
    "reshaped features": (
        lambda x: layers.Flatten()(layers.Reshape((4, 4, 1))(layers.Dense(16)(layers.Flatten()(x)))),
        "conv",
    ),
}
STRAIGHT = {
    "turned back by Permute": lambda x: layers.Permute((2, 1, 3), name="back")(other(layers.Permute((2, 1, 3))(x))),
    "turned back by two": lambda x: ops.transpose(ops.moveaxis(other(x), 1, 3), (0, 3, 1, 2)),
    "flattened and put back": lambda x: other(layers.Reshape(x.shape[1:])(layers.Flatten()(x))),
    "rolled back": lambda x: other(ops.roll(ops.roll(x, 3, 1), -3, 1)),
    "as tokens": lambda x: other(
        ops.reshape(ops.tanh(ops.reshape(x, (-1, x.shape[1] * x.shape[2], 4))), (-1, *x.shape[1:]))
    ),
    "resized": lambda x: other(layers.Resizing(10, 15)(x)),
    "upsampled": lambda x: other(layers.UpSampling2D()(x)),
    "cropped": lambda x: other(layers.Cropping2D(((2, 3), (1, 1)))(x)),
    "padded by Lambda": lambda x: other(layers.Lambda(lambda t: tf.pad(t, [[0, 0], [2, 2], [2, 2], [0, 0]]))(x)),
    "a weight for each place": lambda x: other(layers.Multiply()([x, ops.sigmoid(ops.mean(x, -1, keepdims=True))])),
    "every other row": lambda x: other(ops.concatenate([x[:, 0::2, 0::2], x[:, 1::2, 0::2]], -1)),
    "half the channels": lambda x: other(x[..., :2]),
    "a skip": lambda x: other(layers.Add()([x, other(x, "inner")])),
}


def by_tape(model, layer, x):
    """Give Grad-CAM as a tape does that reads the layer's output from a Keras model."""
    between = model.get_layer(layer).output
    signal = keras.Model(model.inputs, between)(x)
    rest = keras.Model(between, model.output)
    with tf.GradientTape() as tape:
        tape.watch(signal)
        score = rest(signal)[:, 1]
    weights = np.asarray(tape.gradient(score, signal)).mean((1, 2), keepdims=True)
    return (np.asarray(signal) * weights).sum(-1)


@pytest.mark.parametrize("shape", [SQUARE, WIDE], ids=str)
@pytest.mark.parametrize("kind", TURNED)
def test_a_signal_that_lies_on_its_side_is_not_looked_at(kind, shape):
    body, layer = TURNED[kind]
    model = network(body, shape)
    model(models.images(1, shape))  # Keras notes what runs for the first time.
    before = models.snapshot(model)
    assert default_layer(model) == layer
    found = expose(model)(models.images(2, shape))[1]
    np.testing.assert_array_equal(found, expose(model, layer)(models.images(2, shape))[1])
    assert list(spatial_signals(model))[-1] == layer
    assert models.same(before, models.snapshot(model)) == []
    if layer == "conv":
        _, maps = gradcam(expose(model), models.images(2, shape), np.array([[1], [1]]))
        np.testing.assert_allclose(maps[..., 0], by_tape(model, layer, models.images(2, shape)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", [SQUARE, WIDE], ids=str)
@pytest.mark.parametrize("kind", STRAIGHT)
def test_a_signal_that_lies_as_the_image_is_looked_at_at_the_pooling(kind, shape):
    model = network(STRAIGHT[kind], shape)
    assert str(signal_endpoint(model)) == "pool (input)"
    # The same from a rehearsal, in which operations of TensorFlow are followed.
    inputs = keras.Input(shape)
    wrapped = keras.Sequential([inputs, Around(model)])
    assert str(signal_endpoint(wrapped)).endswith("/pool (input)")


class Around(keras.Model):
    def __init__(self, model):
        super().__init__(name="around")
        self.model = model

    def call(self, x):
        return self.model(x)


# Transformers.


class Token(layers.Layer):
    """Puts tokens of its own before (or after) the others."""

    def __init__(self, number=1, after=False, **kwargs):
        super().__init__(**kwargs)
        self.number, self.after = number, after

    def build(self, shape):
        self.tokens = self.add_weight(shape=(1, self.number, shape[-1]), name="tokens")

    def call(self, x):
        own = ops.broadcast_to(self.tokens, (ops.shape(x)[0], self.number, x.shape[-1]))
        return ops.concatenate([x, own] if self.after else [own, x], axis=1)


class Block(layers.Layer):
    """A block with Keras's attention inside."""

    def __init__(self, name):
        super().__init__(name=name)
        self.norm1, self.norm2 = layers.LayerNormalization(name="norm1"), layers.LayerNormalization(name="norm2")
        self.mha, self.mlp = layers.MultiHeadAttention(2, 4, name="mha"), layers.Dense(8, "gelu", name="mlp")

    def call(self, x):
        h = self.norm1(x)
        x = x + self.mha(h, h)
        return x + self.mlp(self.norm2(x))


class ByHand(Block):
    """The same with an attention of one's own; it gives its weights as well."""

    def __init__(self, name):
        super().__init__(name)
        self.mha, self.qkv = layers.Dense(8, name="out"), layers.Dense(24, name="qkv")

    def call(self, x):
        number = x.shape[1]
        qkv = ops.transpose(ops.reshape(self.qkv(self.norm1(x)), (-1, number, 3, 2, 4)), (2, 0, 3, 1, 4))
        weights = ops.softmax(ops.matmul(qkv[0], ops.swapaxes(qkv[1], -1, -2)) / 2)
        mixed = ops.reshape(ops.transpose(ops.matmul(weights, qkv[2]), (0, 2, 1, 3)), (-1, number, 8))
        x = x + self.mha(mixed)
        return x + self.mlp(self.norm2(x)), weights


class Windows(Block):
    """Attention in windows of 2 x 2, which lie on the batch axis; with `shift`, rolled before and back after."""

    def __init__(self, name, grid, shift=0):
        super().__init__(name)
        self.grid, self.shift = grid, shift

    def call(self, x):
        rows, columns = self.grid
        h = ops.roll(ops.reshape(self.norm1(x), (-1, rows, columns, 8)), (-self.shift, -self.shift), (1, 2))
        h = ops.transpose(ops.reshape(h, (-1, rows // 2, 2, columns // 2, 2, 8)), (0, 1, 3, 2, 4, 5))
        h = ops.reshape(h, (-1, 4, 8))
        h = ops.reshape(self.mha(h, h), (-1, rows // 2, columns // 2, 2, 2, 8))
        h = ops.reshape(ops.transpose(h, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, 8))
        h = ops.roll(h, (self.shift, self.shift), (1, 2))
        x = x + ops.reshape(h, (-1, rows * columns, 8))
        return x + self.mlp(self.norm2(x))


def blocks(x, make=Block, **own):
    for number in range(2):
        x = make(f"block{number}", **own)(x)
        x = x[0] if isinstance(x, (list, tuple)) else x
    return x


def functional_blocks(x):
    for number in range(2):
        h = layers.LayerNormalization(name=f"norm{number}")(x)
        x = layers.Add(name=f"add{number}")([x, layers.MultiHeadAttention(2, 4, name=f"mha{number}")(h, h)])
    return layers.LayerNormalization(name="norm")(x)


def vit(tokens, shape, patch="conv"):
    """Make a ViT of patches of 4 x 4; `tokens` makes features of what the patches give."""
    inputs = keras.Input(shape)
    rows, columns = shape[0] // 4, shape[1] // 4
    if patch == "conv":
        x = layers.Conv2D(8, 4, strides=4, name="patch")(inputs)
    else:
        x = ops.transpose(ops.reshape(inputs, (-1, rows, 4, columns, 4, 3)), (0, 1, 3, 2, 4, 5))
        x = layers.Dense(8, name="patch")(ops.reshape(x, (-1, rows, columns, 48)))
    x = tokens(layers.Reshape((rows * columns, 8), name="tokens")(x))
    return models.randomize(keras.Model(inputs, layers.Dense(3, name="scores")(x)))


first = lambda x: layers.LayerNormalization(name="norm")(x)[:, 0]  # noqa: E731
named = layers.Activation("tanh", name="patches")
pooled = lambda x: layers.GlobalAveragePooling1D(name="pool")(x)  # noqa: E731
VITS = {
    "class token": (lambda x: first(blocks(Token(name="token")(x))), "block1/norm1"),
    "class token, taken before the norm": (
        lambda x: layers.LayerNormalization(name="norm")(blocks(Token()(x))[:, :1])[:, 0],
        "block1/norm1",
    ),
    "class and distillation tokens": (
        lambda x: (lambda y: ops.concatenate([y[:, 0], y[:, 1]], -1))(blocks(Token(2)(x))),
        "block1/norm1",
    ),
    "class token and registers": (lambda x: first(blocks(Token(5)(x))), "block1/norm1"),
    "two layers of tokens": (
        lambda x: first(blocks(Token(1, name="cls")(Token(4, name="registers")(x)))),
        "block1/norm1",
    ),
    "functional blocks": (lambda x: functional_blocks(Token()(x))[:, 0], "norm1"),
    "attention by hand": (lambda x: first(blocks(Token()(x), ByHand)), "block1/qkv"),
    "mean of the patches": (lambda x: ops.mean(named(blocks(Token()(x))[:, 1:]), 1), "patches"),
    "mean by an operation": (lambda x: ops.mean(blocks(x), 1), "block1"),
    "mean, attention by hand": (lambda x: ops.mean(blocks(x, ByHand), 1), "block1"),
    "pooling": (lambda x: pooled(blocks(x)), "block1"),
    "pooling over registers": (lambda x: pooled(blocks(Token(4)(x))), "block1"),
    "flattened": (lambda x: layers.Flatten(name="pool")(functional_blocks(x)), "norm"),
    "class token, registers after the patches": (
        lambda x: first(blocks(Token(4, after=True, name="registers")(Token(name="cls")(x)))),
        "cls",
    ),
    "registers after the patches": (lambda x: ops.mean(named(blocks(Token(4, after=True)(x))[:, :-4]), 1), "patches"),
    "a mixer": (
        lambda x: ops.mean(
            layers.Add(name="mixed")([x, layers.Permute((2, 1))(layers.Dense(x.shape[1])(layers.Permute((2, 1))(x)))]),
            1,
        ),
        "mixed",
    ),
}


@pytest.mark.parametrize("shape", [SQUARE, WIDE], ids=str)
@pytest.mark.parametrize("kind", VITS)
def test_tokens_are_looked_at_where_their_grid_still_counts(kind, shape):
    tokens, layer = VITS[kind]
    model = vit(tokens, shape)
    before = models.snapshot(model)
    assert default_layer(model) == layer
    images, units = models.images(2, shape), np.array([[1], [2]])
    _, maps = gradcam(expose(model), images, units)
    assert maps.shape == (2, shape[0] // 4, shape[1] // 4, 1)
    assert np.abs(maps).min(axis=(1, 2)).max() > 0
    np.testing.assert_allclose(maps, gradcam(expose(model, layer), images, units)[1], rtol=1e-5, atol=1e-7)
    assert models.same(before, models.snapshot(model)) == []
    inside = [path for path in spatial_signals(model) if path.partition("mha")[2].startswith("/")]
    assert inside == []


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("shape", [SQUARE, WIDE], ids=str)
def test_windows_on_the_batch_axis_are_not_looked_at(shape, shift):
    grid = (shape[0] // 4, shape[1] // 4)
    model = vit(lambda x: ops.mean(blocks(x, Windows, grid=grid, shift=shift), 1), shape, "reshape")
    assert default_layer(model) == "block1"
    found = spatial_signals(model)
    assert "block1/mha" not in found
    assert found["block1/norm1"] == (None, grid[0] * grid[1], 8)
    assert "patch" in found


def test_a_head_that_was_not_trained_yet_hides_no_token():
    model = vit(VITS["class token"][0], SQUARE)
    model.get_layer("scores").kernel.assign(np.zeros((8, 3)))
    assert default_layer(model) == "block1/norm1"


class Subclassed(keras.Model):
    def __init__(self, tokens, grid):
        super().__init__()
        self.patch, self.grid, self.token = (
            layers.Conv2D(8, 4, strides=4, name="patch"),
            grid,
            Token(tokens, name="token"),
        )
        self.blocks = [Block("block0"), Block("block1")]
        self.norm, self.scores = layers.LayerNormalization(name="norm"), layers.Dense(3, name="scores")

    def call(self, x):
        x = self.token(ops.reshape(self.patch(x), (-1, self.grid[0] * self.grid[1], 8)))
        for block in self.blocks:
            x = block(x)
        return ops.softmax(self.scores(self.norm(x)[:, 0]))


@pytest.mark.parametrize("tokens", [1, 2, 5])
@pytest.mark.parametrize("shape", [SQUARE, WIDE], ids=str)
def test_a_subclassed_transformer_is_looked_at_like_a_functional_one(shape, tokens):
    model = Subclassed(tokens, (shape[0] // 4, shape[1] // 4))
    model(models.images(1, shape))
    models.randomize(model)
    assert (str(signal_endpoint(model)), default_layer(model)) == ("block1/norm1 (output)", "block1/norm1")
    assert {"patch", "token", "block0", "block0/mlp", "block1/norm1", "norm"} <= set(spatial_signals(model))


def test_a_default_is_found_while_a_function_is_being_traced():
    model, found = vit(VITS["class token"][0], SQUARE), []

    @tf.function
    def traced(x):
        found.append(str(signal_endpoint(model)))
        return x

    traced(tf.constant(1.0))
    assert found == ["block1/norm1 (output)"]


# Signals, volumes, frames, grey images, channels first.


def small(shape, *body):
    return models.randomize(keras.Sequential([keras.Input(shape), *body, layers.Dense(3, name="scores")]))


OTHERS = {
    "signal": (lambda: small((20, 2), layers.Conv1D(4, 3, name="conv"), layers.LSTM(4)), "conv", (None, 18, 4)),
    "signal, pooled": (
        lambda: small((64, 2), layers.Conv1D(4, 3, name="conv"), layers.GlobalMaxPooling1D()),
        "conv",
        (None, 62, 4),
    ),
    "volume": (
        lambda: small((6, 8, 8, 1), layers.Conv3D(4, 3, name="conv"), layers.GlobalAveragePooling3D()),
        "conv",
        (None, 4, 6, 6, 4),
    ),
    "volume, flattened": (
        lambda: small((6, 8, 8, 1), layers.Conv3D(4, 3, name="conv"), layers.Reshape((-1,))),
        "conv",
        (None, 4, 6, 6, 4),
    ),
    "grey": (
        lambda: small((28, 28), layers.Reshape((28, 28, 1)), layers.Conv2D(4, 3, name="conv"), layers.Flatten()),
        "conv",
        (None, 26, 26, 4),
    ),
    "channels first": (
        lambda: small(
            (3, 12, 16),
            layers.Conv2D(4, 3, data_format="channels_first", name="conv"),
            layers.GlobalAveragePooling2D(data_format="channels_first"),
        ),
        "conv",
        (None, 4, 10, 14),
    ),
    "channels first, flattened": (
        lambda: small((3, 12, 16), layers.Conv2D(4, 3, data_format="channels_first", name="conv"), layers.Flatten()),
        "conv",
        (None, 4, 10, 14),
    ),
    "channels first, permuted inside": (
        lambda: small((3, 12, 16), layers.Permute((2, 3, 1)), layers.Conv2D(4, 3, name="conv"), layers.Flatten()),
        "conv",
        (None, 10, 14, 4),
    ),
    "any size": (
        lambda: small((None, None, 3), layers.Conv2D(4, 3, name="conv"), Turn(), layers.GlobalAveragePooling2D()),
        "conv",
        (None, None, None, 4),
    ),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_image_of_rows_and_columns_and_colours_has_a_default_too(kind):
    build, layer, shape = OTHERS[kind]
    model = build()
    assert default_layer(model) == layer
    assert spatial_signals(model)[layer] == shape
    sides = [9 if side is None else side for side in model.input_shape[1:]]
    images = models.images(2, tuple(sides))
    np.testing.assert_array_equal(expose(model)(images)[1], expose(model, layer)(images)[1])


def squeezed(x):
    weights = layers.Dense(4, "sigmoid")(layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x))
    return layers.Multiply(name="last")([x, weights])


def with_context(x):
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="whole")(x)
    whole = layers.UpSampling2D(x.shape[1:3])(layers.Conv2D(4, 1)(whole))
    return layers.Conv2D(4, 1, name="last")(layers.Concatenate()([x, whole]))


def gated(x):
    gate = layers.Dense(4, "sigmoid")(layers.GlobalMaxPooling2D(name="gate")(x))
    return layers.Conv2D(4, 1, name="last")(x * ops.reshape(gate, (-1, 1, 1, 4)))


@pytest.mark.parametrize("body", [squeezed, with_context, gated])
@pytest.mark.parametrize("end", [lambda x: ops.mean(x, (1, 2)), lambda x: ops.max(x, (1, 2))])
def test_a_pooling_that_only_weighs_channels_is_not_the_last_word(body, end):
    inputs = keras.Input(WIDE)
    x = end(body(layers.Conv2D(4, 3, padding="same", name="conv")(inputs)))
    model = models.randomize(keras.Model(inputs, layers.Dense(3)(x)))
    assert str(signal_endpoint(model)) == "last (output)"
    assert str(signal_endpoint(models.randomize(keras.Sequential([keras.Input(WIDE), Around(model)])))).endswith(
        "/last (output)"
    )


@pytest.mark.parametrize("pooled", [True, False])
def test_in_a_video_each_frame_is_looked_at(pooled):
    end = layers.GlobalAveragePooling2D() if pooled else layers.Reshape((-1,))
    frame = keras.Sequential([keras.Input((6, 8, 3)), layers.Conv2D(4, 3, name="conv"), end], name="cnn")
    model = small((5, 6, 8, 3), layers.TimeDistributed(frame, name="each"), layers.LSTM(4))
    images = models.images(2, (5, 6, 8, 3))
    assert signal_endpoint(model).node == "all"
    signals = expose(model)(images)[1]
    kernel, bias = (np.asarray(w) for w in frame.get_layer("conv").weights)
    for number in range(5):
        expected = ops.conv(images[:, number], kernel) + bias
        np.testing.assert_allclose(signals[number], expected, rtol=1e-4, atol=1e-5)


def test_a_video_of_unknown_length_says_what_it_lacks():
    frame = keras.Sequential([keras.Input((6, 8, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()])
    model = small((None, 6, 8, 3), layers.TimeDistributed(frame, name="each"), layers.LSTM(4))
    with pytest.raises(
        ValueError, match=r"`arguments` must be given.*'each' can be read where the number of time steps"
    ):
        signal_endpoint(model)


# Outputs that do not count.


class Several(layers.Layer):
    """Gives what is not used before and after what is: weights, nothing at all, hidden values."""

    def __init__(self, order):
        super().__init__(name="several")
        self.conv, self.order = layers.Conv2D(4, 3, padding="same", name="inner"), order

    def call(self, x):
        used, weights = self.conv(x), ops.matmul(x, ops.swapaxes(x, -1, -2))
        found = {"used": used, "weights": weights, "empty": ops.zeros((0, 4, 9, 9)), "hidden": 2 * x}
        return [found[name] for name in self.order]


@pytest.mark.parametrize(
    "order", [("used", "weights"), ("weights", "used"), ("empty", "used"), ("hidden", "weights", "used")]
)
def test_an_output_that_nobody_uses_is_not_looked_at(order):
    inputs = keras.Input(SQUARE)
    x = Several(order)(layers.Conv2D(4, 3, name="conv")(inputs))[order.index("used")]
    x = ops.tanh(ops.mean(x, (1, 2)))
    model = models.randomize(keras.Model(inputs, layers.Dense(3)(x)))
    _, signal = expose(model)(models.images(2, SQUARE))
    np.testing.assert_array_equal(signal, expose(model, "several/inner")(models.images(2, SQUARE))[1])


def test_a_layer_that_feeds_shapes_alone_is_off_the_way():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.aside = layers.Conv2D(4, 3, name="conv"), layers.Conv2D(4, 3, name="aside")

        def call(self, x):
            side = self.aside(x)
            return ops.mean(self.conv(x), (1, 2)) + ops.zeros(tf.shape(side)[:1])[:, None]

    model = models.called(Net())
    assert list(spatial_signals(model)) == ["conv"]
    assert str(signal_endpoint(model)) == "conv (output)"


class Encoder(layers.Layer):
    """Gives the tokens, and those after each of its blocks."""

    def __init__(self):
        super().__init__(name="encoder")
        self.blocks = [Block(name=f"block{n}") for n in range(2)]

    def call(self, x):
        states = [x]
        for block in self.blocks:
            states.append(block(states[-1]))
        return states[-1], states


def test_of_states_that_an_encoder_hands_on_the_layer_that_made_one_is_named():
    model = vit(lambda x: first(Encoder()(Token()(x))[0]), (16, 24, 3))
    path = expose(model).endpoints[1].path
    assert path.startswith("encoder/block")


def test_weights_of_tokens_are_no_signal():
    def pooled(x):
        x = layers.Dense(8, activation="tanh", name="last")(x)
        weights = ops.softmax(layers.Dense(1, name="weights")(x), axis=1)
        return ops.sum(weights * x, axis=1)

    exposed = expose(vit(pooled, (16, 24, 3)))
    assert exposed(models.images(1, (16, 24, 3)))[1].shape == (1, 24, 8)


LAST = {
    "class token": (1, lambda x: x[:, -1]),
    "registers": (4, lambda x: layers.GlobalAveragePooling1D()(x[:, :-4])),
    "registers, all pooled": (4, lambda x: layers.GlobalAveragePooling1D()(x)),
    "two tokens": (2, lambda x: ops.concatenate([x[:, -1], x[:, -2]], -1)),
}


@pytest.mark.parametrize("kind", LAST)
@pytest.mark.parametrize("shape", [(16, 24, 3), (24, 24, 3)], ids=str)
@pytest.mark.parametrize("path", ["block0", "block1/norm1"])
def test_tokens_that_stand_last_are_left_out_as_those_that_stand_first(kind, shape, path):
    number, head = LAST[kind]
    model = vit(lambda x: head(blocks(Token(number, after=True)(x))), shape)
    exposed, x, grid = expose(model, path), models.images(2, shape), (shape[0] // 4, shape[1] // 4)
    with tf.GradientTape() as tape:
        images = tf.constant(x)
        tape.watch(images)
        logits, signal = exposed.read(images, watch=tape.watch)
        unit = logits[:, 1]
    places = grid[0] * grid[1]
    assert signal.shape[1] == places + number
    slope = np.asarray(tape.gradient(unit, signal))[:, :places]
    expected = np.einsum("bnk,bk->bn", np.asarray(signal)[:, :places], slope.mean(1)).reshape(2, *grid)
    for maps in (
        gradcam(exposed, images, np.array([[1], [1]]))[1],
        ke.explain(gradcam, exposed, x, 1, resizing=False, verbose=0)[1],
    ):
        np.testing.assert_allclose(maps[..., 0], expected, rtol=1e-3, atol=1e-6)
