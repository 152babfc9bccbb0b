"""Float64 networks for laws that hold to machine precision, and one small enough for its NumPy twin."""

import keras
import numpy as np
from keras import layers

WIDE = {"dtype": "float64"}
SHAPE = (6, 6, 2)


def images(count=2, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *shape))


def randomize(model, seed=0):
    """Give every weight a random value, biases and statistics too, so that nothing is zero by chance."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "float" in weight.dtype:
            low = 0.5 if "variance" in weight.path else -0.5
            weight.assign(rng.uniform(low, low + 1, size=weight.shape))
    return model


def network(body, shape=SHAPE, units=3, head=layers.GlobalAveragePooling2D, **options):
    """Build images -> `body` -> pooling -> `logits` -> softmax."""
    x = inputs = keras.Input(shape, dtype="float64")
    x = body(x)
    x = head(name="pool", **WIDE)(x) if head else x
    x = layers.Dense(units, activation="softmax", name="logits", **WIDE, **options)(x)
    return randomize(keras.Model(inputs, x))


def conv(filters=3, size=3, name="conv", **options):
    return layers.Conv2D(filters, size, name=name, **WIDE, **options)


def small():
    """Two convolutions, average pooling, one dense layer: the network of `twins`, with `first` as its signal."""

    def body(x):
        return conv(name="second", activation="relu")(conv(name="first", activation="relu")(x))

    return network(body)


def flatten_head():
    return network(lambda x: conv(activation="relu")(x), head=layers.Flatten)


def one_conv(units=3, **options):
    """One convolution, average pooling, one dense layer: CAM's own network."""
    return network(lambda x: conv(activation="relu")(x), units=units, **options)
