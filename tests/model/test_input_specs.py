"""What a model takes, and the sizes that a model of any size is tried at."""

import keras
import pytest
from keras import layers, ops

from ke_widgets.model.locate import default_layer, spatial_signals


class Doubling(layers.Layer):
    """As in networks that upsample to a size that they compute: it needs to know the sides."""

    def compute_output_shape(self, shape):
        return (shape[0], None, None, shape[3])

    def call(self, x):
        factor = 2 * int(x.shape[1]) // int(x.shape[1]) if x.shape[1] is not None else int(ops.shape(x)[1] and 0)
        return layers.UpSampling2D(factor)(x)


@pytest.mark.parametrize("shape", [(None, None, 3), (None, 16, 3), (16, None, 3)], ids=str)
def test_a_model_of_any_size_that_runs_at_known_sides_only_is_looked_through(shape):
    inputs = keras.Input(shape)
    x = Doubling(name="up")(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, ops.mean(layers.Conv2D(3, 1, name="last")(x), (1, 2)))
    assert default_layer(model) == "last"
    assert spatial_signals(model) == dict.fromkeys(("conv", "up"), (None, None, None, 4)) | {
        "last": (None, None, None, 3)
    }
