"""Agreement with captum, shap, lime and xplique on three networks with the same weights.

The numbers were made by `tests/oracles/perturbation.py`. Where a library draws its own samples, the method gets them.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from ke_widgets.inspection import expose
from ke_widgets.methods.perturbation import (
    coalitions,
    hsic,
    kernel_shap,
    lime,
    masks,
    occlusion,
    rise,
    sensitivity,
    sobol,
)
from tests.methods import test_oracles

ORACLES = Path(__file__).parents[2] / "oracles"
STRIPES = np.arange(144).reshape(12, 12) // 24
OWN = {"baseline": 0.25, "segments": STRIPES}


@pytest.fixture(scope="module", params=["plain", "normed", "residual"])
def network(request):
    """A network, its images, and a function of a name that gives the oracles' numbers."""
    numbers = np.load(ORACLES / f"{request.param}.npz")
    inputs = keras.Input((12, 12, 3), dtype="float64")
    model = keras.Model(inputs, getattr(test_oracles, request.param)(inputs)[0])
    for key in [key for key in numbers if key.startswith("weight.")]:
        _, layer, weight = key.split(".")
        getattr(model.get_layer(layer), weight).assign(numbers[key])
    oracles = [np.load(ORACLES / f"perturbation_{library}.npz") for library in ("torch", "xplique")]

    def told(name):
        return next(oracle[f"{request.param}.{name}"] for oracle in oracles if f"{request.param}.{name}" in oracle)

    return expose(model, []), numbers["inputs"], told


# captum sums in float32, and so does xplique.
def agree(maps, expected, tolerance):
    np.testing.assert_allclose(maps, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def spread(values):
    """Values of the stripes `(..., 6, U)` at their pixels."""
    return np.take(values, STRIPES, axis=-2)


def test_occlusion_agrees_with_captum(network):
    model, images, told = network
    agree(occlusion(model, images, window=4, stride=2, baseline=0.25)[1], told("occlusion"), 1e-6)
    agree(occlusion(model, images, window=4, stride=4, baseline=0.25)[1], told("ablation"), 1e-6)


def test_exact_kernel_shap_agrees_with_captums_shapley_values_and_with_shap(network):
    model, images, told = network
    _, maps = kernel_shap(model, images, **OWN)
    agree(maps, told("shapley"), 1e-5)
    agree(maps, spread(told("kernel_shap")), 1e-8)


@pytest.mark.parametrize("image", [0, 1])
def test_lime_agrees_with_lime_on_its_own_samples(network, monkeypatch, image):
    model, images, told = network
    draws = ops.convert_to_tensor(told("lime_draws")[image], "float64")
    # A segment is shown where the number that is drawn for it is below one half.
    monkeypatch.setattr(
        coalitions, "stateless_uniform", lambda shape, seed, numbers, dtype: ops.take(1 - draws, numbers, axis=0)
    )
    _, maps = lime(model, images[image : image + 1], samples=50, **OWN)
    agree(maps[0], spread(told("lime")[image]), 1e-10)


def test_rise_agrees_with_xplique_on_its_own_masks(network, monkeypatch):
    model, images, told = network
    drawn = ops.convert_to_tensor(told("rise_masks"), "float64")
    monkeypatch.setattr(masks, "random_masks", lambda *own: ops.take(drawn, own[-2], axis=0))
    _, maps = rise(model, images[:1], samples=40, baseline=0.25, divisor="masks")
    agree(maps[0], told("rise"), 1e-5)


def test_sobol_agrees_with_xpliques_jansen_estimator_on_its_samples(network, monkeypatch):
    model, images, told = network
    drawn = ops.convert_to_tensor(told("sobol_draws"))
    monkeypatch.setattr(
        sensitivity, "stateless_uniform", lambda shape, seed, rows, dtype: ops.take(drawn, rows, axis=0)
    )
    _, maps = sobol(model, images[:1], samples=16, **OWN)
    agree(maps[0], spread(told("sobol")), 1e-5)


def test_hsic_agrees_with_xplique_with_the_median_mended_on_its_samples(network, monkeypatch):
    model, images, told = network
    drawn = 1 - ops.convert_to_tensor(told("hsic_draws"))  # Below a half, a segment is shown.
    monkeypatch.setattr(
        sensitivity, "stateless_uniform", lambda shape, seed, rows, dtype: ops.take(drawn, rows, axis=0)
    )
    _, maps = hsic(model, images[:1], samples=30, **OWN)
    agree(maps[0], spread(told("hsic")), 1e-5)
