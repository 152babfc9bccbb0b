"""What the loop refuses: in one sentence, before anything runs, and with nothing left behind."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import ke_widgets as ke
from ke_widgets.methods.cams import gradcam
from tests import models

UNITS = np.array([[0, 2], [1, 0], [2, 2]])


@pytest.fixture(scope="module")
def model():
    return models.fused()


def wrong_pixel(value, image):
    images = models.images(3)
    images[image, 2, 3, 1] = value
    return images


def batched(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(2)


def from_generator(*batches):
    return (batch for batch in batches)


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


@pytest.fixture(scope="module")
def right(model):
    exposed = ke.inspection.expose(model)
    return exposed, ke.explain(gradcam, exposed, models.images(3), UNITS[:, :1], verbose=0)


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


def run(model, **changed):
    arguments = {"method": gradcam, "x": models.images(3), "y": UNITS, "verbose": 0, **changed}
    return ke.explain(arguments.pop("method"), ke.inspection.expose(model), arguments.pop("x"), **arguments)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"method": "gradcam"}, TypeError, r"such as `ke.methods.cams.gradcam`. Received: method='gradcam'"),
        ({"method": "smoothgrad"}, TypeError, r"such as `ke.methods.cams.gradcam`. Received: method='smoothgrad'"),
        ({"method": None}, TypeError, r"`method` must be a method, such as .* Received: method=None"),
        ({"method": 3}, TypeError, r"`method` must be a method, such as .* Received: method=3"),
        (
            {"method": ke.gradients},
            TypeError,
            r"`ke.methods.gradient.gradients`. Received: the shortcut `ke.gradients`",
        ),
        ({"method": ke.gradcam}, TypeError, r"`ke.methods.cams.gradcam`. Received: the shortcut `ke.gradcam`"),
        (
            {"batch_size": 0},
            ValueError,
            "`batch_size` must be an integer of at least 1, or None. Received: batch_size=0",
        ),
        ({"batch_size": -3}, ValueError, "Received: batch_size=-3"),
        ({"batch_size": True}, TypeError, "Received: batch_size=True"),
        ({"batch_size": 2.0}, TypeError, "Received: batch_size=2.0"),
        ({"batch_size": "2"}, TypeError, "Received: batch_size='2'"),
        ({"steps": 0}, ValueError, "`steps` must be an integer of at least 1, or None. Received: steps=0"),
        ({"steps": "all"}, TypeError, "Received: steps='all'"),
        ({"steps_per_execution": 1.5}, TypeError, "Received: steps_per_execution=1.5"),
        ({"inner_batch_size": 4}, TypeError, "has no argument 'batch_size', nor has the method `gradcam`"),
        ({"verbose": 3}, ValueError, "`verbose` must be 'auto', 0, 1 or 2. Received: verbose=3"),
        ({"verbose": "loud"}, ValueError, "Received: verbose='loud'"),
        ({"verbose": None}, ValueError, "Received: verbose=None"),
        (
            {"postprocessing": "normalize"},
            TypeError,
            "`postprocessing` must be a function of maps.* Received: postprocessing='n",
        ),
        ({"postprocessing": 1}, TypeError, "`postprocessing` must be a function of maps"),
        ({"resizing": 224}, TypeError, r"or a size such as \(224, 224\). Received: resizing=224"),
        ({"resizing": "image"}, TypeError, "Received: resizing='image'"),
        ({"resizing": (0, 4)}, ValueError, r"in integers above 0.* Received: resizing=\(0, 4\)"),
        ({"resizing": (4.0, 4)}, ValueError, r"Received: resizing=\(4.0, 4\)"),
        ({"resizing": (1, 2, 3, 4)}, ValueError, r"Received: resizing=\(1, 2, 3, 4\)"),
        ({"y": [[0], [1, 2], [0]]}, ValueError, r"`y` must have as many units for each image"),
        ({"y": np.eye(3, dtype=int)}, ValueError, r"`y` must hold the numbers of units.* say `y.argmax\(-1\)`"),
        ({"y": np.eye(3)}, ValueError, r"Received: y of dtype float64. For one-hot labels, say `y.argmax\(-1\)`"),
        ({"y": UNITS[..., None]}, ValueError, r"Received: y of shape \(3, 2, 1\)"),
        ({"y": ["cat", "dog", "cat"]}, ValueError, r"`y` must hold integers.* dtype <U3"),
        ({"y": 1.5}, ValueError, r"`y` must hold integers.* dtype float64"),
        ({"y": 3}, ValueError, r"one less than the number of units, 3. Received: units from 3 to 3"),
        ({"y": -1}, ValueError, r"`y` must hold units from 0. Received: y with -1"),
        ({"chanels": "max"}, TypeError, r"`explain` has no argument 'chanels', nor has the method `gradcam`"),
        ({"postprocesing": None}, TypeError, r"no argument 'postprocesing'.* Did you mean 'postprocessing'\?"),
        ({"method": ke.methods.gradient.gradients, "chanels": "max"}, TypeError, r"Did you mean 'channels'\?"),
        ({"method": ke.methods.cams.scorecam, "weight": "logits"}, TypeError, r"Did you mean 'weights'\?"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused_in_one_sentence(model, right, changed, error, words):
    with pytest.raises(error, match=words):
        run(model, **changed)
    for found, wanted in zip(run(model, y=UNITS[:, :1]), right[1]):
        np.testing.assert_array_equal(found, wanted)


def test_a_shortcut_names_the_nearest_argument(model):
    for wrong, near in (("chanels", "channels"), ("batchsize", "batch_size"), ("postprocesing", "postprocessing")):
        with pytest.raises(TypeError, match=f"`ke.gradients` has no argument '{wrong}'. Did you mean '{near}'"):
            ke.gradients(model, models.images(1), **{wrong: 1})


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


def test_explain_resizes_and_is_the_shortcut_with_its_filter(model):
    x = models.images(3)
    exposed = ke.inspection.expose(model)
    found = ke.explain(gradcam, exposed, x, UNITS, postprocessing=ke.filters.positive_normalize, verbose=0)
    for one, other in zip(found, ke.gradcam(exposed, x, UNITS, verbose=0)):
        np.testing.assert_array_equal(one, other)
    assert ke.explain(gradcam, exposed, x, UNITS, verbose=0)[1].shape == (3, 8, 8, 2)
    assert next(ke.explain_batches(gradcam, exposed, x, UNITS))[1].shape == (3, 8, 8, 2)
    assert ke.explain(gradcam, exposed, x, UNITS, verbose=0, resizing=False)[1].shape == (3, 6, 6, 2)


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


# Warnings


def large(units):
    inputs = keras.Input((64, 64, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, strides=16, name="conv")(inputs))
    return keras.Model(inputs, layers.Dense(units)(x))


def warned(call):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in found if "maps" in str(each.message)]


def test_all_units_of_a_large_head_are_warned_of_once_before_they_fill_the_memory(monkeypatch):
    from ke_widgets.explaining import loop

    monkeypatch.setattr(loop, "_LARGE", 1024**2)
    model, x = large(100), np.random.default_rng(0).random((4, 64, 64, 1), "float32")
    (words,) = warned(lambda: ke.gradcam(model, x, batch_size=2, verbose=0))
    assert "all 100 units take 6.2 GB for 4 images" in words
    assert "y=model.predict(x).argmax(-1)" in words
    (words,) = warned(lambda: ke.gradcam(model, batched(x), verbose=0))
    assert "for 4 images" in words
    (words,) = warned(lambda: ke.gradcam(model, (x for _ in range(3)), verbose=0))
    assert "for 4 images" in words
    assert warned(lambda: ke.gradcam(model, x, 3, verbose=0)) == []
    assert warned(lambda: ke.gradcam(model, x, resizing=False, verbose=0)) == []
    assert warned(lambda: ke.gradcam(large(10), x[:2], verbose=0)) == []


def blind(kind):
    """A model whose scores do not see the places of the layer `seen`."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 4, strides=4, name="seen")(inputs)
    if kind == "class token":
        tokens = layers.Reshape((4, 4), name="tokens")(x)
        tokens = layers.Add(name="last")([layers.MultiHeadAttention(1, 4)(tokens, tokens), tokens])
        return keras.Model(inputs, layers.Dense(2)(layers.Lambda(lambda x: x[:, 0] * 1)(tokens))), "last"
    if kind == "dead":
        x = layers.ReLU(name="dead")(layers.Lambda(lambda x: -1 - 0 * x)(x))
        return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))), "dead"
    if kind == "zero weights":
        return keras.Model(
            inputs, layers.Dense(2, kernel_initializer="zeros")(layers.GlobalAveragePooling2D()(x))
        ), "seen"
    return keras.Model(inputs, layers.Dense(2)(0 * layers.GlobalAveragePooling2D()(x))), "seen"


@pytest.mark.parametrize("kind", ["dead", "zero weights", "times zero"])
@pytest.mark.parametrize("loop", ["gradcam", "batches"])
def test_maps_that_are_zero_everywhere_are_warned_of_once(kind, loop):
    model, layer = blind(kind)
    exposed, x = ke.inspection.expose(model, layer), models.images(4)

    def call():
        if loop == "gradcam":
            ke.gradcam(exposed, x, 1, batch_size=2, verbose=0)
        else:
            list(ke.explain_batches(gradcam, exposed, x, 1, batch_size=2))

    (words,) = warned(call)
    assert f"All maps are exactly 0: no explained unit depends on the signal {layer} (output)" in words


def test_maps_of_which_one_is_not_zero_are_not_warned_of(model):
    exposed, x = ke.inspection.expose(model), models.images(3)
    x[:2] = 0
    assert warned(lambda: ke.gradcam(exposed, x, 1, verbose=0)) == []
    # What a filter makes zero is an answer.
    assert warned(lambda: ke.gradcam(exposed, x, verbose=0, postprocessing=lambda maps: 0 * maps)) == []


class Windows(layers.Layer):
    """Cuts images into windows that stand in the batch, as Swin does, and back."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Conv2D(3, 1, name="inner")

    def call(self, x):
        shape = keras.ops.shape(x)
        windows = keras.ops.reshape(x, (-1, 2, 4, 2, 4, 3))
        windows = keras.ops.reshape(keras.ops.transpose(windows, (0, 1, 3, 2, 4, 5)), (-1, 4, 4, 3))
        windows = keras.ops.reshape(self.inner(windows), (-1, 2, 2, 4, 4, 3))
        return keras.ops.reshape(keras.ops.transpose(windows, (0, 1, 3, 2, 4, 5)), shape)


@pytest.mark.parametrize("name", ["gradcam", "gradcampp", "scorecam", "cam"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_signal_with_windows_in_its_batch_is_refused(name, count):
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(Windows(name="windows")(inputs))
    exposed = ke.inspection.expose(keras.Model(inputs, layers.Dense(2)(x)), "windows/inner")
    with pytest.raises(
        ValueError,
        match=rf"one entry for each image. Received: windows/inner \(output\), with {4 * count} for {count} ",
    ):
        getattr(ke, name)(exposed, models.images(count), 1, verbose=0)
    with pytest.raises(ValueError, match="one entry for each image"):  # eagerly
        getattr(ke.methods.cams, name)(exposed, models.images(count))
    whole = ke.inspection.expose(exposed.model, "windows")
    assert ke.gradcam(whole, models.images(count), 1, verbose=0)[1].shape == (count, 8, 8, 1)
