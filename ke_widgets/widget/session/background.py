"""Throttle a background thread, so that it does not slow down the cells that the user runs."""

import contextlib
import sys
import time
from collections.abc import Callable, Generator
from typing import Any

# A duty cycle of 1/33 while a cell or request runs, so that it is slowed by less than a tenth. When idle, a short pause
# after each slice: a message from the page passes through several threads of the kernel, and each of them would
# otherwise wait 5 ms (Python's switch interval) for the GIL.
SLICE_SECONDS, REST_SECONDS, PAUSE_SECONDS = 0.001, 0.032, 0.0002
_EVENTS = 64  # Profiling events between two reads of the clock, each of which costs as much as a call.


class Abandoned(BaseException):
    """Raised to abort work that is no longer needed; a `BaseException`, so that no `except Exception` catches it."""


@contextlib.contextmanager
def giving_way(
    busy: Callable[[], bool],
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], Any] = time.sleep,
) -> Generator[None, None, None]:
    """Make this thread sleep most of the time while `busy()` is true, and briefly otherwise, whatever code it runs.

    A function is traced in a single call into code that is not ours, so the pauses are made in Python's profiling hook,
    which is set per thread.

    Args:
        busy: A function that returns whether other work needs the processor.
        stop: A function that returns whether the work is no longer needed; the block then raises `Abandoned`.
        clock: Returns the time in seconds.
        sleep: Waits for a number of seconds.
    """
    events, began = 0, clock()

    def profile(frame, event, argument):
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
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
