"""A picture as bytes that a page can draw: no larger than a screen shows, and quick to make."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

LONGEST = 1600
_LOSSLESS = 1_000_000  # Pixels up to which a picture is sent as PNG; above that it is a photograph, sent as JPEG.


class Encoded(NamedTuple):
    """A picture for a page.

    Attributes:
        data: PNG bytes, or JPEG where it has more than a megapixel.
        size: Rows and columns of the image itself, before it was made smaller to be shown.
    """

    data: bytes
    size: tuple[int, int]


def as_uint8(image):
    """Turn pixels into levels to show: floats in [0, 1] times 255, other ranges from their minimum to their maximum.

    Args:
        image: An array of any shape.

    Returns:
        uint8 of the same shape; what is not finite is 0.
    """
    if image.dtype == np.uint8:
        return image
    image = image.astype("float64")
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    image = np.nan_to_num((image - low) / max(high - low, 1e-12), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(np.rint(image * 255), 0, 255).astype("uint8")


def encode(picture, longest=0):
    """Write a picture as PNG, or as JPEG where that is worth it.

    Args:
        picture: uint8 `(H, W, 1)` or `(H, W, 3)`.
        longest: Pixels of its longer side at most; 0 for as many as are worth showing.

    Returns:
        Bytes.
    """
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    longest = longest or LONGEST
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    if image.width * image.height > _LOSSLESS:
        image.save(file, "JPEG", quality=92, subsampling=0)
    else:
        image.save(file, "PNG", compress_level=1)
    return file.getvalue()
