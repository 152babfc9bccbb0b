"""Images come in the containers that people have: they are taken, or the message has the line that takes them."""

import collections
import glob
import itertools
import re
from pathlib import Path

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from PIL import Image

from ke_widgets.widget.images import containers
from ke_widgets.widget.images.containers import listed
from ke_widgets.widget.images.images import Images

SHAPE = (8, 8, 3)
PIXELS = np.arange(3 * 8 * 8 * 3, dtype="uint8").reshape(3, *SHAPE)


@pytest.fixture
def paths(tmp_path):
    for index, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return sorted(tmp_path.glob("*.png"))


class Column:
    """Like a column of a table: of no library that is known."""

    def __init__(self, values):
        self.values = values

    def keys(self):
        return range(len(self.values))

    def __array__(self, *args, **kwargs):
        array = np.empty(len(self.values), object)
        array[:] = self.values
        return array


class Tensor:
    """Like a tensor of a library that gives its numbers by `numpy()` alone."""

    def __init__(self, values):
        self.values = values

    shape = property(lambda self: self.values.shape)

    def numpy(self):
        return self.values


class Differentiated(Tensor):
    """Like one that gives them only once it is detached."""

    def numpy(self):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    __array__ = numpy

    def detach(self):
        return Tensor(self.values)

    def cpu(self):
        return self


Tensor.cpu = lambda self: self
OF_PATHS = {
    "Path.glob": lambda paths: (path for path in paths),
    "iglob": lambda paths: iter(sorted(glob.iglob(f"{paths[0].parent}/*.png"))),
    "map": lambda paths: map(str, paths),
    "Series": lambda paths: pandas.Series([str(path) for path in paths], index=[7, 8, 9]),
    "column": lambda paths: pandas.DataFrame({"file": paths, "label": 0})["file"],
    "Index": lambda paths: pandas.Index([str(path) for path in paths]),
    "double": lambda paths: Column([str(path) for path in paths]),
    "array": lambda paths: np.array([str(path) for path in paths]),
    "bytes": lambda paths: np.array([str(path).encode() for path in paths]),
    "tensor": lambda paths: tf.constant([str(path) for path in paths]),
    "deque": collections.deque,
    "values": lambda paths: dict(enumerate(paths)).values(),
    "tuple": tuple,
}
OF_IMAGES = {
    "generator": lambda: (each for each in PIXELS),
    "PIL": lambda: (Image.fromarray(each) for each in PIXELS),
    "iterator": lambda: iter(PIXELS),
    "tensors": lambda: [tf.constant(each) for each in PIXELS],
    "a tensor": lambda: tf.constant(PIXELS),
    "numpy()": lambda: Tensor(PIXELS),
    "numpy() in a list": lambda: [Tensor(each) for each in PIXELS],
    "detached": lambda: Differentiated(PIXELS),
    "detached in a list": lambda: [Differentiated(each) for each in PIXELS],
}


@pytest.mark.parametrize("kind", OF_PATHS)
def test_paths_are_taken_in_any_container_that_has_an_end(paths, kind):
    kept = Images(OF_PATHS[kind](paths), SHAPE)
    assert len(kept) == 3
    np.testing.assert_array_equal(kept.inputs(2)[0], PIXELS[2])


@pytest.mark.parametrize("kind", OF_IMAGES)
def test_images_are_taken_in_any_container_that_has_an_end(kind):
    kept = Images(OF_IMAGES[kind](), SHAPE)
    assert len(kept) == 3
    np.testing.assert_array_equal(kept.inputs(2)[0], PIXELS[2])


def test_one_file_and_one_picture_stand_for_a_list_of_one(paths):
    for one in (paths[1], str(paths[1]), Image.fromarray(PIXELS[1])):
        kept = Images(one, SHAPE)
        assert len(kept) == 1
        np.testing.assert_array_equal(kept.inputs(0)[0], PIXELS[1])


def test_an_iterator_serves_several_models(paths):
    from ke_widgets.widget.session.session import Session

    def model():
        return keras.Sequential(
            [keras.Input(SHAPE), keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(2)]
        )

    session = Session([model(), model()], (path for path in paths))
    assert [len(explained.images) for explained in session.models] == [3, 3]


class Batches:
    """Like the iterator of an ImageDataGenerator: without end, and indexed by batch."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return PIXELS, np.arange(3)

    def __next__(self):
        raise AssertionError("nobody may take a batch out of it")

    def __iter__(self):
        return self


class Loader:
    """Like a DataLoader: may be gone through again and again."""

    def __iter__(self):
        return iter([(PIXELS, np.arange(3))])


LINES = {
    "folder": lambda folder: str(folder),
    "folder as Path": lambda folder: folder,
    "folders": lambda folder: folder.parent,
    "pattern": lambda folder: f"{folder}/*.png",
    "set": lambda folder: set(folder.glob("*.png")),
    "dict": lambda folder: {path.name: str(path) for path in sorted(folder.glob("*.png"))},
    "dict of arrays": lambda folder: dict(enumerate(PIXELS)),
    "dict of a batch": lambda folder: {"image": PIXELS},
    "table": lambda folder: pandas.DataFrame({"size": 8, "file": sorted(map(str, folder.glob("*.png")))}),
    "pairs": lambda folder: list(zip(PIXELS, range(3))).__iter__(),
    "batches": lambda folder: iter([PIXELS]),
    "batches and labels": lambda folder: iter([(PIXELS, [0, 1, 2])]),
    "loader": lambda folder: Loader(),
    "ImageDataGenerator": lambda folder: Batches(),
    "dataset": lambda folder: tf.data.Dataset.from_tensor_slices((PIXELS, [0, 1, 2])).batch(2),
    "directory": lambda folder: keras.utils.image_dataset_from_directory(
        folder.parent, labels=None, image_size=(8, 8), shuffle=False, verbose=False
    ),
}


@pytest.mark.parametrize("kind", LINES)
def test_others_are_refused_with_a_line_that_does_it(kind, paths, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in paths:
        path.rename(folder / path.name)
    data = LINES[kind](folder)
    with pytest.raises(
        TypeError, match=r"`images` must be an array \(N, H, W, C\) or a list of images\. Received: "
    ) as e:
        listed(data)
    text = str(e.value)
    assert "\n" not in text
    assert len(text.replace(str(tmp_path), "")) < 300
    (line,) = re.findall("`(images = .*?)`", text)
    data = LINES[kind](folder)  # A new one: an item may have been read.
    known = {"np": np, "itertools": itertools, "glob": glob, "Path": Path, "data": data}
    exec(line, known)
    np.testing.assert_array_equal(Images(known["images"], SHAPE).inputs(2)[0], PIXELS[2])


def test_what_has_no_end_is_refused_soon(monkeypatch):
    monkeypatch.setattr(containers, "_MOST_ITEMS", 50)
    for endless in (itertools.repeat(PIXELS[0]), itertools.cycle(["a.png"])):
        with pytest.raises(TypeError, match=r"infinite: 51 items.*`images = list\(itertools.islice\(data, 32\)\)`"):
            listed(endless)
    monkeypatch.setattr(containers, "_MOST_BYTES", 10 * PIXELS[0].nbytes)
    with pytest.raises(TypeError, match=r"infinite: 11 items were read"):
        listed(itertools.repeat(PIXELS[0]))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("nowhere/cat.png", "Received: 'nowhere/cat.png', which does not exist"),
        (None, "Received: None"),
        (3, "Received: 3"),
        (iter([3]), "It yields 3"),
        (iter([np.zeros(9999)]), r"It yields an array of shape \(9999,\), float64"),
        (len, "Received: the function 'len'"),
    ],
)
def test_what_holds_no_images_is_refused(images, message):
    with pytest.raises(TypeError, match=message):
        listed(images)


@pytest.mark.parametrize(
    ("images", "line"),
    [
        (np.moveaxis(PIXELS, -1, 1), "np.moveaxis(images, 1, -1)"),
        ([PIXELS, PIXELS], "np.concatenate(images)"),
        ([each[None] for each in PIXELS], "np.concatenate(images)"),
    ],
)
def test_axes_in_another_order_are_said_so(images, line):
    with pytest.raises(ValueError, match=re.escape(line)):
        Images(images, SHAPE)
    np.testing.assert_array_equal(Images(eval(line, {"np": np, "images": images}), SHAPE).inputs(1)[0], PIXELS[1])
