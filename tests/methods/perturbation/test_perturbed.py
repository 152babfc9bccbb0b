import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.engine.evaluations import known
from ke_widgets.inspection import expose
from ke_widgets.methods.perturbation import occlusion
from ke_widgets.methods.perturbation.perturbed import Perturbed, begin, begin_maps, masked, plus, weighted_masks
from tests.methods.networks import small

AXES = {"indices_axis": -1, "indices_batch_dims": -1, "spatial_axis": (-3, -2)}
WHERE = {"spatial_axis": (-3, -2), "image_input": None}


def test_a_mask_shows_the_image_where_it_is_1_and_the_baseline_where_it_is_0():
    model = keras.Sequential([keras.Input((1, 3, 1)), layers.Flatten()])
    image = np.array([[[[1.0], [2.0], [3.0]]], [[[4.0], [5.0], [6.0]]]], "float32")
    state = Perturbed(image, image, np.full_like(image, 9), None)
    for_all = masked(model, state, np.array([[[0, 1, 0.5]]]), **WHERE)
    np.testing.assert_allclose(np.squeeze(for_all), [[9, 2, 6], [9, 5, 7.5]])
    for_each = masked(model, state, np.array([[[[0, 1, 0.5]], [[1, 1, 0]]]]), **WHERE)
    np.testing.assert_allclose(np.squeeze(for_each), [[9, 2, 6], [4, 5, 9]])


def test_it_begins_with_the_logits_of_the_image():
    model, image = expose(small(), []), np.ones((2, 6, 6, 2))
    logits, state, sums = begin(model, image, np.array([[2], [0]]), **AXES, baseline=0.5, image_input=None)
    assert sums is None
    every = np.asarray(model(image)[0])
    np.testing.assert_allclose(np.squeeze(logits), [every[0, 2], every[1, 0]])
    assert state.sizes == state.known_sizes("a method") == (6, 6)
    np.testing.assert_allclose(state.baseline, np.full(image.shape, 0.5))
    np.testing.assert_array_equal(state.logits, logits)


def test_baselines_of_each_image_are_refused_in_a_loop_over_batches():
    """The second batch would be explained with the baselines of the first, without a word."""
    model, image = expose(small(), []), np.ones((4, 6, 6, 2))
    each = np.arange(2.0).reshape(2, 1, 1, 1) * np.ones((2, 6, 6, 2))
    with pytest.raises(
        ValueError, match=r"`baseline` must be one for all images.*\(2, 6, 6, 2\), for images \(None, 6"
    ):
        ke.explain(occlusion, model, image, 0, batch_size=2, baseline=each, window=3, verbose=0)
    _, state, _ = begin(model, image[:2], None, **AXES, baseline=each, image_input=None)
    np.testing.assert_array_equal(state.baseline, each)
    _, maps = ke.explain(occlusion, model, image, 0, batch_size=2, baseline=2 * each[1:], window=3, verbose=0)
    expected = occlusion(model, image, np.array([0]), baseline=2.0, window=3)[1]
    np.testing.assert_allclose(maps, expected, rtol=1e-6, atol=1e-9)


def test_maps_of_zeros_have_a_place_for_each_pixel_and_explained_unit():
    image = np.ones((2, 6, 6, 2))
    _, _, maps = begin_maps(expose(small(), []), image, np.array([[2], [0]]), **AXES, baseline=0.5, image_input=None)
    np.testing.assert_array_equal(maps, np.zeros((2, 6, 6, 1)))


def test_masks_are_summed_by_their_values():
    rng = np.random.default_rng(0)
    for sizes in ((5,), (3, 4), (2, 3, 4)):
        masks, values = rng.normal(size=(7, *sizes)), rng.normal(size=(7, 2, 3))
        expected = np.einsum("s...,sbu->b...u", masks, values)
        np.testing.assert_allclose(weighted_masks(masks, values), expected, rtol=1e-12)


def test_sums_are_added_leaf_by_leaf():
    assert plus(None, (1.0, 2.0)) == (1.0, 2.0)
    found = plus((1.0, np.array([1.0, 2.0])), (10.0, np.array([3.0, 4.0])))
    assert float(found[0]) == 11
    np.testing.assert_array_equal(found[1], [4, 6])


@pytest.mark.parametrize("name", ["occlusion", "rise", "lime", "kernel_shap", "sobol", "hsic"])
def test_no_number_of_samples_compiles_the_beginning_again(name):
    """A slider over it would wait for the model to be traced."""
    method, _ = ke.methods.table()[name]
    found = set(known(method.evaluations.begin, ke.methods.defaults(method)))
    assert found <= {"baseline", "image_input", "segments", "grid"}
