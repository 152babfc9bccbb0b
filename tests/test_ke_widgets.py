"""Names of the package come when they are first asked for, from where their types say that they live."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ke_widgets as ke


def typed():
    """Where a type checker finds each public name: `{name: (module, name there)}`."""
    tree = ast.parse(Path(inspect.getfile(ke)).read_text("utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    return {each.asname: (line.module, each.name) for block in blocks for line in block.body for each in line.names}


def test_every_public_name_is_typed_and_nothing_else_is():
    assert set(typed()) == set(ke.__all__)
    assert len(set(ke.__all__)) == len(ke.__all__)


@pytest.mark.parametrize("name", ke.__all__)
def test_a_name_is_what_its_type_says(name):
    module, there = typed()[name]
    home = importlib.import_module(module)
    expected = importlib.import_module(f"{module}.{there}") if home is ke else getattr(home, there)
    assert getattr(ke, name) is expected
    assert name in dir(ke)


def test_a_name_that_is_none_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'ke_widgets' has no attribute 'grad_cam'"):
        ke.grad_cam  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(ke, "tensorflow")


def test_nothing_is_loaded_before_it_is_asked_for():
    code = (
        "import sys, ke_widgets; print('tensorflow' in sys.modules, 'ke_widgets.filters' in sys.modules); "
        "ke_widgets.filters; print('ke_widgets.filters' in sys.modules, 'ke_widgets.widget.view' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False", "True", "False"], done.stderr
