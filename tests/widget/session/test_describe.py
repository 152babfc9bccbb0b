"""What Python describes is what the page reads: a name that one side alone knows left the page empty once."""

import re
from pathlib import Path

import numpy as np
import pytest

from ke_widgets.widget.session.describe import describe
from ke_widgets.widget.session.session import Session

MESSAGES = (Path(__file__).parents[3] / "js" / "src" / "messages.ts").read_text()


def fields(interface):
    """Names of an interface of the page, and those of them that may be missing."""
    body = re.search(rf"export interface {interface} {{\n(.*?)\n}}", MESSAGES, re.DOTALL)[1]
    found = re.findall(r"^  (\w+)(\??):", body, re.MULTILINE)
    return {name for name, _ in found}, {name for name, mark in found if mark}


@pytest.mark.parametrize(
    ("interface", "pick"),
    [
        ("Setup", lambda setup: setup),
        ("ModelSetup", lambda setup: setup["models"][0]),
        ("LayerNode", lambda setup: setup["models"][0]["nodes"][0]),
        ("Method", lambda setup: setup["methods"][0]),
    ],
)
def test_python_and_page_have_the_same_names(model, images, interface, pick):
    described, (names, optional) = (
        set(pick(describe(Session(model, images, y_true=np.arange(5) % 3)))),
        fields(interface),
    )
    assert described <= names
    assert names - optional <= described
