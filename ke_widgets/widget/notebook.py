"""Lifecycle of notebook cells: whether one is running, hooks after each, and widgets that a re-run cell replaces."""

import threading
import weakref
from collections.abc import Callable
from typing import Any

from IPython.core.getipython import get_ipython

_running = threading.Event()
_cells_begun = 0
_widgets_by_cell: dict[str, list] = {}


def cell_runs() -> bool:
    """Return whether a cell of the notebook is running; always `False` without IPython."""
    return _running.is_set()


def cells_begun() -> int:
    """Count the cells that have started since `watch_cells` was called; 0 without IPython."""
    return _cells_begun


def watch_cells() -> None:
    """Register the hooks that track running cells, once per kernel; the calling cell counts as running."""
    shell = get_ipython()
    if shell is None or _started in shell.events.callbacks["pre_run_cell"]:
        return
    _running.set()
    shell.events.register("pre_run_cell", _started)
    shell.events.register("post_run_cell", _ended)


def _started(*_):
    global _cells_begun
    _cells_begun += 1
    _running.set()


def _ended(*_):
    _running.clear()


def after_each_cell(function: Callable[..., Any]) -> Callable[[], None]:
    """Register `function` to be called after every cell; does nothing without IPython.

    Args:
        function: Accepts the arguments that IPython passes to `post_run_cell`.

    Returns:
        A function that unregisters it. It may be called twice, and while the interpreter exits: it imports nothing.
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


def replace(widget: Any, shell: Any) -> None:
    """Record which cell creates `widget`, and close the widgets of its earlier runs that are no longer used.

    Otherwise every run of the cell would leak a thread, its images and its maps: ipywidgets keeps every widget until it
    is closed. A widget is closed if it was displayed once, in its cell's output, and no other variable, list or dict
    holds it.

    Args:
        widget: An `ExplainerWidget` under construction; `_shown` counts how often a page has opened it.
        shell: IPython's shell, or `None`.
    """
    cell = _cell(shell)
    if cell is None:
        return
    earlier = [(run, made()) for run, made in _widgets_by_cell.get(cell, [])]
    kept = []
    for run, made in earlier:
        if made is None:
            continue
        if run != shell.execution_count and made._shown == 1 and not _is_referenced(made, shell):
            made.close()
        else:
            kept.append((run, weakref.ref(made)))
    _widgets_by_cell[cell] = [*kept, (shell.execution_count, weakref.ref(widget))]


def _cell(shell):
    """Return the id of the running cell, or `None` if the front end does not send it."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return (parent or {}).get("metadata", {}).get("cellId")


def _is_referenced(widget, shell):
    """Return whether the user references a widget beyond the one variable that is about to be reassigned."""
    own = {name: value for name, value in shell.user_ns.items() if not name.startswith("_") and name != "Out"}
    containers = [value for value in own.values() if isinstance(value, list | tuple | dict)]
    items = [list(each.values()) if isinstance(each, dict) else each for each in containers]
    in_containers = any(item is widget for each in items for item in each)
    return in_containers or sum(value is widget for value in own.values()) > 1
