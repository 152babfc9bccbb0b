"""Probe a `preprocess` function with test images: whether it only resizes, and how it changes colours.

A map is drawn over what the model saw. If `preprocess` only resizes, that is the user's own picture. After a crop, a
border or a flip, only the model's input aligns with the map.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ke_widgets.errors.arguments import nearest
from ke_widgets.errors.short_repr import short_repr

_FUNCTION = "preprocess_input"
_LEAST_SIDE = 4  # Pixels; in a smaller image the pattern looks like its crop.
_ROUNDING = 0.005
_SHIFT_TOLERANCE = 0.4  # Resize methods differ by about this shift, in pixels of the coarser image.


def check_preprocess(preprocess: Any) -> None:
    """Check that `preprocess` is a function or `None`.

    Raises:
        TypeError: If it is neither; the message says what to write.
    """
    if preprocess is None or (callable(preprocess) and not isinstance(preprocess, type)):
        return
    raise TypeError(
        "`preprocess` must be a function that turns a batch of images into the model's input. "
        f"Received: {short_repr(preprocess)}.{_hint(preprocess)}"
    )


def _hint(preprocess):
    """Suggest what to write for values that are often passed by mistake."""
    if isinstance(preprocess, type):
        return f" Create an instance: `preprocess={preprocess.__name__}(...)`."
    if isinstance(getattr(preprocess, "shape", None), tuple):
        return " Pass the function itself, without calling it: `preprocess=preprocess_input`."
    name = preprocess if isinstance(preprocess, str) else getattr(preprocess, "__name__", None)
    if name is None:
        return ""
    known = vars(keras.applications).items()
    families = [each for each, module in known if hasattr(module, _FUNCTION) and each != "imagenet_utils"]
    family = nearest(name.rpartition(".")[2].removesuffix(f"_{_FUNCTION}"), families)
    return f" Write `preprocess=keras.applications.{family}.{_FUNCTION}`." if family else ""


def sees_all(preprocess: Callable[[np.ndarray], Any], image: np.ndarray) -> bool:
    """Return whether `preprocess` keeps the relative position of every pixel, so that it only resizes.

    A smooth pattern is passed through it. The result must be the same pattern at another size, shifted by less than a
    pixel. Its values may change monotonically.

    Args:
        preprocess: Turns a batch of images `(1, H, W, ...)` into a model's inputs.
        image: An image `(H, W)` or `(H, W, C)` with the size and range to test.

    Returns:
        A bool; also `False` if `preprocess` fails on the pattern.
    """
    height, width = image.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return True
    low, high = value_range(image)
    pattern = low + (high - low) * _pattern(height, width)
    seen = _try(preprocess, pattern.reshape(height, width, *[1] * (image.ndim - 2)), image)
    if seen is None or min(seen.shape[:2]) < 2:
        return False
    rows, columns = seen.shape[:2]
    expected = _pattern(rows, columns)
    shifted = _pattern(rows, columns, _SHIFT_TOLERANCE / min(rows, height), _SHIFT_TOLERANCE / min(columns, width))
    shifted = shifted[..., None]
    # A crop along one axis is clearest in the means over the other.
    views = [(seen, expected, shifted), *((seen.mean(n), expected.mean(n), shifted.mean(n)) for n in (0, 1))]
    return all(_unexplained(x, wave) <= _unexplained(moved, wave) + _ROUNDING for x, wave, moved in views)


def own_colours(
    preprocess: Callable[[np.ndarray], Any], image: np.ndarray
) -> Callable[[np.ndarray], np.ndarray] | None:
    """Invert the colour transform of `preprocess`, if it is a scale, a shift or a permutation of channels.

    Args:
        preprocess: See `sees_all`.
        image: See `sees_all`.

    Returns:
        A function from the input `(H', W', C)` to colours in the range of the image; `None` if there is no inverse.
    """
    low, high = value_range(image)
    channels = image.shape[-1] if image.ndim == 3 else 1

    def middle(colour):
        seen = _try(preprocess, np.asarray(colour, "float64").reshape([channels] * (image.ndim == 3)), image)
        return None if seen is None else seen[seen.shape[0] // 2, seen.shape[1] // 2]

    black = middle([low] * channels)
    ends = [middle([high if own == channel else low for own in range(channels)]) for channel in range(channels)]
    grey = (low + high) // 2 if np.issubdtype(image.dtype, np.integer) else (low + high) / 2
    half = middle([grey] * channels)
    if black is None or half is None or any(end is None or len(end) != channels for end in ends):
        return None
    mix = np.stack([end - black for end in ends], axis=1) / (high - low)
    predicted = black + mix.sum(axis=1) * (grey - low)
    tolerance = 0.02 * np.abs(mix).max() * (high - low)
    if np.linalg.matrix_rank(mix) < channels or np.abs(predicted - half).max() > tolerance:
        return None
    back = np.linalg.inv(mix)
    return lambda seen: np.clip(low + (seen - black) @ back.T, low, high)


def black_and_white(preprocess: Callable[[np.ndarray], Any], image: np.ndarray) -> tuple[Any, Any] | None:
    """Return what a black and a white image are in the model's input, one value for each channel.

    Args:
        preprocess: See `sees_all`.
        image: See `sees_all`.

    Returns:
        A pair of arrays `(C,)`; `None` if `preprocess` fails on such images, or makes several colours of one.
    """
    found = []
    for value in value_range(image):
        seen = _try(preprocess, np.full(image.shape, value, "float64"), image)
        # Borders that `preprocess` pads are no part of the image.
        if seen is None:
            return None
        found.append(seen[seen.shape[0] // 2, seen.shape[1] // 2])
    black, white = found
    return black, white


def value_range(image: np.ndarray) -> tuple[float, float]:
    """Return the values of black and white in an image: 0 and 255, or 0 and 1, or its own where they are others."""
    finite = image[np.isfinite(image)].astype("float64")
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 255:
        return 0, 1 if high <= 1 and image.dtype != np.uint8 else 255
    return (low, high) if high > low else (low, low + 1.0)


def _pattern(height, width, down=0.0, right=0.0):
    """Return a wave pattern in [0, 1] that differs from each of its crops, flips and rotations."""
    rows, columns = ((np.arange(side) + 0.5) / side + shift for side, shift in ((height, down), (width, right)))
    waves = np.cos(2 * np.pi * rows + 0.6)[:, None] + np.cos(2 * np.pi * columns + 1.3)
    return 0.5 + 0.25 * waves


def _try(preprocess, values, image):
    """Run `preprocess` on given pixel values, and return `(H', W', C)`; `None` if it fails on them."""
    values = np.rint(values) if np.issubdtype(image.dtype, np.integer) else values
    try:
        seen = np.asarray(preprocess(np.broadcast_to(values.astype(image.dtype), image.shape).copy()[None]), "float64")[
            0
        ]
    except Exception:
        return None  # It may require a real photograph; then its effect is unknown.
    seen = seen[..., None] if seen.ndim == 2 else seen
    return seen if seen.ndim == 3 and np.isfinite(seen).all() else None


def _unexplained(seen, pattern):
    """Return the fraction of the variance of `seen` `(..., C)` that is no linear function of a pattern `(...)`."""
    flat = seen.reshape(-1, seen.shape[-1])
    flat = flat - flat.mean(axis=0)
    wave = pattern.ravel() - pattern.mean()
    total = (flat**2).sum()
    explained = ((wave @ flat) ** 2).sum() / (wave @ wave)
    return 1 - explained / total if total > 0 else 1.0
