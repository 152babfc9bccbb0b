import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import expose, get_logits_layer, layers_with_biases
from ke_widgets.methods.gradient import full_gradient_terms, full_gradients
from tests.methods import twins
from tests.methods.networks import WIDE, conv, flatten_head, images, network, randomize, small

IMAGES = images()


def test_full_gradients_equal_their_plain_loop_twin():
    model = small()
    net = twins.Net(model)
    logits = get_logits_layer(model)
    found, constants = layers_with_biases(model, exclude=[logits])
    _, maps = full_gradients(expose(model, found, {"layer": logits, "link": "logits"}), IMAGES, biases=constants)
    np.testing.assert_allclose(maps, [twins.full_gradients(net, image) for image in IMAGES], rtol=1e-5)


def test_each_unit_has_the_map_that_it_has_alone():
    model = flatten_head()
    _, whole = full_gradients(model, IMAGES)
    _, some = full_gradients(model, IMAGES, np.array([[2, 0], [1, 1]]))
    assert whole.shape == (2, 6, 6, 3)
    for image, units in enumerate([(2, 0), (1, 1)]):
        for place, unit in enumerate(units):
            np.testing.assert_allclose(some[image, ..., place], whole[image, ..., unit], rtol=1e-12)
    assert np.abs(np.asarray(whole)[..., 0] - np.asarray(whole)[..., 1]).max() > 0.1


def test_a_map_does_not_depend_on_the_scale_of_one_channel_but_of_the_layer():
    # Rescaled per layer: a channel with a hundredth of the bias stays a hundredth.
    model = flatten_head()
    layer = model.get_layer("conv")
    layer.bias.assign([1.0, 0.0, 0.0])
    first = np.asarray(full_gradients(model, IMAGES)[1])
    layer.bias.assign([1.0, 1e-9, 0.0])
    np.testing.assert_allclose(full_gradients(model, IMAGES)[1], first, atol=1e-6)


def stopping(x):
    return ops.clip(x, 0.0, 6.0)


def apart(six):
    return lambda x: six(conv()(x))


@pytest.mark.parametrize("size", [0.1, 100.0])
def test_relu6_adds_what_any_function_that_stops_at_six_adds(size):
    found = []
    for body in (
        apart(layers.ReLU(6, **WIDE)),
        apart(layers.Activation("relu6", **WIDE)),
        apart(layers.Activation(stopping, **WIDE)),
        conv(activation="relu6"),
        conv(activation=stopping),
    ):
        model = network(body, head=layers.Flatten)
        terms = list(full_gradient_terms(model, size * IMAGES)[1].values())
        found.append((terms, full_gradients(model, size * IMAGES)[1]))
        assert np.any(terms[2]) == (size > 1)
    for terms, maps in found:
        np.testing.assert_allclose(maps, found[2][1], rtol=1e-12)
        for term, expected in zip(terms, found[2][0]):
            np.testing.assert_allclose(term, expected, rtol=1e-12, atol=1e-12)


def test_dense_biases_are_counted_apart():
    model = network(lambda x: conv(activation="relu")(x), head=layers.Flatten)
    _, maps = full_gradients(model, IMAGES)
    _, terms = full_gradient_terms(model, IMAGES)
    np.testing.assert_allclose(terms["logits"], [np.diag(np.asarray(model.get_layer("logits").bias))] * 2, atol=1e-15)
    without = layers_with_biases(model, exclude=[model.get_layer("logits")], return_biases=False)
    np.testing.assert_array_equal(full_gradients(expose(model, without), IMAGES)[1], maps)


def test_biases_given_read_or_found_are_the_same():
    model = network(lambda x: layers.BatchNormalization(**WIDE)(conv(activation="gelu")(x)))
    found, constants = layers_with_biases(model)
    _, expected = full_gradients(model, IMAGES)
    np.testing.assert_array_equal(full_gradients(expose(model, found), IMAGES)[1], expected)
    np.testing.assert_array_equal(full_gradients(expose(model, found), IMAGES, biases=constants)[1], expected)


def test_a_manual_model_is_taken_as_it_is():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    before = conv()(inputs)
    x = layers.GlobalAveragePooling2D(**WIDE)(layers.ReLU(**WIDE)(before))
    model = randomize(keras.Model(inputs, layers.Dense(3, name="logits", **WIDE)(x)))
    manual = keras.Model(inputs, [model.output, before])
    _, maps = full_gradients(manual, IMAGES, biases=[model.get_layer("conv").bias])
    np.testing.assert_allclose(maps, full_gradients(model, IMAGES)[1], rtol=1e-12)


def test_full_gradients_are_compiled_with_two_counts_of_units():
    model = network(lambda x: layers.LayerNormalization(**WIDE)(conv(activation="silu")(x)))
    compiled = tf.function(full_gradients, reduce_retracing=True, autograph=False)
    for units in (1, 2, 3):
        indices = np.arange(2 * units).reshape(2, units) % 3
        np.testing.assert_allclose(
            compiled(model, IMAGES, indices)[1], full_gradients(model, IMAGES, indices)[1], rtol=1e-6, atol=1e-9
        )


def interpolated(values, length):
    """Linear interpolation between the centers of equal pieces, along the first axis."""
    before = (np.arange(len(values)) + 0.5) / len(values)
    flat = values.reshape(len(values), -1)
    after = (np.arange(length) + 0.5) / length
    return np.stack([np.interp(after, before, each) for each in flat.T], -1).reshape(length, *values.shape[1:])


def by_hand(terms, size, layout=lambda term: term):
    """The formula in plain loops, for one image and unit: terms with places `(..., K)` and nothing else."""
    total = 0
    for term in terms:
        values = np.abs(layout(np.asarray(term)))
        span = values.max() - values.min()
        values = ((values - values.min()) / span if span else 0 * values).sum(-1)
        for axis, length in enumerate(size):
            values = np.moveaxis(interpolated(np.moveaxis(values, axis, 0), length), 0, axis)
        total = total + values
    return total


def of_kind(shape, *body):
    x = inputs = keras.Input(shape, dtype="float64")
    for layer in body:
        x = layer(x)
    return randomize(keras.Model(inputs, layers.Dense(3, name="logits", **WIDE)(x)))


def gelu(kind, size, **options):
    return kind(3, size, activation="gelu", **WIDE, **options)


SIGNALS = {
    "signal": ((12, 2), (-2,), (gelu(layers.Conv1D, 3), layers.MaxPooling1D(**WIDE), gelu(layers.Conv1D, 2))),
    "signal, strided": ((13, 1), (-2,), (gelu(layers.Conv1D, 4, strides=3), layers.LayerNormalization(**WIDE))),
    "signal, recurrent": ((7, 4), (-2,), (layers.LSTM(3, return_sequences=True, **WIDE),)),
    "volume": ((5, 6, 7, 2), (-4, -3, -2), (gelu(layers.Conv3D, 2), layers.UpSampling3D(2, **WIDE))),
    "volume, strided": ((6, 4, 4, 1), (-4, -3, -2), (gelu(layers.Conv3D, 3, strides=2, padding="same"),)),
    "film": ((3, 6, 6, 2), (-4, -3, -2), (layers.TimeDistributed(gelu(layers.Conv2D, 3), **WIDE), layers.ReLU(**WIDE))),
    "image": ((6, 7, 2), (-3, -2), (gelu(layers.Conv2D, 3),)),
}


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("kind", SIGNALS)
def test_signals_and_volumes_have_maps_of_their_own_size(kind, given):
    shape, axes, body = SIGNALS[kind]
    model, inputs = of_kind(shape, *body, layers.Flatten(**WIDE)), images(shape=shape)
    logits, maps = full_gradients(model, inputs, **({"spatial_axis": axes} if given else {}))
    assert maps.shape == (2, *shape[:-1], 3)
    _, terms = full_gradient_terms(model, inputs)
    placed = [term for name, term in terms.items() if not name.startswith("logits")]
    for image, unit in ((0, 0), (1, 2)):
        expected = by_hand([term[image, unit] for term in placed], shape[:-1])
        np.testing.assert_allclose(maps[image, ..., unit], expected, rtol=1e-5)


OPEN = {
    "signal": ((11, 2), layers.Conv1D, layers.GlobalAveragePooling1D),
    "image": ((7, 9, 2), layers.Conv2D, layers.GlobalAveragePooling2D),
    "volume": ((5, 6, 7, 1), layers.Conv3D, layers.GlobalAveragePooling3D),
}


@pytest.mark.parametrize("kind", OPEN)
def test_a_model_for_images_of_any_size_has_the_map_of_one_for_this_size(kind):
    shape, convolution, pooling = OPEN[kind]

    def model(shape):
        return of_kind(shape, gelu(convolution, 2, strides=2), gelu(convolution, 1), pooling(**WIDE))

    fixed, free, inputs = model(shape), model((*[None] * (len(shape) - 1), shape[-1])), images(shape=shape)
    spec = tf.TensorSpec((None, *[None] * (len(shape) - 1), shape[-1]), tf.float64)
    compiled = tf.function(lambda x: full_gradients(free, x)[1], input_signature=[spec], autograph=False)
    np.testing.assert_allclose(compiled(inputs), full_gradients(fixed, inputs)[1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("axes", [(-3, -2), (-2, -1)])
@pytest.mark.parametrize("body", ["convolutional", "dense", "two", "patches"])
def test_grey_images_without_a_channel_are_images(body, axes):
    layer = layers.Reshape((8, 6, 1), **WIDE)
    inner = {
        "convolutional": (layer, gelu(layers.Conv2D, 3)),
        "two": (layers.Rescaling(2.0, offset=-1.0, **WIDE), layer, gelu(layers.Conv2D, 3), gelu(layers.Conv2D, 2)),
        "patches": (
            layer,
            layers.Conv2D(3, 2, strides=2, **WIDE),
            layers.Reshape((12, 3), **WIDE),
            layers.Dense(3, **WIDE),
        ),
        "dense": (layers.Flatten(**WIDE), layers.Dense(4, activation="relu", **WIDE)),
    }[body]
    model, inputs = of_kind((8, 6), *inner, layers.Flatten(**WIDE)), images(shape=(8, 6))
    _, maps = full_gradients(model, inputs, spatial_axis=axes)
    assert maps.shape == (2, 8, 6, 3)
    _, terms = full_gradient_terms(model, inputs)
    placed = [
        term[0, 1][..., None] if term.ndim == 4 and term.shape[2:] == (8, 6) else term[0, 1] for term in terms.values()
    ]
    placed = [np.reshape(term, (4, 3, 3)) if term.shape == (12, 3) else np.asarray(term) for term in placed]
    # The rescaling's term has two axes, as tokens have: it is not placed.
    expected = by_hand([term for term in placed if term.ndim == 3 and (body != "two" or term is not placed[1])], (8, 6))
    np.testing.assert_allclose(maps[0, ..., 1], expected, rtol=1e-5)


def test_channels_may_come_first():
    inputs, weights = images(shape=(2, 6, 5)), np.random.default_rng(1).normal(size=(2, 6, 5))
    x = symbol = keras.Input((2, 6, 5), dtype="float64")
    x = x * 2.0 + tf.constant(weights)
    x = layers.BatchNormalization(axis=1, **WIDE)(
        layers.Permute((3, 1, 2), **WIDE)(layers.Permute((2, 3, 1), **WIDE)(x))
    )
    model = randomize(keras.Model(symbol, layers.Dense(3, name="logits", **WIDE)(layers.Flatten(**WIDE)(x))))
    _, maps = full_gradients(model, inputs, spatial_axis=(-2, -1))
    _, terms = full_gradient_terms(model, inputs)
    assert maps.shape == (2, 6, 5, 3)
    placed = [term[1, 0] for name, term in terms.items() if name != "logits"]
    expected = by_hand(placed, (6, 5), lambda term: np.moveaxis(term, 0, -1))
    np.testing.assert_allclose(maps[1, ..., 0], expected, rtol=1e-5)


@pytest.mark.parametrize("shapes", [[(5,)], [(6, 6, 2), (6, 6, 2)], [(3,), (2,)], [(4, 4, 4, 4, 1)]])
def test_inputs_without_one_image_are_refused(shapes):
    inputs = [keras.Input(shape, dtype="float64") for shape in shapes]
    flat = layers.Concatenate(**WIDE)([layers.Flatten(**WIDE)(x) for x in inputs] * 2)
    model = keras.Model(inputs, layers.Dense(3, **WIDE)(flat))
    data = [images(shape=shape) for shape in shapes]
    with pytest.raises(ValueError, match=r"`inputs` must have one image.*Received: spatial_axis=.*of them fit"):
        full_gradients(model, data if len(data) > 1 else data[0])


def test_what_has_no_places_is_passed_by():
    image, age = keras.Input((6, 6, 2), dtype="float64"), keras.Input((2,), dtype="float64")
    x = layers.Concatenate(**WIDE)(
        [layers.Flatten(**WIDE)(conv(activation="relu")(image)), layers.Dense(3, **WIDE)(age)]
    )
    model = randomize(keras.Model([age, image], layers.Dense(3, name="logits", **WIDE)(x)))
    ages = np.array([[1.0, 2.0], [0.5, -1.0]])
    _, maps = full_gradients(model, [ages, IMAGES])
    _, terms = full_gradient_terms(model, [ages, IMAGES])
    np.testing.assert_allclose(
        maps[1, ..., 0], by_hand([terms["inputs"][1][1, 0], terms["conv"][1, 0]], (6, 6)), rtol=1e-5
    )
