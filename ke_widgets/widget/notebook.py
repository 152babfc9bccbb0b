"""The notebook's cells: whether one runs, and what happens after each of them."""

import threading

from IPython.core.getipython import get_ipython

_running = threading.Event()


def cell_runs():
    """Tell whether a cell of the notebook is running; without IPython, none ever is."""
    return _running.is_set()


def watch_cells():
    """Begin to note when cells run, once for each kernel; the one that calls this counts as running."""
    shell = get_ipython()
    if shell is None or _started in shell.events.callbacks["pre_run_cell"]:
        return
    _running.set()
    shell.events.register("pre_run_cell", _started)
    shell.events.register("post_run_cell", _ended)


def _started(*_):
    _running.set()


def _ended(*_):
    _running.clear()


def after_each_cell(function):
    """Have `function` called after every cell that runs; without IPython, never.

    Args:
        function: Takes whatever IPython tells.

    Returns:
        A function that ends it, and may be called again; also where the interpreter ends, for it imports nothing.
    """
    shell = get_ipython()
    if shell is None:
        return lambda: None
    events = shell.events
    events.register("post_run_cell", function)

    def end():
        if function in events.callbacks["post_run_cell"]:
            events.unregister("post_run_cell", function)

    return end
