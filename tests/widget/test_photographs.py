"""Photographs of other sizes than the model takes, from what the user passes to where the map lies."""

import base64
import io
import json
import re

import keras
import numpy as np
import pytest
from PIL import Image

from ke_widgets.widget.comm import messages
from ke_widgets.widget.export.snapshot import compose
from ke_widgets.widget.images.fitting import WHOLE, fit, in_pixels
from ke_widgets.widget.images.images import Images
from ke_widgets.widget.view import ExplainerWidget

SIZES = {"portrait": (90, 60), "landscape": (60, 90), "strip": (40, 200), "tower": (200, 40), "small": (16, 20)}
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def photograph(size, channels=3):
    return np.random.default_rng(sum(size)).integers(0, 256, (*size, channels), dtype="uint8")


def picture(array):
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_arrays_pil_images_and_files_are_fitted_alike(size, channels, tmp_path):
    array = photograph(size, channels)
    picture(array).save(tmp_path / "image.png")
    kinds = {
        "batch": array[None],
        "array": [array],
        "PIL": [picture(array)],
        "file": [tmp_path / "image.png"],
    }
    for kind, images in kinds.items():
        kept = Images(images, (32, 32, channels))
        np.testing.assert_array_equal(kept.inputs(0)[0], fit(array, (32, 32)), err_msg=kind)
        np.testing.assert_array_equal(kept.picture(0), array[..., :3], err_msg=kind)
        assert kept.encoded(0).size == size
        top, left, bottom, right = in_pixels(kept.input_region(0), size)
        assert (bottom - top, right - left) == (min(size), min(size))
        assert abs((top + bottom) - size[0]) <= 1
        assert abs((left + right) - size[1]) <= 1


def test_grey_images_without_a_channel_and_floats_are_fitted_too():
    grey = photograph((40, 60), 1)[..., 0]
    for shape in ((20, 20), (20, 20, 1)):
        np.testing.assert_array_equal(np.squeeze(Images(grey[None], shape).inputs(0)), fit(grey, (20, 20)))
    floats = photograph((40, 60)) / 127.5 - 1
    found = Images([floats], (20, 20, 3)).inputs(0)
    np.testing.assert_array_equal(found[0], fit(floats, (20, 20)))
    assert found.min() < -0.1


def test_a_colour_file_for_a_grey_model_and_a_transparent_one_for_colours(tmp_path):
    array = photograph((40, 60), 4)
    Image.fromarray(array).save(tmp_path / "image.png")
    found = Images([tmp_path / "image.png"], (20, 20, 3))
    np.testing.assert_array_equal(found.inputs(0)[0], fit(array[..., :3], (20, 20)))
    grey = np.asarray(Image.fromarray(array).convert("L"))[..., None]
    np.testing.assert_array_equal(Images([tmp_path / "image.png"], (20, 20, 1)).inputs(0)[0], fit(grey, (20, 20)))


def test_sizes_may_be_mixed_and_a_model_of_any_size_gets_them_as_they_are():
    arrays = [photograph(size) for size in SIZES.values()]
    fitted, free = Images(arrays, (32, 32, 3)), Images(arrays, (None, None, 3))
    for index, array in enumerate(arrays):
        assert fitted.inputs(index).shape == (1, 32, 32, 3)
        np.testing.assert_array_equal(free.inputs(index)[0], array)
        assert free.input_region(index) == WHOLE
    assert free.fitted_sizes[0] == []
    assert fitted.fitted_sizes == (list(SIZES.values()), (32, 32))


def test_the_users_arrays_are_not_touched():
    array = photograph((40, 60))
    before = array.copy()
    Images([array], (20, 20, 3), lambda x: np.multiply(x, 2, out=x)).inputs(0)
    np.testing.assert_array_equal(array, before)


def scaled(x):
    return x / 255


def by_type(x):
    return x / np.iinfo(x.dtype).max if np.issubdtype(x.dtype, np.integer) else x


@pytest.mark.parametrize("preprocess", [scaled, by_type])
def test_a_preprocess_that_keeps_the_size_gets_fitted_images_of_their_own_type(preprocess):
    array = photograph((40, 60))
    kept = Images([array], (20, 20, 3), preprocess)
    np.testing.assert_allclose(kept.inputs(0)[0], np.rint(fit(array, (20, 20))) / 255)
    np.testing.assert_array_equal(kept.picture(0), array)
    assert in_pixels(kept.input_region(0), (40, 60)) == (0, 10, 40, 50)
    assert not kept.moved
    assert kept.fitted_sizes == ([(40, 60)], (20, 20))


def test_a_preprocess_that_brings_the_size_itself_gets_the_image_as_it_is():
    array = photograph((40, 60))
    squeezed = Images([array], (20, 20, 3), lambda x: x[:, ::2, ::3] / 255)
    assert squeezed.input_region(0) == WHOLE
    np.testing.assert_allclose(squeezed.inputs(0)[0], array[::2, ::3] / 255)
    assert squeezed.fitted_sizes[0] == []


def test_a_fitted_image_that_preprocess_mirrors_is_shown_as_the_model_takes_it():
    array = photograph((40, 60))
    kept = Images([array], (20, 20, 3), lambda x: x[:, :, ::-1] / 255)
    assert kept.moved
    assert kept.input_region(0) == WHOLE
    np.testing.assert_allclose(kept.picture(0), np.rint(fit(array, (20, 20)))[:, ::-1], atol=1)


# From the widget.


@pytest.fixture(scope="module")
def brightness():
    """A model whose CAM is the brightness: one channel, weighed with 1."""
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="light")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="ones", name="scores")(x), name="bright")


def bright_square(size, row, column):
    image = np.full((*size, 3), 10, "uint8")
    image[row : row + 8, column : column + 8] = 250
    return image


@pytest.mark.parametrize("size", [(96, 144), (144, 96), (72, 360), (96, 96)])
@pytest.mark.parametrize(("down", "across"), [(0.2, 0.3), (0.7, 0.6)])
def test_a_bright_square_is_found_where_it_lies_in_the_photograph(brightness, size, down, across):
    side = min(size)
    row, column = (size[0] - side) // 2 + int(down * side), (size[1] - side) // 2 + int(across * side)
    widget = ExplainerWidget(brightness, [bright_square(size, row, column)], method="cam", charts=False)
    result = widget.wait(60)
    cell_row, cell_column = np.unravel_index(result.map.argmax(), result.map.shape)
    top, left, bottom, right = result.input_region
    found = (
        (top + (cell_row + 0.5) / result.map.shape[0] * (bottom - top)) * size[0],
        (left + (cell_column + 0.5) / result.map.shape[1] * (right - left)) * size[1],
    )
    assert row <= found[0] <= row + 8
    assert column <= found[1] <= column + 8
    # And so does what is drawn.
    still = compose(widget._session.images.picture(0), result, "gray", view="map")[..., 0]
    brightest = np.unravel_index(still.argmax(), still.shape)
    assert row - 4 <= brightest[0] <= row + 12
    assert column - 4 <= brightest[1] <= column + 12
    widget.close()


def test_a_map_of_ones_covers_the_crop_and_nothing_else(brightness):
    image = np.full((60, 100, 3), 200, "uint8")
    widget = ExplainerWidget(brightness, [image], method="cam", charts=False, opacity=1.0, colormap="gray")
    drawn = compose(image, widget.wait(60), "gray", opacity=1.0)
    assert (drawn[:, 20:80] == 255).all()
    assert (drawn[:, :20] == 130).all(), "dimmed"
    assert (drawn[:, 80:] == 130).all()
    only = compose(image, widget.result, "gray", view="map")
    assert (only[:, 20:80] == 255).all()
    assert not only[:, :20].any()
    assert (compose(image, widget.result, "gray", view="image") == 200).all()
    widget.close()


def test_what_is_done_to_the_images_is_said_once(brightness):
    images = [photograph((60, 100)), photograph((100, 60)), photograph((24, 24))]
    widget = ExplainerWidget([brightness, brightness], images, charts=False)
    said = [notice for notice in widget._session.notices if "cropped to a square" in notice]
    assert len(said) == 1
    widget.close()
    whole = ExplainerWidget(brightness, [photograph((24, 24))], charts=False)
    assert not [notice for notice in whole._session.notices if "resized" in notice]
    whole.close()


def test_models_of_different_sizes_have_their_maps_where_each_of_them_looked(brightness):
    inputs = keras.Input((20, 60, 3))
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="light")(inputs)
    wide = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)), name="wide")
    widget = ExplainerWidget([brightness, wide], [photograph((60, 90))], method="cam", charts=False)
    assert in_pixels(widget.wait(60).input_region, (60, 90)) == (0, 15, 60, 75)
    widget.model_index = 1
    assert in_pixels(widget.wait(60).input_region, (60, 90)) == (15, 0, 45, 90)
    widget.close()


def test_where_only_one_of_two_models_gets_the_images_moved_its_maps_are_said_to_be_out_of_place(brightness):
    def said(*preprocess):
        widget = ExplainerWidget(
            [brightness] * 2, photograph((24, 24))[None], preprocess=list(preprocess), charts=False
        )
        widget.close()
        return [notice for notice in widget._session.notices if "may be misaligned" in notice]

    mirror = lambda x: x[:, :, ::-1]  # noqa: E731
    assert len(said(None, mirror)) == len(said(mirror, None)) == 1
    assert said(mirror, mirror) == said(None, None) == said(None, lambda x: x / 255) == []


def test_page_and_file_are_told_where_the_map_lies(brightness, tmp_path):
    widget = ExplainerWidget(brightness, [photograph((60, 90))], method="cam", charts=False)
    result = widget.wait(60)
    content, _ = messages.result("1", 0, 1, widget.choice, result)
    assert content["map"]["input_region"] == [0, round(15 / 90, 6), 1, round(75 / 90, 6)]
    path = widget.to_html(tmp_path / "maps.html", verbose=0)
    written = path.read_text("utf-8")
    maps, contents = (
        json.loads(re.findall(rf'<script type="application/json" id="{name}">(.*)</script>', written)[0])
        for name in ("maps", "contents")
    )
    assert {tuple(each["map"]["input_region"]) for each in maps.values()} == {tuple(content["map"]["input_region"])}
    (image,) = contents["images"]
    assert image["size"] == [60, 90]
    assert Image.open(io.BytesIO(base64.b64decode(image["data"]))).size == (90, 60)
    widget.close()
