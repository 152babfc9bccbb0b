"""Make `path.npz`: what captum and PAIR's saliency say of the three networks of `make.py`, whose weights are the same.

pip install torch numpy tqdm pillow scipy && pip install --no-deps captum grad-cam ttach saliency
python tests/oracles/path.py
"""

from pathlib import Path
from unittest import mock

import numpy as np
import torch
from captum.attr import GradientShap, IntegratedGradients
from make import Normed, Plain, Residual, last, randomize
from saliency.core import blur_ig, guided_ig

NUMPY_QUANTILE = np.quantile
UNIT, STEPS, BLUR = 1, 40, 3.0


def gradient_of(model):
    """A function from an image (H, W, C) to the gradient of the unit, as PAIR's code takes it."""

    def gradients(image):
        x = torch.tensor(np.moveaxis(image, -1, 0)[None]).requires_grad_()
        model(x)[0, UNIT].backward()
        return np.moveaxis(x.grad[0].numpy(), 0, -1)

    return gradients


def our_blur(image, sigma):
    """Blur an image, cut off and normalized at the borders; PAIR's code pads with zeros."""
    for axis in (0, 1):
        places = np.arange(image.shape[axis])
        bell = np.exp(-((places[:, None] - places) ** 2) / max(2 * sigma**2, 1e-38))
        image = np.moveaxis(np.tensordot(bell / bell.sum(1, keepdims=True), image, ([1], [axis])), 0, axis)
    return image


def blurred_path(image, gradients, steps):
    with mock.patch.object(blur_ig, "gaussian_blur", our_blur):
        return blur_ig.BlurIG().GetMask(
            image, lambda x, *_, **__: {"INPUT_OUTPUT_GRADIENTS": gradients(x[0])[None]}, max_sigma=BLUR, steps=steps
        )


def guided_path(image, gradients, **own):
    def quantile(*args, interpolation, **rest):
        """Stand in for what NumPy 2.4 took out."""
        return NUMPY_QUANTILE(*args, method=interpolation, **rest)

    with mock.patch.object(np, "quantile", quantile):
        return guided_ig.GuidedIG().GetMask(
            image,
            lambda x, *_, **__: {"INPUT_OUTPUT_GRADIENTS": gradients(x[0])[None]},
            x_baseline=np.zeros_like(image),
            x_steps=STEPS,
            **own,
        )


def oracles(model, x, background):
    found = {"logits": model(x).detach().numpy()}
    for rule in ("riemann_middle", "gausslegendre"):
        maps = IntegratedGradients(model).attribute(x, target=UNIT, n_steps=STEPS, method=rule)
        found[rule] = last(maps).sum(-1)
    maps = [
        IntegratedGradients(model).attribute(x, b[None].expand_as(x), target=UNIT, n_steps=400, method="riemann_middle")
        for b in background
    ]
    found["expected"] = last(torch.stack(maps).mean(0)).sum(-1)
    torch.manual_seed(0)
    shap = GradientShap(model).attribute(x, background, n_samples=3000, stdevs=0.0, target=UNIT)
    found["gradient_shap"] = last(shap).sum(-1)
    images, gradients = last(x), gradient_of(model)
    found["guided"] = np.stack([guided_path(image, gradients, fraction=0.25, max_dist=0.02) for image in images]).sum(
        -1
    )
    found["guided_far"] = np.stack([guided_path(image, gradients, fraction=0.1, max_dist=0.5) for image in images]).sum(
        -1
    )
    for steps in (500, 1000):
        found[f"blurred_{steps}"] = np.stack([blurred_path(image, gradients, steps) for image in images]).sum(-1)
    return found


def main():
    everything = {}
    for number, kind in enumerate((Plain, Normed, Residual)):
        torch.manual_seed(number)
        model, x = randomize(kind()), torch.randn(2, 3, 12, 12, dtype=torch.double)
        name = kind.__name__.lower()
        stored = np.load(Path(__file__).with_name(f"{name}.npz"))
        np.testing.assert_array_equal(stored["inputs"], last(x))
        np.testing.assert_allclose(stored["logits"], model(x).detach().numpy(), atol=1e-12)
        background = torch.randn(3, 3, 12, 12, dtype=torch.double)
        found = {"background": last(background), **oracles(model, x, background)}
        everything |= {f"{name}.{key}": value for key, value in found.items()}
    path = Path(__file__).with_suffix(".npz")
    np.savez_compressed(path, **everything)
    print(path.name, path.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
