"""Threads that the end of the interpreter waits for: one that is inside TensorFlow then would abort the process."""

import atexit
import threading

_ALIVE = {}


def start(target, name, stop=lambda: None):
    """Run `target()` on a thread of its own.

    Args:
        target: A function of no arguments.
        name: The thread's name.
        stop: Called when the interpreter ends, to make the thread end soon.

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
    while _ALIVE:  # One may have started another.
        for thread, stop in list(_ALIVE.items()):
            stop()
            thread.join()
