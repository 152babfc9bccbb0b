"""The notebook's cells: what happens after each of them."""

from IPython.core.getipython import get_ipython


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
