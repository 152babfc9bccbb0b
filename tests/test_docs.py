"""Every example that a reader may paste is run: the README's, the docstrings', and the notebooks'."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import keras
import nbclient
import nbformat
import numpy as np
import pytest

import ke_widgets as ke
from ke_widgets import methods

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = [
    module.name
    for module in pkgutil.walk_packages(ke.__path__, "ke_widgets.")
    if not module.name.endswith(("__main__", ".server"))
]
FIGURE = re.compile(r"^(honest|cheat) +(stamped|plain) +average precision for hearts: ([\d.]+)$", re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_python_in_a_page_runs_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what it writes does not stay
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    if page == "README.md":
        assert names["logits"].shape == (8, 1)
        assert names["maps"].shape == (8, 96, 96, 1)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_what_a_page_links_to_exists(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_every_method_has_a_row_in_the_readme():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert set(methods.table()) <= set(rows)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_give_what_they_say(name):
    found = doctest.testmod(
        importlib.import_module(name),
        extraglobs={"np": np, "ke": ke, "keras": keras},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert found.failed == 0


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    if path.stem == "01-quickstart":
        figures = {(model, data): float(value) for model, data, value in FIGURE.findall(printed)}
        assert figures["honest", "plain"] > 0.9
        assert figures["cheat", "stamped"] - figures["cheat", "plain"] >= 0.3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
