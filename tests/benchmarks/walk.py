"""Count our own functions on the way of a class click, from the page's message to the answer.

`python -m tests.benchmarks.walk` prints how many calls, functions and files it takes on the Python side, once all is
compiled, and how often a choice is checked.
"""

import collections
import itertools
import os
import sys
import time

import numpy as np

import ke_widgets
from ke_widgets import demo
from tests.widget.page import Page

PACKAGE = os.path.dirname(ke_widgets.__file__)


def profiler(calls):
    """Return a profile function that appends our own functions to `calls`, as `file:name`, in order."""

    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and not code.co_name.startswith("<"):
            calls.append(f"{code.co_filename.removeprefix(PACKAGE + os.sep)}:{code.co_name}")

    return note


def walk(widget, page, class_index):
    """Return the calls of one class click, on the thread that receives it and on the worker's."""
    received, worked = [], []
    widget._controller.call(lambda: sys.setprofile(profiler(worked)))
    time.sleep(1)  # the worker rests
    worked.clear()
    sys.setprofile(profiler(received))
    page.explain("walk", layer=widget.layer, class_index=class_index)
    sys.setprofile(None)
    while ("result", "walk") not in page.kinds():
        time.sleep(0.001)
    time.sleep(0.05)
    calls = received + worked
    widget._controller.call(lambda: sys.setprofile(None))
    return calls


def main():
    model, scenes = demo.load("honest"), demo.scenes(4, seed=1)
    widget = ke_widgets.ExplainerWidget(model, scenes.images, labels=demo.LABELS, charts=False)
    widget.wait()
    page = Page(widget)
    for class_index in (1, 2, 3, 1, 2, 3):
        page.explain(f"warm {class_index}", layer=widget.layer, class_index=class_index)
        widget.wait()
    time.sleep(1)  # It begins to compile when it rests.
    while widget._session.is_preparing:
        time.sleep(0.1)
    walk(widget, page, 4)
    page.received.clear()
    found = walk(widget, page, 5)
    files = [call.split(":")[0] for call in found]
    moves = int(np.sum([a != b for a, b in itertools.pairwise(files)]))
    checks = sum(call.endswith("session.py:check") for call in found)
    print(
        f"{len(found)} calls of {len(set(found))} functions in {len(set(files))} files, {moves} moves, {checks} check"
    )
    for call, count in collections.Counter(found).most_common():
        print(f"{count:4d} {call}")
    widget.close()


if __name__ == "__main__":
    main()
