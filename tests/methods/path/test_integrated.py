import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.engine.baselines import baseline_of
from ke_widgets.inspection import expose
from ke_widgets.methods.path import integrated_gradients
from tests.methods.networks import images, small

IMAGES = images()


def test_the_map_of_a_linear_model_is_the_weighted_difference_for_any_number_of_steps():
    model = keras.Sequential([keras.Input((2, 2, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [2.0], [4.0], [8.0]])])
    image = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 2, 2, 1)
    for steps in (1, 3):
        logits, maps = integrated_gradients(expose(model, []), image, steps=steps, baseline=0.5)
        np.testing.assert_allclose(logits, [[1 + 4 + 12 + 32]])
        np.testing.assert_allclose(maps[0, ..., 0], [[0.5, 3], [10, 28]], rtol=1e-6)


@pytest.mark.parametrize("baseline", [0.0, "mean", "blur"])
def test_the_sum_tends_to_the_difference_of_the_logits(baseline):
    model = expose(small(), [])
    start = np.asarray(model(baseline_of(keras.ops.convert_to_tensor(IMAGES), baseline))[0])
    residuals = []
    for steps in (4, 64, 1024):
        logits, maps = integrated_gradients(model, IMAGES, steps=steps, baseline=baseline)
        residuals.append(np.abs(np.sum(maps, axis=(1, 2)) - (np.asarray(logits) - start)).max())
    # The gradient of a network of ReLUs jumps, so the error falls with the number of steps, not with its square.
    assert residuals[2] < residuals[0] / 50
    assert residuals[2] < 5e-4
