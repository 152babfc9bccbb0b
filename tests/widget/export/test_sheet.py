"""Where pictures, titles and scales stand on a sheet, counted in points; where a point is a pixel, by hand."""

import itertools
import xml.etree.ElementTree

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from ke_widgets.widget.export.sheet import PaneDrawing, Sheet, side_by_side


def picture(height, width, colour=100):
    return np.full((height, width, 3), colour, "uint8")


WIDE = picture(100, 234)  # A point is a pixel where the longest side is a column of 234 points.
SCALE = np.repeat(np.arange(256, dtype="uint8")[:, None], 3, axis=1)


def test_pictures_stand_side_by_side_from_the_top_with_white_between_and_below():
    small = picture(60, 40, 7)
    found = np.asarray(side_by_side([PaneDrawing(WIDE), PaneDrawing(small), PaneDrawing(small)]))
    assert found.shape == (100, 234 + 10 + 40 + 10 + 40, 3)
    expected = np.full(found.shape, 255, "uint8")
    expected[:, :234], expected[:60, 244:284], expected[:60, 294:] = 100, 7, 7
    np.testing.assert_array_equal(found, expected)


def test_a_picture_alone_is_the_sheet():
    for sheet in (side_by_side([PaneDrawing(WIDE)]), Sheet([PaneDrawing(WIDE)], "", False).pixels()):
        np.testing.assert_array_equal(np.asarray(sheet), WIDE)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_all_lengths_grow_with_the_longest_side(times):
    parts = [
        PaneDrawing(picture(100 * times, 234 * times), "left"),
        PaneDrawing(picture(30 * times, 50 * times), "right"),
    ]
    sheet = Sheet(parts, "both", True)
    # Margins of 6 and a gap of 10 points; the right one stands in the middle of the 110 points that a title needs.
    assert sheet.width == (6 + 234 + 10 + 110 + 6) * times
    # A line is 1.4 times as high as its letters, of 9 points and of 8, with 3 points below.
    heading, title = round((1.4 * 9 + 3) * times), round((1.4 * 8 + 3) * times)
    top = 6 * times + heading + title
    assert sheet.height == top + (100 + 6) * times
    drawn = np.asarray(sheet.pixels())
    for part, left in zip(parts, (6 * times, (6 + 234 + 10 + (110 - 50) // 2) * times)):
        height, width = part.drawn.shape[:2]
        np.testing.assert_array_equal(drawn[top : top + height, left : left + width], part.drawn)
        assert (drawn[top : top + height, [left - 1, left + width]] == 255).all()


@pytest.mark.parametrize(
    ("note", "lines", "inked"),
    [
        ("", 1, []),
        ("logit", 1, [0]),  # between the ends
        ("a unit that has a line but no room between the ends", 2, [1]),
        ("a unit of two lines " * 5, 3, [1, 2]),
    ],
    ids=["none", "short", "long", "longer"],
)
def test_a_scale_has_its_colours_and_its_ends_below_the_picture(note, lines, inked):
    part = PaneDrawing(WIDE, colours=SCALE, ends=("-0.001", "1000.0"), note=note)
    sheet = Sheet([part], "", True)
    assert sheet.height == 6 + 100 + round(5 + 6 + 2 + lines * 1.4 * 7 - 2) + 6
    drawn = np.asarray(sheet.pixels())
    np.testing.assert_array_equal(drawn[6:106, 6:240], WIDE)
    bar = drawn[6 + 100 + 5 + 3, 6:240].mean(-1)
    assert (np.diff(bar[3:-3]) >= 0).all()
    assert bar[3:-3].min() < 10
    assert bar[3:-3].max() > 245
    middle = [drawn[round(119 + n * 9.8) : round(119 + (n + 1) * 9.8), 90:156] for n in range(lines)]
    assert [n for n, line in enumerate(middle) if (line < 128).any()] == inked


def test_what_has_no_scale_says_why_below_the_picture():
    plain, said = (Sheet([PaneDrawing(WIDE, note=note)], "", True) for note in ("", "There is no map."))
    assert plain.height == 6 + 100 + 6
    assert said.height == 6 + 100 + round(5 + 1.4 * 7 - 2) + 6
    assert (np.asarray(said.pixels())[107:-6] < 128).any()
    assert (np.asarray(plain.pixels())[106:] == 255).all()


TEXTS = ["A heading of some words that needs more than a line", "W" * 90, "a " + "bc" * 60 + " d", "one", "x  y\nz"]


def width(text):
    """The points that letters of 8 points take, and a little more, as screens move them to whole pixels."""
    return 1.03 * text_to_path.get_text_width_height_descent(text, FontProperties(size=8), False)[0]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_put_on_lines_that_fit_and_nothing_of_it_is_lost(text):
    sheet = Sheet([PaneDrawing(WIDE)], "", True)
    lines = sheet._wrapped(text, 120, 8)
    assert all(width(line) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    # A word is parted only where it is wider than a line, and a line is as full as it can be.
    words = text.split()
    if all(width(word) <= 120 for word in words):
        assert " ".join(lines) == " ".join(words)
        for line, following in itertools.pairwise(lines):
            assert width(f"{line} {following.split()[0]}") > 120
    assert sheet._wrapped("", 120, 8) == []


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_the_same_sheet_is_the_same_file(kind, tmp_path):
    files = [tmp_path / f"{name}.{kind}" for name in ("one", "two")]
    for file in files:
        Sheet([PaneDrawing(WIDE, "A title", SCALE, ("0", "1"), "logit")], "A heading", True).save(file, kind)
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert b"date" not in first.lower()
    assert (b"<svg" in first) is (kind == "svg")


def test_vectors_have_the_size_of_the_sheet_in_points(tmp_path):
    part = PaneDrawing(picture(200, 468), "A title")
    sheet = Sheet([part], "", True)
    sheet.save(tmp_path / "it.svg", "svg")
    root = xml.etree.ElementTree.parse(tmp_path / "it.svg").getroot()
    assert [float(root.get(side).removesuffix("pt")) for side in ("width", "height")] == pytest.approx(
        [sheet.width / 2, sheet.height / 2], abs=0.1
    )
    assert sheet.width == 2 * (234 + 12)
