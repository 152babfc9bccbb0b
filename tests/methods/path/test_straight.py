"""What all methods on the straight way share."""

import numpy as np
import pytest
from keras import ops

from ke_widgets.inspection import expose
from ke_widgets.methods.path import straight
from tests.methods.networks import images, small

IMAGES = images()
AXES = {"indices_axis": -1, "indices_batch_dims": -1, "spatial_axis": (-3, -2), "image_input": None}


def test_the_points_lie_on_the_way_from_their_baselines():
    points = np.array([1, 0]), np.array([0.25, 1.0]), np.array([0.5, 0.5])
    model = expose(small(), [])
    logits, way, sums = straight.begin(model, IMAGES, None, ["zero", 2.0], points, **AXES)
    np.testing.assert_allclose(logits, model(IMAGES)[0], rtol=1e-12)
    assert (straight.count(way), sums) == (2, None)
    found = straight.draw(model, way, ops.arange(2), spatial_axis=(-3, -2), image_input=None)
    np.testing.assert_allclose(found, np.concatenate([2 + 0.25 * (IMAGES - 2), IMAGES]), rtol=1e-12)


def test_the_gradients_are_weighted_and_multiplied_by_the_whole_way():
    points = np.array([1, 0]), np.array([0.25, 1.0]), np.array([0.2, 0.8])
    _, way, _ = straight.begin(expose(small(), []), IMAGES, None, ["zero", 2.0], points, **AXES)
    gradients = np.random.default_rng(0).normal(size=(2, 2, 3, 6, 6, 2))
    first = np.einsum("b...c,bu...c->b...u", 0.2 * (IMAGES - 2), gradients[0])
    second = np.einsum("b...c,bu...c->b...u", 0.8 * IMAGES, gradients[1])
    sums = straight.add(way, None, ops.convert_to_tensor(gradients), ops.arange(2), np.array([True, True]))
    np.testing.assert_allclose(sums, first + second, rtol=1e-12)
    # What a last step repeats does not count; a sum over a part of the points is one over their weights.
    once = straight.add(way, None, ops.convert_to_tensor(gradients), ops.arange(2), np.array([True, False]))
    np.testing.assert_allclose(straight.end(way, once, 1), first / 0.2, rtol=1e-12)
    np.testing.assert_allclose(straight.end(way, sums, 2), first + second, rtol=1e-12)


def test_a_list_names_several_baselines_and_an_array_is_one():
    assert straight.several("mean") == ("mean",)
    assert straight.several(["mean", 0.0]) == ("mean", 0.0)
    assert straight.several((0.0, 1.0), channels=3) == (0.0, 1.0)
    colour = np.zeros(3)
    assert straight.several(colour, channels=3) == (colour,)
    with pytest.raises(ValueError, match=r"3 numbers may be both"):
        straight.several([0.0, 0.5, 1.0], channels=3)


def test_the_score_of_several_baselines_is_their_mean():
    model = expose(small(), [])
    expected = [np.asarray(model(np.full_like(IMAGES, value))[0]) for value in (0.0, 1.0, 0.5)]
    found = straight.mean_score(model, IMAGES, baseline=["zero", 1.0, 0.5])
    np.testing.assert_allclose(found, np.mean(expected, axis=0), rtol=1e-12)
    units = np.array([[2], [0]])
    found = straight.mean_score(model, IMAGES, units, baseline=1.0)
    np.testing.assert_allclose(found, np.take_along_axis(expected[1], units, 1), rtol=1e-12)
    assert straight.channels_of(model, IMAGES, None, (-3, -2)) == 2
