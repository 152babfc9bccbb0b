"""Check the JupyterLab extensions that the page needs: of ipywidgets, anywidget and bqplot."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from ke_widgets.doctor.packages import Row, version

# Extension of JupyterLab: the distribution that brings it, what is lost without it.
EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": ("jupyterlab_widgets", "no widget is shown"),
    "anywidget": ("anywidget", "the view is not shown"),
    "bqplot": ("bqplot", "the charts are not shown"),
    "bqscales": ("bqscales", "the charts are not shown"),
}
_WITHOUT_CHARTS = ", or ExplainerWidget(..., charts=False)"


def labextensions() -> Iterator[Row]:
    """Yield, for each extension, whether JupyterLab and Notebook 7 of this environment find it and load it."""
    if importlib.util.find_spec("jupyterlab") is None:
        yield (
            "warning",
            "JupyterLab is not installed in this environment",
            'pip install "ke-widgets[lab]"; or, if JupyterLab runs in another environment, there: '
            "pip install anywidget ipywidgets bqplot",
        )
        return
    found, disabled = _found(), _disabled()
    for name, (package, loss) in EXTENSIONS.items():
        if package == "bqscales" and version(package) is None:
            continue  # bqplot up to 0.12 contains its scales.
        yield _state(name, package, loss, found, disabled)


def _state(
    name: str, package: str, loss: str, found: dict[str, tuple[str, str]], disabled: Callable[[str], bool]
) -> Row:
    level, other = ("warning", _WITHOUT_CHARTS) if "charts" in loss else ("error", "")
    if name not in found:
        advice = f"pip install --force-reinstall --no-deps {package}, then reload the page{other}"
        return level, f"labextension {name} is not found: {loss}", advice
    if disabled(name):
        advice = f"jupyter labextension enable {name}, then reload the page{other}"
        return level, f"labextension {name} is disabled: {loss}", advice
    return "ok", f"labextension {name} {found[name][1]} in {found[name][0]}"


def _found() -> dict[str, tuple[str, str]]:
    """Return folder and version of each extension, `{name: (folder, version)}`, on all paths that JupyterLab reads."""
    from jupyter_core.paths import jupyter_path

    found = {}
    for folder in map(Path, jupyter_path("labextensions")):
        for file in (*folder.glob("[!@]*/package.json"), *folder.glob("@*/*/package.json")):
            data = json.loads(file.read_text("utf-8"))
            found.setdefault(data.get("name"), (str(file.parent), data.get("version", "")))
    return found


def _disabled() -> Callable[[str], bool]:
    """Return a function from an extension's name to whether the settings of environment or user disable it."""
    from jupyter_core.paths import jupyter_path
    from jupyterlab_server.config import get_page_config

    off = get_page_config(jupyter_path("labextensions")).get("disabledExtensions", [])
    # One plugin of an extension may be off too, as "name:plugin".
    return lambda name: any(each == name or each.startswith(f"{name}:") for each in off)
