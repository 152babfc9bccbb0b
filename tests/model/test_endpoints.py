"""Every way to name a tensor of a model, and what is said of a name that is none."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.model.endpoints import endpoints, find_path, output_shape
from ke_widgets.model.exposed import Endpoint
from tests import models


@pytest.fixture(scope="module")
def flat():
    return models.flat()


@pytest.fixture(scope="module")
def nested():
    return models.nested()


def outputs(model, *descriptors, **options):
    return [np.asarray(x) for x in expose(model, *descriptors, **options)(models.images())]


@pytest.fixture(scope="module")
def siamese():
    return models.siamese()


@pytest.mark.parametrize(
    "arguments",
    [
        "conv",
        ("conv",),
        1,
        -4,
        ["conv"],
        {"name": "conv"},
        {"name": ("conv",)},
        {"name": "conv", "link": "output"},
        {"name": "conv", "link": "output", "node": 0},
        {"name": "pool", "link": "input"},
        {"name": "pool", "link": "input", "node": "last"},
        {"layer": 2, "link": "input"},
        Endpoint("conv"),
    ],
    ids=str,
)
def test_every_form_of_an_endpoint_gives_the_same_signal(flat, arguments):
    expected = keras.Model(flat.input, [flat.get_layer("logits").output, flat.get_layer("conv").output])
    for got, wanted in zip(outputs(flat, arguments, "logits"), expected(models.images())):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(outputs(flat)[1], outputs(flat, arguments)[1])


def test_a_layer_and_a_keras_tensor_name_their_signal(flat):
    conv = flat.get_layer("conv")
    for arguments in (conv, {"layer": conv}, conv.output, {"layer": conv.output}):
        np.testing.assert_array_equal(outputs(flat, arguments)[1], outputs(flat, "conv")[1])


@pytest.mark.parametrize(
    "arguments", ["backbone/conv", ("backbone", "conv"), "backbone", {"name": ("backbone", "conv")}]
)
def test_a_nested_layer_is_named_by_its_path(nested, arguments):
    inner = nested.get_layer("backbone")(models.images())
    np.testing.assert_allclose(outputs(nested, arguments)[1], inner, rtol=1e-6)


def test_a_nested_models_own_keras_tensor_names_its_inner_layer(nested):
    assert endpoints(nested, [nested.get_layer("backbone").output]) == [Endpoint("backbone/conv")]


def test_an_input_is_named_as_a_signal(flat, nested):
    np.testing.assert_array_equal(outputs(flat, "images")[1], models.images())
    np.testing.assert_array_equal(outputs(nested, nested.get_layer("backbone").input)[1], models.images())


def test_links_are_input_output_and_the_value_before_a_fused_activation():
    model = models.fused()
    _, before, after, inside = outputs(
        model,
        [
            {"name": "logits", "link": "logits"},
            {"name": "logits"},
            {"name": "logits", "link": "input"},
        ],
    )
    kernel, bias = model.get_layer("logits").weights
    np.testing.assert_allclose(before, inside @ np.asarray(kernel) + np.asarray(bias), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after, ops.softmax(before), rtol=1e-5)


def test_a_list_of_endpoints_gives_a_signal_each(flat):
    logits, first, second = outputs(flat, ["conv", {"name": "conv", "link": "input"}])
    assert first.shape == (4, 6, 6, 4)
    np.testing.assert_array_equal(second, models.images())


def test_every_call_of_a_shared_layer_has_a_number(siamese):
    left, right = models.images(2), models.images(2, seed=1)
    encoder = siamese.get_layer("encoder").get_layer("conv")
    for node, x in [(0, left), (1, right), ("last", right)]:
        _, signal = expose(siamese, {"name": "encoder/conv", "node": node})([left, right])
        np.testing.assert_allclose(signal, encoder(x), rtol=1e-6)
    _, both = expose(siamese, {"name": "encoder/conv", "node": "all"})([left, right])
    np.testing.assert_allclose(both[0], encoder(left), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ("convv", ValueError, r"`layer` must name a layer of 'nested'. Received: 'convv'. Nearest: .*'backbone/conv'"),
        ("conv", ValueError, r"Received: 'conv'. Nearest: 'backbone/conv'"),
        (("backbone", "pool"), ValueError, r"Received: 'backbone/pool'. Nearest: "),
        (9, ValueError, r"A layer's index must count one of the 5 layers of 'nested'. Received: 9"),
        (1.5, TypeError, r"An endpoint must be a layer's index, name, path.* Received: 1.5\."),
        ({"name": "pool", "link": "inputs"}, ValueError, r"`link` must be one of \('output', 'input', 'logits'\)"),
        ({"name": "pool", "node": "first"}, ValueError, r"`node` must be 'last' or a call's number"),
        ({"name": "pool", "node": -1}, ValueError, r"`node` must be 'last' or a call's number"),
        ({"name": "pool", "node": 3}, ValueError, r"`node` must be 'last' or count one of the layer's 1 calls, from 0"),
        ({"link": "input"}, ValueError, r"An endpoint must have either `name` or `layer`"),
        ({"name": "pool", "layer": 1}, ValueError, r"An endpoint must have either `name` or `layer`"),
        ({"name": "pool", "nod": 1}, ValueError, r"An endpoint must have either `name` or `layer`.*'nod': 1"),
        (layers.Dense(2, name="stranger"), ValueError, r"must be part of 'nested'. Received: .*stranger"),
        (keras.Input((2,)), ValueError, r"An endpoint's tensor must belong to 'nested'"),
    ],
)
def test_what_names_no_signal_is_refused(nested, arguments, kind, message):
    with pytest.raises(kind, match=message):
        expose(nested, arguments)


def test_a_tensor_of_a_shared_layer_is_the_call_that_made_it():
    inputs = keras.Input(models.IMAGE)
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    first = shared(inputs)
    second = shared(first)
    model = keras.Model(inputs, layers.Flatten()(second))
    assert endpoints(model, [first, second]) == [Endpoint("shared", node=0), Endpoint("shared", node=1)]


def test_of_several_tensors_that_a_layer_gives_each_has_its_index():
    inputs = keras.Input((5, 3))
    sequence, hidden, memory = layers.LSTM(4, return_sequences=True, return_state=True, name="loop")(inputs)
    model = keras.Model(inputs, [sequence, hidden, memory])
    expected = [Endpoint("loop", index=2), Endpoint("loop"), Endpoint("loop", index=1)]
    assert endpoints(model, [memory, sequence, hidden]) == expected


def test_an_input_is_what_goes_into_the_model_around_it(nested):
    model = models.multi_input()
    extra, image = (Endpoint("", link="input", index=n) for n in (0, 1))  # Keras sorts the keys of a dict.
    assert endpoints(model, ["image", "extra"]) == [image, extra]
    assert endpoints(model, model.inputs) == [extra, image]
    inner = nested.get_layer("backbone").layers[0]
    assert endpoints(nested, [inner]) == [Endpoint("backbone", link="input", index=0)]


def test_the_model_itself_is_the_empty_path(nested):
    assert endpoints(nested, [nested]) == [Endpoint("")]


def test_a_path_is_found_and_of_a_wrong_one_the_nearest_are_named(nested):
    assert find_path(nested, "backbone/conv") is nested.get_layer("backbone").get_layer("conv")
    with pytest.raises(ValueError, match=r"Received: 'Backbone/Conv'. Nearest: 'backbone/conv'"):
        find_path(nested, "Backbone/Conv")
    with pytest.raises(ValueError, match=r"Received: 'xyz'. Nearest: 'pool', 'logits', 'predictions'\."):
        find_path(nested, "xyz")


def test_a_shape_is_that_of_the_last_call_where_there_is_one(nested):
    assert output_shape(nested.get_layer("backbone").get_layer("conv")) == (None, 6, 6, 4)
    conv = layers.Conv2D(4, 3)
    assert output_shape(conv) is None
    conv(keras.Input((8, 8, 3)))
    conv(keras.Input((5, 4, 3)))
    assert output_shape(conv) == (None, 3, 2, 4)
    loop = layers.LSTM(4, return_state=True)
    loop(keras.Input((5, 3)))
    assert output_shape(loop) is None
