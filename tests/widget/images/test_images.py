import io
import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ke_widgets.widget.images.images import Images

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
    png, size = kept.encoded(1)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), PIXELS[1])
    assert size == (8, 8)
    small, size = kept.encoded(1, size=4)
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
        (PIXELS[0], ValueError, r"the shape \(N, H, W, C\)\. Received: shape \(8, 8, 3\)\. .*`images\[None\]`"),
        (
            PIXELS[..., 0],
            ValueError,
            r"shape \(2, 8, 8\)\. For grey images, write `np\.repeat\(images\[\.\.\., None\], 3",
        ),
        (PIXELS.ravel(), ValueError, r"Received: shape \(384,\)"),
        (np.float64(3), ValueError, r"Received: shape \(\)"),
        (3, TypeError, "an array .* or a list of images"),
        ({"image": PIXELS}, TypeError, "an array .* or a list of images"),
        (PIXELS[..., :1], ValueError, r"Received: an image of shape \(8, 8, 1\)"),
        ([PIXELS[0], PIXELS[0, :4, :, :1]], ValueError, r"Received: an image of shape \(4, 8, 1\)"),
        ([PIXELS[0], PIXELS[0, :0]], ValueError, r"Received: an image of shape \(0, 8, 3\)"),
        ([], ValueError, "at least one image"),
        (PIXELS[:0], ValueError, "at least one image"),
        (["missing.png"], ValueError, "files that exist. Received: 'missing.png'"),
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


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return PIXELS, np.zeros(2)


def _dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(2)


@pytest.mark.parametrize(
    ("make", "way"),
    [
        (lambda: _dataset(PIXELS, [0, 1]), "data.take(4)"),
        (lambda: _dataset(PIXELS), "data.take(4)"),
        (lambda: _dataset(PIXELS, [0, 1]).unbatch(), "data.take(32)"),
        (lambda: _dataset(PIXELS).unbatch(), "data.take(32)"),
        (Batches, "data[0][0]"),
    ],
)
def test_data_in_batches_is_refused_with_a_line_that_takes_images_out_of_it(make, way):
    data = make()
    with pytest.raises(TypeError, match="`images` must be an array") as caught:
        Images(data, SHAPE)
    (line,) = re.findall("`(images = .*)`", str(caught.value))
    assert way in line
    known = {"np": np, "itertools": itertools, "data": data}
    exec(line, known)
    np.testing.assert_array_equal(Images(known["images"], SHAPE).picture(1), PIXELS[1])


def test_paths_and_images_may_stand_in_an_array(tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(2)]
    for path, pixels in zip(paths, PIXELS, strict=True):
        Image.fromarray(pixels).save(path)
    column = np.empty(2, object)
    column[:] = [Image.fromarray(each) for each in PIXELS]
    for images in (np.array([str(path) for path in paths]), np.array(paths), column):
        np.testing.assert_array_equal(Images(images, SHAPE).inputs(1)[0], PIXELS[1])


GREY = np.arange(3 * 6 * 8, dtype="uint8").reshape(3, 6, 8)


@pytest.mark.parametrize("shape", [(6, 8, 1), (6, 8), (None, None, 1), (None, None), (6, None, 1)])
@pytest.mark.parametrize("form", ["stack", "channel", "list", "PIL", "files", "floats"])
def test_grey_images_are_taken_with_and_without_a_channel(form, shape, tmp_path):
    files = [tmp_path / f"{index}.png" for index in range(3)]
    for path, pixels in zip(files, GREY, strict=True):
        Image.fromarray(pixels).save(path)
    images = {
        "stack": GREY,
        "channel": GREY[..., None],
        "list": list(GREY),
        "PIL": [Image.fromarray(each) for each in GREY],
        "files": files,
        "floats": GREY / 255,
    }[form]
    kept = Images(images, shape)
    expected = GREY[2] / (255 if form == "floats" else 1)
    np.testing.assert_allclose(kept.inputs(2), expected[None] if len(shape) == 2 else expected[None, ..., None])
    np.testing.assert_array_equal(kept.picture(2), GREY[2][..., None])
    assert Image.open(io.BytesIO(kept.encoded(2)[0])).mode == "L"


@pytest.mark.parametrize("shape", [(6, 8, 1), (6, 8)])
@pytest.mark.parametrize("preprocess", [lambda x: x / 255, lambda x: x[..., None] / 255])
def test_a_preprocess_of_grey_images_gets_them_as_they_are_and_may_add_the_channel(preprocess, shape):
    found = Images(GREY, shape, preprocess).inputs(1)
    np.testing.assert_allclose(found.ravel(), GREY[1].ravel() / 255)
    assert found.shape == (1, *shape)
    coloured = Images(GREY, (6, 8, 3), lambda x: np.repeat(x[..., None], 3, axis=-1))
    np.testing.assert_array_equal(coloured.inputs(1)[0, ..., 2], GREY[1])


def test_one_grey_image_alone_is_refused():
    for alone in (GREY[0], GREY[0][..., None], PIXELS[0]):
        with pytest.raises(ValueError, match=r"must have the shape \(N, H, W, C\)"):
            Images(alone, (6, 8, 1))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_any_number_of_channels_can_be_drawn(channels):
    images = np.arange(2 * 5 * 4 * channels).astype("uint8").reshape(2, 5, 4, channels)
    kept = Images(images, (5, 4, channels))
    picture = kept.picture(1)
    assert picture.shape == (5, 4, 1 if channels == 1 else 3)
    shown = min(channels, 3)
    np.testing.assert_array_equal(picture[..., :shown], images[1][..., :shown])
    assert not picture[..., shown:].any()
    png = np.asarray(Image.open(io.BytesIO(kept.encoded(1)[0])))
    np.testing.assert_array_equal(png.reshape(picture.shape), picture)


RAMP = np.linspace(0, 65535, 8 * 10).reshape(8, 10)
DEEP = [("png", "uint16", 65535), ("png", "uint16", 4095)]
DEEP += [("tif", "uint16", 65535), ("tif", "int32", 70000), ("tif", "float32", 2.5)]


@pytest.mark.parametrize(("ending", "dtype", "top"), DEEP)
def test_deep_grey_levels_are_those_of_keras_and_drawn_by_their_range(ending, dtype, top, tmp_path):
    levels = (RAMP / 65535 * top).astype(dtype)
    path = tmp_path / f"grey.{ending}"
    Image.fromarray(levels).save(path)
    for images in ([path], [Image.open(path)], levels[None]):
        kept = Images(images, (8, 10, 1))
        np.testing.assert_array_equal(kept.inputs(0)[0, ..., 0], levels.astype("float32"))
        picture = kept.picture(0)[..., 0].astype(float)
        expected = levels if 1 < top <= 255 else levels * (255 / top)
        np.testing.assert_allclose(picture, expected, atol=0.51)
    if dtype == "uint16":
        loaded = keras.utils.img_to_array(keras.utils.load_img(path, color_mode="grayscale"))
        np.testing.assert_array_equal(Images([path], (8, 10, 1)).inputs(0)[0], loaded)


@pytest.mark.parametrize("top", [65535, 4095])
def test_deep_grey_levels_become_colours_by_their_upper_bits_as_tensorflow_decodes_them(top, tmp_path):
    levels = (RAMP / 65535 * top).astype("uint16")
    Image.fromarray(levels).save(tmp_path / "grey.png")
    kept = Images([tmp_path / "grey.png"], (8, 10, 3))
    decoded = tf.io.decode_png((tmp_path / "grey.png").read_bytes(), channels=3)
    np.testing.assert_array_equal(kept.inputs(0)[0], decoded)
    assert kept.deep
    assert not Images([tmp_path / "grey.png"], (8, 10, 1)).deep


def test_deep_grey_levels_are_resized_without_being_cut_off(tmp_path):
    Image.fromarray(RAMP.astype("uint16")).save(tmp_path / "grey.png")
    seen = Images([tmp_path / "grey.png"], (4, 5, 1)).inputs(0)
    np.testing.assert_allclose(seen.mean(), RAMP.mean(), rtol=0.01)
    assert seen.max() > 55000


@pytest.mark.parametrize(
    ("name", "mode", "channels"),
    [
        ("palette.png", "P", 3),
        ("palette.png", "P", 1),
        ("cmyk.jpg", "CMYK", 3),
        ("alpha.png", "RGBA", 3),
        ("alpha.png", "RGBA", 4),
        ("grey_alpha.png", "LA", 3),
        ("grey_alpha.png", "LA", 1),
        ("bits.png", "1", 1),
        ("animated.gif", "P", 3),
        ("turned.jpg", "RGB", 3),
    ],
)
def test_files_are_read_as_keras_reads_them(name, mode, channels, tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype="uint8")
    picture, path = Image.fromarray(colours).convert("RGB").convert(mode), tmp_path / name
    if mode == "RGBA":
        picture = Image.fromarray(colours)
    if name == "turned.jpg":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.save(path, exif=exif)
    elif name == "animated.gif":
        picture.save(path, save_all=True, append_images=[picture.rotate(90)])
    else:
        picture.save(path)
    modes = {1: "grayscale", 3: "rgb", 4: "rgba"}
    expected = keras.utils.img_to_array(keras.utils.load_img(path, color_mode=modes[channels]))
    np.testing.assert_array_equal(Images([path], (8, 8, channels)).inputs(0)[0], expected)


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (lambda x: x[0], r"a batch of one\. Received: an array of shape \(8, 8, 3\) from one of shape \(1, 8, 8, 3\)"),
        (lambda x: np.repeat(x, 2, axis=0), r"Received: an array of shape \(2, 8, 8, 3\)"),
        (lambda x: x[:0], r"Received: an array of shape \(0, 8, 8, 3\)"),
        (lambda x: None, r"Received: an array of shape \(\)"),
        (lambda x: x[..., 0], r"must fit what the model takes.*shape \(8, 8\)"),
        (lambda x: x[None], r"must fit what the model takes.*shape \(1, 8, 8, 3\)"),
        (lambda x: x[:, :4], r"must fit what the model takes.*shape \(4, 8, 3\)"),
    ],
)
def test_a_preprocess_that_loses_an_axis_is_named_as_the_reason(preprocess, message):
    with pytest.raises(ValueError, match="`preprocess`.*" + message):
        Images(PIXELS, SHAPE, preprocess)


@pytest.mark.parametrize("wrap", [lambda x: {"images": x}, lambda x: [x], lambda x: (x,), tf.constant])
def test_a_preprocess_may_give_a_tensor_or_a_dict_or_list_of_one(wrap):
    found = Images(PIXELS, SHAPE, lambda x: wrap(x / 255)).inputs(1)
    np.testing.assert_allclose(found[0], PIXELS[1] / 255)


def test_what_is_cropped_or_mirrored_is_shown_as_the_model_takes_it():
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 24, 3), dtype="uint8")
    crop = Images(images, (16, 24, 3), lambda x: x[:, 16:] / 127.5 - 1)
    assert crop.moved
    np.testing.assert_array_equal(crop.picture(1), images[1, 16:])
    assert crop.encoded(1)[1] == (16, 24)
    mirror = Images(images, (32, 24, 3), lambda x: x[:, :, ::-1, ::-1] - np.array([104.0, 117.0, 124.0]))
    np.testing.assert_array_equal(mirror.picture(1), images[1, :, ::-1])
    for same in (lambda x: x[:, ::2, ::2] / 255, lambda x: x[:, ::2, ::2, ::-1] - 104.0):
        kept = Images(images, (16, 12, 3), same)
        assert not kept.moved
        np.testing.assert_array_equal(kept.picture(1), images[1])
