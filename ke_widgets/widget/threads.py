"""Threads that are joined when the interpreter exits: one that is still inside TensorFlow would abort the process."""

import atexit
import threading
from collections.abc import Callable
from typing import Any

_ALIVE = {}


def start(target: Callable[[], Any], name: str, stop: Callable[[], Any] = lambda: None) -> threading.Thread:
    """Start a thread that runs `target()`.

    Args:
        target: A function of no arguments.
        name: The thread's name.
        stop: Called when the interpreter exits, to make the thread end soon.

    Returns:
        The thread.
    """

    def run():
        try:
            target()
        finally:
            _ALIVE.pop(thread, None)

    thread = threading.Thread(target=run, name=name, daemon=True)
    _ALIVE[thread] = stop
    thread.start()
    return thread


@atexit.register
def _end():
    while _ALIVE:  # A thread may have started another one.
        for thread, stop in list(_ALIVE.items()):
            stop()
            thread.join()
