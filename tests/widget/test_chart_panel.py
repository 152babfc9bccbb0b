"""The charts and their button."""

import numpy as np

from ke_widgets import metrics
from tests.widget.page import LONG


def marks(widget):
    figure = widget.charts.children[0]
    return figure.marks[0]


def test_the_charts_show_the_scores_and_a_click_on_a_bar_picks_its_class(widget):
    bars = marks(widget)
    np.testing.assert_allclose(sorted(bars.y), sorted(widget.result.scores), rtol=1e-6)
    place = list(bars.x).index(2)
    bars.selected = np.array([place])
    assert widget.wait(LONG).unit == widget.class_index == 2


def test_curves_are_computed_when_asked_for_and_taken_away_with_their_map(widget):
    box = widget.charts.children[1]
    button, figure = box.children
    button.click()
    assert widget._controller.worker.wait(LONG)
    deletion, insertion = figure.marks[:2]
    whole, _ = metrics.deletion(
        widget._session.models[0].model,
        widget._session.images.inputs(0),
        widget.result.map[None, ..., None],
        np.array([[widget.class_index]]),
        baseline="mean",
    )[1:]
    np.testing.assert_allclose(deletion.y, whole[0, :, 0], rtol=1e-4)
    assert len(insertion.y) == len(deletion.y) == 33
    assert button.description == "Deletion and insertion"
    widget.class_index = (widget.class_index + 1) % 3
    widget.wait(LONG)
    assert len(deletion.y) == 0
    assert figure.title == "The map has changed"
