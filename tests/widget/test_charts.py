import numpy as np
import pytest
from ipywidgets.widgets import widget

from ke_widgets.widget.charts import LABEL_LENGTH, Charts

LABELS = ["heart", "circle", "star"]


def shown(charts):
    """The bars from the top down: name, score and colour."""
    (bars,), (names, _) = charts.scores.marks, charts.scores.axes
    rows = {index: (names.tick_labels[str(index)], y, c) for index, y, c in zip(bars.x, bars.y, bars.colors)}
    return [rows[index] for index in reversed(bars.scales["x"].domain)]


def curves(charts):
    deletion, insertion, legend = charts.curves.marks
    return deletion, insertion, list(legend.text)


def test_shares_of_pixels_have_the_whole_axis_and_values_their_own():
    charts = Charts()
    charts.set_scores(["sky", "road"], [0.2, 0.3], 0, "share")
    assert (charts._columns.label, charts._values.min, charts._values.max) == ("Share", 0, 1)
    charts.set_scores(["age", "height"], [20.0, 150.0], 0, "value")
    assert charts._columns.label == "Value"
    assert charts._values.max >= 150
    charts.close()


def test_bars_go_by_score_and_the_chosen_one_is_lit_and_marked():
    charts = Charts()
    charts.set_scores(LABELS, [0.2, 0.1, 0.7], 1)
    (star, heart, circle) = shown(charts)
    assert [star[:2], heart[:2], circle[:2]] == [("star", 0.7), ("heart", 0.2), ("▸ circle", 0.1)]
    assert star[2] == heart[2] != circle[2]
    charts.set_scores(LABELS, [0.2, 0.1, 0.7], 2)
    assert [name for name, *_ in shown(charts)] == ["▸ star", "heart", "circle"]
    assert shown(charts)[0][2] == circle[2]


def test_of_many_classes_the_ten_highest_are_shown_and_the_chosen_one_last():
    charts, scores = Charts(), np.linspace(0, 1, 1000)
    charts.set_scores([f"class {index}" for index in range(1000)], scores, 5)
    expected = [f"class {index}" for index in range(999, 989, -1)]
    assert [name for name, *_ in shown(charts)] == [*expected, "▸ class 5"]
    assert [score for _, score, _ in shown(charts)] == [*scores[:989:-1], scores[5]]
    charts.set_scores([f"class {index}" for index in range(1000)], scores, 995)
    assert [name for name, *_ in shown(charts)] == [*expected[:4], "▸ class 995", *expected[5:]]


def test_equal_scores_go_by_index_and_equal_names_have_bars_of_their_own():
    charts = Charts()
    charts.set_scores(["crane", "crane", "crane"], [0.5, 0.5, 0.5], 0)
    assert [name for name, *_ in shown(charts)] == ["▸ crane", "crane", "crane"]


def test_long_names_are_cut():
    charts = Charts()
    charts.set_scores(["x" * LABEL_LENGTH, "y" * (LABEL_LENGTH + 1)], [0.6, 0.4], 0)
    assert [name for name, *_ in shown(charts)] == ["▸ " + "x" * LABEL_LENGTH, "y" * (LABEL_LENGTH - 1) + "…"]


def test_the_axis_of_scores_is_all_of_a_probability_and_round_numbers_around_logits():
    charts = Charts()
    axis = charts.scores.axes[1]
    charts.set_scores(LABELS, [0.2, 0.1, 0.3], 1)
    np.testing.assert_allclose(axis.tick_values, [0, 0.25, 0.5, 0.75, 1])
    assert (axis.label, axis.scale.min, axis.scale.max) == ("Probability", 0, 1)
    charts.set_scores(LABELS, [-1.3, 4.2, 9], 1, "logit")
    np.testing.assert_allclose(axis.tick_values, [-5, 0, 5, 10])
    assert (axis.label, axis.scale.min, axis.scale.max) == ("Logit", -5, 10)


def test_a_score_that_is_no_number_is_drawn_last_as_nothing():
    charts = Charts()
    charts.set_scores(LABELS, [np.nan, 0.5, np.inf], 1, "logit")
    assert [name for name, *_ in shown(charts)] == ["star", "▸ circle", "heart"]
    np.testing.assert_allclose([score for _, score, _ in shown(charts)], [charts.scores.axes[1].scale.max, 0.5, 0])


@pytest.mark.parametrize(("selected", "picked"), [([0], 2), (np.array([2]), 1), ([0, 1], 0)])
def test_a_click_picks_the_class_of_its_bar(selected, picked):
    found = []
    charts = Charts(found.append)
    charts.set_scores(LABELS, [0.2, 0.1, 0.7], 1)
    (bars,) = charts.scores.marks
    for _ in range(2):
        bars.selected = selected  # as the page does it
        assert bars.selected is None
    assert found == [picked, picked]


def test_a_click_beside_the_bars_picks_nothing():
    found = []
    charts = Charts(found.append)
    charts.set_scores(LABELS, [0.2, 0.1, 0.7], 1)
    (bars,) = charts.scores.marks
    bars.set_state({"selected": None})
    bars.selected = []
    assert found == []


def test_new_scores_pick_nothing_even_while_a_click_is_answered():
    found = []
    charts = Charts(lambda index: (found.append(index), charts.set_scores(LABELS, [0.3, 0.4, 0.3], index)))
    charts.set_scores(LABELS, [0.2, 0.1, 0.7], 1)
    charts.scores.marks[0].selected = [0]
    assert found == [2]
    assert [name for name, *_ in shown(charts)] == ["circle", "heart", "▸ star"]


def test_without_anyone_to_tell_bars_take_no_click():
    assert Charts().scores.marks[0].interactions == {}


def test_whole_curves_have_their_areas_beside_their_names():
    charts, shares = Charts(), np.array([0, 0.25, 1])
    charts.set_curves(shares, [1, 0.5, 0], [0, 0.5, 0.75], 4, 4)
    deletion, insertion, names = curves(charts)
    for line, expected in ((deletion, [1, 0.5, 0]), (insertion, [0, 0.5, 0.75])):
        np.testing.assert_array_equal(line.x, shares)
        np.testing.assert_array_equal(line.y, expected)
    assert names == ["— Deletion, area 0.375", "- - Insertion, area 0.531"]
    assert (deletion.line_style, insertion.line_style) == ("solid", "dashed")
    assert charts.curves.title == ""


def test_of_a_curve_half_known_only_that_half_is_drawn_and_the_title_says_how_far_it_is():
    charts, shares = Charts(), np.linspace(0, 1, 5)
    charts.set_curves(shares, [3, -0.5, np.nan, np.nan, np.nan], None, 1, 6)
    deletion, insertion, names = curves(charts)
    np.testing.assert_array_equal(deletion.x, [0, 0.25])
    np.testing.assert_array_equal(deletion.y, [3, -0.5])
    assert insertion.y.size == 0
    assert names == ["— Deletion", ""]
    assert charts.curves.title == "1 of 6"
    scale = charts.curves.axes[1].scale
    assert (scale.min, scale.max) == (-1, 3)


def test_curves_that_are_taken_away_leave_their_reason():
    charts = Charts()
    assert charts.curves.title == "Not computed yet"
    charts.set_curves([0, 1], [1, 0], [0, 1], 2, 2)
    charts.clear_curves("The map has changed")
    deletion, insertion, names = curves(charts)
    assert (deletion.x.size, deletion.y.size, insertion.x.size, insertion.y.size, names) == (0, 0, 0, 0, ["", ""])
    assert charts.curves.title == "The map has changed"


def test_each_update_is_one_message_a_widget(monkeypatch):
    charts, sent = Charts(print), []
    monkeypatch.setattr(type(charts.scores.comm), "send", lambda comm, *_, **__: sent.append(comm.comm_id))
    updates = [
        lambda: charts.set_scores(LABELS, [4, -1, 0.7], 1, "logit"),
        lambda: charts.set_curves([0, 0.5, 1], [3, 1, 0], [0, 1, 3], 1, 2),
        lambda: charts.clear_curves("The map has changed"),
    ]
    for update in updates:
        update()
        assert {charts.scores.marks[0].model_id, charts.curves.marks[0].model_id} & set(sent)
        assert len(sent) == len(set(sent))
        sent.clear()


def test_closing_frees_every_widget():
    before = set(widget._instances)
    charts = Charts(print)
    charts.set_scores(LABELS, [0.2, 0.1, 0.7], 1)
    assert set(widget._instances) - before
    charts.close()
    assert set(widget._instances) == before
