"""Drive a real JupyterLab: one server, one notebook and kernel a test.

Cells are run through the application, not through its menu, which loses a run now and then.
"""

import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat

from tests.browser.traffic import Traffic

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SCREENSHOTS = Path(__file__).parent / "screenshots"
START_SECONDS = 60
PR_SET_PDEATHSIG = 1  # of Linux's <sys/prctl.h>

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # nothing leaves this machine
]
SERVER_ARGS = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--ServerApp.token=",
    "--ServerApp.password=",
    "--ServerApp.disable_check_xsrf=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True",
    "--JupyterNotebookApp.expose_app_in_browser=True",
]
SETTINGS = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}

READY = """async () => {
  const app = jupyterapp;
  await app.restored;
  const panel = app.shell.currentWidget;
  await panel.revealed;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
}"""
RUN_ALL = """async () => {
  await jupyterapp.commands.execute('notebook:run-all-cells');
  return [...jupyterapp.shell.currentWidget.content.model.cells].flatMap((cell) => cell.outputs?.toJSON() ?? []);
}"""
RUN_CELL = """async (source) => {
  window.cellEnded = false;
  const notebook = jupyterapp.shell.currentWidget.content;
  const index = notebook.model.sharedModel.cells.length;
  notebook.model.sharedModel.insertCell(index, { cell_type: 'code', source });
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await jupyterapp.commands.execute('notebook:run-cell');
  window.cellEnded = true;
  return notebook.model.cells.get(index).outputs.toJSON();
}"""
EXECUTE = """async (code) => {
  const outputs = [];
  const future = jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
  future.onIOPub = ({ header, content }) => outputs.push({ output_type: header.msg_type, ...content });
  await future.done;
  return outputs;
}"""
THEME = """async (theme) => {
  await jupyterapp.commands.execute('apputils:change-theme', { theme });
  const isSet = () => document.body.dataset.jpThemeName === theme && !document.querySelector('#jupyterlab-splash');
  while (!isSet()) await new Promise(requestAnimationFrame);
}"""
COMMAND = "async ({ id, args }) => { await jupyterapp.commands.execute(id, args); }"


# It looks for the file now and then only: each look gives Python up for a microsecond, and a loop that does so all the
# time keeps other threads waiting up to half a second for each operation, whatever they are (a "convoy", as CPython's
# lock has it).
LOOP = """
import pathlib, time
pathlib.Path("started").touch()
_end, _next = time.monotonic() + 60, 0
while time.monotonic() < _end:
    {body}
    if time.monotonic() > _next:
        if pathlib.Path("stop").exists():
            break
        _next = time.monotonic() + 0.1
"""


class CellError(RuntimeError):
    """A cell raised; the text is its traceback."""


class Server:
    """A running JupyterLab and the folder that it serves."""

    def __init__(self, url, root):
        self.url = url
        self.root = root

    def sessions(self):
        return self._ask("api/sessions")

    def shut_down(self, session):
        self._ask(f"api/sessions/{session['id']}", "DELETE")

    def is_up(self):
        try:
            self._ask("api/status")
        except OSError:
            return False
        return True

    def _ask(self, path, method="GET"):
        request = urllib.request.Request(f"{self.url}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or "null")


@contextlib.contextmanager
def serve(folder):
    """Run JupyterLab with everything it reads and writes inside `folder`, and yield its `Server`."""
    root = folder / "root"
    root.mkdir()
    port = _free_port()
    server = Server(f"http://127.0.0.1:{port}", root)
    command = [sys.executable, "-m", "jupyterlab", *SERVER_ARGS, f"--ServerApp.port={port}"]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={root}"],
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
    try:
        _wait_until_up(server, process, folder / "server.log")
        yield server
    finally:
        _stop(process)


def _end_with_parent():
    """Ask Linux to end this process, which then shuts its kernels down, when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _environment(folder):
    for path, values in SETTINGS.items():
        file = folder / "settings" / f"{path}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    own = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}
    own |= {f"JUPYTER_{name}_DIR": name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    own = {name: str(folder / path) for name, path in own.items()}
    # In a virtual environment the environment's own configuration would go first.
    return {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "0"}


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_up(server, process, log):
    end = time.monotonic() + START_SECONDS
    while not server.is_up():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"JupyterLab did not start. Its log:\n{log.read_text()}")
        time.sleep(0.1)


def _stop(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Lab:
    """One page with one notebook. `lab.page` is Playwright's, `lab.traffic` what the page said and sent."""

    def __init__(self, page, server, folder):
        self.page = page
        self.traffic = Traffic(page)
        self._server = server
        self._folder = folder

    def open(self, name):
        """Open a copy of the notebook `name` of `notebooks/`, with a kernel of its own."""
        return self._open(name, lambda target: shutil.copyfile(NOTEBOOKS / name, target))

    def new(self):
        """Open an empty notebook, with a kernel of its own."""
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
        return self._open("new.ipynb", lambda target: nbformat.write(notebook, target))

    def _open(self, name, write):
        self.folder.mkdir(exist_ok=True)
        write(self.folder / name)
        self.page.goto(f"{self._server.url}/lab/tree/{self._folder}/{name}?reset")
        return self._wait_until_ready()

    @property
    def folder(self):
        """Where the notebook is, and its kernel runs."""
        return self._server.root / self._folder

    def reload(self):
        """Save the notebook and load the page anew, with the kernel as it is."""
        self.command("docmanager:save")
        self.page.reload()
        return self._wait_until_ready()

    def _wait_until_ready(self):
        self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext")
        self._evaluate(READY, timeout=60)
        return self

    def run_all(self, timeout=180):
        """Run all cells and return their text. Raises `CellError` when one raises."""
        return _text(self._evaluate(RUN_ALL, timeout=timeout))

    def run_cell(self, code, timeout=60):
        """Run `code` in a new cell at the end and return its text. Raises `CellError` when it raises."""
        return _text(self._evaluate(RUN_CELL, code, timeout))

    @contextlib.contextmanager
    def running(self, body):
        """A cell that repeats the line `body` for as long as the `with` lasts, by a file that ends it.

        Yields a function that tells whether it still runs. Raises `CellError` at the end when the cell raised.
        """
        started, stop = self.folder / "started", self.folder / "stop"
        for file in (started, stop):
            file.unlink(missing_ok=True)
        self.page.evaluate(f"(source) => {{ window.running = ({RUN_CELL})(source); }}", LOOP.format(body=body))
        try:
            end = time.monotonic() + START_SECONDS
            while not started.exists():
                assert time.monotonic() < end, "the cell never started"
                self.page.wait_for_timeout(20)
            yield lambda: not self.page.evaluate("window.cellEnded")
        finally:
            stop.touch()
        _text(self._evaluate("() => window.running", timeout=60))

    def execute(self, code, timeout=60):
        """Run `code` in the kernel without a cell, so that nothing scrolls; else as `run_cell`."""
        return _text(self._evaluate(EXECUTE, code, timeout))

    def command(self, name, timeout=60, **args):
        """Run a command of the application, such as `docmanager:save`."""
        self._evaluate(COMMAND, {"id": name, "args": args}, timeout)

    def theme(self, name):
        """Set JupyterLab's theme, `light` or `dark`."""
        self._evaluate(THEME, f"JupyterLab {name.capitalize()}")

    def screenshot(self, name, target=None):
        """Save a picture of `target` (a locator; the page when None) as `screenshots/name.png`, and return its path."""
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        (target or self.page).screenshot(path=path)
        return path

    def close(self):
        """Shut this notebook's kernel down."""
        for session in self._server.sessions():
            if session["path"].startswith(f"{self._folder}/"):
                with contextlib.suppress(urllib.error.HTTPError):  # it may be gone by itself
                    self._server.shut_down(session)

    def _evaluate(self, function, argument=None, timeout=30):
        """Call an async function in the page, which has no time limit of its own."""
        limited = f"""(argument) => Promise.race([
          ({function})(argument),
          new Promise((_, reject) => setTimeout(() => reject(new Error('not done in {timeout} s')), {timeout * 1000})),
        ])"""
        return self.page.evaluate(limited, argument)


def _text(outputs):
    """The text of a cell's outputs."""
    for output in outputs:
        if output["output_type"] == "error":
            raise CellError(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output["traceback"])))
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "".join("".join(text) for text in texts).strip()
