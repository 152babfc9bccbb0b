"""Servers that run or would run, and kernels, of this environment or another."""

import contextlib
import html
import http.server
import json
import os
import sys
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from ke_widgets.doctor import servers
from tests.doctor.conftest import EXTENSIONS


@pytest.mark.parametrize(
    ("enabled", "finding"),
    [
        (True, ("ok", "server extension ke_widgets.server is enabled in {config}")),
        (
            False,
            (
                "warning",
                "server extension ke_widgets.server is disabled: each answer of the kernel takes about 40 ms longer",
                "jupyter server extension enable --sys-prefix ke_widgets.server",
            ),
        ),
        (
            None,
            (
                "warning",
                "jupyter_server_config.d/ke_widgets.json is in none of Jupyter's config folders: "
                "each answer of the kernel takes about 40 ms longer",
                "jupyter server extension enable --sys-prefix ke_widgets.server",
            ),
        ),
    ],
)
def test_the_server_extension_is_enabled_disabled_or_not_installed(environment, enabled, finding):
    if enabled is not None:
        environment.server_extension(enabled)
    assert list(servers.extension()) == [tuple(part.format(config=environment.config) for part in finding)]


@contextlib.contextmanager
def lab(extensions, path="/lab", token="", disabled=()):
    """A server whose page `path` says that it has `extensions`. Yields its address."""
    config = {"federated_extensions": [{"name": name} for name in extensions], "disabledExtensions": list(disabled)}
    script = (
        f'<script id="jupyter-config-data" type="application/json">{html.escape(json.dumps(config), False)}</script>'
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlsplit(self.path)
            allowed = parse_qs(url.query).get("token", [""])[0] == token
            self.send_response(200 if url.path == path else 404)
            self.end_headers()
            self.wfile.write(f"<html>{script if allowed else 'password?'}</html>".encode())

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_no_server_is_no_problem(environment):
    assert list(servers.running()) == [("ok", "no server is running")]


@pytest.mark.parametrize("path", ["/lab", "/tree"])
def test_a_server_with_all_extensions_is_well_and_this_kernels_own_is_marked(environment, path, monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    with lab(EXTENSIONS, path, token="a&b") as url:
        environment.server(pid=os.getpid(), url=url, token="a&b")
        assert list(servers.running()) == [("ok", f"server {url} (this kernel's) gives its pages all extensions")]


def test_a_server_of_an_environment_without_anywidget_is_an_error_that_names_its_python(environment, monkeypatch):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.setattr(servers, "_python_of", lambda pid: "/other/bin/python")
    with lab(["@jupyter-widgets/jupyterlab-manager", "bqplot", "bqscales"], disabled=["bqplot"]) as url:
        environment.server(pid=os.getpid(), url=url, token="")
        assert list(servers.running()) == [
            (
                "error",
                f"server {url}, /other/bin/python, lacks anywidget, bqplot",
                "/other/bin/python -m pip install anywidget bqplot, and restart it",
            )
        ]


def test_a_server_that_does_not_let_us_in_is_a_warning(environment):
    with lab(EXTENSIONS, token="secret") as url:
        environment.server(pid=os.getpid(), url=url, token="")
        ((level, text, advice),) = servers.running()
    assert level == "warning"
    assert text == f"server {url} does not answer as JupyterLab does: it asks for a password, or shows other pages"


def test_a_server_that_is_gone_is_a_warning(environment):
    with lab(EXTENSIONS) as url:
        pass
    environment.server(pid=os.getpid(), url=url, token="")
    ((level, text, advice),) = servers.running()
    assert (level, advice) == ("warning", "look at its log")
    assert "refused" in text


def kernel_findings():
    return [found for found in servers.kernels() if found[1].startswith("kernel")]


def test_kernels_of_this_environment_are_well(environment):
    environment.kernel("bare", "python3")
    environment.kernel("own", sys.executable)
    environment.kernel("other", "R", language="R")
    texts = [(level, text) for level, text, *_ in kernel_findings()]
    assert ("ok", "kernel bare (Bare) runs the server's own Python") in texts
    assert ("ok", "kernel own (Own) runs this Python") in texts
    assert "other" not in str(texts)


def test_a_kernel_of_a_python_that_is_gone_or_has_not_the_package_is_a_warning(environment, tmp_path):
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    environment.kernel("bare", bare)
    environment.kernel("gone", tmp_path / "gone/python")
    bad = [found for found in kernel_findings() if found[0] != "ok"]
    assert bad == [
        (
            "warning",
            f"kernel bare (Bare) runs {bare}, where ke_widgets is not installed",
            f"choose another kernel, or: {bare} -m pip install ke-widgets",
        ),
        (
            "warning",
            f"kernel gone (Gone) runs {tmp_path / 'gone/python'}, which is not there",
            "jupyter kernelspec remove gone, or choose another",
        ),
    ]


def test_a_jupyter_of_another_environment_on_the_path_is_a_warning(environment, monkeypatch, tmp_path):
    other = tmp_path / "jupyter-lab"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(servers.kernels())[-1] == (
        "warning",
        f"the command jupyter is {other}, not of this environment",
        f"start JupyterLab with: {sys.executable} -m jupyterlab",
    )
