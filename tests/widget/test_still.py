"""What places without widgets show of a saved notebook: GitHub, nbviewer, nbconvert."""

import base64
import io
import re
import threading

import nbclient
import nbconvert
import nbformat
import numpy as np
import pytest
import traitlets.config
from PIL import Image

from ke_widgets.widget import view
from ke_widgets.widget.export.snapshot import compose, resized
from ke_widgets.widget.session.explained_model import ExplainedModel
from ke_widgets.widget.view import ExplainerWidget

WIDGET = "application/vnd.jupyter.widget-view+json"
CELL = """
import ke_widgets as ke
from ke_widgets import demo
ke.ExplainerWidget(demo.load("honest"), demo.scenes(2, seed=7).images, labels=demo.LABELS, layer="block4/conv2")
"""


@pytest.fixture(scope="module")
def notebook():
    """A notebook that a program ran, with the state of its widgets."""
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)], metadata={"kernelspec": kernel})
    notebook = nbclient.NotebookClient(notebook, timeout=300).execute()
    assert notebook.metadata.widgets, "the state is stored"
    return notebook


def data(notebook):
    (output,) = (output for output in notebook.cells[0].outputs if "data" in output)
    return output["data"]


def pixels(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_the_output_of_a_cell_holds_the_widget_its_picture_and_words(notebook):
    found = data(notebook)
    assert set(found) == {WIDGET, "image/png", "text/plain"}
    assert re.fullmatch(r"ExplainerWidget: Grad-CAM of \w+ at block4/conv2 of honest, image 0", found["text/plain"])
    assert pixels(found["image/png"]).shape == (256, 256, 3)


def convert(notebook, exporter, **config):
    return exporter(config=traitlets.config.Config(config)).from_notebook_node(nbformat.from_dict(notebook))


def test_nbconvert_shows_the_picture_where_no_state_was_saved(notebook):
    bare = nbformat.from_dict({**notebook, "metadata": {"kernelspec": notebook.metadata.kernelspec}})
    html, _ = convert(bare, nbconvert.HTMLExporter)
    (shown,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    np.testing.assert_array_equal(pixels(shown), pixels(data(notebook)["image/png"]))
    assert WIDGET not in html


def test_nbconvert_shows_the_picture_instead_of_a_saved_state_when_told_to(notebook):
    html, _ = convert(notebook, nbconvert.HTMLExporter)
    assert WIDGET in html, "by itself it takes the widget, whose code it loads from a CDN"
    html, _ = convert(notebook, nbconvert.HTMLExporter, ClearMetadataPreprocessor={"enabled": True})
    assert html.count('src="data:image/png') == 1
    assert WIDGET not in html


@pytest.mark.parametrize("exporter", [nbconvert.MarkdownExporter, nbconvert.LatexExporter])
def test_paper_shows_the_picture_whether_a_state_was_saved_or_not(notebook, exporter):
    text, resources = convert(notebook, exporter)
    (picture,) = resources["outputs"].values()
    (name,) = resources["outputs"]
    assert name in text
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture))), pixels(data(notebook)["image/png"]))


def bundle(widget):
    data, metadata = widget._repr_mimebundle_()
    assert metadata == {}
    return data


@pytest.mark.parametrize("charts", [True, False])
def test_the_picture_is_what_the_view_shows(model, images, charts):
    widget = ExplainerWidget(model, images, labels=["a", "b", "c"], image_index=2, opacity=0.9, charts=charts)
    widget.contrast_index = (widget.class_index + 1) % 3
    widget.method = "cam"
    widget.layer = "block/add"
    result = widget.wait(60)
    shown = bundle(widget)
    expected = compose(resized(images[2], 256, 400), result, "RdBu_r", 0.9, widget.threshold)
    np.testing.assert_array_equal(pixels(shown["image/png"]), expected)
    assert "rather than" in shown["text/plain"]
    widget.close()


def test_a_first_map_that_takes_long_does_not_hold_up_who_looks_on(model, images, monkeypatch):
    go, whole = threading.Event(), ExplainedModel.steps

    def slow(self, choice):
        assert go.wait(60)
        yield from whole(self, choice)

    monkeypatch.setattr(ExplainedModel, "steps", slow)
    monkeypatch.setattr(view, "_WATCHED_SECONDS", 0.01)
    widget = ExplainerWidget(model, images, charts=False)
    assert set(bundle(widget)) == {WIDGET, "text/plain"}
    go.set()
    widget.wait(60)
    assert "image/png" in bundle(widget)
    widget.close()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((8, 16, 3), (128, 256, 3)), ((1000, 500, 4), (400, 200, 3)), ((300, 200, 1), (300, 200, 1))],
)
def test_an_image_is_neither_too_small_to_see_nor_too_large_to_keep(shape, expected):
    assert resized(np.zeros(shape, "uint8"), 256, 400).shape == expected
