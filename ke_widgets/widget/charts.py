"""Two small bqplot figures below the view: the scores of the classes, and the deletion and insertion curves.

They add no information to the view, because they cannot be reached by keyboard. Colours have medium lightness, to be
legible on white and on black; text and axes follow the page's theme.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import bqplot
import numpy as np
from numpy.typing import ArrayLike

TOP = 10
LABEL_LENGTH = 18

_CHOSEN, _OTHER = "#2f7ed8", "#8a8f98"
_DELETION, _INSERTION = "#c9661a", "#2f7ed8"
_SMALL = {"font-size": "11px"}
_TEXT = "var(--jp-content-font-color1, gray)"  # bqplot's own is orange on dark pages
_ROW, _HEIGHT = 20, 260


class Charts:
    """Class scores, and the deletion and insertion curves of the displayed map.

    The caller places the two figures. The thread rules of ipywidgets apply.

    Args:
        on_pick: A function of a class index, called when its bar is clicked; `None` for bars that cannot be clicked.

    Attributes:
        scores: A `bqplot.Figure` with one horizontal bar for each of the ten highest scores and for the chosen class.
        curves: A `bqplot.Figure` with the two curves.
    """

    def __init__(self, on_pick: Callable[[int], Any] | None = None) -> None:
        self._on_pick = on_pick
        self.scores = self._make_scores()
        self.curves = self._make_curves()
        self.clear_curves("Not computed yet")

    def set_scores(self, labels: Sequence[str], scores: ArrayLike, chosen: int, kind: str = "probability") -> None:
        """Show the ten highest scores and the score of the selected class.

        Args:
            labels: Name of each class.
            scores: Score of each class, `(U,)`.
            chosen: Index of the explained class; its bar is highlighted, and its name marked.
            kind: `"probability"` or `"share"`, for which the axis goes from 0 to 1, or `"logit"` or `"value"`.
        """
        scores = np.asarray(scores, "float64")
        shown = np.argsort(-scores, kind="stable")[:TOP]
        shown = shown if chosen in shown else np.append(shown, chosen)
        names = {str(index): _name(labels[index], index == chosen) for index in shown}
        ticks = _ticks([], 0, 1) if kind in ("probability", "share") else _ticks(scores[shown], 0)
        with _together(self._bars, self._names, self._values, self._rows, self._columns):
            self._names.domain = shown[::-1].tolist()  # from the bottom up
            self._values.min, self._values.max = ticks[[0, -1]].tolist()
            self._rows.tick_labels = names
            self._columns.label, self._columns.tick_values = kind.capitalize(), ticks
            self._bars.x, self._bars.y = shown, np.nan_to_num(scores[shown], posinf=ticks[-1], neginf=ticks[0])
            self._bars.colors = [_CHOSEN if index == chosen else _OTHER for index in shown]
            self._bars.selected = None
        self.scores.layout.height = f"{_ROW * len(shown) + 75}px"

    def set_curves(
        self, fractions: np.ndarray, deletion: ArrayLike | None, insertion: ArrayLike | None, done: int, total: int
    ) -> None:
        """Show the curves as far as they are computed.

        Args:
            fractions: Shares of pixels `(S + 1,)`.
            deletion: Scores `(S + 1,)` at each, NaN where not computed yet; `None` for no curve.
            insertion: The same for insertion.
            done: Number of steps that have been computed.
            total: Total number of steps; the title shows the progress if fewer are done.
        """
        empty = np.full(len(fractions), np.nan)
        curves = [empty if curve is None else np.asarray(curve, "float64") for curve in (deletion, insertion)]
        ticks = _ticks(np.concatenate(curves), 0, 1)
        with _together(self._height, self._scores, self._deletion, self._insertion, self._legend, self.curves):
            self._height.min, self._height.max = ticks[[0, -1]].tolist()
            self._scores.tick_values = ticks
            for line, curve in zip((self._deletion, self._insertion), curves):
                seen = np.isfinite(curve)
                line.x, line.y = np.asarray(fractions, "float64")[seen], curve[seen]
            names = ("— Deletion", "- - Insertion")
            self._legend.text = [_area(name, fractions, curve) for name, curve in zip(names, curves)]
            self.curves.title = "" if done >= total else f"{done} of {total}"

    def clear_curves(self, reason: str) -> None:
        """Clear the curves and show the reason.

        Args:
            reason: A short sentence, shown as the title.
        """
        with _together(self._deletion, self._insertion, self._legend, self.curves):
            for line in (self._deletion, self._insertion):
                line.x, line.y = [], []
            self._legend.text = ["", ""]
            self.curves.title = reason

    def close(self) -> None:
        """Close both figures in every view, and free what they hold."""
        for figure in (self.scores, self.curves):
            scales = (figure.scale_x, figure.scale_y, *(axis.scale for axis in figure.axes))
            for part in (figure, *figure.marks, *figure.axes, *scales, figure.layout):
                part.close()

    def _make_scores(self):
        self._names, self._values = bqplot.OrdinalScale(), _scale()
        scales = {"x": self._names, "y": self._values}
        self._bars = bqplot.Bars(
            scales=scales,
            orientation="horizontal",
            padding=0.25,
            stroke_width=0,
            color_mode="no_group",
            interactions={"click": "select"} if self._on_pick else {},
        )
        self._bars.observe(self._picked, names="selected")
        self._rows = _axis(self._names, side="left", grid_lines="none")
        self._columns = _axis(self._values, tick_values=_ticks([], 0, 1))
        return _figure([self._bars], [self._rows, self._columns], left=130)

    def _make_curves(self):
        self._shares, self._height = _scale(), _scale()
        scales = {"x": self._shares, "y": self._height}
        self._deletion = _line(scales, _DELETION, "solid")
        self._insertion = _line(scales, _INSERTION, "dashed")
        quarters = _ticks([], 0, 1)
        across = _axis(self._shares, tick_values=quarters, tick_format=".0%", label="Pixels deleted or inserted")
        self._scores = _axis(self._height, side="left", tick_values=quarters, label="Score", label_offset="40px")
        # bqplot's own legend covers the curves.
        self._legend = bqplot.Label(
            x=[0.0, 0.5],
            y=[1.0, 1.0],
            y_offset=-10,
            text=["", ""],
            colors=[_DELETION, _INSERTION],
            default_size=11,
            font_weight="normal",
            apply_clip=False,
        )
        marks = [self._deletion, self._insertion, self._legend]
        return _figure(marks, [across, self._scores], left=60, top=60)

    def _picked(self, change):
        selected = change["new"]
        if self._on_pick is None or selected is None or not np.size(selected):
            return
        picked = int(self._bars.x[np.ravel(selected)[-1]])
        # Otherwise a second click on the same bar would change nothing, and be lost.
        self._bars.selected = None
        self._on_pick(picked)


def _figure(marks, axes, left, bottom=40, top=15):
    return bqplot.Figure(
        marks=marks,
        axes=axes,
        fig_margin={"top": top, "bottom": bottom, "left": left, "right": 20},
        layout={"width": "100%", "min_width": "300px", "max_width": "420px", "height": f"{_HEIGHT}px"},
        background_style={"fill": "none"},
        title_style={"font-size": "12px", "fill": _TEXT},
        display_toolbar=False,
        padding_y=0,
        min_aspect_ratio=0.2,
        max_aspect_ratio=10,
    )


def _scale():
    return bqplot.LinearScale(min=0, max=1, allow_padding=False)


def _axis(scale, **options):
    return bqplot.Axis(scale=scale, tick_style=_SMALL, label_color=_TEXT, **options)


def _line(scales, colour, style):
    return bqplot.Lines(x=[], y=[], scales=scales, colors=[colour], line_style=style, stroke_width=2)


def _name(label, chosen):
    """Truncate a label; the selected one is marked as well, for readers who cannot see its colour."""
    label = str(label)
    label = label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "…"
    return f"▸ {label}" if chosen else label


def _ticks(values, *ends):
    """Choose about five round tick values, evenly spaced, that cover all finite values and the given ends."""
    values = np.append(values, ends)
    low, high = (float(end(values[np.isfinite(values)])) for end in (np.min, np.max))
    rough = (high - low or 1.0) / 4
    step = float(10.0 ** np.floor(np.log10(rough)))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if factor * step >= rough * (1 - 1e-9))
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    return np.arange(first, max(last, first + 1) + 1) * step


def _area(name, fractions, curve):
    if not np.isfinite(curve).any():
        return ""
    if not np.isfinite(curve).all():
        return name
    area = ((curve[1:] + curve[:-1]) / 2 * np.diff(fractions)).sum()
    return f"{name}, area {area:.3f}" if area >= 0.01 else f"{name}, area {area:.2g}"


@contextlib.contextmanager
def _together(*widgets):
    """Send the changes of each widget as one message."""
    with contextlib.ExitStack() as stack:
        for widget in widgets:
            stack.enter_context(widget.hold_sync())
        yield
