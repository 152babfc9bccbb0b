"""Lists and figures."""

import math
import os
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.typing import ArrayLike, Figure


def tolist(value: Any) -> list[Any]:
    """Return `value` as a list: a list as it is, a tuple's items, or anything else as the only item.

    Args:
        value: Anything.

    Returns:
        A list.

    Examples:
        >>> tolist("a"), tolist(("a", "b")), tolist(None)
        (['a'], ['a', 'b'], [None])
    """
    return list(value) if isinstance(value, list | tuple) else [value]


def visualize(
    images: Iterable[ArrayLike],
    titles: Iterable[str | None] | None = None,
    overlays: Iterable[ArrayLike | None] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    figsize: tuple[float, float] | None = None,
    cmap: str = "jet",
    alpha: float = 0.5,
    to_file: str | os.PathLike[str] | None = None,
    to_buffer: BinaryIO | None = None,
    dpi: float = 100,
) -> Figure:
    """Draw images in a grid, with maps as overlays.

    Args:
        images: Images `(H, W, 3)`, or maps `(H, W)` or `(H, W, 1)`: integers from 0 to 255, or floats, which are
            scaled to [0, 1] if any is outside of it.
        titles: Text above each; there may be fewer than images. `None` for no title.
        overlays: Maps `(h, w)` or `(h, w, 1)` of any size, stretched over their images; `None` for no map.
        rows: Rows of the grid; by default as many as needed.
        cols: Columns of the grid; by default as many as needed, or a square grid.
        figsize: Width and height in inches; by default two inches an image.
        cmap: Name of a matplotlib colormap, for the maps.
        alpha: Opacity of an overlay, 0 to 1.
        to_file: Path to save the figure to.
        to_buffer: Binary file object to write the figure to, as PNG.
        dpi: Dots per inch of the saved figure.

    Returns:
        The figure. It is closed, so that a notebook shows it once, as the value of the cell.

    Raises:
        ValueError: If there are more titles or overlays than images, the grid is too small, or a shape is not
            supported.
    """
    import matplotlib.pyplot as plt

    images = list(images)
    overlays = _padded("overlays", overlays, images)
    titles = _padded("titles", titles, images)
    rows, cols = _grid(len(images), rows, cols)
    figure, axes = plt.subplots(rows, cols, figsize=figsize or (2 * cols, 2 * rows), squeeze=False, dpi=dpi)
    plt.close(figure)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, title, overlay in zip(axes.flat, images, titles, overlays):
        image = _picture(image)
        axis.imshow(image, cmap=cmap)
        axis.set_title("" if title is None else str(title), fontsize="small")
        if overlay is not None:
            height, width = image.shape[:2]
            extent = (-0.5, width - 0.5, height - 0.5, -0.5)
            axis.imshow(_plane("overlays", overlay), cmap=cmap, alpha=alpha, extent=extent, interpolation="bilinear")
    figure.tight_layout(pad=0.4)
    if to_file is not None:
        figure.savefig(to_file, dpi=dpi)
    if to_buffer is not None:
        figure.savefig(to_buffer, dpi=dpi, format="png")
    return figure


def _padded(name: str, values: Iterable[Any] | None, images: list[ArrayLike]) -> list[Any]:
    values = [] if values is None else list(values)
    if len(values) > len(images):
        raise ValueError(f"`{name}` must be at most one for each image. Received: {len(values)} for {len(images)}.")
    return values + [None] * (len(images) - len(values))


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    for name, value in (("rows", rows), ("cols", cols)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError(f"`{name}` must be a whole number above 0. Received: {name}={short_repr(value)}.")
    if not count:
        raise ValueError("`images` must hold at least one image. Received: none.")
    cols = cols or (math.ceil(math.sqrt(count)) if rows is None else math.ceil(count / rows))
    rows = rows or math.ceil(count / cols)
    if rows * cols < count:
        raise ValueError(f"`rows` times `cols` must be at least {count}, the images. Received: {rows} times {cols}.")
    return rows, cols


def _picture(image: ArrayLike) -> np.ndarray:
    """Convert an image to what matplotlib draws: `(H, W, 3)` in [0, 1] or 0 to 255, or a map `(H, W)`."""
    image = np.asarray(image)
    if image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 1):
        return _plane("images", image)
    if image.ndim != 3 or image.shape[-1] not in (3, 4):
        raise ValueError(f"`images` must be (H, W), (H, W, 1) or (H, W, 3). Received: one of shape {image.shape}.")
    if np.issubdtype(image.dtype, np.integer):
        return np.clip(image, 0, 255).astype("uint8")
    image = image.astype("float32")
    low, high = float(np.nanmin(image)), float(np.nanmax(image))
    if low >= 0 and high <= 1:
        return image
    return (image - low) / (high - low or 1)


def _plane(name: str, plane: ArrayLike) -> np.ndarray:
    plane = np.asarray(plane)
    if plane.ndim == 3 and plane.shape[-1] == 1:
        plane = plane[..., 0]
    if plane.ndim != 2:
        raise ValueError(
            f"`{name}` must be maps (H, W) or (H, W, 1), of one unit each. Received: one of shape {plane.shape}."
        )
    return plane.astype("float32")
