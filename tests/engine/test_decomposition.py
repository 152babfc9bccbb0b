"""The law of full-gradients: all terms sum to the logit, whatever the model is made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.decomposition import decompose
from ke_widgets.inspection import expose, layers_with_biases
from ke_widgets.methods.gradient import full_gradient_terms, full_gradients
from tests.methods.networks import WIDE, conv, images, network, randomize

IMAGES = images()
NOISE = np.random.default_rng(3)
PLANE, TOKENS, ROW = NOISE.normal(size=(4, 4, 3)), NOISE.normal(size=(16, 3)), NOISE.normal(size=3)


def remainder(model, inputs, compiled=False, **own):
    """What is left of the logits when all terms are taken off, as a part of the largest logit (or of 1)."""

    def parts(inputs):
        logits, terms = full_gradient_terms(model, inputs, **own)
        return logits, keras.tree.flatten(terms)

    logits, terms = (tf.function(parts, autograph=False) if compiled else parts)(inputs)
    left = sum(np.asarray(term, "float64").reshape(*logits.shape, -1).sum(-1) for term in terms) - logits
    return np.abs(left).max() / max(1, np.abs(logits).max())


class Own(layers.Layer):
    """A layer of the user's own: a function of the signal and of weights that nothing names."""

    def __init__(self, function, inner=(), **kwargs):
        super().__init__(**{**WIDE, **kwargs})
        self.function, self.inner = function, list(inner)

    def build(self, shape):
        self.row = self.add_weight(shape=(shape[-1],), name="row")
        self.pos = self.add_weight(shape=shape[1:], name="pos")

    def call(self, x):
        return self.function(self, x)


def dense(units=3, **options):
    return layers.Dense(units, **WIDE, **options)


def tokens(x):
    return layers.Reshape((16, 3), **WIDE)(x)


class Positions(layers.Layer):
    """Gives its table, whatever comes in: keras.io's and KerasHub's PositionEmbedding."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], name="table")

    def call(self, x):
        return ops.broadcast_to(self.table, ops.shape(x))


class Weighted(layers.Conv2D):
    """A convolution with a call of its own."""

    def call(self, x):
        return ops.tanh(super().call(x)) + 0.3


class Frozen(layers.BatchNormalization):
    def call(self, x, training=False):
        return super().call(x, training=False) * 2.0 + 1.0


with_own = {
    "position added": lambda s, x: x + s.pos,
    "layer scale and shift": lambda s, x: x * s.row + 0.5 * s.row,
    "class token": lambda s, x: ops.concatenate([ops.broadcast_to(s.pos[:1], ops.shape(x[:, :1])), x], axis=1)[:, :4],
    "learned temperature": lambda s, x: ops.tanh(x / s.row) - s.row,
    "attention by hand": lambda s, x: ops.softmax(x @ ops.transpose(x, (0, 1, 3, 2))) @ x,
    "gather": lambda s, x: ops.take(x, [3, 0, 0, 2], axis=1) + ops.square(x[:, ::-1]),
    "a loop": lambda s, x: tf.while_loop(lambda n, y: n < 3, lambda n, y: (n + 1, ops.sin(y) + 1.0), (0, x))[1],
    "a branch": lambda s, x: tf.cond(tf.reduce_sum(x) > 0, lambda: ops.exp(x), lambda: x + 2.0),
    "stopped gradient": lambda s, x: x + ops.stop_gradient(ops.square(x)),
    "straight through": lambda s, x: x + ops.stop_gradient(ops.round(x) - x),
    "cumulative": lambda s, x: ops.cumsum(ops.softplus(x), axis=1) / ops.max(x, axis=(1, 2), keepdims=True),
    "standardized": lambda s, x: (x - ops.mean(x, (1, 2), keepdims=True)) / ops.std(x, (1, 2), keepdims=True) + s.row,
}
CONSTANTS = {
    **{name: Own(function) for name, function in with_own.items()},
    "tensor less": lambda x: x - tf.constant(PLANE),
    "less than a tensor": lambda x: tf.constant(PLANE) - x,
    "array in front": lambda x: ops.subtract(PLANE, x),
    "divided": lambda x: (x - ROW) / tf.constant(np.abs(ROW)),
    "divides": lambda x: ops.divide(tf.constant(ROW), ops.square(x) + 1.0),
    "divided by a signal": lambda x: x / (1.0 + ops.sigmoid(x)),
    "times itself": lambda x: x * x,
    "times a signal": lambda x: x * ops.tanh(x) * PLANE,
    "turned round": lambda x: x[..., ::-1] - tf.constant(ROW),
    "chosen": lambda x: ops.where(x > 0.1, x, tf.constant(PLANE)),
    "chosen by a constant": lambda x: ops.where(PLANE > 0, x, 3.0),
    "add layer": lambda x: layers.Add(**WIDE)([x, tf.constant(PLANE[None])]),
    "subtract layer": lambda x: layers.Subtract(**WIDE)([x, tf.constant(PLANE[None])]),
    "average layer": lambda x: layers.Average(**WIDE)([x, tf.constant(PLANE[None]), x]),
    "concatenate layer": lambda x: layers.Concatenate(**WIDE)([x, ops.ones_like(x)]),
    "maximum layer": lambda x: layers.Maximum(**WIDE)([x, tf.constant(PLANE[None])]),
    "multiply layer": lambda x: layers.Multiply(**WIDE)([x, tf.constant(PLANE[None]), ops.exp(x)]),
    "dot layer": lambda x: layers.Dot((2, 2), normalize=True, **WIDE)([tokens(x), tokens(ops.sin(x))]),
    "einsum": lambda x: ops.einsum("bhwc,bhvc,cd->bwvd", x, ops.exp(x), np.eye(3)),
    "lambda over a constant": layers.Lambda(lambda x: (x - tf.constant(PLANE)) * 2.0, **WIDE),
    "lambda over a variable": (lambda v: layers.Lambda(lambda x: x + v, **WIDE))(
        keras.Variable(PLANE, dtype="float64")
    ),
    "position embedding": lambda x: x + Positions(**WIDE)(x),
    "dense of a constant": lambda x: x + dense(activation="gelu")(ops.ones_like(x)),
    "dense of a table": lambda x: x + dense(activation="relu")(Positions(**WIDE)(x)),
    "statistics": layers.Normalization(mean=ROW, variance=ROW**2, **WIDE),
    "rescaled channels": layers.Rescaling([1.0, 2.0, 3.0], offset=[0.1, 0.0, -1.0], **WIDE),
    "padded": lambda x: ops.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)), constant_values=-2.0),
    "power": lambda x: (ops.square(x) + 0.1) ** 1.5 + 2.0**x,
    "clipped": lambda x: ops.clip(x, -0.2, 0.3),
    "own convolution": lambda x: Weighted(3, 3, **WIDE)(x),
    "own normalization": lambda x: Frozen(**WIDE)(x),
    "comparison": lambda x: x + ops.cast(x > 0, "float64"),
    "cast": lambda x: ops.cast(ops.cast(x * 100, "int32"), "float64") + x,
}


EAGER = {"position added", "a branch", "tensor less", "position embedding", "dense of a constant", "own convolution"}


@pytest.mark.parametrize("kind", CONSTANTS)
def test_constants_are_what_a_layer_adds_and_signals_what_comes_in(kind):
    model = network(lambda x: CONSTANTS[kind](conv(activation="relu")(x)), head=layers.Flatten)
    assert remainder(model, IMAGES, compiled=kind not in EAGER) < 1e-11


def test_a_constant_taken_off_is_itself_the_bias():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    x = inputs - tf.constant(2.0 * np.ones((6, 6, 2)))
    model = randomize(keras.Model(inputs, dense(use_bias=False, name="logits")(layers.Flatten(**WIDE)(x))))
    _, terms = full_gradient_terms(model, IMAGES)
    weights = np.asarray(model.get_layer("logits").kernel).T.reshape(1, 3, 6, 6, 2)
    found, constant = terms.values()
    np.testing.assert_allclose(found, weights * IMAGES[:, None])
    np.testing.assert_allclose(constant, np.tile(-2.0 * weights, (2, 1, 1, 1, 1)))


# Resizing


def resize(x, size=(7, 5), **options):
    return ops.image.resize(x, size, **options)


def pyramid(s, x):
    """DeepLab's and PSPNet's: what is pooled comes back to the size of the rest."""
    whole = s.inner[0](ops.mean(x, axis=(1, 2), keepdims=True))
    half = s.inner[1](ops.average_pool(x, 2, 2))
    return ops.concatenate([x, resize(whole, (4, 4)), resize(half, (4, 4), interpolation="bicubic")], axis=-1)


RESIZED = {
    **{
        f"layer, {how}": layers.Resizing(7, 5, interpolation=how)
        for how in ("bilinear", "nearest", "bicubic", "lanczos3")
    },
    **{f"up, {how}": layers.UpSampling2D(2, interpolation=how) for how in ("bilinear", "nearest", "bicubic")},
    "operation": lambda x: resize(ops.tanh(x)),
    "antialias": lambda x: resize(ops.tanh(x), (2, 3), antialias=True),
    "cropped": layers.Resizing(3, 5, crop_to_aspect_ratio=True),
    "letterbox": layers.Resizing(3, 9, pad_to_aspect_ratio=True, fill_value=2.0),
    "black letterbox": layers.Resizing(3, 9, pad_to_aspect_ratio=True),
    "pyramid": lambda x: Own(
        pyramid, [layers.Conv2D(3, 1, activation="relu"), layers.Conv2D(3, 1, activation="silu")], dtype="float32"
    )(x),
    "feature pyramid": Own(
        lambda s, x: ops.gelu(x) + resize(ops.silu(x[:, ::2, ::2] + s.row), (4, 4), interpolation="nearest"),
        dtype="float32",
    ),
    "positions resized": Own(lambda s, x: x + resize(s.pos[None, :2, :2], (4, 4)), dtype="float32"),
    "tensorflow": layers.Lambda(lambda x: tf.image.resize(tf.square(x), (5, 5), "gaussian")),
}


@pytest.mark.parametrize("kind", RESIZED)
def test_resizing_is_linear_wherever_it_stands(kind):
    inputs = keras.Input((6, 6, 2))
    x = RESIZED[kind](layers.Conv2D(3, 3, activation="gelu")(inputs))
    x = layers.Dense(3, name="logits")(layers.Flatten()(x))
    model = randomize(keras.Model(inputs, x))
    assert remainder(model, IMAGES.astype("float32"), compiled=kind != "pyramid") < 1e-6


def test_resizing_where_it_cannot_be_reached_is_refused_by_name():
    function = tf.function(lambda x: tf.image.resize(tf.square(x), (5, 5)))
    model = network(lambda x: layers.Lambda(function, name="mine", **WIDE)(conv()(x)))
    with pytest.raises(ValueError, match=r"Received: 'mine'.*ResizeBilinear inside a `tf.function`.*`exclude`"):
        full_gradient_terms(model, IMAGES)


# Several outputs


def head_and_hidden(s, x):
    hidden = ops.gelu(x + s.row)
    return ops.tanh(hidden @ ops.transpose(hidden, (0, 1, 3, 2))) + 1.0, hidden


def stages(s, x):
    first = ops.silu(x + s.row)
    second = ops.square(first) + s.pos
    return {"stages": [first, second], "last": ops.tanh(second) + first}


def moments(s, x):
    return ops.gelu(x) + s.row, ops.mean(x), ops.ones((7,)), ops.zeros((0, 4, 9))


SEVERAL = {
    "value of (value, hidden)": (head_and_hidden, lambda y: y[0]),
    "hidden of (value, hidden)": (head_and_hidden, lambda y: y[1]),
    "both of (value, hidden)": (head_and_hidden, lambda y: y[0] @ y[1]),
    "(hidden, value)": (lambda s, x: head_and_hidden(s, x)[::-1], lambda y: ops.tanh(y[0]) * ops.matmul(y[1], y[0])),
    "(value, what came in)": (lambda s, x: (ops.gelu(x) + s.row, x), lambda y: y[0] * y[1]),
    "the same twice": (lambda s, x: (z := ops.gelu(x), z), lambda y: y[0] + 2.0 * ops.exp(y[1])),
    "a pyramid of stages": (stages, lambda y: y["last"] + y["stages"][0] * y["stages"][1]),
    "the first of stages": (stages, lambda y: y["stages"][0]),
    "with others of no image": (moments, lambda y: y[0]),
}


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("compiled", [False, True])
def test_outputs_that_depend_on_one_another_count_once(kind, compiled):
    function, use = SEVERAL[kind]
    model = network(lambda x: use(Own(function)(conv(activation="relu")(x))), head=layers.Flatten)
    assert remainder(model, IMAGES, compiled) < 1e-11
    _, maps = full_gradients(model, IMAGES[:1], np.array([[2]]))
    assert maps.shape == (1, 6, 6, 1)
    assert np.isfinite(maps).all()


# Twins of the models that people bring, by hand


class Block(layers.Layer):
    """A transformer's block, as DINOv2 has it: layer scale, and its attention's output kept."""

    def __init__(self, several=False):
        super().__init__(**WIDE)
        self.several = several
        self.before, self.after = layers.LayerNormalization(**WIDE), layers.LayerNormalization(**WIDE)
        self.attention = layers.MultiHeadAttention(2, 3, **WIDE)
        self.up, self.down = dense(6, activation="gelu"), dense(3)

    def build(self, shape):
        self.gain = self.add_weight(shape=(3,), name="gain")

    def call(self, x):
        h = self.before(x)
        x = x + self.gain * self.attention(h, h)
        y = x + self.gain * self.down(self.up(self.after(x)))
        return (y, x) if self.several else y


class Encoder(layers.Layer):
    def __init__(self, depth=2):
        super().__init__(**WIDE)
        self.blocks = [Block() for _ in range(depth)]

    def call(self, x):
        hidden = []
        for block in self.blocks:
            hidden.append(x := block(x))
        return x, hidden


class Tokens(layers.Layer):
    """Class token, register and positions, as DINOv2 and DeiT have them."""

    def build(self, shape):
        self.extra = self.add_weight(shape=(1, 2, shape[-1]), name="extra")
        self.pos = self.add_weight(shape=(1, shape[1] + 2, shape[-1]), name="pos")

    def call(self, x):
        extra = ops.broadcast_to(self.extra, (ops.shape(x)[0], 2, x.shape[-1]))
        return ops.concatenate([extra, x], axis=1) + self.pos


def tl_resizing(x):
    x = layers.Resizing(5, 5, **WIDE)(layers.Rescaling(1 / 127.5, offset=-1, **WIDE)(x))
    return layers.ReLU(6.0, **WIDE)(layers.BatchNormalization(**WIDE)(conv(size=2)(x)))


def kerasio_vit(x):
    x = layers.Normalization(mean=[0.1, 0.2], variance=[0.5, 2.0], **WIDE)(x)
    x = layers.Resizing(8, 8, interpolation="nearest", **WIDE)(x)
    x = layers.Reshape((16, 8), **WIDE)(ops.image.extract_patches(x, (2, 2)))
    x = dense()(x) + layers.Embedding(16, 3, **WIDE)(ops.expand_dims(ops.arange(16), 0))
    for _ in range(2):
        h = layers.LayerNormalization(epsilon=1e-6, **WIDE)(x)
        x = layers.Add(**WIDE)([layers.MultiHeadAttention(2, 3, dropout=0.1, **WIDE)(h, h), x])
        h = layers.LayerNormalization(epsilon=1e-6, **WIDE)(x)
        x = layers.Add(**WIDE)([dense(activation=keras.activations.gelu)(h), x])
    return layers.LayerNormalization(**WIDE)(x)


def deeplab(x):
    x = conv(activation="relu")(x)
    pooled = layers.GlobalAveragePooling2D(keepdims=True, **WIDE)(x)
    pooled = layers.BatchNormalization(**WIDE)(layers.Conv2D(3, 1, use_bias=False, **WIDE)(pooled))
    pooled = layers.UpSampling2D((4, 4), interpolation="bilinear", **WIDE)(layers.ReLU(**WIDE)(pooled))
    branches = [conv(name=f"rate_{n}", dilation_rate=n, padding="same", activation="relu")(x) for n in (1, 2)]
    return layers.Concatenate(**WIDE)([*branches, pooled])


def dinov2(x):
    x = layers.Conv2D(3, 2, strides=2, **WIDE)(x)
    x, hidden = Encoder()(Tokens(**WIDE)(layers.Reshape((9, 3), **WIDE)(x)))
    return layers.LayerNormalization(**WIDE)(x)[:, 0] + ops.mean(hidden[0], axis=1)


def block_and_attention(x):
    y, kept = Block(several=True)(tokens(conv(activation="gelu")(x)))
    return ops.concatenate([y, kept, Block()(kept)], axis=-1)


class Stage(layers.Layer):
    """HGNetV2's: each convolution's value is kept and joined, and given to the outside as well."""

    def __init__(self):
        super().__init__(**WIDE)
        self.convolutions = [conv(name=f"c{n}", padding="same", activation="relu") for n in range(3)]
        self.join = conv(size=1, name="join")

    def build(self, shape):
        self.scale = self.add_weight(shape=(), name="scale")

    def call(self, x):
        found = [x]
        for convolution in self.convolutions:
            found.append(self.scale * convolution(found[-1]) + 0.1)
        return self.join(ops.concatenate(found, axis=-1)), tuple(found[1:])


def hgnetv2(x):
    y, stages = Stage()(conv(activation="relu")(x))
    return y + stages[1]


class Windows(layers.Layer):
    """ViTDet's and Swin's: pad to windows, attend inside, put them back; positions come from a resized table."""

    def __init__(self):
        super().__init__(**WIDE)
        self.attention = layers.MultiHeadAttention(1, 3, **WIDE)

    def build(self, shape):
        self.table = self.add_weight(shape=(1, 3, 3, 3), name="table")

    def call(self, x):
        x = x + ops.cast(ops.image.resize(self.table, (4, 4), interpolation="bicubic"), x.dtype)
        w = ops.reshape(ops.transpose(ops.reshape(x, (-1, 2, 2, 2, 2, 3)), (0, 1, 3, 2, 4, 5)), (-1, 4, 3))
        w = ops.reshape(self.attention(w, w), (-1, 2, 2, 2, 2, 3))
        return x + ops.reshape(ops.transpose(w, (0, 1, 3, 2, 4, 5)), (-1, 4, 4, 3))


def vitdet(x):
    mean, deviation = (tf.constant([a, b], "float64") for a, b in ((0.4, 0.5), (0.2, 0.3)))
    return Windows()(conv(activation="gelu")((x - mean) / deviation))


def mobilevit(x):
    local = layers.Activation("silu", **WIDE)(layers.BatchNormalization(**WIDE)(conv()(x)))
    far = layers.Reshape((4, 4, 3), **WIDE)(Block()(tokens(local)))
    return layers.Conv2D(3, 1, activation="silu", **WIDE)(layers.Concatenate(**WIDE)([local, far]))


def convnext(x):
    h = layers.DepthwiseConv2D(3, padding="same", **WIDE)(x := conv()(x))
    h = dense()(dense(9, activation="gelu")(layers.LayerNormalization(epsilon=1e-6, **WIDE)(h)))
    return x + Own(lambda s, x: x * s.row)(h)


def squeezed(x):
    x = layers.Activation("hard_silu", **WIDE)(layers.BatchNormalization(**WIDE)(conv()(x)))
    gate = layers.GlobalAveragePooling2D(keepdims=True, **WIDE)(x)
    gate = layers.Activation("hard_sigmoid", **WIDE)(layers.Conv2D(3, 1, **WIDE)(gate))
    return layers.Multiply(**WIDE)([x, gate]) * 0.5


def mixer(x):
    x = tokens(conv()(x))
    h = layers.Permute((2, 1), **WIDE)(layers.LayerNormalization(**WIDE)(x))
    return x + layers.Permute((2, 1), **WIDE)(dense(16)(dense(5, activation="gelu")(h)))


def highway(x):
    x = conv(activation="elu")(x)
    gate = dense(activation="sigmoid")(x)
    return gate * dense(activation="tanh")(x) + (1.0 - gate) * x


def weighted_sum(x):
    """EfficientDet's fusion: weights by a softmax over what comes in, of two scales."""
    x = conv(activation="swish")(x)
    low = layers.UpSampling2D(**WIDE)(layers.AveragePooling2D(2, **WIDE)(x))
    weights = ops.softmax(ops.stack([ops.mean(x, (1, 2, 3)), ops.mean(low, (1, 2, 3))], axis=1))[:, None, None, :]
    return weights[..., :1] * x + weights[..., 1:] * ops.silu(low)


def recurrent(x):
    x = layers.Reshape((4, 12), **WIDE)(conv()(x))
    sequence, state = layers.SimpleRNN(3, return_sequences=True, return_state=True, **WIDE)(x)
    return sequence * layers.RepeatVector(4, **WIDE)(state)


def cosine_head(x):
    x = layers.GlobalMaxPooling2D(**WIDE)(conv(activation="relu")(x))
    return layers.UnitNormalization(**WIDE)(layers.Dropout(0.5, **WIDE)(x))


def group_and_rms(x):
    x = layers.GroupNormalization(3, **WIDE)(conv(activation="mish")(x))
    return layers.RMSNormalization(**WIDE)(layers.PReLU(**WIDE)(x))


TWINS = [tl_resizing, kerasio_vit, deeplab, dinov2, block_and_attention, hgnetv2, vitdet]
OTHERS = [mobilevit, convnext, squeezed, mixer, highway, weighted_sum, recurrent, cosine_head, group_and_rms]
ROUNDED = {tl_resizing, kerasio_vit, deeplab, vitdet}  # TensorFlow resizes in float32.


@pytest.mark.parametrize("body", [*TWINS, *OTHERS], ids=lambda body: body.__name__)
def test_the_terms_sum_to_the_logit_of(body):
    model = network(body, head=layers.Flatten)
    most = 1e-6 if body in ROUNDED else 1e-9
    assert remainder(model, IMAGES, compiled=True, indices=np.array([[2], [0]])) < most


@pytest.mark.parametrize("body", [highway, squeezed, hgnetv2], ids=lambda body: body.__name__)
def test_a_model_that_is_called_twice_is_complete(body):
    x = keras.Input((6, 6, 2), dtype="float64")
    inner = keras.Model(x, body(x))
    both = inner(x) + 2.0 * ops.tanh(inner(1.0 - x))
    model = randomize(keras.Model(x, dense(name="logits")(layers.Flatten(**WIDE)(both))))
    assert remainder(model, IMAGES, compiled=True) < 1e-9


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_complete_to_its_rounding(policy):
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((6, 6, 2))
        x = layers.Resizing(5, 5)((inputs - tf.constant(0.5)) / tf.constant(0.25))
        x = layers.LayerNormalization()(layers.Conv2D(3, 3, activation="silu")(x))
        x = layers.Dense(3, dtype="float32")(layers.Flatten()(x * ops.sigmoid(x)))
    finally:
        keras.config.set_dtype_policy("float32")
    assert remainder(randomize(keras.Model(inputs, x)), IMAGES.astype("float32")) < 2e-2


def test_what_is_excluded_is_missing_from_the_sum_and_no_more():
    model = network(highway, head=layers.Flatten)
    found = layers_with_biases(model, return_biases=False)
    left_out = next(layer for layer in found if layer.name.startswith("dense"))
    _, whole = full_gradient_terms(model, IMAGES)
    _, some = full_gradient_terms(expose(model, layers_with_biases(model, [left_out], False)), IMAGES)
    assert {name.split(",")[0] for name in set(whole) - set(some)} == {left_out.name}
    for name in some:
        np.testing.assert_allclose(some[name], whole[name], atol=1e-14)


def test_the_bias_is_read_once_it_is_needed():
    model = network(lambda x: layers.ReLU(6, name="six", **WIDE)(conv()(x)))
    found = expose(model, ["six"])
    _, own, terms = decompose(found, IMAGES, [("six", model.get_layer("six"), None)])
    assert not bool(terms["six"].some)
    assert not np.any(terms["six"].factor())
    _, _, terms = decompose(found, 100 * IMAGES, [("six", model.get_layer("six"), None)])
    assert bool(terms["six"].some)
    assert np.max(terms["six"].factor()) == 6
    assert own[0].gradient.shape == (2, 3, 6, 6, 2)


class Pooled(layers.Layer):
    """As DeepLab's pyramid: blocks with normalization and dropout inside, one of them pooled and resized."""

    def __init__(self):
        super().__init__(**WIDE)
        self.blocks = [
            keras.Sequential(
                [conv(3, name=f"conv{n}"), layers.BatchNormalization(**WIDE), layers.ReLU(**WIDE), *noise],
            )
            for n, noise in enumerate(([], [layers.Dropout(0.5, **WIDE)], [layers.GaussianNoise(1.0, **WIDE)]))
        ]

    def build(self, shape):
        for block in self.blocks:
            block.build(shape)

    def call(self, x):
        first, *others = (block(x) for block in self.blocks)
        pooled = ops.mean(others[-1], (1, 2), keepdims=True)
        return ops.concatenate([first, *others[:-1], ops.broadcast_to(pooled, ops.shape(first))], -1)


def test_a_layer_is_run_again_as_in_the_model_and_not_as_in_training():
    model = network(lambda x: Pooled()(x))
    assert remainder(model, IMAGES) < 1e-11


@pytest.mark.parametrize("value", [0.0, 2.0, -np.inf])
def test_what_is_padded_before_a_maximum_counts_where_it_is_taken(value):
    def body(x):
        x = ops.pad(conv(name="conv")(x), ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=value)
        return layers.MaxPooling2D(3, 2, **WIDE)(x)

    assert remainder(network(body, head=layers.Flatten), IMAGES) < 1e-11


def test_images_and_units_in_variables_count_as_inputs():
    model = network(conv(2, activation="gelu"))
    exposed, units = expose(model, layers_with_biases(model, return_biases=False)), np.array([[1], [0]], "int32")
    expected = full_gradients(exposed, tf.constant(images()), tf.constant(units))
    for found in zip(full_gradients(exposed, tf.Variable(images()), tf.Variable(units)), expected):
        for one, other in zip(*map(keras.tree.flatten, found)):
            np.testing.assert_allclose(one, other, rtol=1e-6)
