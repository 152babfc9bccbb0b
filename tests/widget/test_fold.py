"""What is under the view is made when it is opened, and not before."""

import ipywidgets
import pytest
from ipywidgets.widgets.widget import _instances

from ke_widgets.widget.fold import Fold


@pytest.fixture
def made():
    """What a fold has made, in order."""
    return []


@pytest.fixture
def fold(made):
    def make():
        made.append(ipywidgets.HTML(f"number {len(made)}"))
        return made[-1]

    fold = Fold("Charts", "Scores and curves.", make)
    yield fold
    fold.close()
    for each in made:
        each.close()


def test_the_button_says_what_it_opens(fold):
    (button,) = fold.box.children
    assert (button.description, button.tooltip, button.value) == ("Charts", "Scores and curves.", False)
    assert {"ke-fold", "ke-charts"} <= set(fold.box._dom_classes)


def test_it_is_made_each_time_it_is_opened_and_taken_away_when_closed(fold, made):
    (button,) = fold.box.children
    assert made == []
    for number in (1, 2):
        button.value = True
        assert len(made) == number
        assert fold.box.children == (button, made[-1])
        button.value = False
        assert fold.box.children == (button,)


def test_closing_frees_all_but_what_was_made(made):
    before = set(_instances)
    fold = Fold("Charts", "Scores and curves.", lambda: made.append(ipywidgets.HTML("all")) or made[0])
    fold.box.children[0].value = True
    assert len(set(_instances) - before) > 3
    fold.close()
    left = {_instances[key] for key in set(_instances) - before}
    assert left == {made[0], made[0].layout, made[0].style}
    for each in left:
        each.close()
