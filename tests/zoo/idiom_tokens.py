"""How people write models with tokens: the examples of keras.io; blocks as functions, layers, a subclassed model."""

import keras
from keras import layers, ops

from tests.zoo.rows import row

IMAGE, UNITS, DIM = (64, 64, 3), 5, 32
GRID = ((8, 8),)


class Patches(layers.Layer):
    """Cut the image into patches, as the ViT example of keras.io does."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def call(self, images):
        patches = ops.image.extract_patches(images, size=self.size)
        return ops.reshape(patches, (-1, patches.shape[1] * patches.shape[2], patches.shape[3]))


class PatchEncoder(layers.Layer):
    def __init__(self, number, dim):
        super().__init__()
        self.number = number
        self.projection = layers.Dense(dim)
        self.position = layers.Embedding(number, dim)

    def call(self, patches):
        return self.projection(patches) + self.position(ops.expand_dims(ops.arange(self.number), 0))


class ClassToken(layers.Layer):
    """Put a learned token before the others, and add a learned position to each."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="random_normal", name="token")
        self.position = self.add_weight(
            shape=(1, shape[1] + 1, shape[-1]), initializer="random_normal", name="position"
        )

    def call(self, x):
        token = ops.broadcast_to(self.token, (ops.shape(x)[0], 1, x.shape[-1]))
        return ops.concatenate([token, x], axis=1) + self.position


class TransformerEncoder(layers.Layer):
    def __init__(self, dim=DIM):
        super().__init__()
        self.norm, self.norm_2 = layers.LayerNormalization(epsilon=1e-6), layers.LayerNormalization(epsilon=1e-6)
        self.attention = layers.MultiHeadAttention(4, dim // 4)
        self.dense, self.dense_2 = layers.Dense(2 * dim, activation="gelu"), layers.Dense(dim)

    def call(self, x):
        h = self.norm(x)
        x = x + self.attention(h, h)
        return x + self.dense_2(self.dense(self.norm_2(x)))


def _mlp(x, sizes):
    for size in sizes:
        x = layers.Dropout(0.1)(layers.Dense(size, activation=keras.activations.gelu)(x))
    return x


def _encoder(x, name=None):
    """Give one block of the ViT example of keras.io, written with functions."""
    h = layers.LayerNormalization(epsilon=1e-6)(x)
    h = layers.MultiHeadAttention(num_heads=4, key_dim=DIM // 4, dropout=0.1)(h, h)
    x = middle = layers.Add()([h, x])
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return layers.Add(name=name)([_mlp(x, (2 * DIM, DIM)), middle])


def _patchified(inputs, rescale=True):
    x = layers.Rescaling(1 / 255)(inputs) if rescale else inputs
    x = layers.Conv2D(DIM, 8, strides=8, name="patchify")(x)
    return layers.Reshape((64, DIM), name="tokens")(x)


@row("idiom.kerasio_mlpmixer", kind="tokens", block="mixed", grids=GRID, sums=True)
def kerasio_mlpmixer():
    class Mixer(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.over_places = keras.Sequential([layers.Dense(64, activation="gelu"), layers.Dense(64)])
            self.over_channels = keras.Sequential([layers.Dense(DIM, activation="gelu"), layers.Dense(DIM)])
            self.norm = layers.LayerNormalization(epsilon=1e-6)

        def call(self, inputs):
            x = ops.transpose(self.norm(inputs), (0, 2, 1))
            x = ops.transpose(self.over_places(x), (0, 2, 1)) + inputs
            return x + self.over_channels(self.norm(x))

    inputs = keras.Input(IMAGE)
    x = layers.Dense(DIM)(Patches(8)(inputs))
    x = Mixer(name="mixed")(Mixer()(x))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(UNITS)(x))


class WindowAttention(layers.Layer):
    """Attention within windows, which are put on the batch axis, as in the Swin example of keras.io."""

    def __init__(self, dim, heads):
        super().__init__()
        self.dim, self.heads = dim, heads
        self.qkv, self.projection = layers.Dense(3 * dim), layers.Dense(dim)

    def call(self, x):
        size = x.shape[1]
        x = ops.reshape(self.qkv(x), (-1, size, 3, self.heads, self.dim // self.heads))
        query, key, value = ops.unstack(ops.transpose(x, (2, 0, 3, 1, 4)), num=3)
        scores = ops.softmax(query @ ops.transpose(key, (0, 1, 3, 2)) * (self.dim // self.heads) ** -0.5)
        return self.projection(ops.reshape(ops.transpose(scores @ value, (0, 2, 1, 3)), (-1, size, self.dim)))


class SwinBlock(layers.Layer):
    def __init__(self, dim, side, window, shift, **options):
        super().__init__(**options)
        self.dim, self.side, self.window, self.shift = dim, side, window, shift
        self.norm, self.norm_2 = layers.LayerNormalization(epsilon=1e-5), layers.LayerNormalization(epsilon=1e-5)
        self.attention = WindowAttention(dim, 4)
        self.mlp = keras.Sequential([layers.Dense(2 * dim), layers.Activation("gelu"), layers.Dense(dim)])

    def call(self, x):
        skip, n, w = x, self.side // self.window, self.window
        x = ops.reshape(self.norm(x), (-1, self.side, self.side, self.dim))
        x = ops.roll(x, (-self.shift, -self.shift), axis=(1, 2))
        x = ops.transpose(ops.reshape(x, (-1, n, w, n, w, self.dim)), (0, 1, 3, 2, 4, 5))
        x = self.attention(ops.reshape(x, (-1, w * w, self.dim)))
        x = ops.transpose(ops.reshape(x, (-1, n, n, w, w, self.dim)), (0, 1, 3, 2, 4, 5))
        x = ops.roll(ops.reshape(x, (-1, self.side, self.side, self.dim)), (self.shift, self.shift), axis=(1, 2))
        x = skip + ops.reshape(x, (-1, self.side**2, self.dim))
        return x + self.mlp(self.norm_2(x))


class PatchMerging(layers.Layer):
    def __init__(self, side, dim):
        super().__init__()
        self.side, self.dim = side, dim
        self.projection = layers.Dense(dim, use_bias=False)

    def call(self, x):
        x = ops.reshape(x, (-1, self.side, self.side, x.shape[-1]))
        x = ops.concatenate([x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)], axis=-1)
        return self.projection(ops.reshape(x, (-1, (self.side // 2) ** 2, x.shape[-1])))


@row("idiom.kerasio_swin", kind="tokens", block="shifted", grids=((16, 16), (8, 8)), sums=True)
def kerasio_swin():
    inputs = keras.Input(IMAGE)
    x = layers.Dense(16)(Patches(4)(inputs))
    x = SwinBlock(16, 16, 4, 2, name="shifted")(SwinBlock(16, 16, 4, 0)(x))
    x = layers.GlobalAveragePooling1D()(PatchMerging(16, DIM)(x))
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(x))


@row("idiom.kerasio_vit", kind="tokens", shape=(32, 32, 3), block="block", grids=GRID, sums=True)
def kerasio_vit():
    inputs = keras.Input((32, 32, 3))
    augmentation = [layers.Normalization(), layers.Resizing(64, 64), layers.RandomFlip("horizontal")]
    x = keras.Sequential([*augmentation, layers.RandomZoom(0.2, 0.2)])(inputs)
    x = PatchEncoder(64, DIM)(Patches(8)(x))
    x = _encoder(_encoder(x), "block")
    x = layers.Dropout(0.5)(layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(x)))
    return keras.Model(inputs, layers.Dense(UNITS)(_mlp(x, (64, 32))))


@row("idiom.kerasio_vit_gap", kind="tokens", pixels=(0, 255), block="block", grids=GRID, sums=True)
def kerasio_vit_gap():
    inputs = keras.Input(IMAGE)
    x = _encoder(_encoder(_patchified(inputs)), "block")
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(x))


@row("idiom.vit_cls", kind="tokens", pixels=(0, 255), block="block", before=1, grids=GRID, sums=True)
def vit_cls():
    inputs = keras.Input(IMAGE)
    x = _encoder(_encoder(ClassToken()(_patchified(inputs)), "block"))
    x = layers.LayerNormalization(epsilon=1e-6)(x)[:, 0]
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(x))


@row("idiom.vit_functional_blocks", kind="tokens", block="transformer_encoder_1", before=1, grids=GRID, sums=True)
def vit_functional_blocks():
    x = inputs = keras.Input(IMAGE)
    x = layers.Reshape((64, DIM))(layers.Conv2D(DIM, 8, strides=8)(x))
    x = ClassToken()(x)
    for _ in range(3):
        x = TransformerEncoder()(x)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    return keras.Model(inputs, layers.Dense(UNITS, activation="softmax")(x[:, 0]))


class ViT(keras.Model):
    """All of it in `call`."""

    def __init__(self):
        super().__init__()
        self.patchify, self.tokens = layers.Conv2D(DIM, 8, strides=8), layers.Reshape((64, DIM))
        self.embed = ClassToken()
        self.blocks = [TransformerEncoder() for _ in range(3)]
        self.norm, self.head = layers.LayerNormalization(epsilon=1e-6), layers.Dense(UNITS, activation="softmax")

    def call(self, x):
        x = self.embed(self.tokens(self.patchify(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def _features(model):
    """Give the logits of `ViT`: what its last layer makes without its softmax."""

    def logits(x):
        x = model.embed(model.tokens(model.patchify(x)))
        for block in model.blocks:
            x = block(x)
        return ops.matmul(model.norm(x)[:, 0], model.head.kernel) + model.head.bias

    return logits


@row(
    "idiom.vit_subclassed",
    kind="tokens",
    shape=IMAGE,
    block="transformer_encoder_1",
    before=1,
    grids=GRID,
    sums=True,
    scores=_features,
)
def vit_subclassed():
    model = ViT()
    model(keras.ops.zeros((1, *IMAGE)))
    return model
