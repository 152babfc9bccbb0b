"""What is left of a widget once it is closed, and what several widgets on one model share."""

import gc
import sys
import weakref

import ipywidgets
import keras
import numpy as np
import pytest
import tensorflow as tf
from IPython.core.events import EventManager, available_events
from ipywidgets.widgets.widget import _instances

from ke_widgets.widget import notebook, view
from ke_widgets.widget.view import ExplainerWidget

LONG = 60


class CountTraces(keras.layers.Layer):
    """Passes on what comes in, and counts how often TensorFlow traces it."""

    traces = 0

    def call(self, x):
        self.traces += not tf.executing_eagerly()
        return x


@pytest.fixture
def counted():
    """conv -> counting layer -> pool -> dense, and its counting layer."""
    count = CountTraces(name="count")
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = count(keras.layers.Conv2D(4, 3, name="conv")(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="scores")(x)), count


def explain(model, images):
    """Open a widget, explain by two methods, and let everything end that was begun."""
    widget = ExplainerWidget(model, images)
    for method in ("gradients", "gradcam"):
        widget.method = method
        widget.wait(LONG)
    rest(widget)
    return widget


def rest(widget):
    if widget._session._preparing is not None:
        widget._session._preparing.join(LONG)


def test_widgets_on_one_model_share_its_compiled_functions(counted, images):
    model, count = counted
    count.traces = 0
    first = explain(model, images)
    traces = count.traces
    assert traces > 0
    second = explain(model, images)
    assert count.traces == traces
    np.testing.assert_allclose(second.result.map, first.result.map, rtol=1e-5, atol=1e-9)
    first.close()
    third = explain(model, images)
    assert count.traces == traces
    for widget in (second, third):
        widget.close()


def test_closing_frees_what_the_widget_held_and_leaves_the_model(counted, images):
    model, count = counted
    images = images.copy()
    widget = explain(model, images)
    widget.charts  # noqa: B018
    thread = widget._controller.worker._thread
    held = (widget, widget._session, widget._session.models[0], widget._session.images, widget.result)
    dead = [weakref.ref(each) for each in held]
    widget.close()
    thread.join(LONG)
    del widget, held
    gc.collect()
    assert [each() for each in dead] == [None] * len(dead)
    before = count.traces
    assert model(images).shape == (5, 3)
    assert not [layer.name for layer in model.layers if "call" in vars(layer)]  # no tap is left
    assert count.traces == before


class Shell:
    """What is asked of IPython's by a cell that shows a widget."""

    def __init__(self):
        self.user_ns, self.execution_count = {}, 0
        self.events = EventManager(None, available_events)

    def get_parent(self):
        return {"metadata": {"cellId": "the same"}}


def test_a_cell_that_is_run_again_and_again_leaves_no_more_objects_behind(model, images, monkeypatch):
    shell, counts = Shell(), []
    for module in (view, notebook):
        monkeypatch.setattr(module, "get_ipython", lambda: shell)
    for _ in range(10):
        shell.execution_count += 1
        widget = shell.user_ns["w"] = ExplainerWidget(model, images)
        widget._repr_mimebundle_()  # The cell's output.
        widget._fold._button.value = True
        widget._controller.opened = 1
        widget.wait(LONG)
        counts.append(len(_instances))
    assert len(set(counts)) == 1, counts
    before = counts[0]
    widget.close()
    assert len(_instances) < before - 20


def test_what_the_user_gave_a_widget_is_not_closed_with_it(model, images):
    given, put = ipywidgets.Layout(width="50%"), ipywidgets.Layout(width="60%")
    other = ipywidgets.VBox([], layout=given)
    widgets = [ExplainerWidget(model, images, layout=given), ExplainerWidget(model, images)]
    widgets[1].layout = widgets[1].charts.layout = put
    for widget in widgets:
        widget._repr_mimebundle_()
        widget.close()
    assert {given.model_id, put.model_id, other.model_id} <= set(_instances)
    for each in (other, given, put):
        each.close()


def test_a_widget_may_be_closed_at_the_end_of_the_interpreter_and_twice(model, images, monkeypatch):
    shell = Shell()
    for module in (view, notebook):
        monkeypatch.setattr(module, "get_ipython", lambda: shell)
    widget = ExplainerWidget(model, images)
    assert shell.events.callbacks["post_run_cell"] == [notebook._ended, widget._check_weights]

    def gone():
        raise ImportError("sys.meta_path is None, Python is likely shutting down")

    for module in (view, notebook):
        monkeypatch.setattr(module, "get_ipython", gone)
    widget.close()
    widget.close()
    assert shell.events.callbacks["post_run_cell"] == [notebook._ended]


def test_a_widget_that_was_refused_leaves_nothing_to_be_closed(images, monkeypatch):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: ignored.append(repr(raised.exc_value)))
    with pytest.raises(TypeError, match="`model` must be"):
        ExplainerWidget("model", images)
    gc.collect()
    assert ignored == []


@pytest.mark.parametrize("choice", [{"method": "Grad-CAN"}, {"class_index": 99}, {"layer": "nowhere"}, {"labls": []}])
def test_what_is_refused_in_the_making_is_freed_without_another_error(model, images, choice, monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with pytest.raises((TypeError, ValueError), match=next(iter(choice))):
        ExplainerWidget(model, images, charts=False, **choice)
    gc.collect()
    assert said == []
