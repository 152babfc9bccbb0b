"""The notebook around the widget: whether a cell runs, what happens after each, and what a re-run cell replaces."""

import threading
import weakref

from IPython.core.getipython import get_ipython

_running = threading.Event()
_begun = 0
_made: dict[str, list] = {}


def cell_runs():
    """Tell whether a cell of the notebook is running; without IPython, none ever is."""
    return _running.is_set()


def cells_begun():
    """Count the cells that have begun to run since `watch_cells` was called; 0 without IPython."""
    return _begun


def watch_cells():
    """Begin to note when cells run, once for each kernel; the one that calls this counts as running."""
    shell = get_ipython()
    if shell is None or _started in shell.events.callbacks["pre_run_cell"]:
        return
    _running.set()
    shell.events.register("pre_run_cell", _started)
    shell.events.register("post_run_cell", _ended)


def _started(*_):
    global _begun
    _begun += 1
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


def replace(widget, shell):
    """Note which cell makes `widget`, and close what earlier runs of that cell made and nobody needs any more.

    Without this every run of the cell would leave a thread, its images and its maps behind: ipywidgets keeps every
    widget until it is closed. Closed is what was shown once, in its cell's output, and what no other variable and no
    list or dict holds.

    Args:
        widget: An `ExplainerWidget` that is being made; `_shown` says how often a page has opened it.
        shell: IPython's shell, or `None`.
    """
    cell = _cell(shell)
    if cell is None:
        return
    earlier = [(run, made()) for run, made in _made.get(cell, [])]
    kept = []
    for run, made in earlier:
        if made is None:
            continue
        if run != shell.execution_count and made._shown == 1 and not _held(made, shell):
            made.close()
        else:
            kept.append((run, weakref.ref(made)))
    _made[cell] = [*kept, (shell.execution_count, weakref.ref(widget))]


def _cell(shell):
    """Give the id of the cell that runs, where the host tells it."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (parent or {}).get("metadata", {}).get("cellId")


def _held(widget, shell):
    """Tell whether the user holds a widget elsewhere than in the one variable that is about to be assigned anew."""
    own = {name: value for name, value in shell.user_ns.items() if not name.startswith("_") and name != "Out"}
    boxes = [list(v.values()) if isinstance(v, dict) else v for v in own.values() if isinstance(v, list | tuple | dict)]
    in_boxes = any(each is widget for box in boxes for each in box)
    return in_boxes or sum(value is widget for value in own.values()) > 1
