import keras
import numpy as np
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.perturbation import occlusion
from tests.methods.networks import images, small


def test_the_map_of_a_linear_model_is_the_mean_of_what_the_windows_hide():
    model = keras.Sequential([keras.Input((1, 3, 1)), layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [2.0], [4.0]])])
    logits, maps = occlusion(expose(model, []), np.ones((1, 1, 3, 1)), window=2, stride=1)
    np.testing.assert_allclose(logits, [[7]])
    np.testing.assert_allclose(np.ravel(maps), [3, (3 + 6) / 2, 6])


def test_it_is_the_plain_loop_for_every_batch_size():
    model, image = expose(small(), []), images()[:1]
    score = np.asarray(model(image)[0])
    expected, counts = np.zeros((6, 6, score.shape[-1])), np.zeros((6, 6, 1))
    for top in (0, 2, 3):
        for left in (0, 2, 3):
            covered = image.copy()
            covered[:, top : top + 3, left : left + 3] = 0.5
            expected[top : top + 3, left : left + 3] += (score - np.asarray(model(covered)[0]))[0]
            counts[top : top + 3, left : left + 3] += 1
    for batch_size in (1, 2, 4, 9):
        _, maps = occlusion(model, image, window=3, stride=2, baseline=0.5, batch_size=batch_size)
        np.testing.assert_allclose(maps[0], expected / counts, rtol=1e-6, atol=1e-9)
