"""Extensions of JupyterLab: found, missing, switched off."""

import importlib.util

from ke_widgets.doctor import browser
from tests.doctor.conftest import EXTENSIONS


def test_extensions_that_are_there_are_shown_with_version_and_folder(environment):
    for name in EXTENSIONS:
        environment.extension(name, "2.3.4")
    found = list(browser.labextensions())
    assert [level for level, *_ in found] == ["ok"] * 4
    assert found[1] == ("ok", f"labextension anywidget 2.3.4 in {environment.data}/labextensions/anywidget")


def test_without_anywidget_no_view_and_without_bqplot_no_charts(environment):
    environment.extension("@jupyter-widgets/jupyterlab-manager")
    environment.extension("bqscales")
    manager, view, charts, scales = browser.labextensions()
    assert manager[0] == scales[0] == "ok"
    assert view == (
        "error",
        "labextension anywidget is not found: the view is not shown",
        "pip install --force-reinstall --no-deps anywidget, then reload the page",
    )
    assert charts == (
        "warning",
        "labextension bqplot is not found: the charts are not shown",
        "pip install --force-reinstall --no-deps bqplot, then reload the page, or ExplainerWidget(..., charts=False)",
    )


def test_an_extension_that_was_switched_off_is_told_from_a_missing_one(environment):
    for name in EXTENSIONS:
        environment.extension(name)
    environment.disable("@jupyter-widgets/jupyterlab-manager:plugin", "bqplot")
    manager, view, charts, _ = browser.labextensions()
    assert manager == (
        "error",
        "labextension @jupyter-widgets/jupyterlab-manager is disabled: no widget is shown",
        "jupyter labextension enable @jupyter-widgets/jupyterlab-manager, then reload the page",
    )
    assert (view[0], charts[:2]) == ("ok", ("warning", "labextension bqplot is disabled: the charts are not shown"))


def test_scales_are_not_missed_by_an_older_bqplot(environment, installed):
    installed(bqscales=None)
    assert not [text for _, text, *_ in browser.labextensions() if "bqscales" in text]


def test_jupyterlab_in_another_environment_is_told_what_it_needs(environment, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(browser.labextensions()) == [
        (
            "warning",
            "JupyterLab is not installed in this environment",
            'pip install "ke-widgets[lab]"; or, if JupyterLab runs in another environment, there: '
            "pip install anywidget ipywidgets bqplot",
        )
    ]
