"""Python work on a background thread that leaves the processor to the cells that the user runs."""

import contextlib
import sys
import time

# A thirty-third of the time while somebody else is busy, so that a cell is slowed by less than a tenth. When nobody
# seems to be, a moment after each slice all the same: a message from the page passes through several threads of the
# kernel, and each of them would wait 5 ms for Python to hand over.
SLICE_SECONDS, REST_SECONDS, PAUSE_SECONDS = 0.001, 0.032, 0.0002
_EVENTS = 64  # between two looks at the clock, which costs as much as a call


class Abandoned(BaseException):
    """Nobody needs the work any more; no `except Exception` on the way holds it up."""


@contextlib.contextmanager
def giving_way(busy, stop=lambda: False, clock=time.perf_counter, sleep=time.sleep):
    """Let this thread rest most of the time while `busy()` is true, and now and then otherwise, whatever it runs.

    A function is traced in one piece, by code that is not ours: so the pauses come from Python's own profiling hook,
    which belongs to one thread.

    Args:
        busy: Tells whether somebody else needs the processor.
        stop: Tells whether nobody needs the work any more; then the block ends by `Abandoned`.
        clock: Gives seconds.
        sleep: Waits for seconds.
    """
    events, began = 0, clock()

    def look(frame, event, argument):
        nonlocal events, began
        events += 1
        if events % _EVENTS:
            return
        if stop():
            raise Abandoned
        now = clock()
        if now - began >= SLICE_SECONDS:
            sleep(REST_SECONDS if busy() else PAUSE_SECONDS)
            began = clock()

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
