import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.images.reading import opened, pixels


def test_a_file_that_is_no_picture_is_refused_by_its_name(tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("no picture")
    refused = pytest.raises(ValueError, match=r"`images` must name pictures that can be read. Received: '.*notes\.png'")
    with refused, opened(path):
        pass


@pytest.mark.parametrize(("channels", "shape"), [(1, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (None, (1, 2, 3))])
def test_a_picture_has_the_channels_that_the_model_takes(channels, shape):
    picture = Image.fromarray(np.array([[[10, 20, 30], [0, 0, 0]]], "uint8"))
    found, deep = pixels(picture, channels)
    assert (found.shape, deep) == (shape, False)


def test_sixteen_bits_keep_their_upper_eight_for_a_model_of_three_channels():
    levels = np.array([[0, 256, 65535]], "uint16")
    found, deep = pixels(Image.fromarray(levels), 3)
    assert deep
    np.testing.assert_array_equal(found[0, :, 0], [0, 1, 255])
    found, deep = pixels(Image.fromarray(levels), 1)
    assert not deep
    np.testing.assert_array_equal(found, levels)


def test_levels_beyond_sixteen_bits_are_shown_by_their_range():
    found, deep = pixels(Image.fromarray(np.array([[-1.0, 0.0, 99_999.0]], "float32")), 3)
    assert deep
    assert found[0, :, 0].tolist() == [0, 0, 255]
