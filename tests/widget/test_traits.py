"""Traits refuse what is not there, and nothing is lost; panes differ from the main one in what they say."""

import pytest

from tests.widget.page import LONG


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("contrast_index", 9, "0 to 2. Received: contrast_index=9"),
        ("model_index", 1, "one of the 1 models"),
        ("panes", [{"layer": "stm"}], "Nearest: 'stem'"),
        ("panes", [{"layr": "stem"}], r"`panes` must hold dicts of .* Received: \['layr'\]"),
        ("layer", "stm", "Nearest: 'stem'"),
        ("layer", "pool", "spatial output"),
        ("class_index", 3, "0 to 2. Received: class_index=3"),
        ("image_index", 5, "0 to 4. Received: image_index=5"),
        ("method", "gradcan", "Received: method='gradcan'"),
        ("params", {"a": 1}, r"Received: \['a'\]"),
    ],
)
def test_a_trait_set_to_what_is_not_there_is_refused_and_nothing_is_lost(widget, name, value, message):
    before = widget.choice
    with pytest.raises(ValueError, match=message):
        setattr(widget, name, value)
    assert widget.choice == before
    widget.image_index = 1
    assert widget.wait(LONG).image_index == 1


def test_a_new_widget_hides_nothing_of_its_map(widget):
    assert widget.threshold == 0


def test_opacity_and_colormap_are_checked_too(widget):
    with pytest.raises(ValueError, match=r"from 0 to 1\. Received: opacity=2\. For 2 %, say 0\.02"):
        widget.opacity = 2
    with pytest.raises(ValueError, match=r"`colormap` must be one of inferno, .* Received: colormap='jet'"):
        widget.colormap = "jet"


def test_panes_follow_the_main_one_but_for_what_differs(widget):
    widget.panes = [{"layer": "stem"}, {"method": "gradcampp"}]
    widget.class_index = 2
    widget.wait(LONG)
    main, other_layer, other_method = widget.results
    assert [r.unit for r in widget.results] == [2, 2, 2]
    assert (main.layer, other_layer.layer, other_method.layer) == ("block/add", "stem", "block/add")
    assert (main.method, other_layer.method, other_method.method) == ("gradcam", "gradcam", "gradcampp")
