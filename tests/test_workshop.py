"""The folder for a class: what is in it, and a real server that is started from it as its README says."""

import importlib.metadata
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from types import SimpleNamespace

import pytest
import websocket
from packaging.requirements import Requirement

from ke_widgets import resources, workshop
from ke_widgets.__main__ import main

TOKEN = "for-the-class"
NOTEBOOKS = sorted(path.name for path in resources.folder("notebooks").glob("*.ipynb"))
MESSAGES = 8000  # in about two seconds: more than twice what Jupyter's own limit lets through


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("class") / "here"
    assert main(["workshop", str(target)]) == 0
    return target


def test_the_folder_holds_notebooks_settings_versions_and_a_readme(folder):
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    own = ["README.md", "jupyter_server_config.py", "requirements.txt", "settings/overrides.json"]
    assert names == sorted([*own, *(f"notebooks/{name}" for name in NOTEBOOKS)])
    for name in NOTEBOOKS:
        assert (folder / "notebooks" / name).read_bytes() == (resources.folder("notebooks") / name).read_bytes()


def test_what_is_there_is_overwritten_only_with_force(folder, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "other.txt").write_text("mine too")
    assert main(["workshop", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"`DIR` must not hold files that would be overwritten. Received: {tmp_path}, which holds README.md. "
        "Choose another folder, or say --force.\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "other.txt"]
    assert main(["workshop", str(tmp_path), "--force"]) == 0
    assert (tmp_path / "README.md").read_bytes() == (folder / "README.md").read_bytes()
    assert (tmp_path / "other.txt").read_text() == "mine too"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["workshop", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"`DIR` must be a folder. Received: {tmp_path / 'file'}, which is a file.\n"


def test_every_version_is_the_installed_one_and_none_is_missing(folder):
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert lines[0].startswith("# Made with Python ")
    assert lines[1] == "--find-links wheelhouse"
    pinned = dict(line.split("==") for line in lines[2:])
    assert pinned == {name: importlib.metadata.version(name) for name in pinned}
    assert {"ke-widgets", "tensorflow", "keras", "anywidget", "bqplot", "jupyterlab", "matplotlib", "numpy"} <= set(
        pinned
    )
    assert not {"pytest", "ruff", "playwright"} & set(pinned), "what tests need is not for students"
    # Closed: whatever a pinned package needs here is pinned too.
    for name in pinned:
        for each in map(Requirement, importlib.metadata.requires(name) or ()):
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                assert re.sub(r"[-_.]+", "-", each.name).lower() in pinned, f"{name} needs {each}"


def made_up(**packages):
    """A function like `importlib.metadata.distribution` over `{name: (version, requirements)}`."""

    def distribution(name):
        if name not in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        version, requires = packages[name]
        return SimpleNamespace(version=version, requires=requires)

    return distribution


def test_pins_follow_extras_and_markers_and_end_in_circles():
    known = made_up(
        a=("1.0", ['b[fast]>=2; python_version >= "3"', 'never; python_version < "3"', 'dev; extra == "test"']),
        b=("2.5", ['c; extra == "fast"', 'd; extra == "slow"', "a"]),
        c=("0.1", None),
    )
    assert workshop.pins(["a"], known) == {"a": "1.0", "b": "2.5", "c": "0.1"}


def test_a_package_that_is_not_installed_is_named_with_who_needs_it():
    with pytest.raises(
        RuntimeError, match=r'^b, which a needs, is not installed here.*pip install "ke-widgets\[lab,plot\]"$'
    ):
        workshop.pins(["a"], made_up(a=("1.0", ["b"])))


def test_the_readme_says_what_to_do_about_a_package_that_no_index_has(monkeypatch):
    monkeypatch.setattr(workshop, "local_distributions", lambda: {"ke-widgets"})
    text = workshop.contents()["README.md"].decode()
    assert "python -m pip wheel --no-deps -w wheelhouse CLONE" in text
    monkeypatch.setattr(workshop, "local_distributions", set)
    assert "CLONE" not in workshop.contents()["README.md"].decode()


def command(folder, *more):
    """The README's command for a laptop, with this Python in place of the laptop's."""
    (line,) = re.findall(
        r"^    (env/bin/python -m jupyterlab --config=\S+)$", (folder / "README.md").read_text(), re.MULTILINE
    )
    _, *rest = shlex.split(line)
    return [sys.executable, *rest, *more]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Environment variables by which nothing of this machine's user is read."""
    home = tmp_path_factory.mktemp("home")
    names = [f"JUPYTER_{name}_DIR" for name in ("CONFIG", "DATA", "RUNTIME")]
    names += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"]
    return {**os.environ, **{name: str(home / name.lower()) for name in names}}


class Server:
    """A JupyterLab that was started from the folder."""

    def __init__(self, port, log):
        self.address, self._log = f"127.0.0.1:{port}", log

    @property
    def log(self):
        return self._log.read_text()

    def ask(self, path, method="GET", token=TOKEN):
        headers = {"Authorization": f"token {token}"} if token else {}
        request = urllib.request.Request(f"http://{self.address}/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()


@pytest.fixture(scope="module")
def server(folder, environment, tmp_path_factory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "server.log"
    more = ["--no-browser", "--allow-root", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    with open(log, "wb") as file:
        process = subprocess.Popen(command(folder, *more), cwd=folder, env=environment, stdout=file, stderr=file)
    server = Server(port, log)
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _wait(server, process, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            return server.ask("api/status")
        except urllib.error.URLError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"JupyterLab did not start. Its log:\n{server.log}") from None
            time.sleep(0.1)


def test_the_server_shows_the_notebooks_and_wants_its_token(server):
    listed = json.loads(server.ask("api/contents"))["content"]
    assert sorted(each["name"] for each in listed if each["name"].endswith(".ipynb")) == NOTEBOOKS
    with pytest.raises(urllib.error.HTTPError, match="403"):
        server.ask("api/contents", token=None)


def test_students_begin_with_the_settings_of_the_class(server):
    def default(plugin, name):
        settings = json.loads(server.ask(f"lab/api/settings/{plugin}"))
        return settings["schema"]["properties"][name]["default"]

    assert default("@jupyter-widgets/jupyterlab-manager:plugin", "saveState") is True
    assert default("@jupyterlab/apputils-extension:notification", "fetchNews") == "false"
    assert default("@jupyterlab/apputils-extension:notification", "checkForUpdates") is False
    assert default("@jupyterlab/apputils-extension:themes", "theme") == "JupyterLab Light", "themes are theirs"


def test_news_updates_and_the_extension_manager_are_off(server):
    page = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', server.ask("lab"), re.DOTALL)
    config = json.loads(page.group(1))
    assert config["news"] == {"disabled": True}
    assert json.loads(server.ask("lab/api/news")) == {"news": []}
    assert json.loads(server.ask("lab/api/update"))["notification"] is None
    assert config["extensionManager"]["name"] == "read-only"
    assert config["extensionManager"]["can_install"] is False


def test_the_server_extension_is_on_and_every_setting_is_known(server):
    assert "ke_widgets: messages between page and kernel are sent without delay." in server.log
    assert "not recognized" not in server.log


def test_a_chatty_cell_loses_nothing_and_its_kernel_would_be_ended_when_idle(server):
    kernel = json.loads(server.ask("api/kernels", "POST"))["id"]
    try:
        printed = _printed(server, kernel, f"for number in range({MESSAGES}): print(number, flush=True)")
    finally:
        server.ask(f"api/kernels/{kernel}", "DELETE")
    assert "rate exceeded" not in printed
    assert printed.split() == [str(number) for number in range(MESSAGES)]
    assert "Culling kernels with idle durations > 2400 seconds at 60 second intervals" in server.log


def _printed(server, kernel, code):
    """All that `code` prints, as a page would receive it."""
    number, texts, ended = uuid.uuid4().hex, [], set()
    header = {"msg_id": number, "msg_type": "execute_request", "session": number, "username": "", "version": "5.4"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False, "user_expressions": {}}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    address = f"ws://{server.address}/api/kernels/{kernel}/channels"
    socket = websocket.create_connection(address, header=[f"Authorization: token {TOKEN}"], timeout=60)
    try:
        socket.send(json.dumps(request))
        while ended != {"idle", "reply"}:
            message = json.loads(socket.recv())
            if message["parent_header"].get("msg_id") != number and message["msg_type"] != "stream":
                continue
            if message["msg_type"] == "stream":
                texts.append(message["content"]["text"])
            elif message["msg_type"] == "execute_reply":
                assert message["content"]["status"] == "ok"
                ended.add("reply")
            elif message["content"].get("execution_state") == "idle":
                ended.add("idle")
    finally:
        socket.close()
    return "".join(texts)
