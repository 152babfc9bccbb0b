"""Bringing an image to the size that a model takes: cropped in its middle, then resized, and never squeezed."""

import numpy as np
from PIL import Image

WHOLE = (0.0, 0.0, 1.0, 1.0)
_MUCH = 3  # Times as large is worth a word.


def centre_crop(size, wanted):
    """Find the largest part in the middle of an image that has a wanted aspect, as `keras.utils.load_img` does.

    Args:
        size: Rows and columns of the image.
        wanted: Rows and columns that it is to be resized to.

    Returns:
        Its first row and column, and those behind its last ones: `(top, left, bottom, right)`.
    """
    (height, width), (rows, columns) = size, wanted
    tall, wide = max(min(height, width * rows // columns), 1), max(min(width, height * columns // rows), 1)
    top, left = (height - tall) // 2, (width - wide) // 2
    return top, left, top + tall, left + wide


def cropped_region(size, wanted):
    """Give the centre crop in shares of the image's height and width.

    Args:
        size: Rows and columns of the image.
        wanted: Rows and columns that it is to be resized to.

    Returns:
        `(top, left, bottom, right)`, 0 to 1.
    """
    top, left, bottom, right = centre_crop(size, wanted)
    return top / size[0], left / size[1], bottom / size[0], right / size[1]


def in_pixels(region, size):
    """Turn a part of an image, in shares, into rows and columns; it has one of each at least.

    Args:
        region: `(top, left, bottom, right)`, 0 to 1.
        size: Rows and columns of the image.

    Returns:
        `(top, left, bottom, right)` in whole pixels.
    """
    top, left, bottom, right = (round(share * side) for share, side in zip(region, (*size, *size)))
    top, left = min(top, size[0] - 1), min(left, size[1] - 1)
    return top, left, max(bottom, top + 1), max(right, left + 1)


def fit(image, wanted):
    """Crop an image in its middle to the aspect that is wanted, and resize it with antialiasing.

    Args:
        image: An array `(H, W)` or `(H, W, C)` of any numbers.
        wanted: Rows and columns.

    Returns:
        A float32 array in the range of the image, not rounded; the image itself where it has that size.
    """
    if image.shape[:2] == tuple(wanted):
        return image
    top, left, bottom, right = centre_crop(image.shape[:2], wanted)
    planes = np.moveaxis(image, -1, 0) if image.ndim == 3 else image[None]
    how = (wanted[1], wanted[0]), Image.Resampling.BILINEAR, (left, top, right, bottom)
    # One channel at a time: as float32 a photograph of 12 megapixels weighs 144 MB.
    fitted = [np.asarray(Image.fromarray(plane.astype("float32")).resize(*how)) for plane in planes]
    return np.stack(fitted, axis=-1) if image.ndim == 3 else fitted[0]


def fitting_notices(sizes, wanted):
    """Say what fitting does to images of some sizes.

    Args:
        sizes: Rows and columns of some images.
        wanted: Rows and columns that the model takes.

    Returns:
        A list of sentences.
    """
    others = [size for size in sizes if size != tuple(wanted)]
    if not others:
        return []
    height, width = wanted
    parts = [(size, centre_crop(size, wanted)) for size in others]
    if any(part != (0, 0, *size) for size, part in parts):
        shape = "a square" if height == width else f"the shape of {height} × {width}"
        found = [
            f"Images are cropped to {shape} in their middle and resized to {height} × {width}, which the model takes. "
            "What is dimmed in a picture, the model does not see."
        ]
    else:
        found = [f"Images are resized to {height} × {width}, which the model takes."]
    smallest, (top, _, bottom, _) = min(parts, key=lambda each: each[1][2] - each[1][0])
    if height >= _MUCH * (bottom - top):
        found.append(
            f"Images are enlarged a lot, from {smallest[0]} × {smallest[1]} pixels: a model that was trained on sharp "
            "photographs sees them blurred, and its scores and maps may mean little."
        )
    return found
