"""Print and bound the sizes of the code, and what it lacks: `python -m tests.sizes`; `make check` runs it."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ke_widgets"
MOST_LINES, MOST_BODY = 300, 40
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
    return longest[0] > MOST_LINES or largest[0] > MOST_BODY or bool(gone)


if __name__ == "__main__":
    sys.exit(main())
