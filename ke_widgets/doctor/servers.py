"""Check servers and kernels, which are often in different environments."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ke_widgets.doctor.browser import EXTENSIONS
from ke_widgets.doctor.packages import Row

SECONDS = 10  # Timeout for a server on this machine, or another Python.
_CONFIG = "jupyter_server_config.d/ke_widgets.json"
_ENABLE = "jupyter server extension enable --sys-prefix ke_widgets.server"
_PAGE_CONFIG = re.compile(r'<script[^>]*id="jupyter-config-data"[^>]*>(.*?)</script>', re.DOTALL)


def extension() -> Iterator[Row]:
    """Yield whether a server of this environment would load `ke_widgets.server`, which affects speed only."""
    from jupyter_core.paths import jupyter_config_path
    from jupyter_server.extension.config import ExtensionConfigManager

    path = jupyter_config_path()
    setting = ExtensionConfigManager(read_config_path=path).get_jpserver_extensions().get("ke_widgets.server")
    slow = "each answer of the kernel takes about 40 ms longer"
    if setting is None:
        yield "warning", f"{_CONFIG} is in none of Jupyter's config folders: {slow}", _ENABLE
    elif not setting:
        yield "warning", f"server extension ke_widgets.server is disabled: {slow}", _ENABLE
    else:
        import ke_widgets.server  # A server that cannot import it logs that and runs without it.

        where = next((folder for folder in path if Path(folder, _CONFIG).exists()), "Jupyter's config")
        yield "ok", f"server extension {ke_widgets.server.__name__} is enabled in {where}"


def running() -> Iterator[Row]:
    """Yield, for each server that runs on this machine, whether its pages get the extensions that the view needs."""
    from jupyter_server.serverapp import list_running_servers

    servers = list(list_running_servers())
    if not servers:
        yield "ok", "no server is running"
    for server in servers:
        own = " (this kernel's)" if str(server["pid"]) == os.environ.get("JPY_PARENT_PID") else ""
        yield _pages(server, f"server {server['url']}{own}")


def _pages(server: dict[str, Any], name: str) -> Row:
    try:
        config = _page_config(server)
    except (OSError, ValueError) as error:
        return "warning", f"{name} does not answer as JupyterLab does: {error}", "look at its log"
    got = {each["name"] for each in config.get("federated_extensions", [])}
    off = set(config.get("disabledExtensions", []))
    missing = [package for each, (package, _) in EXTENSIONS.items() if each not in got or each in off]
    needed = [package for package in missing if package != "bqscales"]  # Older bqplot contains it.
    if not needed:
        return "ok", f"{name} gives its pages all extensions"
    python = _python_of(server["pid"])
    advice = f"{python or 'in the environment that runs it: python'} -m pip install {' '.join(needed)}, and restart it"
    return "error", f"{name}, {python or 'of another environment'}, lacks {', '.join(needed)}", advice


def _page_config(server: dict[str, Any]) -> dict[str, Any]:
    """Return the page config of a server: the extensions that its pages load, and the disabled ones."""
    missing = None
    for page in ("lab", "tree"):  # JupyterLab, or else Notebook 7 alone
        query = urllib.parse.urlencode({"token": server["token"]}) if server.get("token") else ""
        try:
            # No proxy for a server on this machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{server['url']}{page}?{query}", timeout=SECONDS) as answer:
                found = _PAGE_CONFIG.search(answer.read().decode())
        except urllib.error.HTTPError as error:
            missing = error
            continue
        if found is None:
            raise ValueError("it asks for a password, or shows other pages")
        return json.loads(html.unescape(found.group(1)))
    raise ValueError(str(missing))


def _python_of(pid: int) -> str | None:
    """Return the program that runs as `pid`, or `None`."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    return words[0].decode() or None


def kernels() -> Iterator[Row]:
    """Yield, for each Python kernel that notebooks can choose, whether it is this environment and has the package."""
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    pythons = {name: each["spec"] for name, each in specs.items() if each["spec"].get("language") == "python"}
    if not pythons:
        yield "error", "no Python kernel is known to Jupyter", f"{sys.executable} -m pip install ipykernel"
    for name, spec in sorted(pythons.items()):
        yield _kernel(name, spec.get("display_name", name), spec["argv"][0])
    yield from _other_jupyter()


def _kernel(key: str, title: str, program: str) -> Row:
    name = f"kernel {key} ({title})"
    if Path(program).name == program and re.fullmatch(r"python[\d.]*(\.exe)?", program):
        return "ok", f"{name} runs the server's own Python"  # jupyter_client replaces the bare name.
    path = shutil.which(program)
    if path is None:
        return (
            "warning",
            f"{name} runs {program}, which is not there",
            f"jupyter kernelspec remove {key}, or choose another",
        )
    if Path(path).absolute() == Path(sys.executable).absolute():
        return "ok", f"{name} runs this Python"
    if not _has_package(path):
        return (
            "warning",
            f"{name} runs {path}, where ke_widgets is not installed",
            f"choose another kernel, or: {path} -m pip install ke-widgets",
        )
    return "ok", f"{name} runs {path}, which has ke_widgets"


def _has_package(python: str) -> bool:
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ke_widgets') is None)"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, timeout=SECONDS, cwd="/").returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _other_jupyter() -> Iterator[Row]:
    """Yield a warning if the command `jupyter` is another environment's, whose servers lack this package."""
    found = shutil.which("jupyter-lab") or shutil.which("jupyter")
    if found and Path(found).parent.absolute() != Path(sys.executable).parent.absolute():
        yield (
            "warning",
            f"the command jupyter is {found}, not of this environment",
            f"start JupyterLab with: {sys.executable} -m jupyterlab",
        )
