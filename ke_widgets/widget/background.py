"""Python work on a background thread that leaves the processor to the cells that the user runs."""

import contextlib
import sys
import time

# A twentieth of the processor while a cell runs: with Python's own switching between threads, a cell is then slowed by
# less than a tenth. A slice is no longer than the 5 ms after which Python would hand over anyway.
SLICE_SECONDS, REST_SECONDS = 0.003, 0.040
_EVENTS = 64  # between two looks at the clock, which costs as much as a call


class Abandoned(BaseException):
    """Nobody needs the work any more; no `except Exception` on the way holds it up."""


@contextlib.contextmanager
def giving_way(busy, stop=lambda: False, clock=time.perf_counter, sleep=time.sleep):
    """Let this thread rest most of the time while `busy()` is true, whatever Python code it runs in the block.

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
            if busy():
                sleep(REST_SECONDS)
            began = clock()

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
