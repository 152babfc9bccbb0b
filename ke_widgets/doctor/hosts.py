"""Check each host. All statements were measured, except those marked as untried."""

import os
from collections.abc import Iterator
from pathlib import Path

from ke_widgets.doctor.packages import Row, numbers, version

_WAITS = "a choice made while a cell runs is answered after it"
_CLASSIC = ("anywidget", "bqplot", "jupyter-js-widgets")


def hosts() -> Iterator[Row]:
    """Yield for each host whether the view works there, and its limits."""
    for name, package in {"JupyterLab": "jupyterlab", "Notebook": "notebook"}.items():
        yield _with_subshells(name, package)
    yield _nbclassic()
    yield _installed("Voilà", "voila", "asks a CDN for icon styles, and works without them")
    yield _vscode()
    yield _colab()
    yield _installed("marimo", "marimo", "shows the view alone; bqplot charts do not exist there")


def _installed(name: str, package: str, text: str) -> Row:
    found = version(package)
    return "ok", f"{name} {found}: {text}" if found else f"{name}: not installed here"


def _with_subshells(name: str, package: str) -> Row:
    found, kernel = version(package), version("ipykernel")
    if found is None:
        return "ok", f"{name}: not installed here"
    if package == "jupyterlab" and numbers(found) < (4,):
        return "error", f"{name} {found} is too old", 'pip install "jupyterlab>=4"'
    if numbers(kernel) < (7,):
        return "warning", f"{name} {found}: {_WAITS}, with ipykernel {kernel}", 'pip install "ipykernel>=7"'
    if numbers(found) < ((4, 4) if package == "jupyterlab" else (7, 4)):
        return "warning", f"{name} {found}: {_WAITS}, before version 4.4 of JupyterLab", f"pip install -U {package}"
    return "ok", f"{name} {found}: choices are answered while a cell runs; Save Widget State keeps the picture"


def _nbclassic() -> Row:
    found = version("nbclassic")
    if found is None:
        return "ok", "nbclassic: not installed here"
    missing = _missing_nbextensions()
    if missing:
        return "error", f"nbclassic {found}: nbextensions {', '.join(missing)} are not found", _reinstall(missing)
    return "ok", f"nbclassic {found}: {_WAITS}"


def _vscode() -> Row:
    """Check nbextensions: VS Code loads them from the kernel's environment, or else from a CDN."""
    missing = _missing_nbextensions()
    if missing:
        text = f"VS Code: nbextensions {', '.join(missing)} are not found, it would ask a CDN"
        return "warning", text, _reinstall(missing)
    return "ok", f"VS Code: {_WAITS}; widget state is never saved, so keep results with w.to_html(path)"


def _missing_nbextensions() -> list[str]:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("nbextensions")]
    return [name for name in _CLASSIC if not any((folder / name / "extension.js").exists() for folder in folders)]


def _reinstall(names: list[str]) -> str:
    packages = ["widgetsnbextension" if name == "jupyter-js-widgets" else name for name in names]
    return f"pip install --force-reinstall --no-deps {' '.join(packages)}"


def _colab() -> Row:
    text = "Colab: untried; it needs google.colab.output.enable_custom_widget_manager(), which loads from a CDN"
    if "COLAB_RELEASE_TAG" in os.environ:
        return "warning", text, "run that line in a cell first"
    return "ok", text
