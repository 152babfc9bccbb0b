"""Make the file beside this one: what captum says of guided backpropagation, the deconvnet and noisy gradients.

Not run in tests, which read the file. The networks, weights and images are those of `make.py`, with a ReLU for the
leaky one, which captum does not guide. To make it again, in an environment of its own:

    pip install torch numpy tqdm pillow && pip install --no-deps captum grad-cam ttach
    python tests/oracles/rectified.py
"""

import types
from pathlib import Path
from unittest import mock

import make
import numpy as np
import torch
from captum.attr import Deconvolution, GuidedBackprop, GuidedGradCam, InputXGradient, NoiseTunnel, Saliency
from torch import nn
from torch.nn import functional

SAMPLES, UNITS = 4, (0, 2)


class WithModules(nn.Module):
    """One of the networks, with its functional ReLUs as modules: captum looks at modules alone."""

    def __init__(self, inner, count):
        super().__init__()
        self.inner, self.relus = inner, nn.ModuleList(nn.ReLU() for _ in range(count))

    def forward(self, x):
        relus = iter(self.relus)
        names = types.SimpleNamespace(relu=lambda x: next(relus)(x), max_pool2d=functional.max_pool2d)
        with mock.patch.object(make, "functional", names):
            return self.inner(x)


def noisy(model, x, noise, kind, unit):
    """Give captum's statistic of the signed gradients at the images plus the given noise `(S, C, H, W)`."""
    drawn = noise.repeat(len(x), 1, 1, 1)  # All samples of the first image come first.
    with mock.patch.object(torch, "normal", return_value=drawn):
        tunnel = NoiseTunnel(Saliency(model))
        return tunnel.attribute(x, nt_type=kind, nt_samples=len(noise), stdevs=1.0, target=unit, abs=False)


def oracles(model, x, noise):
    found = {}
    for unit in UNITS:
        each = {
            "guided_backprop": GuidedBackprop(model).attribute(x, target=unit).abs().amax(1),
            "deconvnet": Deconvolution(model).attribute(x, target=unit).abs().amax(1),
            "guided_gradcam": GuidedGradCam(model, model.inner.signal)
            .attribute(x, target=unit, interpolate_mode="bilinear")
            .abs()
            .amax(1),
            "gradient_input": InputXGradient(model).attribute(x, target=unit).sum(1),
            "vargrad": noisy(model, x, noise, "vargrad", unit).amax(1),
            "squaregrad": noisy(model, x, noise, "smoothgrad_sq", unit).amax(1),
        }
        for name, value in each.items():
            found.setdefault(name, []).append(value.detach().numpy())
    return {name: np.stack(values, -1) for name, values in found.items()}


def main():
    found = {}
    for number, kind in enumerate((make.Plain, make.Normed, make.Residual)):
        torch.manual_seed(number)
        model, x = make.randomize(kind()), torch.randn(2, 3, 12, 12, dtype=torch.double)
        model.signal = nn.ReLU()
        noise = 0.3 * torch.randn(SAMPLES, 3, 12, 12, dtype=torch.double)
        x.requires_grad_()
        given = oracles(WithModules(model, 4), x, noise)
        found |= {f"{kind.__name__.lower()}.{name}": value for name, value in {**given, "noise": noise}.items()}
    found = {name: make.last(value) if name.endswith("noise") else value for name, value in found.items()}
    path = Path(__file__).with_suffix(".npz")
    np.savez_compressed(path, **found)
    print(path.name, path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
