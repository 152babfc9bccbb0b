"""Every method on every kind of model, and in every layout: what is computed one way is what is computed another.

`make test-models` runs the whole product of methods and kinds (`--all-kinds`); `make test` all methods on six kinds,
and four methods on all.
"""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods import table
from tests import models
from tests.methods.fewer import fewer

FOUR = ("gradcam", "gradients", "integrated_gradients", "occlusion")
SIX = ("functional", "nested", "subclassed", "several outputs", "several inputs", "mixed precision")


def rectified(body=lambda x: x, shape=models.IMAGE, **options):
    """The flat network, after `body`."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(4, 3, activation="relu", name="conv", **options)(body(inputs))
    x = layers.GlobalAveragePooling2D(name="pool", **options)(x)
    return models.randomize(keras.Model(inputs, layers.Dense(3, activation="softmax", name="logits")(x)))


# What a method refuses at a layer only, with its words.
REFUSED = {("cam", "several inputs"): "one weight for each of the 4 channels of the signal"}


def beside(images):
    return {"image": images, "extra": np.linspace(-1, 1, 2 * len(images), dtype="float32").reshape(-1, 2)}


# A model, what its view reads (a signal, and a head where there are several), and how its inputs are made of images.
KINDS = {
    "functional": (models.flat, (None,), None),
    "nested": (models.nested, (None,), None),
    "subclassed": (models.subclassed, ("conv",), None),
    "several outputs": (models.multi_output, ("backbone/conv", "logits"), None),
    "several inputs": (models.multi_input, (None,), beside),
    "mixed precision": (lambda: models.flat(dtype="mixed_bfloat16"), (None,), None),
    "fused": (models.fused, (None,), None),
    "doubly nested": (models.doubly_nested, (None,), None),
    "in lists": (models.in_lists, ("conv",), None),
    "over a backbone": (models.over_backbone, ("backbone/conv",), None),
    "over a subclassed layer": (models.over_subclassed, ("conv",), None),
    "a head of 1x1 convolutions": (models.convolutional_head, (None,), None),
    "attention": (models.attention, ("conv",), None),
    "one unit": (models.one_unit, (None,), None),
}


def view(model, spec, signal, head=None):
    """The model as a method of this `Spec` takes it."""
    return expose(model, [] if spec.reads == "biases" else signal, head)


def pytest_generate_tests(metafunc):
    if {"name", "kind"} <= {*metafunc.fixturenames}:
        names = table()
        every = metafunc.config.getoption("--all-kinds")
        pairs = [(name, kind) for name in names for kind in KINDS if every or kind in SIX or name in FOUR]
        metafunc.parametrize(("name", "kind"), pairs, ids=[f"{name}-{kind}" for name, kind in pairs])


@pytest.fixture(scope="module")
def made():
    """Each kind of model once."""
    return {}


def test_a_map_is_the_same_compiled_alone_and_in_other_steps(made, name, kind):
    method, spec = table()[name]
    build, reads, pack = KINDS[kind]
    pack = pack or (lambda images: images)
    made[kind] = model = made.get(kind) or build()
    exposed = view(model, spec, *reads)
    if spec.applies(exposed) is not None:
        pytest.skip(spec.applies(exposed))
    images, own = models.images(3), fewer(method, models.IMAGE)
    units = np.array([[0], [0], [0]]) if kind == "one unit" else np.array([[0, 2], [1, 0], [2, 1]])
    stepwise = "batch_size" in inspect.signature(method).parameters
    if (name, kind) in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name, kind]):
            method(exposed, pack(images), units, **own)
        return
    logits, maps = method(exposed, pack(images), units, **own, **({"batch_size": 5} if stepwise else {}))
    # One image, one unit, another size of the steps, compiled: nothing of it may change the map but rounding.
    last = keras.tree.map_structure(lambda x: x[2:], pack(images))
    own |= {"batch_size": 2} if stepwise else {}
    compiled = tf.function(lambda x, y: method(exposed, x, y, **own), autograph=False)
    found = compiled(last, units[2:, -1:])
    tolerance = 0.05 if kind == "mixed precision" else 2e-5
    for one, other in zip(found, (np.asarray(logits)[2:, -1:], np.asarray(maps)[2:, ..., -1:])):
        size = max(1e-3, np.abs(other).max())
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * size)


def quiet(method, shape):
    """Few samples, without noise: noise is drawn in the layout of the input."""
    return fewer(method, shape) | ({"noise": 0.0} if "noise" in inspect.signature(method).parameters else {})


READ_INPUTS = [name for name, (_, spec) in table().items() if spec.reads == "inputs"]


@pytest.mark.parametrize("name", READ_INPUTS)
def test_channels_first_and_grey_images_have_the_maps_of_their_twins(name):
    method, _ = table()[name]
    shape = (6, 8, 3)
    x = models.images(2, shape)
    twin = rectified(shape=shape)
    first = rectified(layers.Permute((2, 3, 1)), (3, 6, 8))
    first.set_weights(twin.get_weights())
    background = quiet(method, shape)
    moved = {key: np.moveaxis(value, -1, 1) if key == "background" else value for key, value in background.items()}
    _, expected = method(expose(twin, []), x, **background)
    _, maps = method(expose(first, []), np.moveaxis(x, -1, 1), spatial_axis=(-2, -1), **moved)
    np.testing.assert_allclose(maps, expected, rtol=0, atol=2e-5 * np.abs(expected).max())

    twin = rectified(shape=(6, 8, 1))
    grey = rectified(lambda x: ops.expand_dims(x, -1), (6, 8))
    grey.set_weights(twin.get_weights())
    background = quiet(method, (6, 8, 1))
    flat = {key: value[..., 0] if key == "background" else value for key, value in background.items()}
    _, expected = method(expose(twin, []), x[..., :1], **background)
    _, maps = method(expose(grey, []), x[..., 0], **flat)
    np.testing.assert_allclose(maps, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("shape", [(9, 2), (4, 5, 3, 2)], ids=["signal", "volume"])
@pytest.mark.parametrize("name", READ_INPUTS)
def test_signals_and_volumes_have_maps_of_their_size(name, shape):
    method, _ = table()[name]
    inputs = keras.Input(shape)
    conv, pool = (
        (layers.Conv1D, layers.GlobalAveragePooling1D)
        if len(shape) == 2
        else (
            layers.Conv3D,
            layers.GlobalAveragePooling3D,
        )
    )
    x = layers.Dense(3)(pool()(conv(4, 3, activation="relu")(inputs)))
    model = models.randomize(keras.Model(inputs, x))
    images = models.images(2, shape)
    logits, maps = method(expose(model, []), images, **fewer(method, shape))
    np.testing.assert_allclose(logits, model(images), rtol=1e-4, atol=1e-5)
    assert maps.shape == (2, *shape[:-1], 3)
    assert np.isfinite(maps).all()
    assert np.abs(maps).max() > 0
