"""Write what follows from the methods' tables: `python -m tests.tables` (`make tables`); with `--check`, compare it.

Those are the shortcuts' names in `ke_widgets/__init__.py`, which must be known without importing TensorFlow, and the
tables of methods in the README and in `docs/methods.md`.
"""

import inspect
import re
import sys
from pathlib import Path

from ke_widgets import methods

ROOT = Path(__file__).parents[1]
READS = {"signal": "one layer", "inputs": "the image", "biases": "the image and every bias", "attention": "attention"}


def by_family():
    """Return the methods of each family, in order: `{title: [(name, method, spec), ...]}`."""
    found = {title: [] for title in methods.FAMILIES.values()}
    for name, (method, spec) in methods.table().items():
        found[methods.family_of(method)].append((name, method, spec))
    return found


def readme_table():
    """Return the README's table of methods, one row for each family."""
    rows = ["| family | methods |", "| --- | --- |"]
    rows += [f"| {title} | {' '.join(f'`{name}`' for name, *_ in each)} |" for title, each in by_family().items()]
    return "\n".join(rows)


def page_of_methods():
    """Return the tables of all methods, one for each family."""
    parts = []
    for title, each in by_family().items():
        rows = ["| method | what it answers | how | reads | unit | source |", "| --- | --- | --- | --- | --- | --- |"]
        for name, method, spec in each:
            first, _, _ = (inspect.getdoc(method) or "").partition("\n")
            how = first.partition(": ")[2].rstrip(".")
            shown = f"| `{name}` | {spec.answers} | {how} | {READS[spec.reads]} | {spec.unit or 'none'} "
            rows.append(f"{shown}| {spec.source} |")
        parts.append("\n".join([f"## {title}\n", *rows]))
    return "\n\n".join(parts)


def imports():
    """Return the shortcuts as a type checker sees them."""
    lines = [f"    from ke_widgets.explaining.shortcuts import {name} as {name}" for name in sorted(methods.table())]
    return "\n".join(lines)


def names():
    """Return the shortcuts' names as a literal."""
    return "\n".join(["_METHODS = (", *(f'    "{name}",' for name in methods.table()), ")"])


def exports():
    """Return the shortcuts' names as a part of `__all__`."""
    return "\n".join(["__all__ += [", *(f'    "{name}",' for name in methods.table()), "]"])


BLOCKS = {
    "ke_widgets/__init__.py": {"imports": imports, "names": names, "exports": exports},
    "README.md": {"methods": readme_table},
    "docs/methods.md": {"methods": page_of_methods},
}


def with_blocks(text, blocks):
    """Return a text with what stands between `make tables: name` and `make tables: end` written anew."""
    for name, build in blocks.items():
        pattern = rf"([^\n]*make tables: {name}[^\n]*\n).*?([^\n]*make tables: end)"
        found = re.search(pattern, text, re.DOTALL)
        if found is None:
            raise ValueError(f"There is no block `make tables: {name}`.")
        text = text[: found.start()] + found[1] + build() + "\n" + found[2] + text[found.end() :]
    return text


def main(check):
    stale = []
    for name, blocks in BLOCKS.items():
        path = ROOT / name
        before = path.read_text("utf-8")
        after = with_blocks(before, blocks)
        if after != before:
            stale.append(name)
            if not check:
                path.write_text(after, "utf-8")
    for name in stale:
        print(f"{name} {'is older than the tables: run `make tables`' if check else 'was written'}")
    return check and bool(stale)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
