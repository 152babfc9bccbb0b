"""The command line, without starting JupyterLab for real."""

import importlib.util

import pytest

from ke_widgets import __main__ as program


@pytest.fixture
def started(monkeypatch):
    """The command lines that would have been run."""
    commands = []
    monkeypatch.setattr(program, "_become", lambda command: commands.append(command) or 0)
    return commands


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A package with one notebook."""
    folder = tmp_path / "packaged"
    folder.mkdir()
    (folder / "01-quickstart.ipynb").write_text("new")
    monkeypatch.setattr(program.resources, "folder", lambda name: folder)
    return folder


def test_demo_copies_the_notebooks_and_passes_the_rest_to_jupyterlab(started, packaged, tmp_path):
    folder = tmp_path / "here"
    assert program.main(["demo", "--dir", str(folder), "--no-browser", "--port=9000"]) == 0
    assert (folder / "01-quickstart.ipynb").read_text() == "new"
    (command,) = started
    assert command[1:3] == ["-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={folder}" in command
    assert "--LabApp.default_url=/lab/tree/01-quickstart.ipynb" in command
    assert command[-2:] == ["--no-browser", "--port=9000"]


def test_demo_opens_the_notebook_that_is_asked_for_and_names_them_all(started, packaged, tmp_path, capsys):
    (packaged / "02-methods.ipynb").write_text("second")
    assert program.main(["demo", "--dir", str(tmp_path / "here"), "--open", "02-methods"]) == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["01-quickstart.ipynb", "02-methods.ipynb"]
    assert "--LabApp.default_url=/lab/tree/02-methods.ipynb" in started[0]
    with pytest.raises(SystemExit, match="2"):
        program.main(["demo", "--open", "03"])
    assert "invalid choice: '03' (choose from" in capsys.readouterr().err


def test_demo_leaves_what_is_there_and_says_so(started, packaged, tmp_path, capsys):
    (tmp_path / "01-quickstart.ipynb").write_text("mine")
    program.main(["demo", "--dir", str(tmp_path)])
    assert (tmp_path / "01-quickstart.ipynb").read_text() == "mine"
    assert "01-quickstart.ipynb differs from the one in the package and is left as it is." in capsys.readouterr().out


def test_demo_says_nothing_when_the_notebooks_are_the_packages_own(started, packaged, capsys):
    program.main(["demo", "--dir", str(packaged)])
    assert capsys.readouterr().out == ""


def test_demo_without_jupyterlab_names_what_to_install(started, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert program.main(["demo"]) == 1
    assert capsys.readouterr().err == 'The demo needs JupyterLab. Install it with: pip install "ke-widgets[lab,plot]"\n'
    assert started == []


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        program.main(["dmeo"])
    assert "invalid choice: 'dmeo'" in capsys.readouterr().err
