"""A figure for a paper: the picture of one pane, or of all side by side, as a file of pixels or of vectors."""

import importlib.util
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ke_widgets.widget.export.files import check_path, whole_file
from ke_widgets.widget.export.sheet import Part, Sheet, side_by_side
from ke_widgets.widget.export.snapshot import caption, colormap_of, compose, has_values, legend, scaled

_VECTORS = (".pdf", ".svg")
_USUAL = (".png", ".jpg", ".tif", ".webp")
_LEAST = 300  # Pixels of the longest side from which on letters can be read.
_MOST = 100_000_000  # Pixels of a picture.


@dataclass(frozen=True)
class FigureFile:
    """A file that a figure is to be written to, and how; see `ExplainerWidget.save`.

    Attributes:
        path: Where to.
        scale: Pixels of the figure for each of the photograph's; `None` for enough to read what is written.
        colorbar: Whether each picture has its scale.
        title: A heading, or whether each picture has its own title.

    Raises:
        ValueError: If nothing can be written there, or in that format, or at that scale.
        TypeError: If `title` is neither text nor a bool.
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
            raise TypeError(f"`title` must be a text, or a bool. Received: one of type {type(self.title).__name__}.")
        if self._written or self._suffix in _VECTORS:
            _check_matplotlib(self.path)

    @property
    def _suffix(self):
        return self.path.suffix.lower()

    @property
    def _written(self):
        """Whether there is text."""
        return bool(self.colorbar or self.title)

    def write(self, session, explanations, look):
        """Draw pictures, and write all of the file or nothing.

        Args:
            session: The `Session` that made the explanations.
            explanations: `Explanation`s, from left to right.
            look: `view`, `opacity`, `colormap` and `threshold`, as traits have them.

        Raises:
            ValueError: If a picture would be too large.
        """
        parts = self._parts(session, explanations, look)
        heading = self.title if isinstance(self.title, str) else ""
        with whole_file(self.path) as partial:
            if self._suffix in _VECTORS:
                Sheet(parts, heading, self._written).save(partial, self._suffix[1:])
                return
            picture = Sheet(parts, heading, True).pixels() if self._written else side_by_side(parts)
            how = {"quality": 95, "subsampling": 0} if self._suffix in (".jpg", ".jpeg") else {}
            picture.save(partial, Image.registered_extensions()[self._suffix], **how)

    def _parts(self, session, explanations, look):
        """Draw each picture, all of them with the same longest side."""
        pictures = [session.images.picture(each.image_index) for each in explanations]
        longest = max(max(picture.shape[:2]) for picture in pictures)
        scale = self.scale or (math.ceil(_LEAST / longest) if self._written else 1)
        parts = []
        for picture, each in zip(pictures, explanations):
            sides = picture.shape[:2]
            size = tuple(max(1, round(scale * longest * side / max(sides))) for side in sides)
            if math.prod(size) > _MOST:
                raise ValueError(
                    f"`scale` must leave a picture within {_MOST:,} pixels. Received: scale={self.scale!r}, for one of "
                    f"{size[0]:,} × {size[1]:,}."
                )
            drawn = compose(scaled(picture, size), each, **{**look, "colormap": colormap_of(each, look)})
            part = Part(drawn, caption(session, each) if self.title is True else "")
            parts.append(_explained(part, each, look) if self.colorbar and look["view"] != "image" else part)
        return parts


def _explained(part, explanation, look):
    """Add what explains the colours of a map, or why there are none."""
    if not has_values(explanation):
        return replace(part, note=explanation.empty_reason or "")
    ends = _number(explanation.low), _number(explanation.high)
    return replace(part, colours=legend(explanation, look), ends=ends, note=explanation.map_unit)


def _check_format(path):
    suffix = path.suffix.lower()
    if suffix in _VECTORS:
        return
    try:  # PIL knows more formats than it can write colours in.
        Image.new("RGB", (2, 2)).save(io.BytesIO(), Image.registered_extensions()[suffix])
    except (KeyError, OSError, ValueError) as error:
        known = ", ".join((*_USUAL, *_VECTORS))
        raise ValueError(
            f"`path` must end in a format of pictures, such as {known}. Received: {path.name!r}."
        ) from error


def _check_scale(scale):
    number = isinstance(scale, int | float | np.integer | np.floating) and not isinstance(scale, bool)
    if scale is not None and not (number and math.isfinite(scale) and scale > 0):
        raise ValueError(f"`scale` must be a number above 0. Received: scale={scale!r}.")


def _check_matplotlib(path):
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError(
            f'{path.name} needs matplotlib, which draws text and vectors: `pip install "ke-widgets[plot]"`. Without '
            'it, save a picture alone, such as `widget.save("map.png")`.'
        )


def _number(value):
    """Write a number as the page's legend does: three significant digits."""
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")
    return f"{float(f'{value:.3g}'):g}".replace("-", "−")
