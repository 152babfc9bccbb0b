"""Models of every kind that Keras 3 knows, small enough to draw, and a way to tell that one was left as it was.

Most are one network in another dress: `conv` (3 x 3, ReLU), `pool` (global average), `logits` (3 units), softmax. So
they have a flat twin with the same weights, and the map of each must equal the twin's.
"""

import keras
import numpy as np
from keras import layers, ops

SIZE, UNITS = 8, 3
IMAGE = (SIZE, SIZE, 3)


def images(count=4, shape=IMAGE, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype("float32")


def randomize(model, seed=0):
    """Give every weight a random value, biases and statistics too, so that nothing is zero by chance."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "float" in weight.dtype:
            low = 0.5 if "variance" in weight.path else -0.5
            weight.assign(rng.uniform(low, low + 1, size=weight.shape))
    return model


def flat(shape=IMAGE, units=UNITS, activation="softmax", **options):
    x = inputs = keras.Input(shape, name="images")
    x = layers.Conv2D(4, 3, activation="relu", name="conv", **options)(x)
    x = layers.GlobalAveragePooling2D(name="pool", **options)(x)
    x = layers.Dense(units, name="logits", **options)(x)
    x = layers.Activation(activation, name="predictions", dtype="float32")(x)
    return randomize(keras.Model(inputs, x, name="flat"))


def fused(units=UNITS, activation="softmax"):
    return randomize(
        keras.Sequential(
            [
                keras.Input(IMAGE),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.GlobalAveragePooling2D(name="pool"),
                layers.Dense(units, activation=activation, name="logits"),
            ],
            name="fused",
        )
    )


def backbone(name="backbone", pooling=False):
    x = inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    if pooling:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, x, name=name)


def nested():
    x = inputs = keras.Input(IMAGE)
    x = backbone()(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(UNITS, name="logits")(x)
    x = layers.Activation("softmax", name="predictions")(x)
    return randomize(keras.Model(inputs, x, name="nested"))


def nested_pooling():
    """The global pooling is inside the nested model, behind which the outer one sees no feature map."""
    return randomize(
        keras.Sequential(
            [
                keras.Input(IMAGE),
                backbone(pooling=True),
                layers.Dense(UNITS, name="logits"),
                layers.Activation("softmax", name="predictions"),
            ],
            name="nested_pooling",
        )
    )


def doubly_nested():
    inputs = keras.Input(IMAGE)
    middle = keras.Model(inputs, backbone("inner", pooling=True)(inputs), name="middle")
    x = outer = keras.Input(IMAGE)
    head = keras.Sequential([layers.Dense(UNITS, activation="softmax", name="logits")], name="head")
    return randomize(keras.Model(outer, head(middle(x)), name="doubly_nested"))


class Subclassed(keras.Model):
    """Layers in attributes, called by code."""

    def __init__(self, activation="softmax", **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(UNITS, activation=activation, name="logits")
        self.pool = layers.GlobalAveragePooling2D(name="pool")
        self.conv = layers.Conv2D(4, 3, activation="relu", name="conv")

    def call(self, inputs):
        return self.dense(self.pool(self.conv(inputs)))


class InLists(keras.Model):
    """Layers in a list and in a dict; the softmax is a function."""

    def __init__(self):
        super().__init__()
        self.stack = [layers.Conv2D(4, 3, activation="relu", name="conv"), layers.GlobalAveragePooling2D(name="pool")]
        self.heads = {"main": layers.Dense(UNITS, name="logits")}

    def call(self, inputs):
        for layer in self.stack:
            inputs = layer(inputs)
        return ops.softmax(self.heads["main"](inputs))


class OverBackbone(keras.Model):
    """A subclassed model around a functional one, with a head layer of its own."""

    def __init__(self):
        super().__init__()
        self.head = Head(name="head")
        self.backbone = backbone()

    def call(self, inputs):
        return self.head(self.backbone(inputs))


@keras.saving.register_keras_serializable("ke_widgets_tests")
class Head(layers.Layer):
    """Pooling and a fused softmax in attributes of a layer."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pool = layers.GlobalAveragePooling2D(name="pool")
        self.dense = layers.Dense(UNITS, activation="softmax", name="logits")

    def build(self, shape):
        self.pool.build(shape)
        self.dense.build((shape[0], shape[-1]))

    def call(self, inputs):
        return self.dense(self.pool(inputs))


def called(model):
    model(images(1))
    return randomize(model)


def subclassed():
    return called(Subclassed())


def in_lists():
    return called(InLists())


def over_backbone():
    return called(OverBackbone())


def over_subclassed():
    """A functional model that holds a subclassed layer."""
    inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    return randomize(keras.Model(inputs, Head(name="head")(x), name="over_subclassed"))


def siamese():
    """One encoder, called on two images; the logits depend on both, differently."""
    left, right = keras.Input(IMAGE, name="left"), keras.Input(IMAGE, name="right")
    encoder = backbone("encoder", pooling=True)
    x = layers.Concatenate(name="both")([encoder(left), encoder(right)])
    x = layers.Dense(UNITS, activation="softmax", name="logits")(x)
    return randomize(keras.Model([left, right], x, name="siamese"))


def multi_input():
    image, extra = keras.Input(IMAGE, name="image"), keras.Input((2,), name="extra")
    x = layers.Concatenate(name="both")([backbone(pooling=True)(image), extra])
    x = layers.Dense(UNITS, activation="softmax", name="logits")(x)
    return randomize(keras.Model({"image": image, "extra": extra}, x, name="multi_input"))


def multi_output():
    """Two heads; the first is the flat network's."""
    inputs = keras.Input(IMAGE)
    features = backbone()(inputs)
    x = layers.GlobalAveragePooling2D(name="pool")(features)
    first = layers.Dense(UNITS, activation="softmax", name="logits")(x)
    x = layers.GlobalMaxPooling2D(name="other_pool")(layers.Conv2D(2, 3, name="other_conv")(features))
    second = layers.Dense(2, activation="sigmoid", name="other")(x)
    return randomize(keras.Model(inputs, [first, second], name="multi_output"))


def over_time(steps=2):
    frames = keras.Input((steps, *IMAGE))
    x = layers.TimeDistributed(backbone(pooling=True), name="each")(frames)
    x = layers.Flatten(name="flatten")(x) if steps else layers.GlobalAveragePooling1D(name="mean")(x)
    return randomize(keras.Model(frames, layers.Dense(UNITS, name="logits")(x), name="over_time"))


def attention():
    x = inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(x)
    x = tokens = layers.Reshape((9, 4), name="tokens")(x)
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add(name="add")([x, tokens]))
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    return randomize(keras.Model(inputs, layers.Dense(UNITS, activation="softmax", name="logits")(x), name="attention"))


def convolutional_head():
    """Scores come from a 1 x 1 convolution, as in MobileNet: no layer with a kernel is Dense."""
    x = inputs = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    x = layers.Conv2D(UNITS, 1, name="logits")(x)
    x = layers.Reshape((UNITS,), name="reshape")(x)
    return randomize(keras.Model(inputs, layers.Softmax(name="predictions")(x), name="convolutional_head"))


def one_unit():
    return flat(units=1, activation="sigmoid")


wide_head = one_unit


# The same network with the same weights as `flat()`, once they are copied: (builder, path of its convolution).
TWINS = {
    "fused": (fused, "conv"),
    "nested": (nested, "backbone/conv"),
    "nested_pooling": (nested_pooling, "backbone/conv"),
    "doubly_nested": (doubly_nested, "middle/inner/conv"),
    "subclassed": (subclassed, "conv"),
    "in_lists": (in_lists, "conv"),
    "over_backbone": (over_backbone, "backbone/conv"),
    "over_subclassed": (over_subclassed, "conv"),
    "convolutional_head": (convolutional_head, "conv"),
    "dynamic_size": (lambda: flat(shape=(None, None, 3)), "conv"),
}


def copy_weights(source, target):
    """Copy weights by layer name and variable name, whatever is nested in what."""
    known = {"/".join(w.path.split("/")[-2:]): w for w in source.weights}
    for weight in target.weights:
        weight.assign(ops.reshape(known["/".join(weight.path.split("/")[-2:])], weight.shape))
    return target


def snapshot(model):
    """Note all that a model consists of: attributes of every layer, what lists and dicts hold, weights by value."""
    found = {}
    for number, layer in enumerate([model, *_all_operations(model)]):
        for name, value in vars(layer).items():
            if name == "_called":  # Keras's note that it ran, for a warning.
                continue
            found[number, layer.name, name] = _fingerprint(value)
    for number, weight in enumerate(model.weights):
        found[number, weight.path] = np.asarray(ops.convert_to_numpy(weight)).tobytes()
    return found


def _all_operations(model):
    from ke_widgets.model import layers as model_layers

    return [*model._flatten_layers(include_self=False), *model_layers.operations(model).values()]


def _fingerprint(value):
    # The objects themselves are kept, so that no `id` is used twice.
    if isinstance(value, dict):
        return tuple((key, id(item), item) for key, item in value.items())
    if isinstance(value, list | tuple | set):
        return tuple((id(item), item) for item in value)
    return id(value), value


def same(before, after):
    """List what differs between two snapshots."""
    return [key for key in before.keys() | after.keys() if not _equal(before.get(key), after.get(key))]


def _equal(one, other):
    if isinstance(one, bytes) or one is None or other is None:
        return one == other
    return _ids(one) == _ids(other)


def _ids(entry):
    return [
        part if isinstance(part, int | str) else _ids(part) for part in entry if isinstance(part, int | str | tuple)
    ]
