"""The charts and their button."""

from types import SimpleNamespace

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

from ke_widgets import metrics
from ke_widgets.widget.chart_panel import Panel
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
    whole = metrics.deletion(
        widget._session.models[0].model,
        widget._session.images.inputs(0),
        widget.result.map[None, ..., None],
        np.array([[widget.class_index]]),
        baseline="mean",
    ).curve
    np.testing.assert_allclose(deletion.y, whole.scores[0, :, 0], rtol=1e-4)
    assert len(insertion.y) == len(deletion.y) == 33
    assert button.description == "Deletion and insertion"
    widget.class_index = (widget.class_index + 1) % 3
    widget.wait(LONG)
    assert len(deletion.y) == 0
    assert figure.title == "The map has changed"


class Pressed(list):
    """Notes what a panel asks for; `panel` is one for three classes."""

    def __init__(self):
        super().__init__()
        self.panel = Panel(["a", "b", "c"], self.append, lambda: self.append("ask"), lambda: self.append("cancel"))
        scores, right = self.panel.box.children
        self.button, self.curves = right.children
        (self.bars,) = scores.marks


@pytest.fixture
def pressed():
    pressed = Pressed()
    yield pressed
    pressed.panel.close()


def explained(*scores, unit=0):
    return SimpleNamespace(scores=np.array(scores), unit=unit, scores_kind="probability")


def test_the_button_asks_for_curves_and_cancels_them_while_they_are_computed(pressed):
    pressed.button.click()
    pressed.panel.computing(True)
    assert pressed.button.description == "Cancel"
    pressed.button.click()
    pressed.panel.computing(False)
    assert pressed.button.description == "Deletion and insertion"
    pressed.button.click()
    assert pressed == ["ask", "cancel", "ask"]


def test_a_bar_picks_its_class(pressed):
    pressed.panel.show(explained(0.1, 0.2, 0.7))
    assert list(pressed.bars.x) == [2, 1, 0]
    pressed.bars.selected = np.array([1])
    assert pressed == [1]


def test_curves_stay_while_their_map_is_shown_again_and_go_with_another(pressed):
    first = explained(0.1, 0.2, 0.7)
    pressed.panel.show(first)
    assert pressed.curves.title == "Not computed yet"
    pressed.panel.curves(np.array([0, 0.5, 1]), np.array([0.7, 0.4, 0.1]), np.array([0.1, 0.2, np.nan]), 5, 6)
    deletion, insertion = pressed.curves.marks[:2]
    assert (list(deletion.x), list(deletion.y)) == ([0, 0.5, 1], [0.7, 0.4, 0.1])
    assert (list(insertion.x), list(insertion.y)) == ([0, 0.5], [0.1, 0.2])
    assert pressed.curves.title == "5 of 6"
    pressed.panel.show(first)
    assert list(deletion.y) == [0.7, 0.4, 0.1]
    pressed.panel.show(explained(0.1, 0.2, 0.7))
    assert (list(deletion.y), list(insertion.y)) == ([], [])
    assert pressed.curves.title == "The map has changed"


def test_curves_that_cannot_be_had_leave_their_reason(pressed):
    pressed.panel.refuse("There is no map.")
    assert pressed.curves.title == "There is no map."


def test_closing_frees_every_widget_that_it_made():
    before = set(_instances)
    panel = Pressed().panel
    assert len(set(_instances) - before) > 10
    panel.close()
    assert set(_instances) == before
