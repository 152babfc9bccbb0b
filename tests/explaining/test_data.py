"""Data in every form: what is refused, in one sentence and with nothing left behind, and what means the same."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ke_widgets as ke
from ke_widgets.explaining import data
from ke_widgets.explaining.scores import units_of
from ke_widgets.methods.cams import gradcam
from tests import models
from tests.explaining.streams import UNITS, batched, from_generator


def pack(model, x, y, batch_size, units=None):
    return data.pack(model, x, y, batch_size, functools.partial(_units, units))


def batches(model, x, y, batch_size):
    return data.batches(model, x, y, batch_size, functools.partial(_units, None))


def _units(units, y, count):
    return None if y is None else units_of(y, count, units)


def wrong_pixel(value, image):
    images = models.images(3)
    images[image, 2, 3, 1] = value
    return images


DATA = {
    "one image": (lambda: models.images(1)[0], ValueError, r"\(B, 8, 8, 3\).* x of shape \(8, 8, 3\).*Say `x\[None\]`"),
    "rank 5": (lambda: models.images(3)[None], ValueError, r"that the model takes, \(B, 8, 8, 3\).* \(1, 3, 8, 8, 3\)"),
    "rank 2": (
        lambda: np.ones((3, 192)),
        ValueError,
        r"that the model takes, \(B, 8, 8, 3\). Received: x of shape \(3, 192\)",
    ),
    "grey": (lambda: np.ones((3, 8, 8, 1)), ValueError, r"Received: x of shape \(3, 8, 8, 1\)"),
    "RGBA": (lambda: np.ones((3, 8, 8, 4)), ValueError, r"Received: x of shape \(3, 8, 8, 4\)"),
    "channels first": (lambda: np.ones((3, 3, 8, 8)), ValueError, r"Received: x of shape \(3, 3, 8, 8\)"),
    "another size": (lambda: np.ones((3, 9, 8, 3)), ValueError, r"Received: x of shape \(3, 9, 8, 3\)"),
    "text": (lambda: np.full((3, 8, 8, 3), "a"), TypeError, r"`x` must hold numbers.* dtype <U1"),
    "bytes": (lambda: np.full((3, 8, 8, 3), b"a"), TypeError, r"`x` must hold numbers"),
    "objects": (lambda: np.full((3, 8, 8, 3), None), TypeError, r"`x` must hold numbers.* dtype object"),
    "complex": (lambda: np.ones((3, 8, 8, 3), complex), TypeError, r"`x` must hold numbers.* dtype complex128"),
    "ragged": (
        lambda: np.array([np.ones((8, 8, 3)), np.ones((9, 8, 3))], object),
        (TypeError, ValueError),
        r"`x` must h",
    ),
    "a path": (lambda: "cat.png", ValueError, r"`x` must be at least one image.* x of type str"),
    "nothing": (lambda: None, ValueError, r"`x` must be at least one image.* NoneType"),
    "a list of images": (lambda: list(models.images(3)), ValueError, r"Received: 3 arrays .*say `np.stack\(x\)`"),
    "an empty list": (lambda: [], ValueError, r"`x` must be at least one image"),
    "an empty array": (lambda: models.images(0), ValueError, r"`x` must be at least one image"),
    "NaN": (
        lambda: wrong_pixel(np.nan, 1),
        ValueError,
        r"`x` must be finite. Received: NaN or infinity in 1 images: 1",
    ),
    "infinity": (lambda: wrong_pixel(-np.inf, 2), ValueError, r"`x` must be finite.* in 1 images: 2"),
    "NaN in a tensor": (lambda: tf.constant(wrong_pixel(np.nan, 0)), ValueError, r"`x` must be finite.* images: 0"),
    "NaN everywhere": (
        lambda: np.full((40, 8, 8, 3), np.nan),
        ValueError,
        r"in 40 images: 0, 1, 2, 3, 4, 5, 6, 7, \.\.\.",
    ),
    "NaN in a dataset": (
        lambda: batched(wrong_pixel(np.nan, 1)),
        ValueError,
        r"finite. Received: NaN or infinity in images 1",
    ),
    "NaN in a generator": (
        lambda: from_generator(wrong_pixel(np.inf, 2)),
        ValueError,
        r"finite.* in images 2 of a batch",
    ),
    "an unbatched dataset": (
        lambda: tf.data.Dataset.from_tensor_slices(models.images(3)),
        ValueError,
        r"x of shape \(8, 8, 3\). Batch the data, `x.batch\(32\)`",
    ),
    "channels in a dataset": (lambda: batched(np.ones((3, 8, 8, 1))), ValueError, r"x of shape \(None, 8, 8, 1\)"),
    "text in a dataset": (lambda: batched(np.full((3, 8, 8, 3), "a")), TypeError, r"`x` must hold numbers"),
    "an empty dataset": (lambda: batched(models.images(3)).take(0), ValueError, r"`x` must give at least one batch"),
    "an emptied dataset": (
        lambda: batched(models.images(3)).filter(lambda x: False),
        ValueError,
        r"`x` must give at least one batch",
    ),
    "an empty generator": (lambda: from_generator(), ValueError, r"`x` must give at least one batch"),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("loop", ["explain", "batches"])
def test_data_that_the_model_does_not_take_is_refused_and_the_next_call_is_right(model, right, kind, loop):
    make, error, words = DATA[kind]
    exposed, expected = right
    before = models.snapshot(model)
    run = functools.partial(ke.explain, verbose=0) if loop == "explain" else lambda *all: list(ke.explain_batches(*all))
    with pytest.raises(error, match=words):
        run(gradcam, exposed, make())
    assert not models.same(before, models.snapshot(model))
    for found, wanted in zip(ke.explain(gradcam, exposed, models.images(3), UNITS[:, :1], verbose=0), expected):
        np.testing.assert_array_equal(found, wanted)


def test_keys_that_the_model_does_not_know_are_refused():
    model, images = models.multi_input(), models.images(2)
    for x in (
        {"image": images},
        {"image": images, "extra": np.ones((2, 2)), "more": images},
        {"a": images, "b": images},
    ):
        with pytest.raises(ValueError, match=r"a key for each input of the model: \['image', 'extra'\]"):
            ke.gradcam(model, x, 0, verbose=0)


@pytest.mark.parametrize("data", ["arrays", "dataset", "generator", "batches"])
def test_units_may_be_one_for_all_or_one_for_each(model, data):
    x = models.images(3)
    for y, rows in (
        (2, [[2]] * 3),
        (np.int64(1), [[1]] * 3),
        ([0, 2, 1], [[0], [2], [1]]),
        (np.array([1, 1, 0]), [[1], [1], [0]]),
    ):
        wanted = ke.gradcam(model, x, np.array(rows), verbose=0)
        each = np.array(rows)[:, 0]
        if data == "arrays":
            found = ke.gradcam(model, x, y, verbose=0)
        elif data == "dataset":
            found = ke.gradcam(model, batched(x, each), verbose=0)
        elif data == "generator":
            found = ke.gradcam(model, from_generator((x[:2], each[:2]), (x[2:], each[2:])), verbose=0)
        else:
            exposed, own = ke.inspection.expose(model), {"postprocessing": ke.filters.positive_normalize}
            found = [np.concatenate(p) for p in zip(*ke.explain_batches(gradcam, exposed, x, y, batch_size=2, **own))]
        for one, other in zip(found, wanted):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


class Any(keras.Model):
    """A model without a graph: what it takes, only a run tells."""

    def __init__(self):
        super().__init__()
        self.conv, self.pool, self.dense = layers.Conv2D(3, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)

    def call(self, x):
        return self.dense(self.pool(self.conv(x)))


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones((2, 8, 8)),
        np.ones((2, 8, 8, 4)),
        np.ones((2, 3, 8, 8, 3)),
        np.ones((2, 2, 2, 3)),
        np.full((1, 8, 8, 3), "a"),
    ],
)
def test_a_wrong_call_of_a_model_without_a_graph_leaves_nothing_behind(wrong):
    model = Any()
    model(models.images(1))
    with pytest.raises((ValueError, TypeError)):
        ke.gradients(model, wrong, 0, verbose=0)
    found, fresh = (
        ke.gradients(m, models.images(2), 0, verbose=0)[1] for m in (model, ke.inspection.expose(model, []))
    )
    np.testing.assert_allclose(found, fresh, rtol=1e-5)


def test_data_of_other_dtypes_and_ranks_in_turn_have_the_same_maps():
    model = keras.Sequential([keras.Input((8, 8, 1)), *models.fused().layers[1:2], layers.Dense(2)])
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1)).astype("uint8")
    expected = ke.gradients(model, x.astype("float32"), 1, verbose=0)[1]
    for other in (
        x,
        x[..., 0],
        x.astype("float64"),
        x.astype("float16")[..., 0],
        x.astype("int64"),
        x.astype("float32"),
    ):
        np.testing.assert_allclose(ke.gradients(model, other, 1, verbose=0)[1], expected, rtol=1e-4, atol=1e-5)


# What `pack` makes, piece by piece


class Numbered(keras.utils.PyDataset):
    """Batches of two numbers."""

    def __init__(self, length):
        super().__init__()
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, number):
        return np.full((2, 8, 8, 3), number), np.array([number, 1])


def test_streams_are_what_brings_batches_of_its_own():
    assert all(map(data.is_stream, (batched(models.images(2)), Numbered(1), from_generator())))
    assert not any(map(data.is_stream, (models.images(2), [models.images(2)], {"image": models.images(2)}, (1, 2))))


@pytest.mark.parametrize(
    ("y", "rows"),
    [
        (2, [[2], [2], [2]]),
        ([0, 1, 2], [[0], [1], [2]]),
        ([[0, 1], [1, 2], [2, 2]], [[0, 1], [1, 2], [2, 2]]),
        (np.uint8([2, 0, 1]), [[2], [0], [1]]),
    ],
)
def test_units_become_a_row_for_each_image(model, y, rows):
    inputs, indices = data.unpack(pack(model, models.images(3), y, None, 3))
    np.testing.assert_array_equal(inputs, models.images(3))
    assert (indices.tolist(), indices.dtype) == (rows, "int32")
    inputs, indices = data.unpack(pack(model, models.images(3), None, None))
    assert indices is None


def test_rows_of_zeros_and_one_one_are_units_where_they_are_not_as_many_as_the_units(model):
    _, indices = data.unpack(pack(model, models.images(3), np.eye(3, dtype=int), None, units=None))
    assert indices.tolist() == np.eye(3).tolist()
    with pytest.raises(ValueError, match=r"Received: y of shape \(3, 3\). For one-hot labels, say `y.argmax\(-1\)`"):
        pack(model, models.images(3), np.eye(3, dtype=int), None, units=3)


@pytest.mark.parametrize(
    ("make", "steps", "count"),
    [
        (lambda: models.images(5), None, 5),
        (lambda: models.images(5), 2, 5),
        (lambda: batched(models.images(5)), None, -3),
        (lambda: batched(models.images(5)), 2, -2),
        (lambda: batched(models.images(5)), 9, -3),
        (lambda: batched(models.images(5)).repeat(), 4, -4),
        (lambda: batched(models.images(5)).filter(lambda x: True), None, -1),
        (lambda: Numbered(7), None, -7),
        (lambda: Numbered(7), 2, -2),
        (lambda: from_generator(models.images(2)), 3, -3),
        (lambda: from_generator(models.images(2)), None, -1),
    ],
)
def test_how_many_are_expected_is_images_or_below_zero_batches(model, make, steps, count):
    assert data.expected(pack(model, make(), None, None), steps) == count


def test_images_are_read_in_batches_of_the_given_size_in_the_precision_of_predict(model):
    x = models.images(5).astype("float64")
    parts = [data.unpack(batch) for batch in batches(model, x, [0, 1, 2, 1, 0], 2)]
    assert [indices.tolist() for _, indices in parts] == [[[0], [1]], [[2], [1]], [[0]]]
    assert {keras.backend.standardize_dtype(images.dtype) for images, _ in parts} == {"float32"}
    np.testing.assert_array_equal(np.concatenate([images for images, _ in parts]), x.astype("float32"))
    (whole,) = batches(model, (10 * x).astype("uint8"), None, None)
    assert data.unpack(whole)[0].dtype == "uint8"
    assert len(list(batches(model, models.images(33), None, None))) == 2, "32 at a time"


@pytest.mark.parametrize("make", [lambda: Numbered(2), lambda: from_generator(Numbered(2)[0], Numbered(2)[1])])
def test_streams_are_read_batch_by_batch_with_their_own_units(model, make):
    parts = [data.unpack(batch) for batch in batches(model, make(), None, None)]
    assert [np.asarray(indices).tolist() for _, indices in parts] == [[[0], [1]], [[1], [1]]]
    assert [np.unique(images).tolist() for images, _ in parts] == [[0], [1]]


def test_a_stream_takes_neither_units_nor_a_batch_size(model):
    for given in ({"y": 0, "batch_size": None}, {"y": None, "batch_size": 2}):
        (name,) = (name for name, value in given.items() if value is not None)
        with pytest.raises(ValueError, match=f"`{name}` must not be given .* Received: {name} beside x=Numbered"):
            pack(model, Numbered(2), **given)
    with pytest.raises(ValueError, match=r"at least one batch of images. Received: data without any"):
        pack(model, Numbered(0), None, None)


@pytest.mark.filterwarnings("ignore:overflow")
def test_images_that_are_not_finite_are_counted_wherever_they_stand(model):
    x = np.zeros((600, 8, 8, 3), "float32")
    x[[3, 255, 256, 599], 0, 0, 0] = [np.nan, np.inf, -np.inf, np.nan]
    with pytest.raises(ValueError, match=r"in 4 images: 3, 255, 256, 599\."):
        pack(model, x, None, None)
    x[[3, 255, 256, 599], 0, 0, 0] = 0
    x[0] = 3e38  # Their sum is no float32: they are looked at one by one.
    assert data.expected(pack(model, x, None, None), None) == 600
