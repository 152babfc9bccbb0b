"""Images as waves: from the numbers that are optimized to images."""

from typing import NamedTuple

import numpy as np
from keras import ops

from ke_widgets.backend import resize
from ke_widgets.engine.baselines import as_floats
from ke_widgets.typing import ArrayLike, Tensor

# The square root of the covariance of colours in ImageNet, columns scaled to at most 1, as Distill's `lucid` has it:
# what changes in one of its columns alone is uncorrelated to the others in natural images.
_COVARIED = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
_COLOURS = _COVARIED / np.linalg.norm(_COVARIED, axis=0).max()
# `lucid` divides by it; so its learning rates fit.
_CALM = 4.0


class Spectrum(NamedTuple):
    """Hold what natural images have in common.

    Attributes:
        magnitudes: Mean magnitude of each wave `(C, H, W)`, of each of the uncorrelated colours; 0 for the mean.
        mean: Mean colour `(C,)`.
        colours: The uncorrelated colours, orthogonal columns `(C, C)`.
    """

    magnitudes: np.ndarray
    mean: np.ndarray
    colours: np.ndarray


def frequencies(size: tuple[int, int]) -> np.ndarray:
    """Return the frequency of each wave of an image, in cycles per pixel, `(H, W)`."""
    rows, columns = (np.fft.fftfreq(side) for side in size)
    return np.sqrt(rows[:, None] ** 2 + columns**2)


def natural_scale(size: tuple[int, int]) -> np.ndarray:
    """Return the factor of each wave that makes waves of one size those of a natural image: 1 / frequency, `(H, W)`.

    Args:
        size: Rows and columns.

    Returns:
        An array; the mean has the factor of the longest wave.
    """
    return np.sqrt(size[0] * size[1]) / np.maximum(frequencies(size), 1 / max(size))


def image_of_waves(waves: Tensor, low: float, high: float) -> Tensor:
    r"""Return images of the waves that they are made of.

    $$x = \operatorname{sigmoid}\big(C \, F^{-1}(z / f)\big)$$

    where `f` is the frequency, and `C` correlates three colours as in natural images.

    Args:
        waves: Real and imaginary parts `z`, `(2, U, C, H, W)`.
        low: The least value of a pixel.
        high: The largest.

    Returns:
        Images `(U, H, W, C)`.
    """
    shape = waves.shape
    scale = ops.convert_to_tensor(natural_scale((shape[-2], shape[-1])), waves.dtype)
    image = _channels_last(ops.ifft2((waves[0] * scale, waves[1] * scale))[0]) / _CALM
    if shape[2] == 3:
        image = ops.matmul(image, ops.convert_to_tensor(_COLOURS.T, waves.dtype))
    return low + (high - low) * ops.sigmoid(image)


def spectrum_of(images: ArrayLike, size: tuple[int, int]) -> Spectrum:
    """Return what images have in common: the mean magnitudes of their waves, and their colours.

    Args:
        images: Images `(N, H', W', C)` of any size.
        size: Rows and columns of the spectrum.

    Returns:
        A `Spectrum`.
    """
    resized = np.asarray(resize(as_floats(images), size), "float64")
    mean = resized.mean((0, 1, 2))
    pixels = (resized - mean).reshape(-1, resized.shape[-1])
    _, colours = np.linalg.eigh(pixels.T @ pixels)
    waves = np.fft.fft2((resized - mean) @ colours, axes=(1, 2))
    magnitudes = np.moveaxis(np.abs(waves).mean(0), -1, 0)
    magnitudes[:, 0, 0] = 0
    return Spectrum(magnitudes, mean, colours)


def image_of_phases(phases: Tensor, magnitudes: Tensor, mean: Tensor, colours: Tensor) -> Tensor:
    r"""Return images that have a given spectrum, whatever the phases of its waves.

    $$x = F^{-1}(r \, e^{i \varphi})$$

    Args:
        phases: Numbers `(U, C, H, W)`. The phases are their odd part, as those of a real image are.
        magnitudes: See `Spectrum`.
        mean: See `Spectrum`.
        colours: See `Spectrum`.

    Returns:
        Images `(U, H, W, C)`, of any range.
    """
    mirrored = ops.roll(ops.flip(phases, axis=(-2, -1)), (1, 1), axis=(-2, -1))
    odd = (phases - mirrored) / 2
    waves = ops.ifft2((magnitudes * ops.cos(odd), magnitudes * ops.sin(odd)))[0]
    return mean + ops.matmul(_channels_last(waves), ops.transpose(colours))


def _channels_last(x: Tensor) -> Tensor:
    return ops.transpose(x, (0, 2, 3, 1))
