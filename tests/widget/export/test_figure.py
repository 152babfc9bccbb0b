"""What `widget.save` writes: the photograph with its map, titles and scales, in pixels and in vectors."""

import io
import re
import sys
import xml.etree.ElementTree
import zlib

import keras
import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.export import figure
from ke_widgets.widget.export.snapshot import colours
from ke_widgets.widget.view import ExplainerWidget

LABELS = ["cat", "a dog with a name that is too long for any picture of this size & <b>markup</b>"]


@pytest.fixture(scope="module")
def widget():
    """Of a model whose CAM is the brightness of what it sees, and three photographs of other sizes."""
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="light")(inputs)
    outputs = keras.layers.Dense(2, kernel_initializer="ones")(keras.layers.GlobalAveragePooling2D()(x))
    rows, columns = np.mgrid[:40, :60]
    ramp = ((columns - 10) // 10 * 50 + 30).clip(0, 255)[..., None]
    images = [ramp, np.swapaxes(ramp, 0, 1), np.full((30, 150, 1), 100), np.zeros((8, 8, 1))]
    images = [image.astype("uint8") for image in images]
    widget = ExplainerWidget(
        keras.Model(inputs, outputs, name="bright"), images, labels=LABELS, method="cam", charts=False, threshold=0.0
    )
    yield widget
    widget.close()


@pytest.fixture
def saved(widget, tmp_path):
    """A function that saves in some format, and gives the picture or the bytes."""

    def save(name="figure.png", **how):
        for trait in ("image_index", "class_index", "view", "method"):
            setattr(widget, trait, how.pop(trait, {"view": "overlay", "method": "cam"}.get(trait, 0)))
        widget.panes = how.pop("shown_panes", [])
        path = tmp_path / name
        widget.save(path, **how)
        assert [each.name for each in tmp_path.iterdir()] == [name]
        data = path.read_bytes()
        path.unlink()
        return data if path.suffix in (".pdf", ".svg") else np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    return save


def test_the_pixels_are_the_photographs_mixed_with_the_map_by_hand(widget, saved):
    """Four columns of 10 pixels each are one cell; in their middle the map is the cell's own value."""
    found = saved()
    assert found.shape == (40, 60, 3)
    levels = np.array([30, 80, 130, 180])
    for cell, level in enumerate(levels):
        middle = slice(10 + 10 * cell + 4, 10 + 10 * cell + 6)
        t = level / 180
        fade = np.clip((t - 0.06) / 0.44, 0, 1)
        covered = 0.6 * fade**2 * (3 - 2 * fade)
        expected = level * (1 - covered) + colours("inferno")[min(int(t * 256), 255)] * covered
        # The antialiased levels of a cell reach into the next one's; so does the map between two middles.
        np.testing.assert_allclose(found[5:35, middle].mean(axis=(0, 1)), expected, atol=9)
    np.testing.assert_array_equal(found[:, :10], round(0.65 * 0) + np.zeros((40, 10, 3)))
    np.testing.assert_array_equal(found[:, 50:], np.full((40, 10, 3), round(0.65 * 230)))


@pytest.mark.parametrize("scale", [0.5, 2, 3.5])
def test_scale_is_the_number_of_pixels_for_each_pixel(saved, scale):
    found = saved(scale=scale)
    assert found.shape == (40 * scale, 60 * scale, 3)
    small = np.asarray(Image.fromarray(found).resize((60, 40), Image.Resampling.BOX)).astype(float)
    assert np.abs(small - saved()).mean() < 6


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "tif", "webp", "bmp"])
def test_other_formats_of_pixels_hold_the_same_picture(saved, suffix):
    found = saved(f"figure.{suffix}")
    assert found.shape == (40, 60, 3)
    assert np.abs(found.astype(float) - saved()).mean() < 5


def at(sheet, picture):
    """Where a picture lies in a sheet, to the pixel."""
    height, width = picture.shape[:2]
    for top in range(sheet.shape[0] - height + 1):
        for left in range(sheet.shape[1] - width + 1):
            if (sheet[top, left : left + width] == picture[0]).all() and (
                sheet[top : top + height, left : left + width] == picture
            ).all():
                return top, left
    raise AssertionError("It does not lie in it.")


def ink(sheet, rows, columns):
    return bool((sheet[rows, columns] < 128).any())


def test_titles_and_scales_stand_around_the_picture_which_stays_to_the_pixel(saved):
    sheet, picture = saved(colorbar=True, title=True), saved(scale=5)
    assert max(picture.shape) == 300, "enough to read"
    top, left = at(sheet, picture)
    height, width = picture.shape[:2]
    assert (sheet[0] == 255).all()
    assert ink(sheet, slice(0, top), slice(None)), "the title"
    middle = sheet[top + height + 4 : top + height + 16, left : left + width]
    bar = middle[(np.abs(np.diff(middle.astype(int), axis=1)).sum(axis=(1, 2)) > 200)][5]
    assert (bar[3] > 240).all(), "the lowest value has faded to paper"
    np.testing.assert_allclose(bar[-4], colours("inferno")[-4], atol=12)
    foot = slice(top + height + 17, None)
    for part in (slice(0, 40), slice(130, 200), slice(-60, None)):
        assert ink(sheet, foot, part), "lowest value, unit, highest value"


def test_a_picture_without_a_map_says_why_and_the_image_alone_has_no_scale(saved):
    plain, said = saved(image_index=3, title=True), saved(image_index=3, title=True, colorbar=True)
    assert said.shape[0] > plain.shape[0]
    alone = saved(view="image", colorbar=True, scale=5)
    np.testing.assert_array_equal(alone[tuple(slice(n, n + 5) for n in at(alone, saved(view="image", scale=5)))], 0)
    assert alone.shape[0] < saved(colorbar=True, scale=5).shape[0]


PANES = [{"image_index": 1}, {"image_index": 2}, {"method": "gradients"}]


@pytest.mark.parametrize("how", [{}, {"colorbar": True, "title": True}, {"title": "All of them"}])
def test_all_panes_stand_side_by_side_with_equal_longest_sides(saved, how):
    sheet = saved(shown_panes=PANES, panes=True, scale=2, **how)
    lefts = []
    for index, shape in enumerate([(200, 300), (300, 200), (60, 300)]):
        alone = saved(image_index=index, scale={2: 2}.get(index, 5))
        assert alone.shape[:2] == shape
        lefts.append(at(sheet, alone))
    assert len({top for top, _ in lefts}) == 1
    assert [left for _, left in lefts] == sorted({left for _, left in lefts})
    assert saved(shown_panes=PANES, scale=2).shape == (80, 120, 3), "without `panes`, the main one alone"


def test_a_title_that_is_too_long_is_put_on_several_lines_and_stays_on_the_sheet(saved):
    one, several = saved(title=True), saved(title=True, class_index=1)
    assert several.shape[1] == one.shape[1]
    assert several.shape[0] > one.shape[0] + 10
    assert (several[:, -3:] == 255).all(), "nothing runs over the margin"
    letters = saved(title="W" * 200)
    assert (letters[:, -3:] == 255).all()


def test_a_pdf_embeds_its_fonts_and_has_the_aspect_of_the_figure(saved):
    data = saved("figure.pdf", colorbar=True, title=True)
    assert data.startswith(b"%PDF")
    assert b"/FontFile2" in data
    assert b"/Type3" not in data.replace(b" ", b"")
    width, height = page(data)
    sheet = saved(colorbar=True, title=True)
    assert width / height == pytest.approx(sheet.shape[1] / sheet.shape[0], rel=0.01)
    assert width == pytest.approx(234 + 12, abs=1), "a column of 3.25 inches, and its margins"


def page(data):
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    return float(box[1]), float(box[2])


def test_a_picture_alone_fills_its_page_and_is_embedded_as_it_is(saved):
    data = saved("figure.pdf")
    assert page(data) == pytest.approx((234, 156), abs=0.1)
    (stream,) = re.findall(rb"/Subtype /Image.*?stream\r?\n(.*?)endstream", data, re.S)
    assert b"/Width 60" in data
    assert b"/Height 40" in data
    head = re.search(rb"<<[^>]*/Subtype /Image.*?>>\s*stream", data, re.S)[0]
    if b"FlateDecode" in head and b"Predictor" not in head:
        pixels = np.frombuffer(zlib.decompress(stream), "uint8").reshape(40, 60, 3)
        np.testing.assert_array_equal(pixels, saved())


def test_an_svg_parses_draws_its_letters_and_asks_for_nothing(saved):
    data = saved("figure.svg", colorbar=True, title=True, class_index=1)
    root = xml.etree.ElementTree.fromstring(data)
    hrefs = [value for each in root.iter() for name, value in each.attrib.items() if name.endswith("href")]
    assert hrefs
    assert all(href.startswith(("#", "data:image/png")) for href in hrefs)
    assert b"<text" not in data, "letters are outlines, so that no font is missing elsewhere"
    size = [float(root.attrib[side].removesuffix("pt")) for side in ("width", "height")]
    sheet = saved(colorbar=True, title=True, class_index=1)
    assert size[0] / size[1] == pytest.approx(sheet.shape[1] / sheet.shape[0], rel=0.01)


@pytest.mark.parametrize("name", ["figure.pdf", "figure.svg"])
def test_the_same_figure_is_the_same_file(saved, name):
    assert saved(name, colorbar=True) == saved(name, colorbar=True)


def test_nothing_of_the_users_matplotlib_is_touched(saved):
    before, figures = dict(matplotlib.rcParams), matplotlib.pyplot.get_fignums()
    backend = matplotlib.get_backend()
    saved("figure.svg", colorbar=True, title=True)
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.pyplot.get_fignums() == figures
    assert matplotlib.get_backend() == backend


def test_without_matplotlib_a_picture_alone_is_saved_and_the_rest_says_what_to_install(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(figure.importlib.util, "find_spec", lambda name: None)
    assert saved().shape == (40, 60, 3)
    assert saved(panes=True, shown_panes=PANES).shape[1] > 60
    for name, how in {"figure.pdf": {}, "figure.png": {"title": True}, "figure.svg": {"colorbar": True}}.items():
        with pytest.raises(ImportError, match=r'figure\.\w+ needs matplotlib.*`pip install "ke-widgets\[plot\]"`'):
            saved(name, **how)


@pytest.mark.parametrize(
    ("name", "how", "error", "message"),
    [
        ("figure", {}, ValueError, r"such as \.png, \.jpg, \.tif, \.webp, \.pdf, \.svg\. Received: 'figure'"),
        (
            "figure.docx",
            {},
            ValueError,
            r"`path` must have the extension of an image .* Received: 'figure\.docx'",
        ),
        ("figure.h5", {}, ValueError, r"`path` must have the extension of an image format"),
        ("nowhere/figure.png", {}, ValueError, "a folder that exists"),
        ("figure.png", {"scale": 0}, ValueError, "`scale` must be a number above 0. Received: scale=0"),
        ("figure.png", {"scale": "2"}, ValueError, "`scale` must be a number"),
        ("figure.png", {"scale": float("nan")}, ValueError, "`scale` must be a number"),
        ("figure.png", {"scale": 10_000}, ValueError, r"`scale` must keep each picture within 100,000,000 pixels"),
        ("figure.png", {"title": 3}, TypeError, "`title` must be a string or a bool. Received: one of type int"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_leaves_no_file(widget, tmp_path, name, how, error, message):
    with pytest.raises(error, match=message):
        widget.save(tmp_path / name, **how)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_survives_a_failure(widget, tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"before")

    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(figure, "side_by_side", lambda parts: type("", (), {"save": fail})())
    with pytest.raises(OSError, match="No space"):
        widget.save(path)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.00338, "0.00338"), (-1.23456, "−1.23"), (4.3e-7, "4.3e−7"), (2.5e5, "2.5e5")]
)
def test_numbers_are_written_as_the_page_writes_them(value, text):
    assert figure._number(value) == text
