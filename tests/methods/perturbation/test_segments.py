import sys
import types

import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods.perturbation import kernel_shap, superpixels
from ke_widgets.methods.perturbation.segments import begin_segments, cells, shown, spread
from tests.methods.networks import images, small

AXES = {"indices_axis": -1, "indices_batch_dims": -1, "spatial_axis": (-3, -2)}
OWN = {**AXES, "baseline": 0.0, "image_input": None}
IMAGES = images()


def begun(segments, grid=3):
    return begin_segments(expose(small(), []), IMAGES, None, **OWN, segments=segments, grid=grid)[1]


def test_cells_differ_by_a_pixel_at_most():
    np.testing.assert_array_equal(cells((5,), 2), [[0, 0, 0, 1, 1]])
    np.testing.assert_array_equal(cells((2, 4), 2), [[[0, 0, 1, 1], [2, 2, 3, 3]]])
    assert cells((7, 9, 11), 3).max() == 26


def test_an_image_smaller_than_the_grid_has_a_cell_for_each_pixel():
    np.testing.assert_array_equal(cells((2, 3), 16), [[[0, 1, 2], [3, 4, 5]]])


def test_labels_of_any_integers_are_numbered_in_each_image():
    labels = np.full((2, 6, 6), 7)
    labels[0, :3], labels[1, 2:4], labels[1, 5] = -1, 9, 100
    state = begun(labels)
    assert state.number == 3
    np.testing.assert_array_equal(state.present, [[1, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(state.labels[0, :, 0], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(state.labels[1, :, 0], [0, 0, 1, 1, 0, 2])


@pytest.mark.parametrize("each", [False, True])
def test_values_of_segments_are_shown_and_spread_over_their_pixels(each):
    labels = np.random.default_rng(0).integers(0, 4, size=(2, 6, 6))
    labels = labels if each else labels[0]
    state = begun(labels)
    values = np.random.default_rng(1).normal(size=(3, 4))
    masks = np.asarray(shown(state, values))
    assert masks.shape == (3, 2 if each else 1, 6, 6)
    np.testing.assert_array_equal(masks, values[:, labels].reshape(masks.shape))
    values = np.random.default_rng(1).normal(size=(2, 4, 3))
    maps = np.asarray(spread(state, values))
    for image in range(2):
        np.testing.assert_array_equal(maps[image], values[image][labels[image] if each else labels])


@pytest.mark.parametrize(
    ("segments", "received"),
    [
        (np.zeros((5, 6), int), r"\(5, 6\) and dtype int64"),
        (np.zeros((6, 6)), r"\(6, 6\) and dtype float64"),
        (np.zeros((6, 6, 2, 2), int), r"\(6, 6, 2, 2\)"),
    ],
)
def test_segments_that_do_not_fit_are_refused(segments, received):
    with pytest.raises(
        ValueError, match=r"`segments` must be integers of the size of the image, \(6, 6\).*" + received
    ):
        begun(segments)


def test_segments_of_each_image_are_refused_for_other_batches():
    """In a loop, the second batch would be explained with the segments of the first, without a word."""
    with pytest.raises(ValueError, match=r"one for each image of a single batch.*2 images"):
        begun(np.zeros((3, 6, 6), int))
    with pytest.raises(ValueError, match="batches of any number of images"):
        ke.explain(kernel_shap, small(), IMAGES, 0, segments=np.zeros((2, 6, 6), int), verbose=0)
    own = {"segments": np.arange(36).reshape(6, 6) // 9, "verbose": 0, "resizing": False}
    _, one = ke.explain(kernel_shap, small(), IMAGES, 0, **own)
    _, other = ke.explain(kernel_shap, small(), IMAGES, 0, batch_size=1, **own)
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_baseline_of_the_size_of_the_image_travels_through_the_loop():
    baseline = np.random.default_rng(3).normal(size=(6, 6, 2))
    own = {"grid": 2, "baseline": baseline}
    _, found = ke.explain(kernel_shap, expose(small(), []), IMAGES, 0, batch_size=1, verbose=0, resizing=False, **own)
    _, expected = kernel_shap(expose(small(), []), IMAGES, np.zeros((2, 1), int), **own)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_superpixels_pass_images_of_any_range_one_by_one_to_slic(monkeypatch):
    asked = []

    def slic(image, count, **own):
        asked.append((image, count, own))
        return np.full(image.shape[:2], len(asked))

    package, module = types.ModuleType("skimage"), types.ModuleType("skimage.segmentation")
    module.slic = slic
    monkeypatch.setitem(sys.modules, "skimage", package)
    monkeypatch.setitem(sys.modules, "skimage.segmentation", module)
    pixels = np.stack([np.linspace(-3, 5, 48).reshape(4, 4, 3), np.full((4, 4, 3), 255.0)])
    found = superpixels(pixels, 7)
    np.testing.assert_array_equal(found[:, 0, 0], [1, 2])
    for image, count, own in asked:
        assert count == 7
        assert own == {"compactness": 10.0, "start_label": 0, "channel_axis": -1}
        assert image.min() == 0
    assert [image.max() for image, _, _ in asked] == [1, 0]
    superpixels(pixels[..., 0], 3)
    assert asked[-1][2]["channel_axis"] is None


def test_without_scikit_image_one_sentence_says_what_else_fits(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)  # An import raises ImportError.
    with pytest.raises(ImportError, match=r"`superpixels` needs scikit-image: pip install scikit-image. Or give any"):
        superpixels(IMAGES)


def test_real_superpixels_follow_edges():
    pytest.importorskip("skimage")
    image = np.zeros((1, 20, 20, 3))
    image[:, :, 9:] = 1
    labels = superpixels(image, 4)[0]
    assert not set(labels[:, :9].ravel()) & set(labels[:, 9:].ravel())


def test_a_model_of_signals_takes_segments_in_time():
    pooling = layers.AveragePooling1D(1)  # Which says that it is a signal.
    model = keras.Sequential([keras.Input((6, 1)), pooling, layers.Flatten(), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [2.0], [4.0], [8.0], [16.0], [32.0]])])
    _, maps = kernel_shap(expose(model, []), np.ones((1, 6, 1)), segments=np.array([0, 0, 5, 5, 5, 2]))
    np.testing.assert_allclose(np.ravel(maps), [3, 3, 28, 28, 28, 32], rtol=1e-6)
