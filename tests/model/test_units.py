"""Units, batches and numbers that only a run can tell: gathered, or refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.model.units import (
    NOT_FINITE,
    OTHER_BATCH,
    OUT_OF_RANGE,
    check_batch,
    check_finite,
    check_scores,
    check_units,
    gather_units,
    not_finite,
)


@pytest.mark.parametrize(("axis", "batch_dims"), [(-1, -1), (1, 1), (-1, 0), (2, 1), (1, -1)])
def test_gather_units_agrees_with_tensorflow(axis, batch_dims):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 5) if axis != 2 else (2, 3, 5))
    indices = rng.integers(5, size=(2, 4))
    expected = tf.gather(scores, indices, axis=axis, batch_dims=batch_dims)
    np.testing.assert_array_equal(gather_units(scores, indices, axis, batch_dims), expected)


def compiled(function, *specs):
    return tf.function(function, autograph=False, input_signature=[tf.TensorSpec(*spec) for spec in specs])


def test_units_of_every_image_are_taken_by_hand():
    scores = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert gather_units(scores, np.array([[2, 0], [1, 1]])).numpy().tolist() == [[3, 1], [5, 5]]
    assert gather_units(scores, None) is scores
    places = np.arange(24.0).reshape(2, 2, 2, 3)  # (B, H, W, U)
    found = gather_units(places, np.array([[2], [0]])).numpy()
    assert found[..., 0].tolist() == [[[2, 5], [8, 11]], [[12, 15], [18, 21]]]


@pytest.mark.parametrize(("units", "found"), [([[0], [3]], "from 0 to 3"), ([[-1], [2]], "from -1 to 2")])
def test_units_that_are_not_there_are_refused_at_once_or_when_it_runs(units, found):
    with pytest.raises(ValueError, match=f", 3. Received: units {found}") as caught:
        gather_units(np.ones((2, 3)), np.array(units))
    assert str(caught.value).startswith(OUT_OF_RANGE)
    take = compiled(gather_units, ((None, None), "float32"), ((None, 1), "int32"))
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        take(np.ones((2, 3), "float32"), np.array(units, "int32"))
    assert OUT_OF_RANGE in str(raised.value)
    assert take(np.array([[1, 2, 3]], "float32"), np.array([[2]], "int32")).numpy().tolist() == [[3]]


def test_no_units_at_all_are_in_any_range():
    empty = np.zeros((0, 2), "int32")
    assert check_units(empty, 3) is empty


def test_scores_with_places_are_refused_with_the_target_to_take():
    model = SimpleNamespace(name="mask")
    check_scores(np.ones((2, 3)), model)
    with pytest.raises(ValueError, match=r"Received: 'mask', whose scores have the shape \(2, 4, 4, 3\)") as caught:
        check_scores(np.ones((2, 4, 4, 3)), model)
    assert "`target=ke.targets.Region(channel)`" in str(caught.value)
    with pytest.raises(ValueError, match=r"the shape \(2,\)") as caught:
        check_scores(np.ones(2), model)
    assert "keras.ops.reshape(model.output, (-1, 1))" in str(caught.value)


def test_a_signal_with_more_entries_than_images_is_refused_at_once_or_when_it_runs():
    signal, logits = tf.ones((8, 2, 2, 3)), tf.ones((2, 3))
    assert check_batch(logits, logits, "pool") is logits
    with pytest.raises(ValueError, match=f"{OTHER_BATCH}. Received: pool, with 8 for 2 images."):
        check_batch(signal, logits, "pool")
    check = compiled(
        lambda signal, logits: check_batch(signal, logits, "pool"), ((None, 2, 2, 3), "float32"), ((None, 3), "float32")
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        check(signal, logits)
    assert OTHER_BATCH in str(found.value)
    np.testing.assert_array_equal(check(signal[:2], logits), signal[:2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_images_that_are_not_finite_are_counted_at_once_or_when_it_runs(value):
    x = np.ones((4, 2, 2, 1), "float32")
    np.testing.assert_array_equal(check_finite(x), x)
    wrong = x.copy()
    wrong[1, 0, 1], wrong[3, 1, 1] = value, value
    with pytest.raises(ValueError, match=f"{NOT_FINITE}. Received: NaN or infinity in 2 images: 1, 3."):
        check_finite({"image": wrong, "number": np.arange(4)})
    check = compiled(check_finite, ((None, 2, 2, 1), "float32"))
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        check(wrong)
    assert NOT_FINITE in str(found.value)
    assert "[1 3]" in str(found.value)
    np.testing.assert_array_equal(check(x), x)


def test_of_many_images_eight_are_named():
    assert not_finite(list(range(9))).endswith("in 9 images: 0, 1, 2, 3, 4, 5, 6, 7, ....")
    assert not_finite([4, 2]).endswith("in 2 images: 4, 2.")
