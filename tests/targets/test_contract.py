"""What `ke_widgets.targets` promises of every target, whichever it is."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets import targets
from ke_widgets.targets import Region

RNG = np.random.default_rng(0)
# Outputs and `y` of two images, for each target.
GIVEN = {
    "Units": (RNG.normal(size=(2, 3)), np.array([[0, 2], [1, 1]])),
    "Contrast": (RNG.normal(size=(2, 3)), np.array([[0, 2], [1, 0]])),
    "Value": (RNG.normal(size=(2, 3)), np.array([[2], [1]])),
    "Similarity": (RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))),
    "Region": (RNG.normal(size=(2, 4, 4, 3)), RNG.random((2, 4, 4))),
    "Box": (
        {"boxes": np.tile([[[0.0, 0, 4, 4], [4, 4, 8, 8]]], (2, 1, 1)), "logits": RNG.normal(size=(2, 2, 3))},
        np.array([[0, 0, 0, 5, 5], [2, 3, 3, 8, 8]]),
    ),
}


def made(target):
    return target(1) if target is Region else target()


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.__name__)
def test_a_target_is_a_frozen_value_and_a_name_of_the_package(target):
    one, other = made(target), made(target)
    assert one == other
    assert hash(one) == hash(other)
    assert dataclasses.fields(target) is not None
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.extra = 1
    assert getattr(targets, target.__name__) is target
    assert target.reads in ("logits", "output", "outputs")


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.__name__)
def test_scores_are_rows_that_know_nothing_of_other_images_and_compile(target):
    outputs, y = GIVEN[target.__name__]
    y = made(target).prepare(y, 2)
    scores = np.asarray(made(target)(outputs, y))
    assert scores.ndim == 2
    assert len(scores) == 2
    last = tf.nest.map_structure(lambda x: x[1:], outputs)
    np.testing.assert_allclose(made(target)(last, y[1:]), scores[1:])
    compiled = tf.function(made(target), autograph=False)
    np.testing.assert_allclose(compiled(tf.nest.map_structure(tf.constant, outputs), tf.constant(y)), scores)


def test_there_is_no_other_name():
    with pytest.raises(AttributeError, match="'Unit'"):
        targets.Unit  # noqa: B018
