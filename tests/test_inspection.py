import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import (
    endpoints,
    expose,
    find_layer_with,
    gather_units,
    get_global_pooling_layer,
    get_logits_layer,
    get_nested_layer,
    logits_endpoint,
    output_shape,
    signal_endpoint,
)
from ke_widgets.model.exposed import Endpoint
from tests import models


@pytest.fixture(scope="module")
def flat():
    return models.flat()


@pytest.fixture(scope="module")
def nested():
    return models.nested()


@pytest.fixture(scope="module")
def siamese():
    return models.siamese()


def outputs(model, *descriptors, **options):
    return [np.asarray(x) for x in expose(model, *descriptors, **options)(models.images())]


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


def test_an_exposed_model_can_be_exposed_again(flat):
    np.testing.assert_array_equal(expose(expose(flat, "pool"), "conv")(models.images())[1], outputs(flat, "conv")[1])


def test_an_exposed_model_shares_all_weights_and_is_not_saved(flat, tmp_path):
    exposed = expose(flat)
    assert [id(w) for w in exposed.weights] == [id(w) for w in flat.weights]
    assert exposed.get_layer("conv") is flat.get_layer("conv")
    with pytest.raises(NotImplementedError, match=r"Save `exposed.model` instead"):
        exposed.get_config()


@pytest.mark.parametrize(
    ("builder", "logits", "signal"),
    [
        (models.flat, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.fused, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.nested_pooling, Endpoint("logits", link="logits"), Endpoint("backbone/pool", link="input")),
        (models.doubly_nested, Endpoint("head/logits", link="logits"), Endpoint("middle/inner/pool", link="input")),
        (models.subclassed, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.in_lists, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
        (models.over_backbone, Endpoint("head/logits", link="logits"), Endpoint("head/pool", link="input")),
        (models.over_subclassed, Endpoint("head/logits", link="logits"), Endpoint("head/pool", link="input")),
        (models.convolutional_head, Endpoint("reshape"), Endpoint("pool", link="input")),
        (models.siamese, Endpoint("logits", link="logits"), Endpoint("encoder/pool", link="input", node=1)),
        (models.attention, Endpoint("logits", link="logits"), Endpoint("pool", link="input")),
    ],
)
def test_logits_and_signal_are_found_by_walking_back(builder, logits, signal):
    model = builder()
    assert (logits_endpoint(model), signal_endpoint(model)) == (logits, signal)


def test_heads_are_chosen_by_index_or_name():
    model = models.multi_output()
    assert expose(model, head=0).endpoints == expose(model, head="logits").endpoints
    assert [str(e) for e in expose(model, head="other").endpoints] == ["other (logits)", "other_pool (input)"]


def test_an_activation_that_makes_no_probability_belongs_to_the_logits():
    model = models.fused(activation="relu")
    assert logits_endpoint(model) == Endpoint("logits")


def test_a_flatten_without_places_is_no_pooling():
    x = inputs = keras.Input(models.IMAGE)
    x = layers.GlobalMaxPooling2D(keepdims=True, name="pool")(layers.Conv2D(4, 3, name="conv")(x))
    model = keras.Model(inputs, layers.Flatten(name="flatten")(layers.Conv2D(3, 1)(x)))
    assert signal_endpoint(model) == Endpoint("pool", link="input")


def test_layers_are_found_backwards_and_forwards(nested):
    assert get_nested_layer(nested, ("backbone", "conv")).name == "conv"
    assert get_logits_layer(nested).name == "logits"
    assert get_logits_layer(models.convolutional_head()).name == "reshape"
    assert get_global_pooling_layer(nested).name == "pool"
    assert find_layer_with(nested, properties=["kernel"]).name == "logits"
    assert find_layer_with(nested, properties=["kernel"], search_reversed=False).name == "conv"
    assert find_layer_with(nested, klass=layers.Conv2D).name == "conv"
    assert find_layer_with(models.over_subclassed(), klass=layers.GlobalAveragePooling2D).name == "pool"
    assert find_layer_with(nested, name="backbone/conv").name == "conv"
    assert output_shape(nested.get_layer("pool")) == (None, 4)


def test_the_last_pooling_of_a_backbone_is_the_one_nearest_to_its_output():
    x = inputs = keras.Input(models.IMAGE)
    for name in ("first", "second"):
        y = layers.GlobalAveragePooling2D(keepdims=True, name=f"pool_{name}")(x)
        x = layers.Multiply()([layers.Conv2D(3, 3, padding="same")(x), layers.Dense(3, activation="sigmoid")(y)])
    x = layers.GlobalAveragePooling2D(name="pool_last")(x)
    inner = keras.Model(inputs, x, name="inner")
    model = keras.Sequential([keras.Input(models.IMAGE), inner, layers.Dense(2)])
    assert get_global_pooling_layer(model).name == "pool_last"


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


def test_what_is_no_built_keras_model_is_refused():
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model. Received: 'model'. Load it first"):
        expose("model")
    with pytest.raises(ValueError, match=r"`model` must be built.*Received: 'waiting', which is not"):
        expose(keras.Sequential([layers.Dense(2)], name="waiting"))
    with pytest.raises(ValueError, match=r"`model` must be built"):
        expose(models.Subclassed())


def test_a_head_must_be_chosen_where_there_are_several():
    model = models.multi_output()
    for head in (None, 2, "third", True):
        with pytest.raises(
            ValueError, match=r"`head` must choose an output of 'multi_output': one of \['logits', 'other'\]"
        ):
            expose(model, head=head)


def test_a_model_without_places_has_no_default_signal():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="table")
    with pytest.raises(ValueError, match=r"`arguments` must be given for 'table'"):
        expose(model)


def test_a_search_for_nothing_or_for_what_is_not_there_is_refused(nested):
    with pytest.raises(ValueError, match=r"At least one of `name`, `properties` and `klass`"):
        find_layer_with(nested)
    with pytest.raises(ValueError, match=r"None does. Received: properties=None, klass=.*LSTM"):
        find_layer_with(nested, klass=layers.LSTM)


@pytest.mark.parametrize(("axis", "batch_dims"), [(-1, -1), (1, 1), (-1, 0), (2, 1), (1, -1)])
def test_gather_units_agrees_with_tensorflow(axis, batch_dims):
    import tensorflow as tf

    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 5) if axis != 2 else (2, 3, 5))
    indices = rng.integers(5, size=(2, 4))
    expected = tf.gather(scores, indices, axis=axis, batch_dims=batch_dims)
    np.testing.assert_array_equal(gather_units(scores, indices, axis, batch_dims), expected)
