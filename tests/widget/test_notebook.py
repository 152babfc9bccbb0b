from types import SimpleNamespace

from IPython.core.events import EventManager

from ke_widgets.widget import notebook
from ke_widgets.widget.notebook import replace


class Shell:
    """What is asked of IPython's: the cell that runs, how many ran, and what the user holds."""

    def __init__(self):
        self.user_ns = {}
        self.execution_count = 0

    def run(self, cell, name, shown=1):
        self.execution_count += 1
        self.get_parent = lambda: {"metadata": {"cellId": cell} if cell else {}}
        widget = Widget(shown)
        replace(widget, self)
        self.user_ns[name] = widget
        return widget


class Widget(SimpleNamespace):
    def __init__(self, shown):
        super().__init__(_shown=shown, closed=False)

    def __hash__(self):
        return id(self)

    def close(self):
        self.closed = True


def test_a_cell_that_is_run_again_closes_what_it_made_before():
    shell = Shell()
    first = shell.run("a", "w")
    other = shell.run("b", "v")
    second = shell.run("a", "w")
    assert (first.closed, other.closed, second.closed) == (True, False, False)
    third = shell.run("a", "w")
    assert (second.closed, third.closed) == (True, False)


def test_what_is_shown_or_held_elsewhere_is_left_alone():
    shell = Shell()
    twice = shell.run("c", "w", shown=2)
    named = shell.run("d", "x")
    shell.user_ns["mine"] = named
    listed = shell.run("e", "y")
    shell.user_ns["all"] = [listed]
    for cell, name in (("c", "w"), ("d", "x"), ("e", "y")):
        shell.run(cell, name)
    assert [each.closed for each in (twice, named, listed)] == [False] * 3


def test_several_of_one_run_stay_and_without_a_cell_nothing_is_closed():
    shell = Shell()
    shell.run("f", "w")
    shell.execution_count -= 1
    pair = [shell.run("f", "w"), shell.run(None, "w"), shell.run(None, "w")]
    assert not any(each.closed for each in pair)
    replace(Widget(1), None)


def test_cells_are_counted_from_the_one_that_watches_on(monkeypatch):
    events = EventManager(None, {"pre_run_cell": lambda info: None, "post_run_cell": lambda result: None})
    monkeypatch.setattr(notebook, "get_ipython", lambda: SimpleNamespace(events=events))
    monkeypatch.setattr(notebook, "_cells_begun", 0)
    notebook.watch_cells()
    assert (notebook.cell_runs(), notebook.cells_begun()) == (True, 0)
    events.trigger("post_run_cell", None)
    assert not notebook.cell_runs()
    notebook.watch_cells()
    for number in (1, 2):
        events.trigger("pre_run_cell", None)
        assert (notebook.cell_runs(), notebook.cells_begun()) == (True, number)
        events.trigger("post_run_cell", None)
