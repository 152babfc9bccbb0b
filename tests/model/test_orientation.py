"""The axes that are followed are those that the numbers follow."""

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.model.axes import BATCH, MIXED, PLACES, Axes
from ke_widgets.model.orientation import follow

SHAPE = (7, 4, 6, 8)  # images, rows, columns, channels


def swap(x, rng):
    return tf.transpose(x, rng.permutation(len(x.shape)))


def regroup(x, rng):
    """Split each axis that can be, or join two neighbours."""
    sides = [int(side) for side in x.shape]
    if rng.random() < 0.5 and len(sides) > 2:
        at = rng.integers(1, len(sides) - 1)
        return tf.reshape(x, [*sides[:at], sides[at] * sides[at + 1], *sides[at + 2 :]])
    at = rng.integers(1, len(sides))
    halves = [2, sides[at] // 2] if sides[at] % 2 == 0 and rng.random() < 0.5 else [sides[at] // 2, 2]
    return tf.reshape(x, [*sides[:at], *halves, *sides[at + 1 :]]) if sides[at] % 2 == 0 else x


def anew(x, rng):
    """Give it the shape that it had, whatever lies where."""
    return tf.reshape(x, SHAPE)


def fold(x, rng):
    return tf.reshape(x, (-1, *x.shape[2:])) if len(x.shape) > 3 else x


def elementwise(x, rng):
    return tf.tanh(x) * 2.0 + 1.0


def with_one_more(x, rng):
    return tf.squeeze(tf.expand_dims(x, 2), 2)


STEPS = (swap, regroup, anew, elementwise, with_one_more)


def chain(seed):
    """Give a function that applies some steps, the last of which gives an image's shape again."""
    return lambda x: _applied(x, np.random.default_rng(seed))


def _applied(x, rng):
    for _ in range(rng.integers(1, 5)):
        x = STEPS[rng.integers(len(STEPS))](x, rng)
    return tf.reshape(x, SHAPE) if int(np.prod(x.shape)) == np.prod(SHAPE) else x


def axes_of(function):
    graph = tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec(SHAPE, tf.float64)).graph
    axes = Axes()
    known = {id(graph.inputs[0]): axes.source(SHAPE, (BATCH, *PLACES[1:], None))}
    follow(graph.get_operations(), known, axes)
    return known.get(id(graph.outputs[0])) or known[id(graph.outputs[0].op.inputs[0])]


def name(axis):
    return axis[0].name if len(axis) == 1 and axis[0].covers else None


@pytest.mark.parametrize("seed", range(60))
def test_an_axis_is_the_images_where_its_numbers_are(seed):
    function = chain(seed)
    found = [name(axis) for axis in axes_of(function)]
    for at, place in enumerate((BATCH, *PLACES[1:])):
        # Each value tells where it stood; what is elementwise leaves them in order.
        where = np.arange(SHAPE[at]).reshape([-1 if axis == at else 1 for axis in range(4)])
        values = np.asarray(function(tf.constant(np.broadcast_to(where / 10, SHAPE).astype("float64"))))
        inside = np.moveaxis(values, at, 0)
        straight = bool(
            (np.diff(inside, axis=0) > 1e-9).all() and np.ptp(inside.reshape(SHAPE[at], -1), axis=1).max() < 1e-9
        )
        # Where pieces did not fit, an axis that came out right by chance is given up.
        assert (found[at] == place) == straight or (found[at] == MIXED and straight), (found, at)


def test_a_shift_is_undone_by_the_opposite_one_alone():
    for back, expected in ((-3, "rows"), (3, None), (1, "rows"), (-2, None)):
        found = axes_of(lambda x, back=back: tf.roll(tf.roll(x, 3, 1), back, 1))
        assert (name(found[1]) == "rows") is (expected == "rows")


def test_tokens_that_are_put_before_others_are_taken_off_again():
    def function(x):
        tokens = tf.reshape(x, (7, 24, 8))
        more = tf.concat([tf.zeros((7, 3, 8), x.dtype), tokens], 1)
        return tf.reshape(more[:, 3:], SHAPE)

    assert [name(axis) for axis in axes_of(function)][:3] == [BATCH, "rows", "columns"]
    lost = axes_of(lambda x: tf.concat([tf.zeros((7, 3, 8), x.dtype), tf.reshape(x, (7, 24, 8))], 1)[:, 2:26])
    assert name(lost[1]) not in ("rows", "columns")
