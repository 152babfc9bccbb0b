"""Read pictures from files and from PIL, as `keras.utils.load_img` does."""

import contextlib
import os
from collections.abc import Generator

import numpy as np
from PIL import Image

_MODES: dict[int | None, str] = {1: "L", 4: "RGBA"}  # By the model's number of channels; all others are RGB.


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Generator[Image.Image, None, None]:
    """Open a picture from a file.

    Args:
        path: Path of the file.

    Yields:
        A PIL image.

    Raises:
        ValueError: If it cannot be read, also while the `with` block reads it.
    """
    try:
        with Image.open(path) as picture:
            yield picture
    except OSError as error:
        raise ValueError(f"`images` must name pictures that can be read. Received: {str(path)!r}: {error}") from error


def pixels(picture: Image.Image, channels: int | None) -> tuple[np.ndarray, bool]:
    """Return the pixels of a picture at its own size.

    Keras clips grey levels above 8 bits at 255 when it converts to RGB; this function keeps their upper 8 bits.

    Args:
        picture: A PIL image.
        channels: Number of channels that the model takes; `None` for any.

    Returns:
        An array `(H, W)` or `(H, W, C)`, and whether it holds only the upper 8 bits of the grey levels.
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
    """Convert grey levels to 8 bits: the upper 8 of 16 bits, as TensorFlow decodes them; others by their range."""
    low, high = float(np.nanmin(levels)), float(np.nanmax(levels))
    if low >= 0 and high <= 255:
        return np.floor(levels).astype("uint8")
    if low >= 0 and high <= 65535:
        return (levels // 256).astype("uint8")
    return np.nan_to_num((levels - low) / max(high - low, 1e-12) * 255).astype("uint8")
