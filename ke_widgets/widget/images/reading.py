"""Reading pictures from files and from PIL, as `keras.utils.load_img` does."""

import contextlib

import numpy as np
from PIL import Image

_MODES = {1: "L", 4: "RGBA"}  # By the channels that a model takes; all others are RGB.


@contextlib.contextmanager
def opened(path):
    """Open a picture from a file.

    Args:
        path: Of the file.

    Yields:
        A PIL image.

    Raises:
        ValueError: If it cannot be read, as far as it is read in the `with`.
    """
    try:
        with Image.open(path) as picture:
            yield picture
    except OSError as error:
        raise ValueError(f"`images` must name pictures that can be read. Received: {str(path)!r}: {error}") from error


def pixels(picture, channels):
    """Give the pixels of a picture at its own size.

    Of grey levels beyond 8 bits, which Keras cuts off at 255 in a picture for RGB, that keeps the upper ones.

    Args:
        picture: A PIL image.
        channels: How many the model takes; `None` for any.

    Returns:
        An array `(H, W)` or `(H, W, C)`, and whether only the upper 8 bits of its grey levels are in it.
    """
    mode = _MODES.get(channels, "RGB")
    if picture.mode != "F" and not picture.mode.startswith("I"):
        return np.asarray(picture.convert(mode)), False
    levels = np.asarray(picture).astype("float32")
    if mode == "L":
        return levels, False
    deep = float(levels.max(initial=0)) > 255
    return np.asarray(Image.fromarray(_eight_bits(levels)).convert(mode)), deep


def _eight_bits(levels):
    """Bring grey levels to 0 to 255: 16 bits to their upper 8, as TensorFlow decodes them; others by their range."""
    low, high = float(np.nanmin(levels)), float(np.nanmax(levels))
    if low >= 0 and high <= 255:
        return np.floor(levels).astype("uint8")
    if low >= 0 and high <= 65535:
        return (levels // 256).astype("uint8")
    return np.nan_to_num((levels - low) / max(high - low, 1e-12) * 255).astype("uint8")
