import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.engine import batch_size
from ke_widgets.engine.batch_size import MOST, SIDE, batch_size_for
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import scorecam
from ke_widgets.methods.meta import smoothgrad
from tests import models


@pytest.fixture
def timed(monkeypatch):
    """A device on which `timed.seconds[count]` is what so many images take; it notes what was timed."""

    class Timed:
        counts = ()
        seconds = dict.fromkeys((2**power for power in range(10)), 1.0)

    def seconds(run, images):
        Timed.counts = (*Timed.counts, len(images))
        return Timed.seconds[len(images)]

    monkeypatch.setattr(batch_size, "_seconds", seconds)
    monkeypatch.setattr(batch_size, "_network", lambda differentiated: lambda images: images)
    batch_size._fastest.cache_clear()
    yield Timed
    batch_size._fastest.cache_clear()


@pytest.mark.parametrize(
    ("seconds", "best"),
    [
        ({1: 1, 2: 1.9, 4: 4.1, 8: 8.1}, 4),  # a few per cent may be noise
        ({1: 1, 2: 2.5, 4: 5, 8: 10}, 1),
        ({1: 1, 2: 2.1, 4: 2, 8: 4}, 4),  # a worse number may stand before a better one
        ({1: 1, 2: 1.2, 4: 1.6, 8: 2.4, 16: 4.8}, 8),
        ({1: 1, 2: 1, 4: 1, 8: 1, 16: 1, 32: 1}, 32),
    ],
)
def test_the_number_of_images_grows_for_as_long_as_that_pays(timed, seconds, best):
    timed.seconds = seconds
    assert batch_size_for(tf.zeros((1, SIDE, SIDE, 3)), False) == best
    assert max(timed.counts) == min(max(8, 2 * best), MOST)


def test_a_device_is_timed_once_for_each_kind_of_work(timed):
    for _ in range(3):
        batch_size_for((), False)
    once = timed.counts
    batch_size_for((), True)
    assert len(timed.counts) == 2 * len(once)


@pytest.mark.parametrize(("side", "expected"), [(SIDE, 8), (2 * SIDE, 2), (8 * SIDE, 1), (SIDE // 2, 32), (8, MOST)])
def test_smaller_images_go_through_in_larger_numbers(timed, side, expected):
    timed.seconds = {1: 1, 2: 1, 4: 1, 8: 1, 16: 2}
    assert batch_size_for({"image": tf.zeros((3, side, side, 3)), "extra": tf.zeros((3, 2))}, True) == expected


def test_images_of_unknown_size_count_as_the_timed_ones(timed):
    timed.seconds = {1: 1, 2: 1, 4: 2.4, 8: 5}
    function = tf.function(lambda x: batch_size_for(x, False), input_signature=[tf.TensorSpec((None, None, None, 3))])
    assert int(function(tf.zeros((1, 8, 8, 3)))) == 2


@pytest.mark.parametrize("method", [scorecam, smoothgrad])
def test_what_nobody_chose_is_measured_on_this_device(method):
    batch_size._fastest.cache_clear()
    exposed, images = expose(models.flat(), "conv"), models.images(2)
    for found, expected in zip(method(exposed, images), method(exposed, images, batch_size=2)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert batch_size._fastest.cache_info().misses == 1
