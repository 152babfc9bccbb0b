"""Agreement with pytorch-grad-cam and torchcam, on three networks with the same weights.

The numbers were made by `tests/oracles/cams.py`.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from ke_widgets.inspection import expose
from ke_widgets.methods import cams
from tests.methods.test_oracles import normed, plain, residual

ORACLES = Path(__file__).parents[2] / "oracles"
CAMS = dict(np.load(ORACLES / "cams.npz"))


@pytest.fixture(scope="module", params=[plain, normed, residual], ids=lambda build: build.__name__)
def network(request):
    """A network that exposes its signal, images, and the oracles' maps."""
    name = request.param.__name__
    numbers = dict(np.load(ORACLES / f"{name}.npz"))
    images = keras.Input((12, 12, 3), dtype="float64")
    logits, signal = request.param(images)
    model = keras.Model(images, logits)
    for key in [key for key in numbers if key.startswith("weight.")]:
        _, layer, weight = key.split(".")
        getattr(model.get_layer(layer), weight).assign(numbers[key])
    maps = {key.removeprefix(f"{name}."): value for key, value in CAMS.items() if key.startswith(f"{name}.")}
    return expose(model, signal), numbers["inputs"], maps


def close(actual, expected, tolerance):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "own", "oracle", "tolerance"),
    [
        ("hirescam", {}, "hirescam", 1e-12),
        ("xgradcam", {}, "xgradcam", 1e-5),  # which adds 1e-7 to the sums
        ("shapleycam", {}, "shapleycam", 1e-12),
        ("finercam", {"mean": "softmax", "gamma": 1.0}, "finercam_softmax", 1e-7),  # 1e-9 added to the weights' sum
    ],
)
def test_signed_maps_agree_with_pytorch_grad_cam(network, name, own, oracle, tolerance):
    exposed, images, expected = network
    close(getattr(cams, name)(exposed, images, **own)[1], expected[oracle], tolerance)


@pytest.mark.parametrize(
    ("name", "own", "oracle", "tolerance"),
    [
        ("layercam", {}, "layercam", 1e-12),
        ("layercam", {"scale": 2.0}, "layercam_scaled", 1e-12),
        ("finercam", {}, "finercam", 1e-12),
    ],
)
def test_positive_maps_agree_with_torchcam(network, name, own, oracle, tolerance):
    exposed, images, expected = network
    _, maps = getattr(cams, name)(exposed, images, **own)
    close(np.maximum(maps, 0), expected[oracle], tolerance)


@pytest.mark.parametrize("name", ["eigencam", "eigengradcam"])
def test_centered_components_agree_with_pytorch_grad_cam_but_for_their_sign(network, name):
    exposed, images, expected = network
    maps, others = np.asarray(getattr(cams, name)(exposed, images, centered=True)[1]), expected[name]
    sign = np.sign(np.sum(maps * others, axis=(1, 2), keepdims=True))
    close(maps, sign * others, 1e-6)  # which are float32


def test_relative_ablation_agrees_with_pytorch_grad_cam_after_a_relu(network):
    """It sets a channel to 0 if the least value of the layer is 0, and far below it otherwise."""
    exposed, images, expected = network
    signal = np.asarray(exposed(images)[1])
    if signal.min() < 0:
        pytest.skip("The signal is not one after a ReLU.")
    close(cams.ablationcam(exposed, images, relative=True)[1], expected["ablationcam"], 1e-5)


def test_shapleycam_of_plain_logits_agrees_with_pytorch_grad_cam(network):
    exposed, images, expected = network
    known = expected.get("shapleycam_logit", cams.gradcam(exposed, images)[1])
    close(cams.shapleycam(exposed, images, score="logit")[1], np.asarray(known), 1e-12)
