"""What is said of each host follows from what is installed."""

from ke_widgets.doctor import hosts

GOOD = {"jupyterlab": "4.6.6", "notebook": "7.6.5", "ipykernel": "7.4.0", "nbclassic": "1.3.3", "voila": "0.5.13"}


def lines(name):
    return [found for found in hosts.hosts() if found[1].startswith(name)]


def nbextensions(environment, *names):
    for name in names:
        folder = environment.data / "nbextensions" / name
        folder.mkdir(parents=True)
        (folder / "extension.js").write_text("define([], () => ({}));")


def test_a_complete_environment_gives_no_warning(environment, installed):
    installed(**GOOD, marimo=None)
    nbextensions(environment, "anywidget", "bqplot", "jupyter-js-widgets")
    assert {level for level, *_ in hosts.hosts()} == {"ok"}
    assert lines("marimo") == [("ok", "marimo: not installed here")]


def test_an_old_kernel_or_an_old_jupyterlab_makes_choices_wait(environment, installed):
    waits = "a choice made while a cell runs is answered after it"
    installed(**{**GOOD, "ipykernel": "6.31.0"})
    assert lines("JupyterLab") == [
        ("warning", f"JupyterLab 4.6.6: {waits}, with ipykernel 6.31.0", 'pip install "ipykernel>=7"')
    ]
    installed(**{**GOOD, "jupyterlab": "4.3.1", "notebook": "7.3.0"})
    assert [level for level, *_ in (*lines("JupyterLab"), *lines("Notebook"))] == ["warning", "warning"]
    installed(**{**GOOD, "jupyterlab": "3.6.8"})
    assert lines("JupyterLab") == [("error", "JupyterLab 3.6.8 is too old", 'pip install "jupyterlab>=4"')]


def test_vs_code_and_nbclassic_need_the_nbextensions(environment, installed):
    installed(**GOOD)
    nbextensions(environment, "anywidget", "bqplot")
    assert lines("VS Code") == [
        (
            "warning",
            "VS Code: nbextensions jupyter-js-widgets are not found, it would ask a CDN",
            "pip install --force-reinstall --no-deps widgetsnbextension",
        )
    ]
    assert lines("nbclassic")[0][0] == "error"


def test_colab_is_a_warning_only_inside_colab(environment, installed, monkeypatch):
    installed(**GOOD)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    assert lines("Colab")[0][0] == "ok"
    monkeypatch.setenv("COLAB_RELEASE_TAG", "r1")
    assert lines("Colab")[0][0] == "warning"
