import functools
import itertools

import keras
import numpy as np
import pytest

from ke_widgets import metrics
from ke_widgets.engine import compiling
from ke_widgets.inspection import expose
from ke_widgets.metrics import blur, step_by_step
from ke_widgets.targets import Region
from tests import models


def parts(metric):
    """The metric as a function that returns shares, scores and areas."""

    @functools.wraps(metric)
    def measured(*args, **own):
        return unpacked(metric(*args, **own))

    return measured


def unpacked(result):
    return *result.curve, result.values


deletion, insertion = parts(metrics.deletion), parts(metrics.insertion)


def linear(weights, bias=0.0, size=2):
    """Pixels `(size, size, 1)` -> their weighted sum, in float64; one row of weights for each unit."""
    weights = np.atleast_2d(np.asarray(weights, "float64"))
    inputs = keras.Input((size, size, 1), dtype="float64")
    flat = keras.layers.Flatten(dtype="float64")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(len(weights), dtype="float64")(flat))
    model.set_weights([weights.T, np.full(len(weights), bias)])
    return model


def square(values):
    return np.asarray(values, "float64").reshape(1, 2, 2, 1)


def small(count=3, units=2, seed=0):
    """Images, maps and units of `models.fused`."""
    rng = np.random.default_rng(seed)
    indices = np.stack([rng.permutation(models.UNITS)[:units] for _ in range(count)])
    return models.images(count), rng.normal(size=(count, models.SIZE, models.SIZE, units)), indices


def test_the_curves_of_a_linear_model_are_those_worked_out_on_paper():
    model = linear([8, 4, 2, 1], bias=1)
    shares, scores, areas = deletion(model, square([1, 1, 1, 1]), square([4, 3, 2, 1]), steps=4)
    np.testing.assert_array_equal(shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(scores, [[[16], [8], [4], [2], [1]]], rtol=1e-12)
    np.testing.assert_allclose(areas, [[(12 + 6 + 3 + 1.5) / 4]], rtol=1e-12)
    _, scores, areas = insertion(model, square([1, 1, 1, 1]), square([1, 2, 3, 4]), steps=2, baseline=0)
    np.testing.assert_allclose(scores, [[[1], [4], [16]]], rtol=1e-12)
    np.testing.assert_allclose(areas, [[(2.5 + 10) / 2]], rtol=1e-12)


@pytest.mark.parametrize(
    ("baseline", "end"),
    [
        (2, 30),
        ("mean", 15 * 2.5),
        ([[[3.0], [0.0]], [[0.0], [1.0]]], 25),
        (np.float32(0.5), 7.5),
    ],
)
def test_deletion_ends_at_the_baseline_and_insertion_starts_there(baseline, end):
    model, image, maps = linear([8, 4, 2, 1]), square([1, 2, 3, 4]), square([1, 2, 3, 4])
    np.testing.assert_allclose(deletion(model, image, maps, baseline=baseline)[1][0, [0, -1], 0], [26, end])
    np.testing.assert_allclose(insertion(model, image, maps, baseline=baseline)[1][0, [0, -1], 0], [end, 26])


def test_the_true_contributions_give_the_smallest_deletion_and_the_largest_insertion_area():
    model, image = linear([3, -1, 2, 0.5]), square([1, 2, -1, 4])
    contributions = square([3, -2, -2.1, 2])
    orders = [square(order) for order in itertools.permutations(range(4))]
    deleted = [deletion(model, image, order, steps=4)[2].item() for order in orders]
    inserted = [insertion(model, image, order, steps=4, baseline=0)[2].item() for order in orders]
    np.testing.assert_allclose(deletion(model, image, contributions, steps=4)[2], min(deleted), rtol=1e-12)
    np.testing.assert_allclose(
        insertion(model, image, contributions, steps=4, baseline=0)[2], max(inserted), rtol=1e-12
    )
    assert np.mean(deleted) > min(deleted) + 0.5
    assert np.mean(inserted) < max(inserted) - 0.5


def test_what_is_deleted_and_what_is_left_add_up_in_a_linear_model():
    rng = np.random.default_rng(0)
    model, images, maps = (
        linear(rng.normal(size=(3, 16)), 0.5, 4),
        rng.normal(size=(2, 4, 4, 1)),
        rng.normal(size=(2, 4, 4, 3)),
    )
    shares, deleted, deletions = deletion(model, images, maps, steps=5)
    _, inserted, insertions = insertion(model, images, maps, steps=5, baseline=0)
    whole = np.asarray(model(images))
    np.testing.assert_allclose(deleted + inserted, np.broadcast_to(whole[:, None] + 0.5, (2, 6, 3)), rtol=1e-12)
    np.testing.assert_allclose(deletions + insertions, whole + 0.5, rtol=1e-12)


def test_inserting_the_complement_is_deletion_read_backwards():
    images, maps, indices = small()
    _, deleted, deletions = deletion(models.fused(), images, maps, indices, steps=8, baseline="blur")
    _, inserted, insertions = insertion(models.fused(), images, -maps, indices, steps=8)
    np.testing.assert_allclose(deleted, inserted[:, ::-1], rtol=1e-5)
    np.testing.assert_allclose(deletions, insertions, rtol=1e-5)


def test_the_area_of_a_constant_score_is_that_constant():
    images, maps = np.ones((2, 4, 4, 1)), np.random.default_rng(0).normal(size=(2, 4, 4, 1))
    for steps in (1, 3, 7, 40):
        shares, scores, areas = deletion(linear(np.zeros(16), 0.7, 4), images, maps, steps=steps)
        assert (shares[0], shares[-1], scores.shape) == (0, 1, (2, steps + 1, 1))
        np.testing.assert_allclose(areas, 0.7, rtol=1e-6)


def slow(model, image, other, plane, unit, steps):
    """The curve of one map in plain loops: from `image` to `other`."""
    image, scores = image.copy(), []
    pixels = sorted(np.ndindex(plane.shape), key=lambda place: -plane[place])
    for step in range(steps + 1):
        for place in pixels[: int(step * len(pixels) / steps + 0.5)]:
            image[place] = other[place]
        scores.append(float(model(image[None])[0, unit]))
    return scores, sum((a + b) / 2 for a, b in itertools.pairwise(scores)) / steps


def test_the_curves_are_those_of_a_plain_loop():
    model, (images, maps, indices) = models.fused(), small()
    other = np.asarray(blur(images, 0.8))
    found = deletion(model, images, maps, indices, steps=4, baseline=0.25)
    brought = insertion(model, images, maps, indices, steps=4)
    for b, u in np.ndindex(indices.shape):
        scores, area = slow(model, images[b], np.full_like(images[b], 0.25), maps[b, ..., u], indices[b, u], 4)
        np.testing.assert_allclose(found[1][b, :, u], scores, rtol=1e-5)
        np.testing.assert_allclose(found[2][b, u], area, rtol=1e-5)
        scores, area = slow(model, other[b], images[b], maps[b, ..., u], indices[b, u], 4)
        np.testing.assert_allclose(brought[1][b, :, u], scores, rtol=1e-5)
        np.testing.assert_allclose(brought[2][b, u], area, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5, 16, 1000])
def test_the_batch_size_changes_nothing(batch_size):
    images, maps, indices = small()
    model = models.fused()
    for metric in (deletion, insertion):
        expected = metric(model, images, maps, indices, steps=7, batch_size=54)
        for one, other in zip(metric(model, images, maps, indices, steps=7, batch_size=batch_size), expected):
            np.testing.assert_allclose(one, other, rtol=1e-5)


def test_all_units_are_meant_where_none_are_named():
    images, maps, _ = small(2, models.UNITS)
    every = np.tile(np.arange(models.UNITS), (2, 1))
    for one, other in zip(deletion(models.fused(), images, maps), deletion(models.fused(), images, maps, every)):
        np.testing.assert_array_equal(one, other)


def test_pixels_of_equal_value_go_in_reading_order():
    model, image = linear([8, 4, 2, 1]), square([1, 1, 1, 1])
    _, constant, _ = deletion(model, image, square([5, 5, 5, 5]), steps=4)
    np.testing.assert_allclose(constant.ravel(), [15, 7, 3, 1, 0], atol=1e-12)
    _, two, _ = deletion(model, image, square([0, 0, 1, 1]).astype(bool), steps=4)
    np.testing.assert_allclose(two.ravel(), [15, 13, 12, 4, 0], atol=1e-12)


def test_a_coarse_map_is_resized_bilinearly_first():
    weights = 2.0 ** np.arange(16)
    coarse = square([0, 1, 2, 4])
    large = np.asarray(keras.ops.image.resize(coarse, (4, 4), interpolation="bilinear"))
    expected = deletion(linear(weights, 0, 4), np.ones((1, 4, 4, 1)), large, steps=16)
    found = deletion(linear(weights, 0, 4), np.ones((1, 4, 4, 1)), coarse, steps=16)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)
    assert found[1][0, 0, 0] - found[1][0, 1, 0] == 2.0**15  # the corner of the largest cell goes first


def test_the_score_is_what_the_model_gives_or_a_function_of_it():
    images, maps, indices = small()
    model = models.fused()
    probabilities = deletion(model, images, maps, indices)[1]
    logits = deletion(expose(model), images, maps, indices)[1]
    assert np.abs(probabilities - logits).max() > 0.1
    for activation in ("softmax", keras.ops.softmax):
        found = deletion(expose(model), images, maps, indices, activation=activation)[1]
        np.testing.assert_allclose(found, probabilities, rtol=1e-5)


def test_images_of_integers_are_taken_as_numbers():
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), "uint8")
    _, maps, indices = small(2)
    for metric in (deletion, insertion):
        found, expected = (metric(models.fused(), x, maps, indices)[1] for x in (images, images.astype("float32")))
        np.testing.assert_array_equal(found, expected)


def test_the_steps_grow_the_curve_from_its_start_and_end_at_the_whole():
    images, maps, indices = small()
    model = models.fused()
    whole = deletion(model, images, maps, indices, steps=7, batch_size=5)
    seen = [
        (p.done, p.total, *unpacked(p.result()))
        for p in step_by_step(metrics.deletion, model, images, maps, indices, steps=7, batch_size=5)
    ]
    assert [done for done, *_ in seen] == list(range(1, 11))
    assert {total for _, total, *_ in seen} == {10}
    for done, _, _, scores, areas in seen:
        known = np.isfinite(scores)
        assert known.sum() == min(5 * done, 48)
        assert (np.diff(known.astype(int), axis=1) <= 0).all()  # no gap
        # Two compiled functions: on some processors their last bits differ.
        np.testing.assert_allclose(scores[known], whole[1][known], rtol=1e-6)
        assert np.isfinite(areas).all() == (done == 10)
    for one, other in zip(seen[-1][2:], whole):
        np.testing.assert_allclose(one, other, rtol=1e-6)


class Counting(keras.layers.Layer):
    """Passes on what comes, and notes the shape of each trace."""

    def __init__(self):
        super().__init__()
        self.__dict__["shapes"] = []

    def call(self, inputs):
        self.shapes.append(tuple(inputs.shape))
        return inputs


def test_all_runs_in_batches_of_one_size_through_one_compiled_function():
    counting = Counting()
    body = models.fused()
    model = keras.Sequential([keras.Input(models.IMAGE), counting, body])
    counting.shapes.clear()
    images, maps, indices = small(5, 1)
    for number in range(5):
        one = slice(number, number + 1)
        deletion(model, images[one], maps[one], indices[one], batch_size=8)
        insertion(model, images[one], maps[one], indices[one], batch_size=8, activation=lambda x: x)
    assert counting.shapes == [(8, *models.IMAGE)]
    assert len(compiling._CACHE[model]) == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"inputs": np.zeros((8, 8, 3))}, r"same B, and no axis may be empty. Received: shapes \(8, 8, 3\)"),
        ({"maps": np.zeros((2, 8, 8, 2))}, r"same B.* and \(2, 8, 8, 2\)"),
        ({"maps": np.zeros((3, 8, 0, 2))}, "no axis may be empty"),
        ({"maps": np.full((3, 2, 2, 2), np.nan)}, "`maps` must be finite. Received: 24 values"),
        (
            {"y": np.zeros((3, 1), int)},
            r"`y` must name one unit .* shape \(3, 2\). Received: shape \(3, 1\)",
        ),
        ({"y": np.zeros((3, 2))}, "float64"),
        ({"y": np.full((3, 2), 3)}, "Received: units from 3 to 3"),
        ({"y": None}, "one for each of the 3. Received: y=None, and 2 maps"),
        ({"steps": 0}, "`steps` must be an integer of at least 1. Received: steps=0"),
        ({"steps": 2.5}, "Received: steps=2.5"),
        ({"batch_size": True}, "`batch_size` must be an integer of at least 1. Received: batch_size=True"),
        ({"baseline": "zeros"}, "'zero', 'black', 'mean', 'blur' or 'white'. Received: baseline='zeros'"),
        ({"baseline": np.zeros((5, 3))}, r"`baseline` must broadcast to .*\(3, 8, 8, 3\). Received: shape \(5, 3\)"),
        ({"activation": "sofmax"}, "sofmax"),
    ],
)
def test_what_does_not_fit_is_refused(change, complaint):
    images, maps, indices = small()
    options = {"inputs": images, "maps": maps, "y": indices, **change}
    for metric in (deletion, insertion):
        with pytest.raises(ValueError, match=complaint):
            metric(models.fused(), **options)


def test_models_and_metrics_that_are_none_are_refused():
    images, maps, indices = small()
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model"):
        deletion(lambda x: x, images, maps, indices)
    inputs = keras.Input(models.IMAGE)
    pictures = keras.Model(inputs, keras.layers.ReLU()(inputs))
    with pytest.raises(ValueError, match=r"one score for each unit.*\(9, 8, 8, 3\)"):
        deletion(pictures, images, maps, indices, steps=2, batch_size=9)
    with pytest.raises(
        TypeError, match=r"`metric` must be a function, such as `ke.metrics.deletion`. Received: metric=3"
    ):
        next(step_by_step(3, models.fused(), images, maps))
    with pytest.raises(TypeError, match="stepps"):
        deletion(models.fused(), images, maps, indices, stepps=3)


def test_the_score_of_a_target_is_followed_and_its_region_stays():
    """The mean logit over the pixels above 0: each pixel that goes takes its share along, and no pixel joins."""
    inputs = keras.Input((2, 2, 1), dtype="float64")
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, use_bias=False, dtype="float64")(inputs))
    model.set_weights([np.array([1.0, -1.0]).reshape(1, 1, 1, 2)])
    image, maps = square([8, 4, -2, -6]), square([4, 3, 2, 1])
    exposed = expose(model, [], target=Region(0))
    _, scores, areas = deletion(exposed, image, maps, steps=4)
    np.testing.assert_allclose(scores.ravel(), [6, 2, 0, 0, 0])
    np.testing.assert_allclose(areas, [[(6 / 2 + 2) / 4]])
    _, scores, _ = deletion(exposed, image, maps, square([0, 0, 0, 1])[..., 0], steps=4)
    np.testing.assert_allclose(scores.ravel(), [-6, -6, -6, -6, 0])
    with pytest.raises(ValueError, match="`activation` must be None for a model with a target"):
        deletion(exposed, image, maps, activation="softmax")


def test_one_of_several_inputs_is_the_image_and_the_others_stay():
    image, extra = keras.Input((2, 2, 1), name="image"), keras.Input((1,), name="extra")
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(image), extra])
    model = keras.Model({"image": image, "extra": extra}, keras.layers.Dense(1, use_bias=False)(joined))
    model.set_weights([np.array([[8.0], [4.0], [2.0], [1.0], [1.0]])])
    x = {"image": np.ones((2, 2, 2, 1)), "extra": np.array([[10.0], [20.0]])}
    maps = np.concatenate([square([4, 3, 2, 1]), square([1, 2, 3, 4])])
    for batch_size in (1, 3, 16):
        _, scores, _ = deletion(model, x, maps, steps=2, batch_size=batch_size)
        np.testing.assert_allclose(scores[..., 0], [[25, 13, 10], [35, 32, 20]])
