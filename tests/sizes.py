"""Print and bound the sizes of the code, and what it lacks: `python -m tests.sizes`; `make check` runs it."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ke_widgets"
MOST_LINES, MOST_BODY = 300, 40
MOST_UNTYPED = {"the library": 0, "widget/": 0}  # public functions and methods without a return type
# Files that may be longer, and why.
LONG_FILES = {
    "explaining/loop.py": "the shortcuts' factory is made from the methods' tables with the method contract",
    "widget/view.py": "half of it is the docstrings that users read",
    "widget/session/explained_model.py": "one class",
    "widget/images/images.py": "one class",
    "widget/export/job.py": "one class",
}
# A code file `engine/gradients.py` is tested in `tests/engine/test_gradients.py`, and here, where that is not so.
TESTED_IN = {
    "__init__.py": "test_ke_widgets.py",
    "__main__.py": "test_main.py",
    "backend/__init__.py": "backend/test_backend.py",
    "doctor/__init__.py": "doctor/test_report.py",
    "methods/__init__.py": "methods/test_contract.py",
    "metrics/__init__.py": "metrics/test_contract.py",
    "server/__init__.py": "test_server.py",
}
NOT_TESTED = {"typing.py": "names of types, which pyright checks"}
# What these claim holds for more than one file.
CROSS_CUTTING = {
    "engine/test_stress.py": "models as other threads see them while they are read",
    "engine/test_untouched.py": "models after everything that runs them",
    "methods/path/test_oracles.py": "path methods beside other libraries",
    "methods/test_kinds.py": "all methods on all kinds of model",
    "methods/gradient/test_oracles.py": "gradients of two families beside captum",
    "methods/perturbation/test_layouts.py": "perturbation methods on inputs of every layout",
    "methods/perturbation/test_oracles.py": "perturbation methods beside other libraries",
    "methods/cams/test_oracles.py": "all class activation maps beside other libraries",
    "methods/cams/test_signals.py": "all class activation maps on signals of every kind and precision",
    "methods/test_oracles.py": "all methods beside other libraries",
    "methods/test_precision.py": "all methods in every precision",
    "targets/test_contract.py": "what every target promises",
    "test_docs.py": "examples of all documents",
    "test_first_calls.py": "what is called first, on models of many kinds",
    "test_imports.py": "what imports what",
    "test_pointing.py": "maps of the demo models on scenes whose answers are known",
    "test_seeds.py": "the snippets of the seed documents",
    "test_wheel.py": "the package as it is installed",
    "widget/test_brought_models.py": "the widget over models that people bring",
    "widget/test_close.py": "what all parts of a widget leave behind",
    "widget/test_failing_models.py": "the widget over models that raise",
    "widget/test_mistakes.py": "the mistakes of a first user",
    "widget/test_photographs.py": "photographs, from what is passed to where the map lies",
    "widget/test_still.py": "saved notebooks without a kernel",
    "widget/test_stress.py": "models as other threads see them while a widget works",
}
NOT_OF_CODE_FILES = (
    "benchmarks/",
    "browser/",
    "oracles/",
    "zoo/",
)  # tests of pages, machines and models, not of a file


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


def holds_code(path):
    """Tell whether a file defines a function or a class; an `__init__.py` may only gather names, and look them up."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    return any(each.name != "__getattr__" for each in found)


def mirrored(name):
    """Return the file in `tests/` that tests a code file."""
    folder, _, file = name.rpartition("/")
    return TESTED_IN.get(name) or f"{folder}/test_{file}".lstrip("/")


def breaks_the_mirror():
    """Print how many code files have a test file of their own, and each file and exception that breaks the rule."""
    files = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    code = [name for name, path in files.items() if not name.endswith("__init__.py") or holds_code(path)]
    found = {path.relative_to(ROOT / "tests").as_posix(): path for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    tests = {name for name, path in found.items() if "def test_" in path.read_text("utf-8")}
    expected = {mirrored(name): name for name in code if name not in NOT_TESTED}
    without = [name for test, name in expected.items() if test not in tests]
    of_no_file = {name for name in tests - {*expected} if not name.startswith(NOT_OF_CODE_FILES)}
    needless = {*TESTED_IN, *NOT_TESTED} - {*code} | {*CROSS_CUTTING} - of_no_file
    print(f"code files with a test file: {len(expected) - len(without)} of {len(expected)}")
    for name in without:
        print(f"{name} has no test in tests/{mirrored(name)}")
    for name in sorted(of_no_file - {*CROSS_CUTTING}):
        print(f"tests/{name} tests no code file and is not named as cross-cutting")
    for name in sorted(needless):
        print(f"{name} is an exception that is needed no longer")
    return bool(without or of_no_file - {*CROSS_CUTTING} or needless)


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
    return (
        any([too_many_untyped(), breaks_the_mirror()])
        or longest[0] > MOST_LINES
        or largest[0] > MOST_BODY
        or bool(gone)
    )


if __name__ == "__main__":
    sys.exit(main())
