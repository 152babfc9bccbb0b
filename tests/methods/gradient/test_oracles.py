"""Agreement with captum on three networks with the same weights; `tests/oracles/rectified.py` made the numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest

from ke_widgets import backend
from ke_widgets.inspection import expose
from ke_widgets.methods.gradient import deconvnet, gradient_input, guided_backprop, guided_gradcam
from ke_widgets.methods.meta import squaregrad, vargrad
from tests.methods.test_oracles import normed, plain, residual

FOLDER = Path(__file__).parents[2] / "oracles"
UNITS = np.array([0, 2])


@pytest.fixture(scope="module", params=[plain, normed, residual], ids=lambda build: build.__name__)
def network(request):
    """A network of ReLUs and its images, exposed at its signal, and captum's numbers for it."""
    name = request.param.__name__
    numbers, stored = np.load(FOLDER / f"{name}.npz"), np.load(FOLDER / "rectified.npz")
    images = keras.Input((12, 12, 3), dtype="float64")
    logits, signal = request.param(images)
    model = keras.Model(images, logits)
    for key in [key for key in numbers if key.startswith("weight.")]:
        _, layer, weight = key.split(".")
        getattr(model.get_layer(layer), weight).assign(numbers[key])
    if isinstance(leaky := model.get_layer(signal["name"]), keras.layers.LeakyReLU):
        leaky.negative_slope = 0.0  # Captum guides no leaky ReLU: there, it is a ReLU.
    found = {key.removeprefix(f"{name}."): value for key, value in stored.items() if key.startswith(f"{name}.")}
    return expose(model, signal), numbers["inputs"], found


@pytest.mark.parametrize(
    ("method", "tolerance"),
    # Keras resizes in float32.
    [(guided_backprop, 1e-12), (deconvnet, 1e-12), (gradient_input, 1e-12), (guided_gradcam, 1e-6)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_gradients_through_rectifiers_agree_with_captum(network, method, tolerance):
    model, images, found = network
    expected = found[method.__name__]
    _, maps = method(model, images, UNITS)
    np.testing.assert_allclose(maps, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("method", [vargrad, squaregrad], ids=lambda method: method.__name__)
def test_moments_of_gradients_agree_with_captum_on_the_same_noise(network, method, monkeypatch):
    model, images, found = network

    def given(shape, seed, numbers, dtype):
        return keras.ops.take(keras.ops.convert_to_tensor(found["noise"], dtype), numbers, axis=0)

    monkeypatch.setattr(backend, "stateless_normal", given)
    _, maps = method(model, images, UNITS, repetitions=len(found["noise"]), noise=1.0, relative=False)
    expected = found[method.__name__]
    np.testing.assert_allclose(maps, expected, rtol=0, atol=1e-12 * expected.max())
