import io

import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.images import Images

SHAPE = (8, 8, 3)
PIXELS = np.arange(2 * 8 * 8 * 3, dtype="uint8").reshape(2, 8, 8, 3)


def test_arrays_lists_pil_images_and_files_hold_the_same_pixels(tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for path, pixels in zip(paths, PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    kinds = [PIXELS, list(PIXELS), [Image.fromarray(p) for p in PIXELS], paths, [str(p) for p in paths]]
    for images in kinds:
        kept = Images(images, SHAPE)
        assert len(kept) == 2
        np.testing.assert_array_equal(kept.picture(1), PIXELS[1])
        np.testing.assert_array_equal(kept.inputs(1), PIXELS[1:2].astype("float32"))


def test_the_png_holds_the_pixels_and_a_thumbnail_is_smaller():
    kept = Images(PIXELS, SHAPE)
    png, size = kept.png(1)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), PIXELS[1])
    assert size == (8, 8)
    small, size = kept.png(1, size=4)
    assert Image.open(io.BytesIO(small)).size == (4, 4)
    assert size == (8, 8)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 51.0, 255.0], [0, 51, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([-1.0, np.nan, 1.0], [0, 0, 255]),
    ],
)
def test_floats_are_shown_by_their_range(pixels, expected):
    images = np.array(pixels).reshape(1, 1, 1, 3)
    np.testing.assert_array_equal(Images(images, (1, 1, 3)).picture(0).ravel(), expected)


def test_preprocess_makes_the_inputs_and_leaves_the_picture():
    kept = Images(np.zeros((1, 16, 16, 3), "uint8") + 255, SHAPE, lambda x: x[:, ::2, ::2] / 127.5 - 1)
    np.testing.assert_array_equal(kept.inputs(0), np.ones((1, 8, 8, 3)))
    assert kept.picture(0).shape == (16, 16, 3)


def test_pictures_are_resized_to_the_model_and_grey_ones_made_grey():
    picture = Image.new("RGB", (32, 16), (10, 20, 30))
    assert Images([picture], SHAPE).inputs(0).shape == (1, 8, 8, 3)
    assert Images([picture], (8, 8, 1)).inputs(0).shape == (1, 8, 8, 1)
    assert Images([picture], (None, None, 3)).inputs(0).shape == (1, 16, 32, 3)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (PIXELS[0], ValueError, r"`images` must have the shape \(N, H, W, C\)\. Received: shape \(8, 8, 3\)"),
        (PIXELS[:, :4], ValueError, r"`images` must fit .* \(8, 8, 3\)\. Received: an image of shape \(4, 8, 3\)"),
        (PIXELS[..., :1], ValueError, r"Received: an image of shape \(8, 8, 1\)"),
        ([PIXELS[0], PIXELS[0, :4]], ValueError, r"Received: an image of shape \(4, 8, 3\)"),
        ([], ValueError, "at least one image"),
        (PIXELS[:0], ValueError, "at least one image"),
        (["missing.png"], ValueError, "files that can be read. Received: 'missing.png'"),
        ("missing.png", TypeError, "a list of images"),
        ([3], TypeError, "arrays .*, PIL images or paths"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        Images(images, SHAPE)


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("not a picture")
    with pytest.raises(ValueError, match=r"pictures that can be read.*text\.png"):
        Images([path], SHAPE)


def test_a_preprocess_that_does_not_fit_the_model_is_refused():
    with pytest.raises(ValueError, match=r"`preprocess` of image 0 must fit .* shape \(8, 8, 1\)"):
        Images(PIXELS, SHAPE, lambda x: x[..., :1])
