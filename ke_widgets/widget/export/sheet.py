"""The layout of a figure: pictures side by side with titles and colour scales, drawn as pixels or vectors.

Lengths are in pixels of the pictures. The longest side is printed as wide as a text column, so that text has the same
size in every figure. Text and vectors are drawn by matplotlib without `pyplot`, whose state belongs to the user.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

_COLUMN = 234  # Points, 3.25 inches: the longest side of a printed picture.
_LEAST_COLUMN = 110  # Points, the least width for a title and a scale.
_MARGIN, _GAP = 6, 10  # Points.
_HEADING, _TITLE, _SCALE = 9, 8, 7  # Font sizes in points.
_LINE = 1.4  # Line height, relative to the font size.
_AFTER, _BAR = 5, 6  # Points: the space below a picture, and the height of the colour bar.


@dataclass(frozen=True)
class PaneDrawing:
    """One pane of a figure.

    Attributes:
        drawn: The picture, uint8 `(H, W, 3)`.
        title: Text above the picture; empty for none.
        colours: Colours of the scale, uint8 `(256, 3)`; `None` for no scale.
        ends: Labels of the two ends of the scale.
        note: Text below the scale: its unit, or the reason why there is no scale.
    """

    drawn: np.ndarray
    title: str = ""
    colours: np.ndarray | None = None
    ends: tuple[str, str] = ("", "")
    note: str = ""


def side_by_side(parts: list[PaneDrawing]) -> Image.Image:
    """Join pictures side by side, without margins."""
    gap = 0 if len(parts) == 1 else round(_GAP * _per_point(parts))
    width = sum(part.drawn.shape[1] + gap for part in parts) - gap
    sheet = Image.new("RGB", (width, max(part.drawn.shape[0] for part in parts)), "white")
    left = 0
    for part in parts:
        sheet.paste(Image.fromarray(part.drawn), (left, 0))
        left += part.drawn.shape[1] + gap
    return sheet


def _per_point(parts):
    """Compute the pixels per point (1/72 inch)."""
    return max(max(part.drawn.shape[:2]) for part in parts) / _COLUMN


class Sheet:
    """The layout of a figure, in pixels from the upper left corner.

    Args:
        parts: `PaneDrawing`s, from left to right.
        heading: Text above all of them; empty for none.
        has_text: Whether the figure has text; otherwise the pictures fill it.
    """

    def __init__(self, parts: list[PaneDrawing], heading: str, has_text: bool) -> None:
        self._parts, self._point = parts, _per_point(parts)
        margin, gap = self._pixels(_MARGIN if has_text else 0), self._pixels(_GAP)
        widths = [max(part.drawn.shape[1], self._pixels(_LEAST_COLUMN if has_text else 0)) for part in parts]
        self._widths = widths
        self._lefts = [margin + sum(widths[:at]) + at * gap for at in range(len(parts))]
        self.width = 2 * margin + sum(widths) + gap * (len(parts) - 1)
        self._heading = self._wrapped(heading, self.width - 2 * margin, _HEADING)
        self._titles = [self._wrapped(part.title, width, _TITLE) for part, width in zip(parts, widths)]
        self._heading_top = margin
        self._titles_top = margin + self._text_height(self._heading, _HEADING)
        self._top = self._titles_top + self._text_height(max(self._titles, key=len), _TITLE)
        self._notes = [self._note(part, width) for part, width in zip(parts, widths)]
        self.height = max(map(self._bottom_of, parts, self._notes)) + margin

    def pixels(self) -> Image.Image:
        """Render as pixels; the pictures are pasted unchanged.

        Returns:
            A PIL image.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(self._figure())
        canvas.draw()
        sheet = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        for part, left in zip(self._parts, self._picture_lefts()):
            sheet.paste(Image.fromarray(part.drawn), (left, self._top))
        return sheet

    def save(self, path: Path, kind: str) -> None:
        """Save as vectors; fonts are embedded, or drawn as outlines.

        Args:
            path: Path of the file.
            kind: `"pdf"` or `"svg"`.
        """
        from matplotlib import rc_context

        # Without the date, equal figures give equal files.
        metadata = {"CreationDate": None} if kind == "pdf" else {"Date": None}
        with rc_context({"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "ke_widgets"}):
            figure = self._figure()
            for part, left in zip(self._parts, self._picture_lefts()):
                height, width = part.drawn.shape[:2]
                axes = self._axes(figure, left, self._top, width, height)
                axes.set_axis_off()
                axes.imshow(part.drawn, aspect="auto", interpolation="none")
            figure.savefig(path, format=kind, metadata=metadata)

    def _figure(self):
        """Build the matplotlib figure without the pictures."""
        from matplotlib.figure import Figure

        dots = 72 * self._point
        # Agg rounds down to whole pixels.
        size = (self.width + 0.01) / dots, (self.height + 0.01) / dots
        figure = Figure(figsize=size, dpi=dots, facecolor="white")
        self._write(figure, self._heading, self._lefts[0], self._heading_top, _HEADING, weight="bold")
        for lines, left in zip(self._titles, self._lefts):
            self._write(figure, lines, left, self._titles_top, _TITLE)
        for part, note, left, width in zip(self._parts, self._notes, self._lefts, self._widths):
            self._draw_scale(figure, part, note, left, width)
        return figure

    def _draw_scale(self, figure, part, note, left, width):
        top = self._top + part.drawn.shape[0] + self._pixels(_AFTER)
        if part.colours is not None:
            axes = self._axes(figure, left, top, width, self._pixels(_BAR))
            axes.imshow(part.colours[None], aspect="auto", interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set(linewidth=0.4, color="#8a8f98")
            top += self._pixels(_BAR + 2)
            for text, at, side in zip(part.ends, (left, left + width), ("left", "right")):
                self._write(figure, [text], at, top, _SCALE, ha=side)
        lines, beside = note
        below = part.colours is not None and not beside
        self._write(figure, lines, left + width / 2, top + below * self._pixels(_SCALE * _LINE), _SCALE, ha="center")

    def _note(self, part, width):
        """Return the lines of a note, and whether it fits between the labels of the scale's ends."""
        lines = self._wrapped(part.note, width, _SCALE)
        room = width - 2 * self._pixels(4) - 2 * max(self._text_width(end, _SCALE) for end in part.ends)
        return lines, part.colours is not None and len(lines) == 1 and self._text_width(part.note, _SCALE) <= room

    def _bottom_of(self, part, note):
        """Compute the bottom edge of a picture with its scale and note."""
        lines, beside = note
        scaled = part.colours is not None
        points = _AFTER + scaled * (_BAR + 2) + (len(lines) + scaled - beside) * _SCALE * _LINE - 2
        return self._top + part.drawn.shape[0] + (self._pixels(points) if scaled or lines else 0)

    def _axes(self, figure, left, top, width, height):
        across, down = self.width, self.height
        return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))

    def _write(self, figure, lines, left, top, size, **options):
        for number, line in enumerate(lines):
            middle = top + self._pixels((number + 0.5) * size * _LINE)
            position = left / self.width, 1 - middle / self.height
            figure.text(*position, line, fontsize=size, va="center_baseline", parse_math=False, **options)

    def _wrapped(self, text, width, size):
        """Split a text into lines that fit a width."""
        if not text:
            return []

        def fits(line):
            return self._text_width(line, size) <= width

        lines, line = [], ""
        for word in " ".join(text.split()).split(" "):
            if line and not fits(f"{line} {word}"):
                lines.append(line)
                line = ""
            line = f"{line} {word}".strip()
            while not fits(line) and len(line) > 1:
                most = next((n for n in range(len(line) - 1, 1, -1) if fits(line[:n])), 1)
                lines.append(line[:most])
                line = line[most:]
        return [*lines, line]

    def _text_width(self, text, size):
        """Measure the width of a line, plus 3 %, because renderers align letters to whole pixels."""
        if not text:
            return 0
        from matplotlib.font_manager import FontProperties
        from matplotlib.textpath import text_to_path

        font = FontProperties(size=size, weight="bold" if size == _HEADING else "normal")
        return 1.03 * self._point * text_to_path.get_text_width_height_descent(text, font, False)[0]

    def _text_height(self, lines, size):
        return self._pixels(len(lines) * size * _LINE + 3) if lines else 0

    def _picture_lefts(self):
        rooms = zip(self._parts, self._lefts, self._widths)
        return [left + (width - part.drawn.shape[1]) // 2 for part, left, width in rooms]

    def _pixels(self, points):
        return round(points * self._point)
