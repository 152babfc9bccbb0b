import keras
import numpy as np
import pytest

from ke_widgets.inspection import expose
from ke_widgets.methods import cams, gradient, table
from ke_widgets.methods.all_layers import at_all_layers, runs_at_all_layers
from ke_widgets.methods.meta import contrast, negate, smooth
from tests.methods.fewer import fewer


def build(units=4):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3), dtype="float64")
    x = keras.layers.Conv2D(6, 3, activation="relu", name="a", dtype="float64")(inputs)
    y = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="b", dtype="float64")(x)
    x = keras.layers.Add(name="sum", dtype="float64")([x, y])
    x = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float64")(x)
    x = keras.layers.Dense(8, activation="relu", name="hidden", dtype="float64")(x)
    return keras.Model(inputs, keras.layers.Dense(units, name="logits", dtype="float64")(x))


IMAGES = np.random.default_rng(0).normal(size=(3, 12, 12, 3))
PAIRS = np.array([[0, 1], [2, 0], [3, 1]])


@pytest.mark.parametrize("method", [method for method, _ in table().values() if runs_at_all_layers(method)])
def test_a_scan_is_the_method_at_every_layer(method):
    model, layers = build(), ["a", "b", "sum"]
    logits, maps = at_all_layers(method)(expose(model, layers), IMAGES, PAIRS)
    for layer, found in zip(layers, maps):
        alone_logits, alone = method(expose(model, layer), IMAGES, PAIRS)
        np.testing.assert_allclose(logits, alone_logits, rtol=1e-12)
        np.testing.assert_allclose(found, alone, rtol=1e-10, atol=1e-14)


def test_only_methods_that_follow_from_signal_and_gradient_are_scanned():
    scanned = {name for name, (method, _) in table().items() if runs_at_all_layers(method)}
    assert scanned == {"gradcam", "gradcampp", "layercam", "hirescam", "xgradcam", "eigencam", "eigengradcam"}
    with pytest.raises(ValueError, match=r"`combine` in its Spec.* Received: scorecam"):
        at_all_layers(cams.scorecam)


def test_a_scan_takes_the_methods_own_parameters():
    exposed = expose(build(), ["a", "sum"])
    _, maps = at_all_layers(cams.layercam)(exposed, IMAGES, PAIRS, scale=2.0)
    for layer, found in zip(["a", "sum"], maps):
        _, alone = cams.layercam(expose(exposed.model, layer), IMAGES, PAIRS, scale=2.0)
        np.testing.assert_allclose(found, alone, rtol=1e-10, atol=1e-14)
    with pytest.raises(TypeError, match="scale"):
        at_all_layers(cams.gradcam)(exposed, IMAGES, PAIRS, scale=2.0)


def with_differences(model, pairs):
    """A flat twin whose units are the differences of two logits: the same model with another kernel."""
    kernel, bias = model.get_layer("logits").get_weights()
    twin = build(units=len(pairs))
    for layer in model.layers[:-1]:
        twin.get_layer(index=model.layers.index(layer)).set_weights(layer.get_weights())
    twin.get_layer("logits").set_weights(
        [
            np.stack([kernel[:, a] - kernel[:, b] for a, b in pairs], axis=1),
            np.array([bias[a] - bias[b] for a, b in pairs]),
        ]
    )
    return twin


# CAM takes no hidden layer: see below. Finer-CAM compares units by itself.
OF_SCORES_ALONE = {"scorecam": {"baseline": False}, "shapleycam": {"score": "logit"}}
OF_ANY_TARGET = [name for name in table() if name not in ("cam", "finercam")]


@pytest.mark.parametrize("name", OF_ANY_TARGET)
def test_a_contrast_is_the_map_of_a_unit_whose_logit_is_the_difference(name):
    method, spec = table()[name]
    model = build()
    twin = with_differences(model, PAIRS)
    own = fewer(method, IMAGES.shape[1:]) | OF_SCORES_ALONE.get(name, {})
    layers = {"signal": "sum", "inputs": [], "biases": []}[spec.reads]
    logits, maps = contrast(method)(expose(model, layers), IMAGES, PAIRS, **own)
    units = np.arange(3)[:, None]
    twin_logits, twin_maps = method(expose(twin, layers), IMAGES, units, **own)
    np.testing.assert_allclose(logits, twin_logits, rtol=1e-10)
    np.testing.assert_allclose(maps, twin_maps, rtol=1e-8, atol=1e-12 * np.abs(twin_maps).max())


def test_the_contrast_of_cam_is_the_difference_of_two_maps():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(5, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4),
        ]
    )
    images = IMAGES[:, :8, :8]
    logits, maps = contrast(cams.cam)(expose(model), images, PAIRS)
    both_logits, both = cams.cam(expose(model), images, PAIRS)
    np.testing.assert_allclose(maps[..., 0], both[..., 0] - both[..., 1], rtol=1e-6)
    np.testing.assert_allclose(logits[:, 0], both_logits[:, 0] - both_logits[:, 1], rtol=1e-6)


def test_the_contrast_of_a_scan_is_the_scan_of_contrasts():
    model, layers = build(), ["a", "sum"]
    _, maps = contrast(at_all_layers(cams.gradcampp))(expose(model, layers), IMAGES, PAIRS)
    for layer, found in zip(layers, maps):
        _, alone = contrast(cams.gradcampp)(expose(model, layer), IMAGES, PAIRS)
        np.testing.assert_allclose(found, alone, rtol=1e-10)


def negative_twin(model):
    """A flat twin whose logits are the negatives: the same model with another kernel."""
    kernel, bias = model.get_layer("logits").get_weights()
    twin = build(units=kernel.shape[-1])
    twin.set_weights(model.get_weights())
    twin.get_layer("logits").set_weights([-kernel, -bias])
    return twin


@pytest.mark.parametrize("name", OF_ANY_TARGET)
def test_a_negative_is_the_map_of_a_unit_whose_logit_is_the_negative(name):
    method, spec = table()[name]
    model = build()
    own = fewer(method, IMAGES.shape[1:]) | OF_SCORES_ALONE.get(name, {})
    layers = {"signal": "sum", "inputs": [], "biases": []}[spec.reads]
    units = PAIRS[:, :1]
    logits, maps = negate(method)(expose(model, layers), IMAGES, units, **own)
    twin_logits, twin_maps = method(expose(negative_twin(model), layers), IMAGES, units, **own)
    np.testing.assert_allclose(logits, twin_logits, rtol=1e-10)
    np.testing.assert_allclose(maps, twin_maps, rtol=1e-8, atol=1e-12 * np.abs(twin_maps).max())


def test_the_negative_of_a_smoothed_method_and_of_a_scan_are_those_of_the_method():
    model, units = build(), PAIRS[:, :1]
    twin, smoothed = negative_twin(model), smooth(cams.gradcampp, 4, 0.1)
    _, maps = negate(smoothed)(expose(model, "sum"), IMAGES, units)
    np.testing.assert_allclose(maps, smoothed(expose(twin, "sum"), IMAGES, units)[1], rtol=1e-8, atol=1e-12)
    _, everywhere = negate(at_all_layers(cams.gradcam))(expose(model, ["a", "sum"]), IMAGES, units)
    for layer, found in zip(["a", "sum"], everywhere):
        np.testing.assert_allclose(found, cams.gradcam(expose(twin, layer), IMAGES, units)[1], rtol=1e-8, atol=1e-12)


def test_the_negative_of_cam_is_the_negative_map():
    layers = [keras.layers.Conv2D(5, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4)]
    model, images = keras.Sequential([keras.Input((8, 8, 3)), *layers]), IMAGES[:, :8, :8]
    logits, maps = cams.cam(expose(model), images, PAIRS)
    negative_logits, negative = negate(cams.cam)(expose(model), images, PAIRS)
    np.testing.assert_array_equal(negative, -np.asarray(maps))
    np.testing.assert_array_equal(negative_logits, -np.asarray(logits))


def test_made_once_they_are_the_same_object():
    assert negate(gradient.gradients) is negate(gradient.gradients)
    assert at_all_layers(cams.gradcam) is at_all_layers(cams.gradcam)
    assert contrast(gradient.gradients) is contrast(gradient.gradients)
