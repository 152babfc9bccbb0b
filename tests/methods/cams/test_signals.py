"""All class activation maps on signals of every kind and precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import METHODS, cam, gradcam, gradcampp, scorecam
from tests.methods.cams.common import IMAGES, by_name, close, half_precision
from tests.methods.networks import WIDE, conv, images, network, one_conv, randomize

ALL = [*METHODS]


def tokens(prefix, shape):
    """A network whose signal is a sequence of tokens, `prefix` of them before the places."""

    def body(x):
        x = conv(4, 2, strides=2, activation="relu")(x)
        x = layers.Reshape((-1, 4), **WIDE)(x)
        pad = layers.ZeroPadding1D((prefix, 0), name="tokens", **WIDE)
        return pad(x)

    return network(body, shape=shape, head=layers.GlobalAveragePooling1D)


@pytest.mark.parametrize("shape", [(8, 8, 2), (4, 12, 2), (12, 6, 2)])
@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_tokens_give_the_maps_of_their_grid(method, prefix, shape):
    model = tokens(prefix, shape)
    pictures = images(shape=shape)
    _, maps = method(expose(model, "tokens"), pictures)
    assert maps.shape == (2, shape[0] // 2, shape[1] // 2, 3)
    if method in (cam, scorecam):
        _, expected = method(expose(model, "conv"), pictures)
        close(maps, expected)
    if method is gradcam:
        # The class token counts in no mean, but takes its share of the pooling.
        _, expected = method(expose(model, "conv"), pictures)
        close(maps, expected)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_channels_first_gives_the_same_maps(method):
    def body(x):
        x = conv(activation="relu")(x)
        x = layers.Permute((3, 1, 2), name="first", **WIDE)(x)
        return layers.Permute((2, 3, 1), **WIDE)(x)

    model = network(body)
    # Score-CAM looks at the axes of the image too.
    inputs = keras.Input((2, 6, 6), dtype="float64")
    whole = keras.Model(inputs, model(layers.Permute((2, 3, 1), **WIDE)(inputs)))
    exposed = expose(whole, (model.name, "first"), (model.name, "logits"))
    _, maps = method(exposed, np.moveaxis(IMAGES, -1, 1), spatial_axis=(-2, -1))
    close(maps, method(expose(model, "conv", "logits"), IMAGES)[1])


@pytest.mark.parametrize("method", ALL, ids=by_name)
@pytest.mark.parametrize(("layer", "shape"), [("pool", r"\(2, 3\)"), ("odd", r"\(2, 7, 3\)")])
def test_a_signal_without_places_is_refused(method, layer, shape):
    def body(x):
        x = conv(activation="relu")(x)
        odd = layers.Cropping1D((0, 9), name="odd", **WIDE)(layers.Reshape((16, 3), **WIDE)(x))
        return layers.Reshape((1, 7, 3), **WIDE)(odd)

    with pytest.raises(ValueError, match=f"must have spatial axes.*Received: one of shape {shape}"):
        method(expose(network(body), layer), IMAGES)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_a_plain_model_is_exposed_by_default(method):
    for found, expected in zip(method(one_conv(), IMAGES), method(expose(one_conv()), IMAGES)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_an_exposed_model_without_a_signal_is_refused(method):
    with pytest.raises(ValueError, match="must give its logits and at least one signal"):
        method(expose(one_conv(), []), IMAGES)


@pytest.mark.parametrize("method", [gradcam, gradcampp], ids=by_name)
def test_a_unit_that_does_not_depend_on_the_signal_is_refused_by_its_name(method):
    inputs = keras.Input((6, 6, 2), dtype="float64")
    x = conv(activation="relu")(inputs)
    side = conv(name="side")(inputs)
    x = layers.Dense(3, name="logits", **WIDE)(layers.GlobalAveragePooling2D(**WIDE)(x))
    model = randomize(keras.Model(inputs, [x, side]))
    for indices in (None, np.array([[1], [2]])):
        with pytest.raises(ValueError, match=r"units must depend on the signal. Received: side"):
            method(expose(model, "side", "logits"), IMAGES, indices)


# Precision


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_half_precision_gives_float32_maps_near_those_of_the_wide_model(method, policy):
    narrow, wide = half_precision(policy), half_precision("float32")
    pictures = IMAGES.astype("float32")
    logits, maps = method(expose(narrow, "conv"), pictures)
    assert keras.backend.standardize_dtype(maps.dtype) == keras.backend.standardize_dtype(logits.dtype) == "float32"
    close(maps, method(expose(wide, "conv"), pictures)[1], 3e-2)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_float64_stays_float64(method):
    logits, maps = method(expose(one_conv()), IMAGES)
    assert keras.backend.standardize_dtype(maps.dtype) == keras.backend.standardize_dtype(logits.dtype) == "float64"


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_image_size_may_be_unknown_while_tracing(method):
    model = randomize(
        keras.Sequential(
            [
                keras.Input((None, None, 2), dtype="float64"),
                conv(activation="relu"),
                layers.GlobalAveragePooling2D(**WIDE),
                layers.Dense(3, name="logits", **WIDE),
            ]
        )
    )
    exposed = expose(model)
    signature = [tf.TensorSpec((None, None, None, 2), "float64"), tf.TensorSpec((None, None), "int32")]
    compiled = tf.function(lambda x, i: method(exposed, x, i), input_signature=signature, autograph=False)
    for size in (6, 9):
        pictures = images(shape=(size, size, 2))
        indices = np.array([[0, 2], [1, 1]], "int32")
        close(compiled(pictures, indices)[1], method(exposed, pictures, indices)[1])
