"""Made-up environments: folders that Jupyter reads, packages that are or are not there."""

import json

import pytest

from ke_widgets.doctor import browser, hosts, packages

EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "anywidget", "bqplot", "bqscales")


class Environment:
    """Folders that stand for Jupyter's own, and what is put into them."""

    def __init__(self, folder):
        self.data, self.config, self.runtime = (folder / name for name in ("data", "config", "runtime"))
        for path in (self.data, self.config, self.runtime):
            path.mkdir()

    def extension(self, name, version="1.0.0"):
        self._write(
            self.data / "labextensions" / name / "package.json",
            {"name": name, "version": version, "jupyterlab": {"_build": {"load": "static/entry.js"}}},
        )

    def disable(self, *names):
        self._write(self.config / "labconfig/page_config.json", {"disabledExtensions": dict.fromkeys(names, True)})

    def server_extension(self, enabled):
        extensions = {"ServerApp": {"jpserver_extensions": {"ke_widgets.server": enabled}}}
        self._write(self.config / "jupyter_server_config.d/ke_widgets.json", extensions)

    def kernel(self, name, program, language="python"):
        spec = {"argv": [str(program), "-f", "{connection_file}"], "display_name": name.title(), "language": language}
        self._write(self.data / "kernels" / name / "kernel.json", spec)

    def server(self, **info):
        self._write(self.runtime / f"jpserver-{info['pid']}.json", info)

    def _write(self, path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An `Environment` in which Jupyter finds nothing but what a test puts there."""
    made = Environment(tmp_path)
    nothing = [str(tmp_path / "nothing")]
    monkeypatch.setenv("JUPYTER_PATH", str(made.data))
    monkeypatch.setenv("JUPYTER_DATA_DIR", nothing[0])
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(made.config))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", nothing[0])
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(made.runtime))
    monkeypatch.setattr("jupyter_core.paths.ENV_JUPYTER_PATH", nothing)
    monkeypatch.setattr("jupyter_core.paths.ENV_CONFIG_PATH", nothing)
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_JUPYTER_PATH", nothing)
    monkeypatch.setattr("jupyter_core.paths.SYSTEM_CONFIG_PATH", nothing)
    return made


@pytest.fixture
def installed(monkeypatch):
    """A function that says which distributions there are: `installed(anywidget="0.8", bqplot=None)`."""
    known = packages.version

    def install(**versions):
        def version(name):
            return versions[name] if name in versions else known(name)

        for module in (packages, browser, hosts):
            monkeypatch.setattr(module, "version", version)

    return install
