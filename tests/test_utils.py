import io
import struct

import numpy as np
import pytest

from ke_widgets.utils import tolist, visualize

IMAGES = np.random.default_rng(0).integers(0, 256, size=(3, 6, 8, 3), dtype="uint8")
MAPS = np.linspace(0, 1, 3 * 2 * 2).reshape(3, 2, 2, 1)


def drawn(figure):
    """Give the arrays that each place of the grid shows, lowest first."""
    return [[np.asarray(image.get_array()) for image in axis.get_images()] for axis in figure.axes]


def test_tolist_leaves_text_whole():
    assert [tolist(x) for x in ("ab", ["a"], ("a", "b"), None, 1)] == [["ab"], ["a"], ["a", "b"], [None], [1]]


def test_images_are_drawn_as_they_are_with_their_maps_over_them():
    figure = visualize(IMAGES, titles=["one", None], overlays=[None, *MAPS[:2]], cols=3, alpha=0.25)
    (first,), (second, over), _ = drawn(figure)
    np.testing.assert_array_equal(first, IMAGES[0])
    np.testing.assert_array_equal(second, IMAGES[1])
    np.testing.assert_allclose(over, MAPS[0, ..., 0])
    assert [axis.get_title() for axis in figure.axes] == ["one", "", ""]
    image = figure.axes[1].get_images()
    assert image[0].get_extent() == image[1].get_extent() == [-0.5, 7.5, 5.5, -0.5]
    assert image[1].get_alpha() == 0.25


def test_maps_are_images_too_and_floats_are_brought_into_range():
    figure = visualize([MAPS[0], MAPS[1, ..., 0], IMAGES[0] / 127.5 - 1, IMAGES[0] / 255])
    found = [images[0] for images in drawn(figure)]
    np.testing.assert_allclose(found[0], MAPS[0, ..., 0])
    np.testing.assert_allclose(found[1], MAPS[1, ..., 0])
    assert (found[2].min(), found[2].max()) == (0, 1)
    np.testing.assert_allclose(found[3], IMAGES[0] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("count", "rows", "cols", "expected"),
    [(3, 2, 5, (2, 5)), (3, None, None, (2, 2)), (5, 2, None, (2, 3)), (5, None, 2, (3, 2)), (1, None, None, (1, 1))],
)
def test_the_grid_keeps_both_rows_and_cols(count, rows, cols, expected):
    figure = visualize([IMAGES[0]] * count, rows=rows, cols=cols)
    assert figure.axes[0].get_gridspec().get_geometry() == expected
    assert tuple(figure.get_size_inches()) == (2 * expected[1], 2 * expected[0])


def test_the_figure_is_saved_in_its_size_and_closed(tmp_path):
    import matplotlib.pyplot as plt

    buffer, file = io.BytesIO(), tmp_path / "figure.png"
    visualize(IMAGES, figsize=(3, 1), to_file=file, to_buffer=buffer)
    for data in (buffer.getvalue(), file.read_bytes()):
        assert data.startswith(b"\x89PNG")
        assert struct.unpack(">II", data[16:24]) == (300, 100)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": []}, "`images` must hold at least one image"),
        ({"images": IMAGES, "titles": "abcd"}, "`titles` must be at most one for each image. Received: 4 for 3"),
        ({"images": IMAGES, "overlays": [None] * 4}, "`overlays` must be at most one for each image"),
        (
            {"images": IMAGES, "rows": 1, "cols": 2},
            "`rows` times `cols` must be at least 3, the images. Received: 1 ",
        ),
        ({"images": IMAGES, "rows": 0}, "`rows` must be a whole number above 0. Received: rows=0"),
        ({"images": [np.zeros((2, 2, 5))]}, r"`images` must be \(H, W\), .* Received: one of shape \(2, 2, 5\)"),
        ({"images": IMAGES, "overlays": [np.zeros((2, 2, 3))]}, r"`overlays` must be maps .* \(2, 2, 3\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        visualize(**options)
