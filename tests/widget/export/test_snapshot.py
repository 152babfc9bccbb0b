import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.export import snapshot
from ke_widgets.widget.export.snapshot import colours, compose
from ke_widgets.widget.images.fitting import WHOLE
from ke_widgets.widget.session.describe import COLORMAPS
from ke_widgets.widget.view import ExplainerWidget

TABLES = Path(__file__).parents[3] / "js" / "src" / "picture" / "colormapTables.ts"
IMAGE = np.full((4, 4, 3), 100, "uint8")


def explanation(values, low=0.0, high=1.0, input_region=WHOLE):
    return SimpleNamespace(map=np.asarray(values, "float32"), low=low, high=high, input_region=input_region)


@pytest.mark.parametrize("name", [name for name in COLORMAPS if name != "turbo"])  # whose formulas differ a little
def test_colours_are_matplotlibs(name):
    expected = matplotlib.colormaps[name](np.arange(256))[:, :3] * 255
    assert np.abs(colours(name) - expected).max() < 10  # d3 draws a spline through the same colours


def test_page_and_kernel_have_the_same_colours():
    shown = dict(re.findall(r'(\w+):\s+"([^"]+)"', TABLES.read_text()))
    assert shown == snapshot.json.loads(snapshot._TABLES.read_text())


def test_a_pixel_is_mixed_by_hand():
    mixed = compose(IMAGE, explanation(np.ones((2, 2))), "inferno", opacity=0.25)
    np.testing.assert_allclose(mixed[0, 0], np.rint(0.75 * 100 + 0.25 * colours("inferno")[255]), atol=1)


@pytest.mark.parametrize(("value", "share"), [(0.05, 0.0), (0.28, 0.5), (0.5, 1.0), (0.9, 1.0)])
@pytest.mark.parametrize("signed", [False, True])
def test_what_is_next_to_nothing_fades(value, share, signed):
    """Halfway between 0.06 and 0.5, smoothstep is a half."""
    mixed = compose(IMAGE, explanation(np.full((2, 2), value), low=-1.0 if signed else 0.0), "viridis", opacity=0.8)
    place = (value + 1) / 2 if signed else value
    colour = colours("viridis")[min(int(place * 256), 255)]
    expected = np.rint((1 - 0.8 * share) * 100 + 0.8 * share * colour)
    np.testing.assert_allclose(mixed[0, 0], expected, atol=1)


def test_what_lies_under_the_threshold_is_the_image():
    mixed = compose(IMAGE, explanation([[0.0, 1.0], [0.0, 1.0]]), "viridis", opacity=1.0, threshold=0.5)
    assert (mixed[:, 0] == 100).all()
    assert (mixed[:, -1] != 100).any()


def test_of_both_signs_the_middle_is_nothing():
    mixed = compose(IMAGE, explanation([[0.0, 1.0]], low=-1.0), "RdBu_r", opacity=1.0, threshold=0.5)
    assert (mixed[:, 0] == 100).all()


def test_a_map_of_both_signs_lies_over_a_grey_image_and_no_other_does():
    red = np.broadcast_to(np.array([200, 40, 40], "uint8"), IMAGE.shape)
    nothing = [[0.0, 1.0]]  # on the left, in the middle of both signs
    for low, opacity, expected in ((-1.0, 0.6, 3 * [74]), (-1.0, 0.0, [200, 40, 40]), (0.0, 0.6, [200, 40, 40])):
        mixed = compose(red, explanation(nothing, low=low), "RdBu_r", opacity=opacity)
        assert mixed[0, 0].tolist() == expected, (low, opacity)
    assert (compose(red, explanation(nothing, low=-1.0), "RdBu_r", view="image") == red).all()
    assert (compose(red, explanation(np.ones((2, 2)), low=-1.0, high=-1.0), "RdBu_r") == red).all(), "no map"


def test_map_and_image_alone():
    assert (compose(IMAGE, explanation(np.ones((2, 2))), "gray", view="image") == 100).all()
    assert (compose(IMAGE, explanation(np.ones((2, 2))), "gray", view="map") == 255).all()
    assert (compose(IMAGE, explanation(np.zeros((2, 2)), high=0.0), "gray") == 100).all()


def test_a_widget_saves_what_it_shows(model, images, tmp_path):
    widget = ExplainerWidget(model, images, image_index=2, threshold=0.0)
    widget.save(tmp_path / "shown.png")
    saved = np.asarray(Image.open(tmp_path / "shown.png"))
    np.testing.assert_array_equal(saved, compose(images[2], widget.result, "inferno", 0.6, 0.0))
    assert saved.shape == (8, 8, 3)
    widget.close()
