"""Imports point one way. The rules are the tables; the sources are read, not run."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "ke_widgets"

# A module imports from its own row and from the rows above it. A package stands for all in it that no other row names.
ORDER = [
    ["errors", "filters", "resources", "typing"],
    ["utils", "backend"],
    ["errors.failures"],
    ["model"],
    ["inspection", "targets"],
    ["engine"],
    ["methods"],
    ["metrics"],
    ["explaining"],
    ["widget.notebook", "widget.keywords", "widget.threads"],
    ["widget.images"],
    ["widget.session"],
    ["widget.export"],
    ["widget.features"],
    ["widget.comm"],
    ["widget.charts", "widget.traits", "widget.fold"],
    ["widget.chart_panel"],
    ["widget.view"],
]

# Parts of the widget that know nothing of each other, nor of what puts them together.
APART = ["widget.comm.messages", "widget.comm.worker", "widget.comm.resend", "widget.session.graph", "widget.charts"]
TOGETHER = ["widget.session.session", "widget.comm.controller", "widget.chart_panel", "widget.view"]

# Of this package the framework code imports nothing else: it knows no model, no method and no filter.
OF_BACKEND = ["backend", "errors", "typing"]
# Who may import what, inside functions too. The framework is a backend's own matter, and where the demo is trained.
FRAMEWORKS = ["tensorflow", "jax", "torch"]
ONLY_IN = {
    **{framework: ["backend", "demo.train"] for framework in FRAMEWORKS},
    "anywidget": ["widget.traits"],
    "ipywidgets": ["widget.view", "widget.chart_panel", "widget.fold"],
    "traitlets": ["widget.traits", "widget.view"],
    "bqplot": ["widget.charts"],
    "matplotlib": ["utils", "widget.export.sheet"],
}
INSIDE_FUNCTIONS = ["matplotlib"]
NOT_AT_IMPORT = ["anywidget", "ipywidgets", "traitlets", "bqplot", "matplotlib"]


class Import(NamedTuple):
    name: str
    line: int
    inside_function: bool


def read_package(root=PACKAGE):
    """Return `{module: source}`, modules named from inside: `engine.taps`, and `` for the package's `__init__`."""
    names = {path: ".".join(path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")}
    return {name.removesuffix("__init__").rstrip("."): path.read_text("utf-8") for path, name in names.items()}


def violations(modules):
    """Return a sentence for each import in `{module: source}` that breaks a rule."""
    packages = {name.rpartition(".")[0] for name in modules if name}
    return [
        f"ke_widgets.{module}, line {found.line}: {complaint}"
        for module, source in sorted(modules.items())
        if module  # the package's own `__init__` gathers public names from everywhere
        for found in imports(source, module, modules, packages)
        if (complaint := _own(module, found) or _foreign(module, found))
    ]


def imports(source, module, modules, packages):
    """Yield what `source` imports; a name from inside the package begins with a dot."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [_from_inside(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module, module in packages)
            names = [f"{base}.{alias.name}".replace("..", ".") for alias in node.names]
            names = [name if name.removeprefix(".") in modules else base for name in names]
        else:
            continue
        yield from (Import(name, node.lineno, id(node) in inside) for name in names)


def _from_inside(name):
    return "." + name.removeprefix("ke_widgets").removeprefix(".") if name.split(".")[0] == "ke_widgets" else name


def _base(node, module, is_package):
    """The module that a `from ... import` names, relative ones resolved."""
    if not node.level:
        return _from_inside(node.module)
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return "." + ".".join([*parts, *filter(None, [node.module])])


def _own(module, found):
    if not found.name.startswith("."):
        return None
    name = found.name[1:]
    apart = _within(module, APART)
    if apart and _within(name, [*APART, *TOGETHER]) not in (None, apart):
        return f"must know nothing of {name}"
    if _within(module, ["backend"]) and not _within(name, OF_BACKEND):
        return f"imports {name}; backend imports only {' and '.join(OF_BACKEND)} of this package"
    if not _within(module, ["backend"]) and _within(name, [f"backend.{each}" for each in FRAMEWORKS]):
        return f"imports {name}; import the name from backend, which gives that of the backend in use"
    own, other = _row(module), _row(name)
    if own is not None and name == "":
        return "imports the whole package; import the module"
    if own is not None and other is not None and other > own:
        return f"imports {name}, which lies above it"
    if own is None and not apart and _within(name, ["widget"]) and module != "__main__":
        return f"imports {name}; nothing below the widget knows that a notebook exists"
    return None


def _foreign(module, found):
    library = found.name.split(".")[0]
    if library in ONLY_IN and not _within(module, ONLY_IN[library]):
        return f"imports {library}, which belongs in {' and '.join(ONLY_IN[library])}"
    if library in INSIDE_FUNCTIONS and not found.inside_function:
        return f"imports {library} outside a function"
    return None


def _within(name, prefixes):
    """The first of `prefixes` that is `name` or a package around it, or None."""
    return next((prefix for prefix in prefixes if name == prefix or name.startswith(prefix + ".")), None)


def _row(module):
    """The row of `module` in ORDER, by the longest name that fits, or None."""
    if _within(module, APART):
        return None
    fits = [(len(name), row) for row, names in enumerate(ORDER) for name in names if _within(module, [name])]
    return max(fits)[1] if fits else None


def test_imports_point_one_way():
    broken = violations(read_package())
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("filters", "from ke_widgets import inspection", "imports inspection, which lies above it"),
        ("filters", "import ke_widgets.engine.gradients", "imports engine.gradients, which lies above it"),
        ("model.hooks", "from ..engine import gradients", "imports engine.gradients, which lies above it"),
        ("model.hooks", "from ..inspection import expose", "imports inspection, which lies above it"),
        ("engine.gradient", "from ke_widgets.methods import cams", "imports methods.cams, which lies above it"),
        ("methods.cams", "import ke_widgets as ke", "imports the whole package"),
        (
            "metrics",
            "def late():\n    from .widget.session.session import Session",
            "imports widget.session.session, which lies",
        ),
        (
            "widget.session.session",
            "from ke_widgets.widget.view import ExplainerWidget",
            "imports widget.view, which lies",
        ),
        ("widget.session.graph", "from ..comm import messages", "must know nothing of widget.comm.messages"),
        ("widget.comm.worker", "from ..session.session import Session", "must know nothing of widget.session.session"),
        (
            "demo.scenes",
            "from ke_widgets.widget.session import graph",
            "imports widget.session.graph; nothing below the widget",
        ),
        ("methods.cams", "import tensorflow as tf", "imports tensorflow, which belongs in backend and"),
        ("demo.scenes", "from tensorflow import data", "imports tensorflow"),
        ("engine.gradients", "def late():\n    import tensorflow.nn", "imports tensorflow, which belongs in backend"),
        ("errors.failures", "import jax.numpy as jnp", "imports jax, which belongs in backend and demo.train"),
        ("model.hooks", "def late():\n    from torch import nn", "imports torch, which belongs in backend"),
        (
            "methods.cams",
            "from ke_widgets.backend.tensorflow import vjp",
            "imports backend.tensorflow; import the name",
        ),
        ("methods.cams", "from ke_widgets.backend import tensorflow", "imports backend.tensorflow; import the name"),
        ("backend.jax.tape", "from ke_widgets.model import hooks", "imports model.hooks; backend imports only"),
        ("backend.jax.tape", "from ke_widgets import filters", "imports filters; backend imports only"),
        ("backend.jax.tape", "from ke_widgets.errors import failures", "imports errors.failures, which lies above it"),
        ("widget.session.session", "import ipywidgets", "imports ipywidgets, which belongs in widget.view"),
        ("widget.view", "import bqplot", "imports bqplot, which belongs in widget.charts"),
        ("utils", "import matplotlib.pyplot as plt", "imports matplotlib outside a function"),
    ],
)
def test_a_broken_rule_is_found(module, source, complaint):
    names = ["engine", "model", "model.hooks", "engine.gradients", "inspection", "methods", "methods.cams", "widget"]
    names += ["widget.comm", "widget.session", "widget.view", "widget.session.graph", "widget.comm.messages"]
    names += ["widget.session.session", "filters", "errors", "errors.failures", "backend", "backend.tensorflow"]
    (found,) = violations({**dict.fromkeys(names, ""), module: source})
    assert found.startswith(f"ke_widgets.{module}, line")
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("inspection", "from .model import hooks\nfrom ke_widgets import filters"),
        ("methods", "from ke_widgets.methods import cams"),
        ("methods.cams", "from ..engine.gradients import jacobian\nfrom keras import ops"),
        ("widget.session.graph", "from ke_widgets import inspection"),
        ("widget.session.session", "from ke_widgets.widget.images import images"),
        ("widget.view", "import traitlets\nfrom . import charts\nfrom .session import graph, session"),
        ("utils", "def visualize():\n    import matplotlib.pyplot as plt"),
        (
            "backend.jax.tape",
            "import jax\nfrom ke_widgets.backend.jax import loops\nfrom ke_widgets.errors import short_repr",
        ),
        ("errors.failures", "from ke_widgets.backend import message"),
        ("demo.train", "import tensorflow as tf"),
        ("", "from .widget.view import ExplainerWidget"),
    ],
)
def test_what_the_rules_allow_is_not_complained_about(module, source):
    names = ["filters", "inspection", "model", "model.hooks", "engine", "engine.gradients", "methods", "methods.cams"]
    names += ["widget", "widget.charts", "widget.images", "widget.images.images", "widget.session"]
    names += ["widget.session.graph", "widget.session.session", "errors", "errors.short_repr", "backend", "backend.jax"]
    assert violations({**dict.fromkeys(names, ""), module: source}) == []


def test_importing_the_library_loads_nothing_of_the_notebook():
    # Keras itself loads matplotlib where it is installed, and with it traitlets: what counts is what we add.
    code = (
        "import sys, keras, tensorflow; before = set(sys.modules); import ke_widgets; "
        f"print([name for name in {NOT_AT_IMPORT} if name in set(sys.modules) - before])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
