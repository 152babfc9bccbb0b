import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import (
    expose,
    find_layer_with,
    get_global_pooling_layer,
    get_logits_layer,
    get_nested_layer,
    output_shape,
)
from tests import models


@pytest.fixture(scope="module")
def flat():
    return models.flat()


@pytest.fixture(scope="module")
def nested():
    return models.nested()


def outputs(model, *descriptors, **options):
    return [np.asarray(x) for x in expose(model, *descriptors, **options)(models.images())]


def test_an_exposed_model_can_be_exposed_again(flat):
    np.testing.assert_array_equal(expose(expose(flat, "pool"), "conv")(models.images())[1], outputs(flat, "conv")[1])


def test_an_exposed_model_shares_all_weights_and_is_not_saved(flat, tmp_path):
    exposed = expose(flat)
    assert [id(w) for w in exposed.weights] == [id(w) for w in flat.weights]
    assert exposed.get_layer("conv") is flat.get_layer("conv")
    with pytest.raises(NotImplementedError, match=r"Save `exposed.model` instead"):
        exposed.get_config()


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


def test_what_is_no_built_keras_model_is_refused():
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model. Received: 'model'. Load it first"):
        expose("model")
    with pytest.raises(ValueError, match=r"`model` must be built.*Received: 'waiting', which is not"):
        expose(keras.Sequential([layers.Dense(2)], name="waiting"))
    with pytest.raises(ValueError, match=r"`model` must be built"):
        expose(models.Subclassed())


def test_a_search_for_nothing_or_for_what_is_not_there_is_refused(nested):
    with pytest.raises(ValueError, match=r"At least one of `name`, `properties` and `klass`"):
        find_layer_with(nested)
    with pytest.raises(ValueError, match=r"None does. Received: properties=None, klass=.*LSTM"):
        find_layer_with(nested, klass=layers.LSTM)
