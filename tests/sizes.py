"""Print and bound the sizes of the code, and what it lacks: `python -m tests.sizes`; `make check` runs it."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ke_widgets"
MOST_LINES, MOST_BODY = 300, 40
MOST_UNTYPED = {"the library": 0, "widget/": 3}  # public functions and methods without a return type
# Files that may be longer, and why.
LONG_FILES = {
    "methods/cams.py": "Score-CAM moves onto the shared evaluations with the method contract",
    "methods/gradient.py": "full-gradients moves to the decomposition with the method contract",
    "methods/meta.py": "its sampling methods move onto the shared evaluations with the method contract",
    "explaining/loop.py": "the shortcuts' factory is made from the methods' tables with the method contract",
    "engine/gradients.py": "the rows of the Jacobian move to the backend",
    "widget/view.py": "half of it is the docstrings that users read",
    "widget/session/explained_model.py": "targets take its scores and classes",
    "widget/images/images.py": "one class",
    "widget/export/job.py": "one class",
}


def body_length(function):
    """Count the lines of a function without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def read(path):
    """Return the number of lines of a file, and `{name: lines}` of its functions."""
    source = path.read_text("utf-8")
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return len(source.splitlines()), {each.name: body_length(each) for each in functions}


def untyped(node):
    """Yield the names of public functions and methods in a module or class that have no return type."""
    for each in node.body:
        if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
            yield from (f"{each.name}.{name}" for name in untyped(each))
        is_function = isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and each.returns is None and not each.name.startswith("_"):
            yield each.name


def too_many_untyped():
    """Print how many public functions have no return type, in the library and in the widget, and tell if too many."""
    found = {part: [] for part in MOST_UNTYPED}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        part = "widget/" if name.startswith("widget/") else "the library"
        found[part] += [f"{name}: {function}" for function in untyped(ast.parse(path.read_text("utf-8")))]
    for part, names in found.items():
        most = MOST_UNTYPED[part]
        shown = f": {', '.join(names[:3])}" if len(names) > most else ""
        print(f"public functions without a return type, {part}: {len(names)} of {most}{shown}")
    return any(len(names) > MOST_UNTYPED[part] for part, names in found.items())


def main():
    found = {path.relative_to(PACKAGE).as_posix(): read(path) for path in sorted(PACKAGE.rglob("*.py"))}
    longest = max((lines, name) for name, (lines, _) in found.items() if name not in LONG_FILES)
    largest = max(
        (lines, f"{name}: {function}") for name, (_, each) in found.items() for function, lines in each.items()
    )
    print(f"largest file: {longest[1]}, {longest[0]} of {MOST_LINES} lines ({len(LONG_FILES)} named exceptions)")
    print(f"longest function: {largest[1]}, {largest[0]} of {MOST_BODY} lines")
    gone = [name for name in LONG_FILES if name not in found or found[name][0] <= MOST_LINES]
    for name in gone:
        print(f"{name} is an exception that is needed no longer")
    return too_many_untyped() or longest[0] > MOST_LINES or largest[0] > MOST_BODY or bool(gone)


if __name__ == "__main__":
    sys.exit(main())
