import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam, scorecam
from ke_widgets.methods.meta import tta
from tests.methods import twins
from tests.methods.networks import WIDE, conv, images, network, one_conv, small

IMAGES = images()


def any_size(body=None):
    return network(body or (lambda x: conv(activation="relu")(x)), shape=(None, None, 2))


def close(actual, expected, tolerance=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


@pytest.mark.parametrize("scales", [[1.0], [], ()])
def test_tta_of_nothing_is_the_method(scales):
    exposed = expose(small(), "first")
    for actual, expected in zip(tta(gradcam, scales, hflip=False)(exposed, IMAGES), gradcam(exposed, IMAGES)):
        np.testing.assert_array_equal(actual, expected)


def test_a_symmetric_image_has_a_symmetric_map():
    symmetric = IMAGES + IMAGES[:, :, ::-1]
    maps = np.asarray(tta(gradcam)(expose(small(), "first"), symmetric)[1])
    close(maps, maps[:, :, ::-1])


def test_tta_is_the_mean_of_all_passes():
    exposed = expose(any_size())
    logits, maps = tta(gradcam, scales=[2.0])(exposed, IMAGES)
    expected_logits, expected_maps = [], []
    for size in (6, 12):
        for mirror in (False, True):
            seen = np.asarray(keras.ops.image.resize(IMAGES, (size, size))).astype("float64")
            one, found = gradcam(exposed, seen[:, :, ::-1] if mirror else seen)
            found = np.asarray(found)[:, :, ::-1] if mirror else np.asarray(found)
            found = [[twins.resize(m[..., u], (4, 4)) for u in range(3)] for m in found]
            expected_logits.append(one)
            expected_maps.append(np.moveaxis(found, 1, -1))
    close(logits, expected_logits[0], 1e-6)
    close(maps, np.mean(expected_maps, axis=0), 1e-6)


def test_the_mean_of_equal_passes_is_each_of_them():
    # Divided by anything but their number, it would not be.
    model = any_size(lambda x: layers.Lambda(lambda x: 0 * x + 1, **WIDE)(conv(activation="relu")(x)))
    exposed = expose(model, next(layer for layer in model.layers if isinstance(layer, layers.Lambda)))
    logits, maps = tta(scorecam, [0.5, 2.0])(exposed, IMAGES)
    expected_logits, expected = scorecam(exposed, IMAGES)
    close(logits, expected_logits)
    close(maps, expected, 1e-6)


def test_scales_are_refused_where_the_model_takes_one_size():
    method = tta(gradcam, [0.5])
    with pytest.raises(ValueError, match=r"`scales` must be empty.*Received: scales=\(0.5,\)"):
        method(expose(one_conv()), IMAGES)


@pytest.mark.parametrize("scales", [[0], [-1.0], ["2"], [float("nan")], [True]])
def test_tta_refuses_a_wrong_scale(scales):
    with pytest.raises(ValueError, match=r"`scales` must be numbers above 0. Received"):
        tta(gradcam, scales)
