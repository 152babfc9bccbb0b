"""A script may end while a widget computes."""

import subprocess
import sys

import pytest

SCRIPT = """
import time
import ke_widgets as ke
from ke_widgets import demo
widget = ke.ExplainerWidget(demo.load("honest"), demo.scenes(2, seed=1).images, charts=False)
if {waits}:
    widget.wait()
    time.sleep(0.4)  # it rests by then, and makes ready for another class
widget.class_index = 1
print("ended")
"""


@pytest.mark.parametrize("waits", [False, True])
def test_a_process_may_end_while_a_widget_is_at_work(waits):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(waits=waits)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "ended\n")
    assert "Traceback" not in done.stderr
