"""Check the packages in this environment and our own files, without importing any of them."""

import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

# Required packages and minimum versions: as `dependencies` in pyproject.toml, which a test compares.
NEEDED = {
    "tensorflow": "",
    "keras": "3",
    "numpy": "",
    "ipywidgets": "8",
    "anywidget": "0.9",
    "bqplot": "",
    "traitlets": "",
    "packaging": "",
    "pillow": "",
}
# Optional packages. A notebook needs ipykernel and one of the programs below it.
USED_WITH = {
    "ipykernel": "6",
    "jupyter_server": "2",
    "jupyterlab": "4",
    "notebook": "7",
    "nbclassic": "1",
    "voila": "0.5",
    "matplotlib": "",
}
PACKAGE = Path(__file__).parents[1]
Level: TypeAlias = Literal["ok", "warning", "error"]
# A finding of a probe: level, text, and advice where there is any.
Row: TypeAlias = tuple[Level, str] | tuple[Level, str, str]


def version(name: str) -> str | None:
    """Return the version of an installed distribution, or `None`."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def numbers(text: str | None) -> tuple[int, ...]:
    """Return a version as a comparable tuple: `"4.6.0rc1"` is `(4, 6, 0)`.

    Examples:
        >>> numbers("0.11.0") > numbers("0.9")
        True
    """
    release = re.match(r"\d+(?:\.\d+)*", text or "")
    return tuple(int(part) for part in release.group().split(".")) if release else ()


def versions() -> Iterator[Row]:
    """Yield the versions of Python, this package, and each required or optional package."""
    yield "ok", f"Python {platform.python_version()} at {sys.executable}"
    yield "ok", f"ke-widgets {_own_version()} in {PACKAGE}"
    for name, least in NEEDED.items():
        yield from _version(name, least, "error")
    for name, least in USED_WITH.items():
        if version(name) is not None:
            yield from _version(name, least, "warning")
    if version("ipykernel") is None:
        yield "warning", "ipykernel is not installed", 'for notebooks here: pip install "ke-widgets[lab]"'


def _version(name: str, least: str, level: Level) -> Iterator[Row]:
    found = version(name)
    if found is None:
        yield level, f"{name} is not installed", f"{sys.executable} -m pip install {name}"
    elif numbers(found) < numbers(least):
        yield level, f"{name} {found} is older than {least}", f'{sys.executable} -m pip install "{name}>={least}"'
    else:
        yield "ok", f"{name} {found}"


def _own_version() -> str:
    import ke_widgets

    return ke_widgets.__version__


def backend() -> Iterator[Row]:
    """Yield whether Keras is set to TensorFlow, by the variable or else its config file, without importing it."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    chosen, where = os.environ.get("KERAS_BACKEND"), "the variable KERAS_BACKEND"
    if not chosen and (home / "keras.json").exists():
        where = str(home / "keras.json")
        chosen = json.loads((home / "keras.json").read_text("utf-8")).get("backend")
    if chosen in (None, "", "tensorflow"):
        yield "ok", "Keras backend tensorflow"
    else:
        yield (
            "error",
            f"Keras backend {chosen}, by {where}; explaining needs tensorflow",
            "set KERAS_BACKEND=tensorflow before Keras is imported",
        )


def bundle(package: Path = PACKAGE) -> Iterator[Row]:
    """Yield whether the bundle exists: the code of the widget that runs in the browser."""
    static = package / "widget" / "static"
    sources = package.parent / "js" / "src"
    in_clone = sources.is_dir()
    rebuild = (
        "in the clone: cd js && npm run build" if in_clone else "pip install --force-reinstall --no-deps ke-widgets"
    )
    for name in ("widget.js", "widget.css"):
        file = static / name
        if not file.is_file() or not file.stat().st_size:
            yield "error", f"{file} is missing or empty: no view can be drawn", rebuild
        elif in_clone and file.stat().st_mtime < max(path.stat().st_mtime for path in sources.rglob("*")):
            yield "warning", f"{name} is older than its sources", rebuild
        else:
            yield "ok", f"{name}, {file.stat().st_size:,} bytes"
