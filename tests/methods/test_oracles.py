"""Agreement with captum, pytorch-grad-cam and FullGrad in torch, on three networks with the same weights.

The numbers were made by `tests/oracles/make.py`.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam, gradcampp, scorecam
from ke_widgets.methods.gradient import full_gradient_terms, full_gradients, gradients

WIDE = {"dtype": "float64"}


def plain(x):
    x = layers.Conv2D(6, 3, activation="relu", name="conv1", **WIDE)(x)
    x = layers.Conv2D(8, 3, activation="relu", name="conv2", **WIDE)(x)
    return layers.Dense(5, name="dense", **WIDE)(layers.GlobalAveragePooling2D(**WIDE)(x)), {"name": "conv2"}


def normed(x):
    x = layers.Conv2D(6, 3, padding="same", name="conv1", **WIDE)(x)
    x = layers.ReLU(**WIDE)(layers.BatchNormalization(name="bn1", **WIDE)(x))
    x = layers.Conv2D(8, 3, use_bias=False, name="conv2", **WIDE)(layers.MaxPooling2D(**WIDE)(x))
    x = layers.ReLU(name="signal", **WIDE)(layers.BatchNormalization(name="bn2", **WIDE)(x))
    return layers.Dense(4, name="dense", **WIDE)(layers.Flatten(**WIDE)(x)), {"name": "signal"}


def residual(x):
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="conv1", **WIDE)(x)
    x = layers.Add(**WIDE)([x, layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2", **WIDE)(x)])
    x = layers.LeakyReLU(0.25, name="signal", **WIDE)(layers.Conv2D(8, 3, strides=2, name="conv3", **WIDE)(x))
    x = layers.Dense(7, activation="relu", name="hidden", **WIDE)(layers.GlobalAveragePooling2D(**WIDE)(x))
    return layers.Dense(3, name="dense", **WIDE)(x), {"name": "signal"}


@pytest.fixture(scope="module", params=[plain, normed, residual], ids=lambda body: body.__name__)
def network(request):
    return build(request.param)


def build(body):
    """A network with torch's weights, its signal, and the oracles' numbers for it."""
    numbers = dict(np.load(Path(__file__).parents[1] / "oracles" / f"{body.__name__}.npz"))
    images = keras.Input((12, 12, 3), dtype="float64")
    logits, signal = body(images)
    model = keras.Model(images, logits)
    for key in [key for key in numbers if key.startswith("weight.")]:
        _, layer, weight = key.split(".")
        getattr(model.get_layer(layer), weight).assign(numbers[key])
    return model, signal, numbers


def test_the_copied_weights_give_torchs_logits(network):
    model, _, numbers = network
    np.testing.assert_allclose(model(numbers["inputs"]), numbers["logits"], atol=1e-12)


@pytest.mark.parametrize(
    ("method", "oracle", "tolerance"),
    [
        (gradcam, "captum_gradcam", 1e-12),
        (gradcam, "gradcam", 1e-12),
        (gradcampp, "gradcampp", 1e-12),
        (scorecam, "scorecam", 1e-5),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_cams_agree_with_captum_and_pytorch_grad_cam(network, method, oracle, tolerance):
    model, signal, numbers = network
    _, maps = method(expose(model, signal), numbers["inputs"])
    np.testing.assert_allclose(maps, numbers[oracle], rtol=0, atol=tolerance * np.abs(numbers[oracle]).max())


def test_gradients_agree_with_captums_saliency(network):
    model, _, numbers = network
    _, maps = gradients(model, numbers["inputs"])
    np.testing.assert_allclose(maps, numbers["gradients"], atol=1e-12)


def test_bias_gradients_agree_with_pytorch_grad_cam(network):
    model, _, numbers = network
    _, terms = full_gradient_terms(model, numbers["inputs"])
    expected = {key.removeprefix("term."): value for key, value in numbers.items() if key.startswith("term.")}
    assert set(expected) == {name for name, term in terms.items() if len(term.shape) == 5}
    for name, value in expected.items():
        np.testing.assert_allclose(terms[name], value, atol=1e-12, err_msg=name)


def test_full_gradients_agree_with_the_paper_in_torch(network):
    model, _, numbers = network
    _, maps = full_gradients(model, numbers["inputs"])
    np.testing.assert_allclose(maps, numbers["full_gradients"], rtol=1e-5, atol=1e-5)
