"""Fit images to the size that a model takes: a centre crop, then a resize that keeps the aspect ratio."""

import numpy as np
from PIL import Image

Region = tuple[float, float, float, float]  # Top, left, bottom and right, as fractions of height and width.

WHOLE = (0.0, 0.0, 1.0, 1.0)
_LARGE_FACTOR = 3  # Enlarging by this factor deserves a notice.


def centre_crop(size: tuple[int, int], target_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Compute the largest centre crop of an image with a given aspect ratio, as `keras.utils.load_img` does.

    Args:
        size: Rows and columns of the image.
        target_size: Rows and columns to resize to afterwards.

    Returns:
        `(top, left, bottom, right)` in pixels; bottom and right are exclusive.
    """
    (height, width), (rows, columns) = size, target_size
    tall, wide = max(min(height, width * rows // columns), 1), max(min(width, height * columns // rows), 1)
    top, left = (height - tall) // 2, (width - wide) // 2
    return top, left, top + tall, left + wide


def cropped_region(size: tuple[int, int], target_size: tuple[int, int]) -> Region:
    """Return the centre crop as fractions of the image's height and width.

    Args:
        size: Rows and columns of the image.
        target_size: Rows and columns to resize to afterwards.

    Returns:
        `(top, left, bottom, right)`, 0 to 1.
    """
    top, left, bottom, right = centre_crop(size, target_size)
    return top / size[0], left / size[1], bottom / size[0], right / size[1]


def in_pixels(region: Region, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Convert a region in fractions of an image to rows and columns, at least one of each.

    Args:
        region: `(top, left, bottom, right)`, 0 to 1.
        size: Rows and columns of the image.

    Returns:
        `(top, left, bottom, right)` in whole pixels.
    """
    top, left, bottom, right = (round(share * side) for share, side in zip(region, (*size, *size)))
    top, left = min(top, size[0] - 1), min(left, size[1] - 1)
    return top, left, max(bottom, top + 1), max(right, left + 1)


def fit(image: np.ndarray, target_size: tuple[int, int]) -> np.ndarray:
    """Centre-crop an image to the target's aspect ratio, and resize it with antialiasing.

    Args:
        image: An array `(H, W)` or `(H, W, C)` of any numeric type.
        target_size: Rows and columns.

    Returns:
        A float32 array in the range of the image, not rounded; the image itself if it already has that size.
    """
    if image.shape[:2] == tuple(target_size):
        return image
    top, left, bottom, right = centre_crop(image.shape[:2], target_size)
    planes = np.moveaxis(image, -1, 0) if image.ndim == 3 else image[None]
    options = (target_size[1], target_size[0]), Image.Resampling.BILINEAR, (left, top, right, bottom)
    # One channel at a time: a photograph of 12 megapixels takes 144 MB as float32.
    fitted = [np.asarray(Image.fromarray(plane.astype("float32")).resize(*options)) for plane in planes]
    return np.stack(fitted, axis=-1) if image.ndim == 3 else fitted[0]


def fitting_notices(sizes: list[tuple[int, int]], target_size: tuple[int, int]) -> list[str]:
    """Describe what fitting does to images of some sizes.

    Args:
        sizes: Rows and columns of some images.
        target_size: Rows and columns that the model takes.

    Returns:
        A list of sentences.
    """
    others = [size for size in sizes if size != tuple(target_size)]
    if not others:
        return []
    height, width = target_size
    crops = [(size, centre_crop(size, target_size)) for size in others]
    if any(crop != (0, 0, *size) for size, crop in crops):
        shape = "a square" if height == width else f"the shape of {height} × {width}"
        found = [
            f"Images are centre-cropped to {shape} and resized to {height} × {width}, the model's input size. "
            "The model does not see the dimmed part of a picture."
        ]
    else:
        found = [f"Images are resized to {height} × {width}, the model's input size."]
    smallest, (top, _, bottom, _) = min(crops, key=lambda each: each[1][2] - each[1][0])
    if height >= _LARGE_FACTOR * (bottom - top):
        found.append(
            f"Images are enlarged a lot, from {smallest[0]} × {smallest[1]} pixels: a model trained on sharp "
            "photographs sees them blurred, and its scores and maps may mean little."
        )
    return found
