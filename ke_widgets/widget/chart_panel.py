"""The chart panel below the view: the class scores, the curves, and the button that computes the curves."""

from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np

from ke_widgets.widget.charts import Charts
from ke_widgets.widget.session.explanation import Explanation

_COMPUTE, _CANCEL = "Deletion and insertion", "Cancel"
_TOOLTIP = (
    "Delete (or insert) pixels in the order of the map and plot the class's score. The faster it falls (or rises), the "
    "more faithful the map is to the model."
)


class Panel:
    """The class scores, which can be clicked, and the curves, which are computed on demand.

    Args:
        labels: Names of the classes.
        on_pick: Called with a class index.
        on_compute: Called when the user requests the curves.
        on_cancel: Called when the user cancels them.

    Attributes:
        box: The ipywidgets box to display.
    """

    def __init__(
        self,
        labels: list[str],
        on_pick: Callable[[int], Any],
        on_compute: Callable[[], Any],
        on_cancel: Callable[[], Any],
    ) -> None:
        self._labels = labels
        self._on_compute, self._on_cancel = on_compute, on_cancel
        self._shown = None
        self._charts = Charts(on_pick)
        self._button = ipywidgets.Button(
            description=_COMPUTE, tooltip=_TOOLTIP, layout=ipywidgets.Layout(width="200px", margin="8px 0 0 62px")
        )
        self._button.on_click(self._clicked)
        right = ipywidgets.VBox([self._button, self._charts.curves], layout=ipywidgets.Layout(flex="1 1 400px"))
        self._charts.curves.layout.width = "100%"
        layout = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-end")  # Aligns their x axes.
        self.box = ipywidgets.HBox([self._charts.scores, right], layout=layout)
        self.box.add_class("ke-charts")
        parts = (self.box, right, self._button)
        # ipywidgets keeps layouts and styles alive until they are closed; a layout that the user assigned is not ours.
        self._parts = [*parts, *(part.layout for part in parts), self._button.style]

    def show(self, explanation: Explanation) -> None:
        """Show the scores of a new explanation, and clear the curves of any other map."""
        self._charts.set_scores(self._labels, explanation.scores, explanation.unit, explanation.scores_kind)
        if self._shown is not None and self._shown is not explanation:
            self._charts.clear_curves("The map has changed")
        self._shown = explanation

    def hear(self, name: str, content: dict[str, Any], value: Any) -> None:
        """Follow a request to a feature, whoever made it: curves of the map that is shown."""
        if name != "curves":
            return
        runs = content["kind"] == "progress"
        if runs:
            self.computing(True)
        if content["kind"] == "error":
            self.refuse(content["message"][:120])
        elif value is not None and value[0] is self._shown:
            self.curves(*value[1])
        if not runs:
            self.computing(False)

    def computing(self, computing: bool) -> None:
        """Switch the button to Cancel while the curves are computed."""
        self._button.description = _CANCEL if computing else _COMPUTE

    def curves(
        self, shares: np.ndarray, deletion: np.ndarray | None, insertion: np.ndarray | None, done: int, total: int
    ) -> None:
        """Show the curves as far as they are computed; see `Charts.set_curves`."""
        self._charts.set_curves(shares, deletion, insertion, done, total)

    def refuse(self, reason: str) -> None:
        """Clear the curves and show the reason."""
        self._charts.clear_curves(reason)

    def close(self) -> None:
        """Close the charts in every view."""
        self._charts.close()
        for part in self._parts:
            part.close()

    def _clicked(self, _):
        (self._on_cancel if self._button.description == _CANCEL else self._on_compute)()
