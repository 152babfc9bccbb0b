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
from tests.widget.test_view import Page

PACKAGE = os.path.dirname(ke_widgets.__file__)


def walk(widget, page, class_index):
    """Return the functions that were called, as `file:name`, in order."""
    calls = []

    def look(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and not code.co_name.startswith("<"):
            calls.append(f"{code.co_filename.removeprefix(PACKAGE + os.sep)}:{code.co_name}")

    sys.setprofile(look)
    page.explain("walk", layer=widget.layer, class_index=class_index)
    sys.setprofile(None)
    while not any(content.get("id") == "walk" and content["kind"] == "result" for content in page.received):
        time.sleep(0.001)
    return calls


def main():
    model, scenes = demo.load("honest"), demo.scenes(4, seed=1)
    widget = ke_widgets.ExplainerWidget(model, scenes.images, labels=demo.LABELS, charts=False)
    widget.wait()
    page = Page(widget)
    found = []
    # The worker's thread is profiled from its own side, by a task that runs there.
    for class_index in (1, 2, 3, 1, 2, 3):
        page.explain(f"warm {class_index}", layer=widget.layer, class_index=class_index)
        widget.wait()
    time.sleep(1)  # It begins to compile when it rests.
    while widget._session.is_preparing:
        time.sleep(0.1)
    for class_index in (4, 5):
        page.received.clear()
        worker = []

        def look(frame, event, _, worker=worker):
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(PACKAGE) and not code.co_name.startswith("<"):
                worker.append(f"{code.co_filename.removeprefix(PACKAGE + os.sep)}:{code.co_name}")

        widget._controller.call(lambda look=look: sys.setprofile(look))
        time.sleep(1)  # the worker rests
        worker.clear()
        calls = walk(widget, page, class_index)
        time.sleep(0.05)
        found = calls + worker
        widget._controller.call(lambda: sys.setprofile(None))
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
