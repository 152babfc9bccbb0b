import sys

import pytest

from ke_widgets.widget.session.background import REST_SECONDS, SLICE_SECONDS, Abandoned, giving_way


class Clock:
    """Every look at it takes a little, as work does; every sleep is noted."""

    def __init__(self, tick=0.0005):
        self.now, self.tick, self.slept = 0.0, tick, 0.0

    def look(self):
        self.now += self.tick
        return self.now

    def sleep(self, seconds):
        self.slept += seconds
        self.now += seconds


def work(rounds=20_000):
    return sum(len(str(number)) for number in range(rounds))


def test_beside_a_cell_the_work_takes_no_more_than_its_share_of_the_time():
    clock = Clock()
    with giving_way(lambda: True, clock=clock.look, sleep=clock.sleep):
        expected = work()
    assert expected == work()
    most = SLICE_SECONDS / (SLICE_SECONDS + REST_SECONDS)
    assert 0 < (clock.now - clock.slept) / clock.now < 2 * most  # The clock moves by half a slice at a time.


def test_with_nobody_beside_it_rests_for_a_moment_in_which_others_come_up():
    clock = Clock()
    with giving_way(lambda: False, clock=clock.look, sleep=clock.sleep):
        work()
    assert 0 < clock.slept < 0.3 * clock.now
    assert clock.now > 10 * SLICE_SECONDS


def test_work_that_nobody_needs_any_more_ends_in_the_middle():
    done = []

    def endless():
        with giving_way(lambda: False, stop=lambda: len(done) > 100):
            for number in range(1_000_000):
                work(10)
                done.append(number)

    with pytest.raises(Abandoned):
        endless()
    assert 100 < len(done) < 200


@pytest.mark.parametrize("fails", [False, True])
def test_the_profiler_of_the_thread_is_as_it_was(fails):
    def own(frame, event, argument):
        pass

    before = sys.getprofile()
    sys.setprofile(own)
    try:
        with giving_way(lambda: False):
            if fails:
                raise RuntimeError("on purpose")
    except RuntimeError:
        pass
    finally:
        found = sys.getprofile()
        sys.setprofile(before)
    assert found is own
