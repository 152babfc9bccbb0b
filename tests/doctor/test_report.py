"""The report: lines or JSON, one bad probe does not hide the next, and the exit status."""

import json
import subprocess
import sys

import pytest

import ke_widgets as ke
import ke_widgets.doctor as doctor
from ke_widgets.__main__ import main
from ke_widgets.doctor import browser, hosts, packages, servers, trial


@pytest.fixture
def probes(monkeypatch):
    """Probes that find what a test says: a list of findings for the first, nothing for the rest."""

    def find(findings):
        for module, names in (
            (packages, ("versions", "backend", "bundle")),
            (browser, ("labextensions",)),
            (servers, ("extension", "running", "kernels")),
            (trial, ("run",)),
            (hosts, ("hosts",)),
        ):
            for name in names:
                monkeypatch.setattr(module, name, lambda: iter(()))
        monkeypatch.setattr(packages, "versions", lambda: iter(findings))

    return find


def test_lines_are_grouped_and_advice_stands_under_its_finding(probes, monkeypatch, capsys):
    probes([("ok", "keras 3.15.1"), ("warning", "slow", "wait")])
    monkeypatch.setattr(hosts, "hosts", lambda: iter([("ok", "JupyterLab")]))
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == (
        "packages\n"
        "  ok       keras 3.15.1\n"
        "  warning  slow\n"
        "           -> wait\n"
        "\n"
        "hosts\n"
        "  ok       JupyterLab\n"
        "\n"
        "The widget will work here: no errors, 1 warning.\n"
    )


def test_an_error_gives_status_1(probes, capsys):
    probes([("error", "anywidget is not installed", "pip install anywidget")])
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.endswith("The widget will not work here: 1 error, no warnings.\n")


def test_json_has_every_finding_and_the_counts(probes, capsys):
    probes([("ok", "a"), ("error", "b", "c")])
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["warning"], told["error"]) == (1, 0, 1)
    assert told["findings"][1] == {"part": "packages", "level": "error", "text": "b", "advice": "c"}
    assert told["executable"] == sys.executable


def test_a_probe_that_raises_is_a_finding_and_the_next_one_runs(probes, monkeypatch):
    probes([])

    def broken():
        raise OSError("disk is gone\nand more")

    def missing():
        import a_package_that_is_not_there  # noqa: F401

    monkeypatch.setattr(packages, "versions", broken)
    monkeypatch.setattr(servers, "running", lambda: missing() or iter(()))
    monkeypatch.setattr(hosts, "hosts", lambda: iter([("ok", "last")]))
    first, second, last = doctor.diagnose()
    assert (first.level, first.text) == ("warning", "broken could not be looked at: OSError: disk is gone")
    assert second.level == "warning"
    assert second.text.endswith("not looked at, a_package_that_is_not_there is not installed")
    assert last == ("hosts", "ok", "last", "")


def test_it_can_be_asked_in_a_cell(probes, capsys):
    probes([("ok", "keras 3.15.1")])
    assert ke.doctor.report() == 0
    assert capsys.readouterr().out.startswith("packages\n  ok       keras 3.15.1\n")


def test_quick_does_not_explain(probes, monkeypatch):
    probes([])
    monkeypatch.setattr(trial, "run", lambda: iter([("error", "ran")]))
    assert doctor.report(quick=True, write=lambda line: None) == 0
    assert doctor.report(write=lambda line: None) == 1


def test_a_quick_look_loads_neither_tensorflow_nor_keras():
    code = (
        "import sys; from ke_widgets.doctor import report; report(quick=True, write=lambda line: None); "
        "print([name for name in ('tensorflow', 'keras', 'ipywidgets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
