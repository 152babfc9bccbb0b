"""Images, and weights with which every part of a model counts."""

import contextlib

import keras
import numpy as np
from keras import ops

_SHAPED_BY_IMAGES = (keras.layers.BatchNormalization, keras.layers.Normalization)


def images(shape, pixels=(0.0, 1.0), count=12, seed=0):
    """Draw images with large shapes and small grain, so that places differ.

    Args:
        shape: Shape of one image.
        pixels: Least and largest value.
        count: How many.
        seed: Of the random numbers.

    Returns:
        A float32 array `(count, *shape)`.
    """
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(size=(count, 4, 4, *shape[2:]))
    rows, columns = (np.arange(side) * 4 // side for side in shape[:2])
    drawn = 0.7 * coarse[:, rows][:, :, columns] + 0.3 * rng.uniform(size=(count, *shape))
    low, high = pixels
    return (low + (high - low) * drawn).astype("float32")


def fill(model, batch, seed=0):
    """Give a model weights that hide nothing: no bias is 0, no branch is scaled away, normalisations fit the images.

    Args:
        model: A built model with random weights.
        batch: What the model takes, some images long.
        seed: Of the random numbers.

    Returns:
        The model.
    """
    rng = np.random.default_rng(seed)
    kept = {id(weight) for layer in _layers(model) if isinstance(layer, _SHAPED_BY_IMAGES) for weight in layer.weights}
    for layer in _layers(model):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.center:
            kept.discard(id(layer.beta))
    for weight in model.weights:
        if id(weight) in kept or "float" not in keras.backend.standardize_dtype(weight.dtype):
            continue
        values = ops.convert_to_numpy(weight)
        if np.ptp(values) == 0:  # zeros, ones, or a layer scale such as 1e-5
            low, high = (-0.1, 0.1) if not values.any() else (0.5, 1.0)
            weight.assign(rng.uniform(low, high, values.shape))
    with _fitting():
        model(batch, training=False)
    return model


def _layers(model):
    return list(model._flatten_layers(include_self=True))


@contextlib.contextmanager
def _fitting():
    """Let every batch normalisation that runs take the mean and the variance of what comes in."""
    norm = keras.layers.BatchNormalization
    call = norm.call

    def fit(self, inputs, training=None, mask=None):
        axes = [axis for axis in range(len(inputs.shape)) if axis != self.axis % len(inputs.shape)]
        mean, variance = ops.moments(ops.cast(inputs, "float32"), axes)
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
        return call(self, inputs, training=False, mask=mask)

    norm.call = fit
    try:
        yield
    finally:
        norm.call = call
