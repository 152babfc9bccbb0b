"""A sheet with pictures side by side, their titles and scales: where everything stands, in pixels or vectors.

Lengths are pixels of the pictures. The longest side of all of them is as wide as a column of text, so that letters have
the same size in each figure that is printed so. Text and vectors are matplotlib's, without `pyplot`: no figure of the
user's is touched.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

_COLUMN = 234  # Points, 3.25 inches: the longest side of a picture on paper.
_LEAST_COLUMN = 110  # Points that a title and a scale need.
_MARGIN, _GAP = 6, 10  # Points.
_HEADING, _TITLE, _SCALE = 9, 8, 7  # Points of letters.
_LINE = 1.4  # Of a line of letters.
_AFTER, _BAR = 5, 6  # Points under a picture, and of the scale's colours.


@dataclass(frozen=True)
class Part:
    """One pane of a figure.

    Attributes:
        drawn: The picture, uint8 `(H, W, 3)`.
        title: Text over it; empty for none.
        colours: uint8 `(256, 3)` of its scale; `None` for no scale.
        ends: What is written under the ends of the scale.
        note: What is written under it: the unit of the scale, or why there is none.
    """

    drawn: np.ndarray
    title: str = ""
    colours: np.ndarray | None = None
    ends: tuple[str, str] = ("", "")
    note: str = ""


def side_by_side(parts):
    """Put pictures beside one another, with nothing around them."""
    gap = 0 if len(parts) == 1 else round(_GAP * _per_point(parts))
    width = sum(part.drawn.shape[1] + gap for part in parts) - gap
    sheet = Image.new("RGB", (width, max(part.drawn.shape[0] for part in parts)), "white")
    left = 0
    for part in parts:
        sheet.paste(Image.fromarray(part.drawn), (left, 0))
        left += part.drawn.shape[1] + gap
    return sheet


def _per_point(parts):
    """Count the pixels of a point of 1/72 inch."""
    return max(max(part.drawn.shape[:2]) for part in parts) / _COLUMN


class Sheet:
    """Where everything of a figure stands, in pixels from the upper left, and the figure.

    Args:
        parts: `Part`s, from left to right.
        heading: Text over all of them; empty for none.
        written: Whether there is text; without, pictures reach the edge.
    """

    def __init__(self, parts, heading, written):
        self._parts, self._point = parts, _per_point(parts)
        margin, gap = self._pixels(_MARGIN if written else 0), self._pixels(_GAP)
        widths = [max(part.drawn.shape[1], self._pixels(_LEAST_COLUMN if written else 0)) for part in parts]
        self._widths = widths
        self._lefts = [margin + sum(widths[:at]) + at * gap for at in range(len(parts))]
        self.width = 2 * margin + sum(widths) + gap * (len(parts) - 1)
        self._heading = self._wrapped(heading, self.width - 2 * margin, _HEADING)
        self._titles = [self._wrapped(part.title, width, _TITLE) for part, width in zip(parts, widths)]
        self._heading_top = margin
        self._titles_top = margin + self._high(self._heading, _HEADING)
        self._top = self._titles_top + self._high(max(self._titles, key=len), _TITLE)
        self._notes = [self._note(part, width) for part, width in zip(parts, widths)]
        self.height = max(map(self._foot_of, parts, self._notes)) + margin

    def pixels(self):
        """Draw it in pixels; the pictures lie in it as they are.

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

    def save(self, path, kind):
        """Write it as vectors; fonts are embedded, or drawn as outlines.

        Args:
            path: Where to.
            kind: `"pdf"` or `"svg"`.
        """
        from matplotlib import rc_context

        # Without the date, so that the same figure is the same file.
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
        """Draw all but the pictures."""
        from matplotlib.figure import Figure

        dots = 72 * self._point
        # Agg cuts what is no whole number of pixels.
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
        """Give the lines of a note, and whether it has room between the ends of its scale."""
        lines = self._wrapped(part.note, width, _SCALE)
        room = width - 2 * self._pixels(4) - 2 * max(self._wide(end, _SCALE) for end in part.ends)
        return lines, part.colours is not None and len(lines) == 1 and self._wide(part.note, _SCALE) <= room

    def _foot_of(self, part, note):
        """Tell where a picture with its scale and note ends."""
        lines, beside = note
        scaled = part.colours is not None
        points = _AFTER + scaled * (_BAR + 2) + (len(lines) + scaled - beside) * _SCALE * _LINE - 2
        return self._top + part.drawn.shape[0] + (self._pixels(points) if scaled or lines else 0)

    def _axes(self, figure, left, top, width, height):
        across, down = self.width, self.height
        return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))

    def _write(self, figure, lines, left, top, size, **how):
        for number, line in enumerate(lines):
            middle = top + self._pixels((number + 0.5) * size * _LINE)
            place = left / self.width, 1 - middle / self.height
            figure.text(*place, line, fontsize=size, va="center_baseline", parse_math=False, **how)

    def _wrapped(self, text, width, size):
        """Part a text into lines that are no wider than that."""
        if not text:
            return []

        def fits(line):
            return self._wide(line, size) <= width

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

    def _wide(self, text, size):
        """Measure a line, with a little room, for letters on a screen are moved to whole pixels."""
        if not text:
            return 0
        from matplotlib.font_manager import FontProperties
        from matplotlib.textpath import text_to_path

        font = FontProperties(size=size, weight="bold" if size == _HEADING else "normal")
        return 1.03 * self._point * text_to_path.get_text_width_height_descent(text, font, False)[0]

    def _high(self, lines, size):
        return self._pixels(len(lines) * size * _LINE + 3) if lines else 0

    def _picture_lefts(self):
        rooms = zip(self._parts, self._lefts, self._widths)
        return [left + (width - part.drawn.shape[1]) // 2 for part, left, width in rooms]

    def _pixels(self, points):
        return round(points * self._point)
