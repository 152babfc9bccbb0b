"""Images of another size than the model takes: what part of them it sees, and what it gets."""

import keras
import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.images.fitting import WHOLE, centre_crop, cropped_region, fit, fitting_notices, in_pixels

SIZES = [((400, 600), (224, 224)), ((600, 400), (224, 224)), ((101, 37), (32, 48)), ((64, 320), (32, 32))]
SIZES += [((5, 7), (10, 10)), ((48, 32), (32, 48))]


@pytest.mark.parametrize(("size", "wanted"), SIZES)
def test_the_crop_and_its_pixels_are_those_of_keras(size, wanted, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype="uint8")
    Image.fromarray(image).save(tmp_path / "image.png")
    loaded = keras.utils.load_img(
        tmp_path / "image.png", target_size=wanted, keep_aspect_ratio=True, interpolation="bilinear"
    )
    fitted = fit(image, wanted)
    assert fitted.dtype == "float32"
    np.testing.assert_allclose(fitted, keras.utils.img_to_array(loaded), atol=1.01)  # Which rounds, twice.
    assert np.abs(fitted - keras.utils.img_to_array(loaded)).mean() < 0.5


@pytest.mark.parametrize(
    ("size", "wanted", "crop"),
    [
        ((400, 600), (224, 224), (0, 100, 400, 500)),
        ((600, 400), (224, 224), (100, 0, 500, 400)),
        ((64, 320), (32, 32), (0, 128, 64, 192)),
        ((100, 100), (50, 100), (25, 0, 75, 100)),
        ((1, 1000), (20, 10), (0, 499, 1, 500)),
        ((32, 32), (224, 224), (0, 0, 32, 32)),
    ],
)
def test_the_largest_part_in_the_middle_is_taken(size, wanted, crop):
    assert centre_crop(size, wanted) == crop
    assert in_pixels(cropped_region(size, wanted), size) == crop


def test_a_part_in_pixels_is_never_empty():
    assert in_pixels((0.5, 0.499, 0.5, 0.5), (10, 4)) == (5, 2, 6, 3)
    assert in_pixels((0, 1, 1, 1), (10, 4)) == (0, 3, 10, 4)
    assert in_pixels(WHOLE, (10, 4)) == (0, 0, 10, 4)


def test_floats_keep_their_own_range_and_nothing_is_rounded():
    ramp = np.linspace(-1, 1, 40).reshape(1, 40, 1).repeat(40, axis=0)
    fitted = fit(ramp, (20, 20))
    np.testing.assert_allclose(fitted[0, 1:-1, 0], (ramp[0, 2:-2:2, 0] + ramp[0, 3:-1:2, 0]) / 2, atol=1e-6)
    assert fit(np.array([[0, 1]], "uint8"), (1, 1)).shape == (1, 1)
    halves = fit(np.tile(np.array([0, 1], "uint8"), (8, 4)), (4, 4))
    np.testing.assert_allclose(halves[:, 1:-1], 0.5, atol=0.1)


def test_making_smaller_is_antialiased():
    """A stripe of one pixel in eight is a grey of an eighth, wherever it lies; without, it is there or not."""
    stripes = np.zeros((64, 64, 1), "uint8")
    stripes[:, ::8] = 240
    np.testing.assert_allclose(fit(stripes, (8, 8))[:, 1:-1], 30, atol=2)


def test_an_image_of_that_size_is_left_as_it_is():
    image = np.zeros((8, 6, 3), "uint8")
    assert fit(image, (8, 6)) is image
    assert cropped_region((8, 6), (8, 6)) == WHOLE


@pytest.mark.parametrize(
    ("sizes", "wanted", "words"),
    [
        ([(224, 224)], (224, 224), []),
        ([(224, 224), (400, 600)], (224, 224), ["centre-cropped to a square and resized to 224 × 224"]),
        ([(400, 600)], (160, 320), ["centre-cropped to the shape of 160 × 320"]),
        ([(448, 448)], (224, 224), ["Images are resized to 224 × 224, the model's input size."]),
        ([(32, 32)], (224, 224), ["Images are resized to", "enlarged a lot, from 32 × 32 pixels"]),
        ([(400, 600), (30, 90)], (96, 96), ["cropped to a square", "enlarged a lot, from 30 × 90 pixels"]),
    ],
)
def test_what_is_done_is_said(sizes, wanted, words):
    found = fitting_notices(sizes, wanted)
    assert len(found) == len(words)
    for sentence, expected in zip(found, words, strict=True):
        assert expected in sentence
