"""Traits refuse what is not there, and nothing is lost; panes differ from the main one in what they say."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.traits import FromPage, Traits
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
    with pytest.raises(ValueError, match=r"from 0 to 1\. Received: opacity=2\. For 2 %, write 0\.02"):
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


# Of a session that notes what it is asked to check


class Looked:
    """Two models: of the first with layers `stem` and `block/add`, of the second with `stem` and `other`."""

    def __init__(self):
        self.checked = []
        self.images, self.labels = [0, 1, 2, 3, 4], ["cat", "dog", "bird"]
        self.titles = {"gradcam": "Grad-CAM", "gradcampp": "Grad-CAM++", "gradients": "Gradients"}
        paths = ["stem", "block/add"], ["stem", "other"]
        self.models = [self._model(number, layers) for number, layers in enumerate(paths)]

    def first_classes(self, scores, chosen=None):
        return {"class_index": int(scores.argmax())}

    def _model(self, number, layers):
        def scores(indices):
            return np.eye(3)[[(index + number) % 3 for index in indices]]

        model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
        return SimpleNamespace(number=number, layers=layers, default_layer=layers[-1], scores=scores, model=model)

    def check(self, choice):
        self.checked.append(choice)
        if choice.layer == "wrong":
            raise ValueError("There is no such layer.")

    def default_method(self, model):
        return ("gradcam", "gradients")[model]


class Chosen(Traits):
    _esm = "export default {}"
    _page = FromPage()


@pytest.fixture
def session():
    return Looked()


@pytest.fixture
def chosen(session):
    Chosen._session = session
    chosen = Chosen()
    chosen.layer = "block/add"
    session.checked.clear()
    yield chosen
    chosen.close()
    Chosen._session = None


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("image_index", np.int64(3), 3),
        ("layer", ("block", "add"), "block/add"),
        ("layer", "add", "block/add"),
        ("class_index", "dog", 1),
        ("contrast_index", "Bird", 2),
        ("contrast_index", None, None),
        ("method", "Grad-CAM++", "gradcampp"),
        ("model_index", np.array(1), 1),
        ("panes", {"class_index": "bird"}, [{"class_index": 2}]),
        (
            "panes",
            [{"method": "gradcam++"}, {"contrast_index": None}],
            [{"method": "gradcampp"}, {"contrast_index": None}],
        ),
        ("opacity", 1, 1.0),
        ("threshold", np.float32(0.5), 0.5),
        ("view", "map", "map"),
        ("panel", "Curves", "curves"),
        ("panel", "", ""),
    ],
)
def test_a_trait_holds_one_form_of_what_people_write(chosen, name, value, kept):
    setattr(chosen, name, value)
    found = getattr(chosen, name)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("params", 3, TypeError, r"`params` must be a dict .* Received: params=3\."),
        ("panes", 3, TypeError, r"`panes` must be a list of dicts .* Received: panes=3\."),
        ("panes", [{}, 3], TypeError, "`panes` must be a list of dicts"),
        ("panes", [{}] * 4, ValueError, r"`panes` must .*3.* Received: 4\."),
        ("panes", [{"klass_index": 1}], ValueError, r"Received: \['klass_index'\]. Did you mean 'class_index'\?"),
        ("panes", [{"opacity": 1}], ValueError, r"Received: \['opacity'\]\.$"),
        ("panes", [{"layer": "wrong"}], ValueError, "There is no such layer"),
        ("layer", "wrong", ValueError, "There is no such layer"),
        ("class_index", "horse", ValueError, "Received: 'horse'"),
        ("view", "both", ValueError, "`view` must be one of overlay, map, image. Received: view='both'"),
        ("panel", "curve", ValueError, "`panel` must be one of .*, or '' for none. .*panel='curve'. Nearest: 'curves'"),
        ("panel", None, ValueError, "`panel` must be one of .*curves.*, or '' for none. Received: panel=None"),
    ],
)
def test_what_is_none_is_refused_and_what_was_there_stays(chosen, name, value, error, message):
    before = getattr(chosen, name)
    with pytest.raises(error, match=message):
        setattr(chosen, name, value)
    assert getattr(chosen, name) == before


def test_only_what_is_set_is_checked_so_that_traits_may_be_set_in_any_order(chosen, session):
    chosen.class_index = 2
    chosen.model_index = 1
    (first, second) = session.checked
    assert first == Choice(0, "block/add", 2, "gradcam", {})
    assert second == Choice(0, "other", 0, "gradients", {}, model_index=1)


def test_each_widget_has_a_dict_of_its_own(chosen):
    other = Chosen()
    other.params["repetitions"] = 3
    assert chosen.params == {}
    other.close()


def test_what_the_page_chose_is_taken_as_it_is(chosen, session):
    chosen._page = SimpleNamespace(adopting=True)
    chosen.layer = "wrong"
    chosen.class_index = "dog"
    assert (chosen.layer, chosen.class_index, session.checked) == ("wrong", "dog", [])


def test_a_pane_is_the_main_one_but_for_what_it_says(chosen):
    chosen.panes = [{"class_index": 2}, {"model_index": 1}, {"model_index": 1, "layer": "stem"}]
    chosen.image_index, main = 4, Choice(4, "block/add", 0, "gradcam", {})
    assert chosen.choice == chosen.pane_choice(0) == main
    assert chosen.pane_choice(1) == dataclasses.replace(main, class_index=2)
    assert chosen.pane_choice(2) == dataclasses.replace(main, model_index=1, layer="other"), "it has no block"
    assert chosen.pane_choice(3) == dataclasses.replace(main, model_index=1, layer="stem")
    chosen.panes = [{"model_index": 1, "layer": "block/add"}]
    assert chosen.pane_choice(1).layer == "block/add", "what the pane says stays, and is refused by name"


def test_at_first_the_class_with_the_highest_score_is_chosen(chosen):
    assert chosen._first_choice({}) == {"layer": "block/add", "method": "gradcam", "class_index": 0}
    expected = {"layer": "other", "method": "gradients", "class_index": 2, "model_index": 1, "image_index": 1}
    assert chosen._first_choice({"model_index": 1, "image_index": np.int64(1)}) == expected
    assert chosen._first_choice({"class_index": "dog", "layer": "stem"})["class_index"] == "dog"
