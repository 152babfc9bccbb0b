"""Random motions of images: what excites a unit wherever it lies is a pattern, and no noise."""

import numpy as np
from keras import ops

from ke_widgets.typing import Tensor


def draw_motions(
    rng: np.random.Generator, samples: int, size: tuple[int, int], jitter: float, scale: float, rotation: float
) -> np.ndarray:
    """Draw small motions of the whole image.

    Args:
        rng: The source of randomness.
        samples: How many.
        size: Rows and columns of the image.
        jitter: Largest shift, as a share of the sides.
        scale: Largest relative change of the size.
        rotation: Largest angle, in degrees.

    Returns:
        Motions `(S, 8)`, for `moved`.
    """
    shifts = rng.uniform(-jitter, jitter, (samples, 2)) * size
    return motions(
        size, 1 / (1 + rng.uniform(-scale, scale, samples)), rng.uniform(-rotation, rotation, samples), shifts
    )


def draw_crops(rng: np.random.Generator, samples: int, size: tuple[int, int], crop: float) -> np.ndarray:
    """Draw parts of the image, each enlarged to the image's size.

    Args:
        rng: The source of randomness.
        samples: How many.
        size: Rows and columns of the image.
        crop: Mean side of a part, as a share of the image's; its standard deviation is 0.4 times as large.

    Returns:
        Motions `(S, 8)`, for `moved`.
    """
    shares = np.clip(rng.normal(crop, 0.4 * crop, samples), 0.2 * crop, 1)
    # From the centre to where the part still lies inside.
    shifts = rng.uniform(-0.5, 0.5, (samples, 2)) * (1 - shares)[:, None] * size
    return motions(size, shares, np.zeros(samples), shifts)


def motions(size: tuple[int, int], shares: np.ndarray, degrees: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the motions that show a part of an image: its share of the sides, its angle, where its centre lies.

    Args:
        size: Rows and columns of the image.
        shares: Sides of the parts, as a share of the image's, `(S,)`.
        degrees: Their angles `(S,)`.
        shifts: Rows and columns from the image's centre to theirs, `(S, 2)`.

    Returns:
        Motions `(S, 8)`, for `moved`: the first six are the rows of a matrix from a pixel of the part, column first,
        to the image.
    """
    angles = np.deg2rad(degrees)
    cosines, sines = shares * np.cos(angles), shares * np.sin(angles)
    row, column = (size[0] - 1) / 2, (size[1] - 1) / 2
    down, right = shifts[:, 0], shifts[:, 1]
    zeros = np.zeros_like(cosines)
    rows = (
        *(cosines, -sines, column + right - cosines * column + sines * row),
        *(sines, cosines, row + down - sines * column - cosines * row),
        *(zeros, zeros),
    )
    return np.stack(rows, axis=1).astype("float32")


def moved(images: Tensor, ways: Tensor) -> Tensor:
    """Move each image in each way; what comes from outside is the image mirrored.

    Args:
        images: Images `(U, H, W, C)`.
        ways: Motions `(S, 8)`.

    Returns:
        Images `(S * U, H, W, C)`, all images of the first motion first.
    """
    number, samples = ops.shape(images)[0], ways.shape[0]
    return ops.image.affine_transform(
        ops.tile(images, (samples, 1, 1, 1)),
        ops.reshape(ops.tile(ops.expand_dims(ways, 1), (1, number, 1)), (-1, 8)),
        interpolation="bilinear",
        fill_mode="reflect",
        data_format="channels_last",
    )
