"""What a `preprocess` does to an image, found by trying it: whether it shows the model all of it, and in which colours.

A map lies over what the model saw. Where that is the whole image, only at another size, it lies over the user's own
picture; where a crop, a border or a mirror image comes between, only the model's input shows where the map belongs.
"""

import keras
import numpy as np

from ke_widgets.errors.arguments import nearest
from ke_widgets.errors.short_repr import short_repr

_FUNCTION = "preprocess_input"
_LEAST_SIDE = 4  # Pixels in which a pattern can be told from its crop.
_ROUNDING = 0.005
_PLAY = 0.4  # Pixels, of whichever are larger, by which ways of resizing differ, about.


def check_preprocess(preprocess):
    """Refuse what is no function of images.

    Raises:
        TypeError: If it is neither a function nor `None`; the message says what to write.
    """
    if preprocess is None or (callable(preprocess) and not isinstance(preprocess, type)):
        return
    raise TypeError(
        "`preprocess` must be a function that turns a batch of images into the model's input. "
        f"Received: {short_repr(preprocess)}.{_instead_of(preprocess)}"
    )


def _instead_of(preprocess):
    """Say what to write in place of something that is often given for a function."""
    if isinstance(preprocess, type):
        return f" Make one first: `preprocess={preprocess.__name__}(...)`."
    if isinstance(getattr(preprocess, "shape", None), tuple):
        return " Pass the function itself, without parentheses behind its name: `preprocess=preprocess_input`."
    name = preprocess if isinstance(preprocess, str) else getattr(preprocess, "__name__", None)
    if name is None:
        return ""
    known = vars(keras.applications).items()
    families = [each for each, module in known if hasattr(module, _FUNCTION) and each != "imagenet_utils"]
    family = nearest(name.rpartition(".")[2].removesuffix(f"_{_FUNCTION}"), families)
    return f" Say `preprocess=keras.applications.{family}.{_FUNCTION}`." if family else ""


def sees_all(preprocess, image):
    """Tell whether `preprocess` keeps every place of an image where it is, but for its size.

    A smooth pattern goes through it. What comes out must be the same pattern at another size, but for a part of a
    pixel. What happens to its numbers does not matter, as long as bright stays bright, or becomes dark.

    Args:
        preprocess: Turns a batch of images `(1, H, W, ...)` into a model's inputs.
        image: An image `(H, W)` or `(H, W, C)` of the size and range that are asked about.

    Returns:
        A bool; `False` too where it fails on the pattern.
    """
    height, width = image.shape[:2]
    if min(height, width) < _LEAST_SIDE:
        return True
    low, high = _range(image)
    pattern = low + (high - low) * _pattern(height, width)
    seen = _try(preprocess, pattern.reshape(height, width, *[1] * (image.ndim - 2)), image)
    if seen is None or min(seen.shape[:2]) < 2:
        return False
    rows, columns = seen.shape[:2]
    there = _pattern(rows, columns)
    beside = _pattern(rows, columns, _PLAY / min(rows, height), _PLAY / min(columns, width))
    beside = beside[..., None]
    # A crop of one side alone shows best in the means over the other.
    views = [(seen, there, beside), *((seen.mean(n), there.mean(n), beside.mean(n)) for n in (0, 1))]
    return all(_unexplained(x, wave) <= _unexplained(moved, wave) + _ROUNDING for x, wave, moved in views)


def own_colours(preprocess, image):
    """Find the way from a model's input back to the colours of the image, where that is a scale, a shift, or a swap.

    Args:
        preprocess: See `sees_all`.
        image: See `sees_all`.

    Returns:
        A function from the input `(H', W', C)` to colours in the range of the image; `None` where there is none.
    """
    low, high = _range(image)
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
    foretold = black + mix.sum(axis=1) * (grey - low)
    if np.linalg.matrix_rank(mix) < channels or np.abs(foretold - half).max() > 0.02 * np.abs(mix).max() * (high - low):
        return None
    back = np.linalg.inv(mix)
    return lambda seen: np.clip(low + (seen - black) @ back.T, low, high)


def _range(image):
    finite = image[np.isfinite(image)].astype("float64")
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 255:
        return 0, 1 if high <= 1 and image.dtype != np.uint8 else 255
    return (low, high) if high > low else (low, low + 1.0)


def _pattern(height, width, down=0.0, right=0.0):
    """Give waves over rows and columns, 0 to 1: no two crops, mirror images or turns of them are alike."""
    rows, columns = ((np.arange(side) + 0.5) / side + shift for side, shift in ((height, down), (width, right)))
    waves = np.cos(2 * np.pi * rows + 0.6)[:, None] + np.cos(2 * np.pi * columns + 1.3)
    return 0.5 + 0.25 * waves


def _try(preprocess, values, image):
    """Give what `preprocess` makes of values in place of an image, as `(H', W', C)`; `None` where it fails on them."""
    values = np.rint(values) if np.issubdtype(image.dtype, np.integer) else values
    try:
        seen = np.asarray(preprocess(np.broadcast_to(values.astype(image.dtype), image.shape).copy()[None]), "float64")[
            0
        ]
    except Exception:
        return None  # It may want a photograph; then nobody knows what it does.
    seen = seen[..., None] if seen.ndim == 2 else seen
    return seen if seen.ndim == 3 and np.isfinite(seen).all() else None


def _unexplained(seen, pattern):
    """Give the share of the variance of `seen` `(..., C)` that is no multiple of a pattern `(...)` and a constant."""
    flat = seen.reshape(-1, seen.shape[-1])
    flat = flat - flat.mean(axis=0)
    wave = pattern.ravel() - pattern.mean()
    total = (flat**2).sum()
    explained = ((wave @ flat) ** 2).sum() / (wave @ wave)
    return 1 - explained / total if total > 0 else 1.0
