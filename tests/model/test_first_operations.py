"""What stands before the first weights of a model; `widget/session/test_notices.py` has it over many kinds of model."""

import keras
import pytest
from keras import layers

from ke_widgets.model.first_operations import first_operations, value_range


def network(*first):
    return keras.Sequential([keras.Input((8, 8, 3)), *first, layers.Conv2D(2, 3), layers.Rescaling(1 / 255)])


def test_the_first_operations_end_with_the_first_weights():
    model = network(
        layers.Rescaling(2.0, name="scale"), layers.Activation("relu"), layers.CenterCrop(6, 6, name="crop")
    )
    assert [each.name for each in first_operations(model)][:2] == ["scale", "crop"]
    assert isinstance(first_operations(model)[-1], layers.Conv2D)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([layers.Rescaling(1 / 255)], (0, 255)),
        ([layers.Rescaling(1 / 127.5, offset=-1)], (0, 255)),
        ([layers.Rescaling(2.0, offset=-1)], None),
        ([keras.Sequential([layers.Rescaling(1 / 255)])], (0, 255)),
        ([layers.Normalization(mean=120.0, variance=3000.0)], None),
        ([], None),
    ],
)
def test_the_range_is_known_where_the_model_rescales_images_of_8_bits(first, expected):
    assert value_range(network(*first)) == expected


def test_the_range_is_that_of_the_image_among_several_inputs():
    table, image = keras.Input((4,), name="table"), keras.Input((8, 8, 3), name="image")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    model = keras.Model([table, image], layers.Dense(2)(layers.Concatenate()([table, x])))
    assert value_range(model, 1) == (0, 255)
    assert value_range(model, 0) is None
