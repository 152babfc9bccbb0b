"""Packages, the backend and the bundle, found or not."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from ke_widgets.doctor import packages

ROOT = Path(__file__).parents[2]


def test_what_is_needed_is_what_the_package_depends_on():
    listed = re.search(r"^dependencies = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    wanted = dict(re.findall(r'"(\w+)(?:>=([\d.]+))?"', listed.group(1)))
    assert wanted == packages.NEEDED


def test_a_good_environment_gives_no_warning():
    found = list(packages.versions())
    assert {level for level, *_ in found} == {"ok"}
    assert f"tensorflow {packages.version('tensorflow')}" in [text for _, text in found]


@pytest.mark.parametrize(
    ("name", "there", "finding"),
    [
        ("anywidget", None, ("error", "anywidget is not installed", f"{sys.executable} -m pip install anywidget")),
        (
            "anywidget",
            "0.8.1",
            (
                "error",
                "anywidget 0.8.1 is older than 0.9",
                f'{sys.executable} -m pip install "anywidget>=0.9"',
            ),
        ),
        ("keras", "2.15.0", ("error", "keras 2.15.0 is older than 3", f'{sys.executable} -m pip install "keras>=3"')),
        (
            "jupyterlab",
            "3.6.8",
            (
                "warning",
                "jupyterlab 3.6.8 is older than 4",
                f'{sys.executable} -m pip install "jupyterlab>=4"',
            ),
        ),
        (
            "ipykernel",
            None,
            ("warning", "ipykernel is not installed", 'for notebooks here: pip install "ke-widgets[lab]"'),
        ),
    ],
)
def test_a_package_that_is_missing_or_old_is_named_with_its_remedy(installed, name, there, finding):
    installed(**{name: there})
    assert [each for each in packages.versions() if each[0] != "ok"] == [finding]


def test_a_program_that_is_not_used_is_not_missed(installed):
    installed(voila=None, notebook=None, nbclassic=None, matplotlib=None)
    assert {level for level, *_ in packages.versions()} == {"ok"}


@pytest.mark.parametrize(
    ("text", "numbers"), [("0.11.0", (0, 11, 0)), ("4.6.0rc1", (4, 6, 0)), ("3", (3,)), ("", ()), (None, ())]
)
def test_versions_compare_as_numbers(text, numbers):
    assert packages.numbers(text) == numbers


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_is_an_error_and_says_who_chose_it(backend, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert list(packages.backend()) == [("ok", "Keras backend tensorflow")]
    (tmp_path / "keras.json").write_text(json.dumps({"backend": backend}))
    (finding,) = packages.backend()
    assert finding[:2] == (
        "error",
        f"Keras backend {backend}, by {tmp_path / 'keras.json'}; explaining needs tensorflow",
    )
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert list(packages.backend()) == [("ok", "Keras backend tensorflow")]


@pytest.fixture
def package(tmp_path):
    """A clone with a source and a bundle that is newer."""
    static = tmp_path / "ke_widgets/widget/static"
    source = tmp_path / "js/src/index.tsx"
    for folder in (static, source.parent):
        folder.mkdir(parents=True)
    source.write_text("source")
    for name in ("widget.js", "widget.css"):
        (static / name).write_text("12345")
    os.utime(source, (1, 1))
    os.utime(source.parent, (1, 1))
    return tmp_path / "ke_widgets"


def test_a_bundle_that_is_there_is_measured(package):
    assert list(packages.bundle(package)) == [("ok", "widget.js, 5 bytes"), ("ok", "widget.css, 5 bytes")]


def test_a_bundle_that_is_missing_or_empty_is_an_error_with_the_remedy_for_a_clone_or_a_wheel(package):
    (package / "widget/static/widget.js").write_text("")
    level, text, advice = next(packages.bundle(package))
    assert level == "error"
    assert text.endswith("widget.js is missing or empty: no view can be drawn")
    assert advice == "in the clone: cd js && npm run build"
    (package.parent / "js").rename(package.parent / "elsewhere")
    (package / "widget/static/widget.js").unlink()
    assert next(packages.bundle(package))[2] == "pip install --force-reinstall --no-deps ke-widgets"


def test_a_bundle_older_than_its_sources_is_a_warning(package):
    os.utime(package / "widget/static/widget.css", (0, 0))
    assert [(level, text) for level, text, *_ in packages.bundle(package)] == [
        ("ok", "widget.js, 5 bytes"),
        ("warning", "widget.css is older than its sources"),
    ]
