"""Perturbation methods on images of every layout, of models of several inputs, and in half precision."""

import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods import own_names
from ke_widgets.methods.perturbation import METHODS, kernel_shap, lime, occlusion

RNG = np.random.default_rng(0)
WIDE = {"dtype": "float64"}
SMALL = {"samples": 30, "grid": 3, "cells": 2, "window": 2, "stride": 1}


def own(method):
    names = own_names(method)
    return {name: value for name, value in SMALL.items() if name in names}


def linear(shape, weights):
    x = inputs = keras.Input(shape, **WIDE)
    if len(shape) == 2 and shape[-1] < 4:  # A pooling over time says that it is a signal.
        x = layers.AveragePooling1D(1, **WIDE)(x)
    dense = layers.Dense(1, use_bias=False, **WIDE)
    model = keras.Model(inputs, dense(layers.Flatten(**WIDE)(x)))
    dense.kernel.assign(weights.reshape(-1, 1))
    return expose(model, [])


# Shape of an image in the model's layout, and its `spatial_axis`.
LAYOUTS = {
    "rows and columns": ((3, 4, 2), (-3, -2)),
    "channels first": ((2, 3, 4), (-2, -1)),
    "grey": ((3, 4), (-3, -2)),
    "signal": ((5, 2), (-3, -2)),
    "volume": ((3, 2, 2, 2), (-3, -2)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_linear_model_is_taken_apart_exactly_in_every_layout(layout):
    shape, axis = LAYOUTS[layout]
    weights, x = RNG.normal(size=shape), RNG.normal(size=(2, *shape))
    expected = (x - 0.5) * weights
    if layout != "grey":
        expected = expected.sum(axis=1 if axis == (-2, -1) else -1)
    each = {"spatial_axis": axis, "baseline": 0.5}
    for method, options in (
        (occlusion, {"window": 1, "stride": 1}),
        (kernel_shap, {"grid": 16, "samples": 80}),
        (lime, {"grid": 16, "samples": 80, "penalty": 0.0}),
    ):
        _, maps = method(linear(shape, weights), x, **each, **options)
        np.testing.assert_allclose(np.asarray(maps)[..., 0], expected, rtol=1e-8, atol=1e-10, err_msg=method.__name__)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_channels_first_and_grey_have_the_map_of_channels_last(method):
    weights, x = RNG.normal(size=(6, 8, 1)), RNG.normal(size=(2, 6, 8, 1))
    _, expected = method(linear((6, 8, 1), weights), x, **own(method))
    assert expected.shape == (2, 6, 8, 1)
    assert np.abs(expected).max() > 0
    _, first = method(linear((1, 6, 8), weights), np.moveaxis(x, -1, 1), spatial_axis=(-2, -1), **own(method))
    _, grey = method(linear((6, 8), weights), x[..., 0], **own(method))
    for maps in (first, grey):
        np.testing.assert_allclose(maps, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_signals_and_volumes_have_a_map_of_their_own_size(method):
    for shape in ((9, 2), (4, 5, 6, 2)):
        x = RNG.normal(size=(2, *shape))
        _, maps = method(linear(shape, RNG.normal(size=shape)), x, **own(method))
        assert maps.shape == (2, *shape[:-1], 1)
        assert np.isfinite(maps).all()
        assert (np.std(maps, axis=tuple(range(1, len(shape)))) > 0).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_what_stands_beside_the_image_stays_as_it_is(method):
    weights, image = RNG.normal(size=(6, 6, 1)), RNG.normal(size=(2, 6, 6, 1))
    pixels, factor = keras.Input((6, 6, 1), **WIDE), keras.Input((1,), **WIDE)
    dense = layers.Dense(1, use_bias=False, **WIDE)
    model = keras.Model([pixels, factor], layers.Multiply(**WIDE)([dense(layers.Flatten(**WIDE)(pixels)), factor]))
    dense.kernel.assign(weights.reshape(-1, 1))
    factors = np.array([[2.0], [-3.0]])
    logits, maps = method(expose(model, []), [image, factors], **own(method))
    plain, expected = method(linear((6, 6, 1), weights), image, **own(method))
    scale = factors[:, :, None, None] if METHODS[method].unit == "logit" else 1  # Sensitivities have no scale.
    np.testing.assert_allclose(logits, plain * factors, rtol=1e-9)
    np.testing.assert_allclose(maps, expected * scale, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_integers_and_half_precision_give_finite_maps(method):
    half = {"dtype": keras.DTypePolicy("mixed_float16")}
    x = inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D(**half)(layers.Conv2D(4, 3, activation="relu", **half)(x))
    model = expose(keras.Model(inputs, layers.Dense(2, **half)(x)), [])
    logits, maps = method(model, RNG.integers(0, 255, size=(2, 8, 8, 3)).astype("uint8"), **own(method))
    assert keras.backend.standardize_dtype(maps.dtype) == keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(maps).all()
    assert np.abs(maps).max() > 0
