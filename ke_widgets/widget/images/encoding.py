"""Encode pictures for the page: PNG or JPEG, no larger than a screen, and fast."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

LONGEST = 1600
_LOSSLESS = 1_000_000  # Pixels; larger pictures are photographs and are sent as JPEG.


class Encoded(NamedTuple):
    """An encoded picture.

    Attributes:
        data: PNG bytes, or JPEG above one megapixel.
        size: Rows and columns of the original, before downscaling for display.
    """

    data: bytes
    size: tuple[int, int]


def as_uint8(image: np.ndarray) -> np.ndarray:
    """Convert pixels to uint8: floats in [0, 1] times 255, other ranges scaled from their minimum to their maximum.

    Args:
        image: An array of any shape.

    Returns:
        uint8 of the same shape; NaN and infinite values become 0.
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


def encode(picture: np.ndarray, longest: int = 0) -> bytes:
    """Encode a picture as PNG, or as JPEG above one megapixel.

    Args:
        picture: uint8 `(H, W, 1)` or `(H, W, 3)`.
        longest: Upper bound of its longer side in pixels; 0 for `LONGEST`.

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
