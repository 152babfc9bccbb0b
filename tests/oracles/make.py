"""Make the files beside this one: what captum, pytorch-grad-cam and plain torch say of three small networks.

Not run in tests, which read the files. To make them again, in an environment of its own:

    pip install torch numpy tqdm pillow && pip install --no-deps captum grad-cam ttach
    python tests/oracles/make.py

Weights and arrays are stored as Keras has them: kernels HWIO, dense kernels (in, out), images and maps channels last.
The networks are built in Keras, by the same names, in `tests/methods/test_oracles.py`.
"""

import importlib.abc
import importlib.util
import inspect
import sys
import textwrap
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn import functional

NEEDLESS = ("torchvision", "cv2", "sklearn", "matplotlib", "mpl_toolkits", "scipy", "requests", "packaging")


class Needless(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stand in for packages that the oracles import for pictures only."""

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name.split(".")[0] in NEEDLESS else None

    def create_module(self, spec):
        module = mock.MagicMock(name=spec.name, __spec__=spec, __path__=[], __version__="0")
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(Needless())

from captum.attr import LayerGradCam, Saliency  # noqa: E402
from pytorch_grad_cam import FullGrad, GradCAM, GradCAMPlusPlus, ScoreCAM  # noqa: E402
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # noqa: E402


class Plain(nn.Module):
    """Two convolutions, global average pooling, one dense layer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.dense = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 8, 3), nn.Linear(8, 5)
        self.signal = nn.ReLU()

    def forward(self, x):
        x = self.signal(self.conv2(functional.relu(self.conv1(x))))
        return self.dense(x.mean((2, 3)))


class Normed(nn.Module):
    """Batch normalization, max pooling, a flattened head."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding="same"), nn.BatchNorm2d(6, eps=1e-3)
        self.conv2, self.bn2 = nn.Conv2d(6, 8, 3, bias=False), nn.BatchNorm2d(8, eps=1e-3)
        self.signal, self.dense = nn.ReLU(), nn.Linear(8 * 4 * 4, 4)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 2)
        x = self.signal(self.bn2(self.conv2(x)))
        return self.dense(x.permute(0, 2, 3, 1).flatten(1))


class Residual(nn.Module):
    """A skip, a stride, a leaky ReLU, and a hidden dense layer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding="same"), nn.Conv2d(6, 6, 3, padding="same")
        self.conv3, self.signal = nn.Conv2d(6, 8, 3, stride=2), nn.LeakyReLU(0.25)
        self.hidden, self.dense = nn.Linear(8, 7), nn.Linear(7, 3)

    def forward(self, x):
        x = functional.relu(self.conv1(x))
        x = x + functional.relu(self.conv2(x))
        x = self.signal(self.conv3(x)).mean((2, 3))
        return self.dense(functional.relu(self.hidden(x)))


def last(x):
    """Channels last, as NumPy."""
    x = np.asarray(x.detach() if torch.is_tensor(x) else x)
    return np.moveaxis(x, 1, -1) if x.ndim == 4 else x


PLAIN = {"weight": "kernel", "bias": "bias"}
NORMED = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def keras_weights(model):
    """Give `{"layer.weight": array}` by the names and layouts of Keras."""
    found = {}
    for path, value in model.state_dict().items():
        layer, _, name = path.rpartition(".")
        if name == "num_batches_tracked":
            continue
        name = (NORMED if layer.startswith("bn") else PLAIN)[name]
        array = value.numpy()
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        found[f"{layer}.{name}"] = array
    return found


def randomize(model):
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if value.dtype.is_floating_point:
            scale = torch.rand(value.shape, dtype=torch.double)
            value.data = scale + 0.5 if "var" in name else (scale - 0.5) * (0.7 if value.ndim > 1 else 1.0)
    return model.double().eval()


def from_pytorch_grad_cam(kind, model, x, unit):
    """Give the weighted sum of channels, before the package's ReLU, scaling and resizing."""
    cam = kind(model, [model.signal])
    targets = [ClassifierOutputTarget(unit)] * len(x)
    outputs = cam.activations_and_grads(x)
    sum(target(output) for target, output in zip(targets, outputs)).backward()
    activations = cam.activations_and_grads.activations[0].numpy()
    gradients = cam.activations_and_grads.gradients[0].numpy()
    maps = cam.get_cam_image(x, model.signal, targets, activations, gradients, False)
    cam.activations_and_grads.release()
    return maps


def without_epsilon(kind):
    """Take pytorch-grad-cam's absolute epsilon out of Grad-CAM++: it swamps gradients of 1e-3."""
    source = textwrap.dedent(inspect.getsource(kind.get_cam_weights))
    names = {"np": np}
    exec(source.replace("eps = 0.000001", "eps = 0.0"), names)
    return type(kind.__name__, (kind,), {"get_cam_weights": names["get_cam_weights"]})


def bias_gradients(model, x, unit):
    """Give pytorch-grad-cam's input term and bias terms of FullGrad, before it scales them; names beside them."""
    x = x.clone().requires_grad_()
    cam = FullGrad(model, [])
    cam.activations_and_grads(x)[:, unit].sum().backward()
    gradients = cam.activations_and_grads.gradients
    names = [name for name, layer in model.named_modules() if any(layer is target for target in cam.target_layers)]
    terms = {n: torch.tensor(b)[None, :, None, None] * g for n, b, g in zip(names, cam.bias_data, gradients)}
    cam.activations_and_grads.release()
    return {"inputs": (x * x.grad).detach(), **terms}


def full_gradient_map(terms, size):
    """Give the map of FullGrad, from the paper: psi = resize(rescale(abs)), summed over channels and layers."""
    total = 0
    for term in terms.values():
        term = term.abs()
        term = term - term.amin((1, 2, 3), keepdim=True)
        term = term / term.amax((1, 2, 3), keepdim=True)
        total = total + functional.interpolate(term, size, mode="bilinear", align_corners=False).sum(1)
    return total


CAMS = {"gradcam": GradCAM, "gradcampp": without_epsilon(GradCAMPlusPlus), "scorecam": ScoreCAM}


def oracles(model, x):
    units = range(model.dense.out_features)
    found = {"logits": model(x).detach().numpy()}
    maps = {name: [] for name in ("gradients", "captum_gradcam", "gradcam", "gradcampp", "scorecam", "full_gradients")}
    terms = []
    for unit in units:
        saliency = Saliency(model).attribute(x.clone().requires_grad_(), target=unit)
        maps["gradients"].append(saliency.amax(1).detach().numpy())
        attribution = LayerGradCam(model, model.signal).attribute(x, target=unit, relu_attributions=False)
        maps["captum_gradcam"].append(attribution[:, 0].detach().numpy())
        for name, kind in (
            ("gradcam", GradCAM),
            ("gradcampp", without_epsilon(GradCAMPlusPlus)),
            ("scorecam", ScoreCAM),
        ):
            maps[name].append(from_pytorch_grad_cam(kind, model, x, unit))
        terms.append(bias_gradients(model, x, unit))
        maps["full_gradients"].append(full_gradient_map(terms[-1], x.shape[2:]).numpy())
    found |= {name: np.stack(each, -1) for name, each in maps.items()}
    found |= {f"term.{name}": np.stack([last(each[name]) for each in terms], 1) for name in terms[0]}
    return found


def main():
    # The package resizes with aligned corners; Keras, torch's default and OpenCV do not.
    nn.UpsamplingBilinear2d = lambda size: nn.Upsample(size=size, mode="bilinear", align_corners=False)
    for number, kind in enumerate((Plain, Normed, Residual)):
        torch.manual_seed(number)
        model, x = randomize(kind()), torch.randn(2, 3, 12, 12, dtype=torch.double)
        weights = {f"weight.{name}": value for name, value in keras_weights(model).items()}
        path = Path(__file__).with_name(f"{kind.__name__.lower()}.npz")
        np.savez_compressed(path, inputs=last(x), **weights, **oracles(model, x))
        print(path.name, path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
