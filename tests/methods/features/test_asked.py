import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.features.asked import check_number, check_range, layout, score_each, units_of
from ke_widgets.model.exposed import Endpoint, Exposed
from tests import models


def model_of(shape, *body):
    x = inputs = keras.Input(shape)
    for layer in body or (layers.Flatten(), layers.Dense(2)):
        x = layer(x)
    return expose(keras.Model(inputs, x), [])


def test_the_image_has_the_shape_that_the_model_takes():
    assert layout(model_of((6, 5, 3)), None) == (6, 5, 3)
    assert layout(model_of((6, 5, 3)), (6, 5)) == (6, 5, 3)
    assert layout(model_of((6, 5), layers.Reshape((6, 5, 1)), layers.Flatten(), layers.Dense(2)), None) == (6, 5)
    open_sides = model_of((None, None, 1), layers.GlobalAveragePooling2D(), layers.Dense(2))
    assert layout(open_sides, None) == (224, 224, 1)
    assert layout(open_sides, 32) == (32, 32, 1)
    assert layout(open_sides, (32, 16)) == (32, 16, 1)
    assert layout(expose(models.called(models.Subclassed()), []), None) == (8, 8, 3)


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((6, 5, 3), 6, r"`size` must be that of the model's image, \(6, 5, 3\). Received: size=6."),
        ((6, 5, 3), 0, "`size` must be rows and columns, integers of at least 2. Received: size=0."),
        ((6, 5, 3), (6, 5, 3), "`size` must be rows and columns"),
        ((6, 5, 4, 3), None, r"`model` must take one image \(B, H, W, C\). Received: 'functional"),
        ((6, 5), None, r"`model` must take images \(B, H, W, C\)."),
    ],
)
def test_other_sizes_and_inputs_are_refused(shape, size, message):
    body = (layers.Conv1D(2, 3), layers.Flatten(), layers.Dense(2)) if len(shape) == 2 else ()
    with pytest.raises(ValueError, match=message):
        layout(model_of(shape, *body), size)


def test_the_score_of_a_channel_is_its_mean_over_positions():
    rng = np.random.default_rng(0)
    view = Exposed(models.flat(), [Endpoint("conv")])
    for shape, axes in (((2, 4), ()), ((2, 5, 4), (1,)), ((2, 3, 5, 4), (1, 2))):
        x = rng.normal(size=shape).astype("float32")
        np.testing.assert_allclose(score_each(view, keras.ops.convert_to_tensor(x), True), x.mean(axes), rtol=1e-5)
    inputs = keras.Input((3, 6, 5))
    first = layers.Conv2D(4, 3, data_format="channels_first", name="conv")
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(data_format="channels_first")(first(inputs)))
    x = rng.normal(size=(2, 4, 5, 6)).astype("float32")
    found = score_each(Exposed(model, [Endpoint("conv")]), keras.ops.convert_to_tensor(x), True)
    np.testing.assert_allclose(found, x.mean((2, 3)), rtol=1e-5)


def test_units_are_one_some_or_all():
    view = expose(models.flat(), [])
    for unit, expected in ((1, [1]), (np.int64(2), [2]), ([2, 0], [2, 0]), (np.array([1]), [1]), (None, [0, 1, 2])):
        np.testing.assert_array_equal(units_of(view, (8, 8, 3), unit, False), expected)
    conv = Exposed(models.flat(), [Endpoint("conv")])
    np.testing.assert_array_equal(units_of(conv, (8, 8, 3), None, True), range(4))
    for unit in (3, -1, [0, 3], [], "a", True, 1.0):
        with pytest.raises(ValueError, match="`unit` must be one of the 3 units, counted from 0, or a list of them"):
            units_of(view, (8, 8, 3), unit, False)


def test_ranges_and_numbers_are_checked():
    assert check_range((0, 255)) == (0.0, 255.0)
    for value in ((1, 0), (0, 0), 3, (0, float("inf")), (0, 1, 2), "ab"):
        with pytest.raises(ValueError, match="`value_range` must be two numbers"):
            check_range(value)
    check_number("crop", 1, 0.05, 1)
    for value in (True, "1", float("nan"), 2):
        with pytest.raises(ValueError, match=r"`crop` must be a number from 0.05 to 1. Received: crop="):
            check_number("crop", value, 0.05, 1)
