"""The charts in a box: what stands under the view, with the button that computes the curves."""

import ipywidgets

from ke_widgets.widget.charts import Charts

_ASK, _CANCEL = "Deletion and insertion", "Cancel"
_TOOLTIP = (
    "Take pixels away (or bring them in) in the order of the map, and watch the class's score: the faster it falls (or "
    "rises), the more the map says about the model."
)


class Panel:
    """Scores to click on, and curves on demand.

    Args:
        labels: Names of the classes.
        on_pick: Called with a class index.
        on_ask: Called when the curves are wanted.
        on_cancel: Called when they are not wanted any more.

    Attributes:
        box: The ipywidgets box that shows it.
    """

    def __init__(self, labels, on_pick, on_ask, on_cancel):
        self._labels = labels
        self._on_ask, self._on_cancel = on_ask, on_cancel
        self._shown = None
        self._charts = Charts(on_pick)
        self._button = ipywidgets.Button(
            description=_ASK, tooltip=_TOOLTIP, layout=ipywidgets.Layout(width="200px", margin="8px 0 0 62px")
        )
        self._button.on_click(self._clicked)
        right = ipywidgets.VBox([self._button, self._charts.curves], layout=ipywidgets.Layout(flex="1 1 400px"))
        self._charts.curves.layout.width = "100%"
        layout = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-end")  # Their axes in one line.
        self.box = ipywidgets.HBox([self._charts.scores, right], layout=layout)
        self.box.add_class("ke-charts")
        parts = (self.box, right, self._button)
        # ipywidgets keeps also what a widget is made of until that is closed; a layout that the user puts in is theirs.
        self._parts = [*parts, *(part.layout for part in parts), self._button.style]

    def show(self, explanation):
        """Show the scores of a new explanation; curves of another map are taken away."""
        self._charts.set_scores(self._labels, explanation.scores, explanation.unit, explanation.scores_kind)
        if self._shown is not None and self._shown is not explanation:
            self._charts.clear_curves("The map has changed")
        self._shown = explanation

    def computing(self, computing):
        """Let the button cancel while the curves are computed."""
        self._button.description = _CANCEL if computing else _ASK

    def curves(self, shares, deletion, insertion, done, total):
        """Show the curves, or what is known of them; see `Charts.set_curves`."""
        self._charts.set_curves(shares, deletion, insertion, done, total)

    def refuse(self, reason):
        """Say why there are no curves."""
        self._charts.clear_curves(reason)

    def close(self):
        """Take the charts from every page."""
        self._charts.close()
        for part in self._parts:
            part.close()

    def _clicked(self, _):
        (self._on_cancel if self._button.description == _CANCEL else self._on_ask)()
