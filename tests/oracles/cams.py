"""Make `cams.npz` beside this file: what pytorch-grad-cam and torchcam say of class activation maps of three networks.

Not run in tests, which read the file. To make it again, in an environment of its own:

    pip install torch numpy tqdm pillow && pip install --no-deps captum grad-cam ttach torchcam
    python tests/oracles/cams.py

Networks, weights and images are those of `make.py`, whose files must stand beside this one. Both libraries are asked
before they apply ReLU, scale and resize.
"""

import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch

# For pictures only, and often not the one that belongs to torch; `make` stands in for what is in it.
sys.modules["torchvision"] = mock.MagicMock(__spec__=None, __path__=[])

from make import Normed, Plain, Residual, from_pytorch_grad_cam  # noqa: E402
from pytorch_grad_cam import AblationCAM, EigenCAM, EigenGradCAM, HiResCAM, ShapleyCAM, XGradCAM  # noqa: E402
from pytorch_grad_cam.utils.model_targets import (  # noqa: E402
    ClassifierOutputReST,
    ClassifierOutputTarget,
    FinerWeightedTarget,
)
from torchcam.methods import FinerCAM, LayerCAM  # noqa: E402

SIMPLE = {
    "hirescam": HiResCAM,
    "xgradcam": XGradCAM,
    "eigencam": EigenCAM,
    "eigengradcam": EigenGradCAM,
    "ablationcam": AblationCAM,
}


def with_weights(kind, numbers):
    """Build one of the networks with the weights that `make.py` stored in the layouts of Keras."""
    model, names = kind().double().eval(), {"kernel": "weight", "gamma": "weight", "beta": "bias"}
    names |= {"bias": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    for key in [key for key in numbers if key.startswith("weight.")]:
        _, layer, name = key.split(".")
        array = numbers[key]
        array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        getattr(getattr(model, layer), names[name]).data = torch.tensor(np.ascontiguousarray(array))
    return model


def signal_and_gradient(model, x, score):
    """Run a model, and return its signal and the gradient of a score, still differentiable."""
    kept = []
    handle = model.signal.register_forward_hook(lambda module, given, output: kept.append(output))
    loss = score(model(x)).sum()
    handle.remove()
    return kept[0], torch.autograd.grad(loss, kept[0], create_graph=True)[0]


def shapley(model, x, score):
    """Give pytorch-grad-cam's weights of ShapleyCAM, applied to the signal."""
    signal, gradient = signal_and_gradient(model, x.clone().requires_grad_(), score)
    cam = ShapleyCAM(model, [model.signal])
    weights = cam.get_cam_weights(x, model.signal, None, signal, gradient)
    return np.einsum("bk,bkhw->bhw", weights, signal.detach().numpy())


def finer_of_grad_cam(model, x, unit, logits):
    """Give Grad-CAM of pytorch-grad-cam's target, which weighs the three nearest classes by their softmax."""
    order = np.argsort(np.abs(logits - logits[:, unit : unit + 1]), axis=1)
    targets = [FinerWeightedTarget(unit, [int(n) for n in row if n != unit][:3], 1.0) for row in order]
    signal, gradient = signal_and_gradient(model, x, lambda outputs: sum(t(y) for t, y in zip(targets, outputs)))
    return torch.einsum("bk,bkhw->bhw", gradient.mean((2, 3)), signal).detach().numpy()


def finer_of_torchcam(model, x, unit):
    """Give torchcam's Finer-CAM, after its ReLU."""
    with FinerCAM(model, "signal", input_shape=(3, 12, 12)) as cam:
        scores = model(x)
        return cam(unit, scores, normalized=False)[0].detach().numpy()


def layer_cam(model, x, unit):
    """Give torchcam's LayerCAM, after its ReLU, and scaled as in its `fuse_cams`."""
    with LayerCAM(model, "signal", input_shape=(3, 12, 12)) as cam:
        scores = model(x)
        found = cam(unit, scores, normalized=False)[0].detach()
    # Its own normalization subtracts the least value; the paper divides by the largest.
    top = found.amax((1, 2), keepdim=True)
    return found.numpy(), LayerCAM._scale_cams([found / torch.where(top > 0, top, 1)])[0].numpy()


def oracles(model, x):
    logits = model(x).detach().numpy()
    found = {}
    for unit in range(logits.shape[1]):
        maps = {name: from_pytorch_grad_cam(kind, model, x, unit) for name, kind in SIMPLE.items()}
        maps["shapleycam"] = shapley(model, x, ClassifierOutputReST(unit))
        maps["shapleycam_logit"] = shapley(model, x, ClassifierOutputTarget(unit)) if curved(model) else None
        maps["finercam_softmax"] = finer_of_grad_cam(model, x, unit, logits)
        maps["finercam"] = finer_of_torchcam(model, x, unit)
        maps["layercam"], maps["layercam_scaled"] = layer_cam(model, x, unit)
        for name, each in maps.items():
            if each is not None:
                found.setdefault(name, []).append(each)
    return {name: np.stack(each, -1) for name, each in found.items()}


def curved(model):
    """Tell whether a plain logit has a second derivative that torch knows of; it raises if nothing is curved."""
    return isinstance(model, Residual)


def main():
    found, here = {}, Path(__file__).parent
    for kind in (Plain, Normed, Residual):
        numbers = dict(np.load(here / f"{kind.__name__.lower()}.npz"))
        model = with_weights(kind, numbers)
        x = torch.tensor(np.moveaxis(numbers["inputs"], -1, 1).copy())
        assert np.abs(model(x).detach().numpy() - numbers["logits"]).max() < 1e-12
        found |= {f"{kind.__name__.lower()}.{name}": each for name, each in oracles(model, x).items()}
    np.savez_compressed(here / "cams.npz", **found)
    print("cams.npz", (here / "cams.npz").stat().st_size // 1000, "kB", *sorted(found), sep="\n")


if __name__ == "__main__":
    main()
