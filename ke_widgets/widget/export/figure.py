"""Figures for papers: one pane, or all panes side by side, as a raster or vector file."""

import importlib.util
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ke_widgets.widget.export.files import check_path, whole_file
from ke_widgets.widget.export.sheet import PaneDrawing, Sheet, side_by_side
from ke_widgets.widget.export.snapshot import caption, colormap_of, compose, has_values, legend, scaled
from ke_widgets.widget.session.explanation import Explanation
from ke_widgets.widget.session.session import Session

_VECTORS = (".pdf", ".svg")
_RASTERS = (".png", ".jpg", ".tif", ".webp")
_LEAST_SIDE = 300  # Pixels of the longest side from which text is legible.
_MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class FigureFile:
    """The path and the options of a figure file; see `ExplainerWidget.save`.

    Attributes:
        path: Path of the file.
        scale: Pixels of the figure per pixel of the image; `None` for enough that text is legible.
        colorbar: Whether each picture has a colour bar.
        title: A heading, or whether each picture has a title.

    Raises:
        ValueError: If the path, the format or the scale is not valid.
        TypeError: If `title` is neither a string nor a bool.
        ImportError: If matplotlib is needed and not installed.
    """

    path: Path
    scale: float | None = None
    colorbar: bool = False
    title: bool | str = False

    def __post_init__(self):
        check_path(self.path)
        _check_format(self.path)
        _check_scale(self.scale)
        if not isinstance(self.title, bool | str):
            raise TypeError(f"`title` must be a string or a bool. Received: one of type {type(self.title).__name__}.")
        if self._has_text or self._suffix in _VECTORS:
            _check_matplotlib(self.path)

    @property
    def _suffix(self):
        return self.path.suffix.lower()

    @property
    def _has_text(self):
        """Whether the figure has text."""
        return bool(self.colorbar or self.title)

    def write(self, session: Session, explanations: list[Explanation], display: dict[str, Any]) -> None:
        """Draw the figure, and write the file completely or not at all.

        Args:
            session: The `Session` that made the explanations.
            explanations: `Explanation`s, from left to right.
            display: Display settings: the traits `view`, `opacity`, `colormap` and `threshold`.

        Raises:
            ValueError: If a picture would be too large.
        """
        parts = self._pane_drawings(session, explanations, display)
        heading = self.title if isinstance(self.title, str) else ""
        with whole_file(self.path) as partial:
            if self._suffix in _VECTORS:
                Sheet(parts, heading, self._has_text).save(partial, self._suffix[1:])
                return
            picture = Sheet(parts, heading, True).pixels() if self._has_text else side_by_side(parts)
            options = {"quality": 95, "subsampling": 0} if self._suffix in (".jpg", ".jpeg") else {}
            picture.save(partial, Image.registered_extensions()[self._suffix], **options)

    def _pane_drawings(self, session, explanations, display):
        """Draw each pane; all have the same longest side."""
        pictures = [session.images.picture(each.image_index) for each in explanations]
        longest = max(max(picture.shape[:2]) for picture in pictures)
        scale = self.scale or (math.ceil(_LEAST_SIDE / longest) if self._has_text else 1)
        parts = []
        for picture, each in zip(pictures, explanations):
            sides = picture.shape[:2]
            height, width = (max(1, round(scale * longest * side / max(sides))) for side in sides)
            size = height, width
            if math.prod(size) > _MOST_PIXELS:
                raise ValueError(
                    f"`scale` must keep each picture within {_MOST_PIXELS:,} pixels. Received: scale={self.scale!r}, "
                    f"for a picture of {size[0]:,} × {size[1]:,}."
                )
            drawn = compose(scaled(picture, size), each, **{**display, "colormap": colormap_of(each, display)})
            part = PaneDrawing(drawn, caption(session, each) if self.title is True else "")
            parts.append(_with_scale(part, each, display) if self.colorbar and display["view"] != "image" else part)
        return parts


def _with_scale(part, explanation, display):
    """Add the colour scale of a map, or the reason why it is empty."""
    if not has_values(explanation):
        return replace(part, note=explanation.empty_reason or "")
    ends = _number(explanation.low), _number(explanation.high)
    return replace(part, colours=legend(explanation, display), ends=ends, note=explanation.map_unit)


def _check_format(path):
    suffix = path.suffix.lower()
    if suffix in _VECTORS:
        return
    try:  # PIL lists formats that cannot store colours.
        Image.new("RGB", (2, 2)).save(io.BytesIO(), Image.registered_extensions()[suffix])
    except (KeyError, OSError, ValueError) as error:
        known = ", ".join((*_RASTERS, *_VECTORS))
        raise ValueError(
            f"`path` must have the extension of an image format, such as {known}. Received: {path.name!r}."
        ) from error


def _check_scale(scale):
    number = isinstance(scale, int | float | np.integer | np.floating) and not isinstance(scale, bool)
    if scale is not None and not (number and math.isfinite(scale) and scale > 0):
        raise ValueError(f"`scale` must be a number above 0. Received: scale={scale!r}.")


def _check_matplotlib(path):
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            f'{path.name} needs matplotlib for text and vectors: `pip install "ke-widgets[plot]"`. Without '
            'it, save the picture only, such as `widget.save("map.png")`.'
        )


def _number(value):
    """Format a number with three significant digits, as the page's legend does."""
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")
    return f"{float(f'{value:.3g}'):g}".replace("-", "−")
