import io

import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.images.encoding import LONGEST, as_uint8, encode


def drawn(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("shape", [(8, 16, 3), (1000, 1000, 3), (300, 200, 1)])
def test_up_to_a_megapixel_not_a_level_is_lost(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    found = drawn(encode(picture))
    assert found.format == "PNG"
    np.testing.assert_array_equal(np.asarray(found).reshape(shape), picture)


@pytest.mark.parametrize(("shape", "shown"), [((3000, 4000, 3), (1600, 1200)), ((2400, 1200, 1), (800, 1600))])
def test_a_photograph_is_shown_smaller_and_nearly_as_it_is(shape, shown):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    smooth = 127 + 60 * np.sin(rows / 200) + 60 * np.cos(columns / 300)
    picture = np.repeat(smooth[..., None], shape[2], axis=-1).astype("uint8")
    data = encode(picture)
    found = drawn(data)
    assert (found.format, found.size, max(found.size)) == ("JPEG", shown, LONGEST)
    back = np.asarray(found.resize(shape[1::-1], Image.Resampling.BILINEAR)).reshape(shape)
    assert np.abs(back.astype(float) - picture).mean() < 2
    assert len(data) < 400_000


def test_a_long_strip_is_capped_but_stays_lossless():
    found = drawn(encode(np.zeros((500, 5000, 3), "uint8")))
    assert (found.format, found.size) == ("PNG", (1600, 160))


@pytest.mark.parametrize("size", [4, 300])
def test_a_thumbnail_has_its_longest_side_and_is_never_enlarged(size):
    assert drawn(encode(np.zeros((100, 50, 3), "uint8"), size)).size == (min(size, 100) // 2, min(size, 100))


def test_levels_that_are_not_finite_are_black():
    np.testing.assert_array_equal(as_uint8(np.array([np.nan, np.inf, 0.0, 1.0])), [0, 0, 0, 255])
