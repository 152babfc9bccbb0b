"""Each method once more, eagerly, as its paper writes it: what the fast paths must equal."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ke_widgets.backend import stateless_normal


def gradients(model, x, unit):
    """The gradient of one unit with respect to the images."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = model(x, training=False)[:, unit]
    return tape.gradient(score, x)


def saliency(model, x, unit):
    return np.abs(gradients(model, x, unit)).max(-1, keepdims=True)


def integrated_gradients(model, x, unit, steps):
    """The mean of the gradients at the middles of equal steps from black, times the image."""
    total = sum(np.asarray(gradients(model, x * ((step + 0.5) / steps), unit)) for step in range(steps))
    return (np.asarray(x) * total / steps).sum(-1, keepdims=True)


def gradcam(model, layer, x, units):
    """Grad-CAM, unit by unit."""
    both, maps = keras.Model(model.inputs, [model.get_layer(layer).output, model.output]), []
    for unit in units:
        with tf.GradientTape() as tape:
            tape.watch(x)
            signal, logits = both(x, training=False)
            score = logits[:, unit]
        weights = np.mean(tape.gradient(score, signal), axis=(1, 2))
        maps.append(np.einsum("bhwk,bk->bhw", signal, weights))
    return np.stack(maps, -1)


def full_gradients(model, x, unit):
    """The sum over layers, each scaled and resized by itself: BatchNormalization, convolution, ReLU6."""
    layers = [
        layer for layer in model.layers if len(layer.output.shape) == 4 and _bias(layer, layer.output) is not None
    ]
    every = keras.Model(model.inputs, [model.output, *(layer.output for layer in layers)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits, *signals = every(x, training=False)
        score = logits[:, unit]
    own, *found = tape.gradient(score, [x, *signals])
    total = 0
    for term in (own * x, *(g * _bias(layer, z) for g, z, layer in zip(found, signals, layers))):
        size = np.abs(term)
        low, high = (edge(size, axis=(1, 2, 3), keepdims=True) for edge in (np.min, np.max))
        scaled = (size - low) / np.where(high > low, high - low, 1)
        total = total + ops.image.resize(scaled.sum(-1, keepdims=True), x.shape[1:3], data_format="channels_last")
    return np.asarray(total)


def _bias(layer, signal):
    """What a layer adds: to a signal that it stops at 6, that."""
    if isinstance(layer, keras.layers.ReLU) and layer.max_value == 6:
        return ops.where(signal >= 6, 6.0, 0.0)
    if isinstance(layer, keras.layers.BatchNormalization):
        gamma = layer.gamma if layer.scale else 1.0
        return np.asarray(layer.beta - gamma * layer.moving_mean / np.sqrt(layer.moving_variance + layer.epsilon))
    return None if getattr(layer, "bias", None) is None else np.asarray(layer.bias)


def smoothgrad(model, x, unit, samples, level=0.15):
    """The samples one after the other."""
    sigma = level * (tf.reduce_max(x) - tf.reduce_min(x))
    found = [gradients(model, x + sigma * stateless_normal(x.shape, 0, [n], x.dtype)[0], unit) for n in range(samples)]
    return np.abs(np.mean(found, axis=0)).max(-1, keepdims=True)


def scorecam(model, layer, x, unit):
    """The channels one after the other."""
    signal = keras.Model(model.inputs, model.get_layer(layer).output)(x, training=False)
    scores = []
    for channel in np.moveaxis(np.asarray(signal), -1, 0):
        mask = ops.image.resize(channel[..., None], x.shape[1:3], data_format="channels_last")
        low, high = float(ops.min(mask)), float(ops.max(mask))
        mask = (mask - low) / (high - low) if high > low else mask * 0
        scores.append(float(model(x * mask, training=False)[0, unit]))
    return np.einsum("bhwk,k->bhw", signal, ops.softmax(np.array(scores)))[..., None]
