"""The table of features: each keeps the contract."""

import dataclasses
import re
from pathlib import Path

import pytest

from ke_widgets.widget.features import FEATURES, PANELS
from ke_widgets.widget.features.feature import Feature, Progress, Reply

PAGE = Path(__file__).parents[3] / "js" / "src" / "panels"
OF_MESSAGES = {"hello", "explain", "cancel", "check", "ack", "result", "superseded", "progress", "check_reply", "state"}


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_has_a_request_of_its_own_that_never_changes_and_an_answer(name):
    feature = FEATURES[name]
    assert dataclasses.is_dataclass(feature.request)
    assert feature.request.__dataclass_params__.frozen
    assert feature.request.__doc__
    assert feature.answer.__doc__
    assert not {"kind", "id", "pane"} & {field.name for field in dataclasses.fields(feature.request)}
    assert feature.queue in ("latest", "all")
    assert name not in OF_MESSAGES | {"error", "generations"}


def test_the_panels_are_the_features_with_a_tab_and_each_has_a_page_half():
    assert {"name": "curves", "title": "Curves"} in PANELS
    assert [panel["name"] for panel in PANELS] == [name for name, feature in FEATURES.items() if feature.tab]
    page = (PAGE / "index.ts").read_text("utf-8")
    assert sorted(re.findall(r"^export \{ (\w+) \}", page, re.M)) == sorted(panel["name"] for panel in PANELS)


def test_what_is_left_out_of_a_reply_is_empty():
    assert Reply({"a": 1}) == ({"a": 1}, (), None)
    assert Progress(1, 2, "half") == (1, 2, "half", {}, (), None)
    feature = Feature(int, lambda *given: iter(()), queue="all")
    assert (feature.tab, feature.uses_model, feature.from_page, feature.on_stop(3)) == ("", True, True, None)
