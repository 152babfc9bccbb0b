import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import Loop
from tests import models

X = np.arange(10, dtype="float32").reshape(5, 2)


@pytest.fixture
def doubling():
    """Make a loop that doubles, with the shapes that were traced and what came before first batches."""

    def make(run_eagerly=False, steps_per_execution=1):
        traced, first = [], []

        def step(batch):
            traced.append(tuple(batch.shape))
            return 2 * batch

        loop = Loop(
            step,
            lambda outputs, batch, expected: first.append((tuple(outputs.shape), tuple(batch.shape), expected)),
            run_eagerly=run_eagerly,
            jit_compile=False,
            steps_per_execution=steps_per_execution,
        )
        return loop, traced, first

    return make


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"steps_per_execution": 2}], ids=str)
def test_the_step_runs_over_all_batches(doubling, options):
    loop, *_ = doubling(**options)
    loop.begin(5)
    np.testing.assert_array_equal(loop.predict(X, batch_size=2, verbose=0), 2 * X)


def test_batches_of_any_size_have_one_trace_and_are_counted(doubling):
    loop, traced, _ = doubling()
    loop.begin(5)
    loop.predict(X, batch_size=2, verbose=0)
    assert loop.batches == 3
    assert traced == [(None, 2)]
    loop.begin(5)
    assert (loop.batches, loop.expected) == (0, 5)
    loop.predict(X, batch_size=1, verbose=0)
    assert len(traced) == 1


def test_symbolic_outputs_are_shown_before_the_first_batch_of_each_run(doubling):
    loop, _, first = doubling()
    for expected in (5, -3):
        loop.begin(expected)
        loop.predict(X, batch_size=2, verbose=0)
    assert first == [((None, 2), (2, 2), 5), ((None, 2), (2, 2), -3)]


def test_one_batch_runs_without_predict(doubling):
    loop, traced, first = doubling()
    loop.begin(1)
    np.testing.assert_array_equal(loop.run(tf.constant(X)), 2 * X)
    np.testing.assert_array_equal(loop.run(tf.constant(X[:2])), 2 * X[:2])
    assert loop.batches == 2
    assert traced == [(None, 2)]
    assert len(first) == 1


def test_another_rank_has_a_trace_of_its_own(doubling):
    loop, traced, _ = doubling()
    loop.begin(1)
    loop.run(tf.ones((1, 2)))
    loop.run(tf.ones((1, 2, 3)))
    assert traced == [(None, 2), (None, 2, 3)]


def made_beside(model):
    return Loop.beside(model, lambda x: x, print, run_eagerly=False, jit_compile=False, steps_per_execution=1)


def test_a_loop_runs_in_the_strategy_of_its_model_and_does_not_hold_it():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = models.flat()
    loop = made_beside(model)
    assert loop.distribute_strategy is strategy
    assert made_beside(models.flat()).distribute_strategy is not strategy
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
