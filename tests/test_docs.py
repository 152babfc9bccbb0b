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
from ke_widgets import demo, methods, workshop

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = [
    module.name
    for module in pkgutil.walk_packages(ke.__path__, "ke_widgets.")
    if not module.name.endswith(("__main__", ".server"))
]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
FIGURE = re.compile(r"^(honest|cheat) +(stamped|plain) +average precision for hearts: ([\d.]+)$", re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_python_in_a_page_runs_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what it writes does not stay
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    # What a reader has before: a model, images, and the names of its classes.
    names = {"model": demo.load("honest"), "images": demo.scenes(2, seed=3).images, "names": demo.LABELS}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    if page == "README.md":
        assert names["logits"].shape == (8, 1)
        assert names["maps"].shape == (8, 96, 96, 1)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "docs/hosts.md", "docs/methods.md", "docs/troubleshooting.md"]
)
def test_what_a_page_links_to_exists(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    missing = [link for link in links if not ((ROOT / page).parent / link).exists()]
    assert not missing


def test_what_the_readme_installs_is_enough_for_the_commands_that_it_names():
    """The notebooks draw with matplotlib, and the workshop pins it."""
    text = (ROOT / "README.md").read_text()
    (install,) = re.findall(r'Without `make`: `pip install "ke-widgets\[(.*?)\]"`.*`ke-widgets demo`', text)
    (row,) = re.findall(r"^\| `ke-widgets workshop DIR` \|(.*)$", text, flags=re.MULTILINE)
    assert install == "lab,plot"
    assert f'pip install "{workshop.ROOT}"' in row


def test_every_method_is_in_the_readme_and_has_a_row_in_the_page_of_methods():
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/methods.md").read_text(), flags=re.MULTILINE)
    assert set(methods.table()) == set(rows)
    families = re.findall(r"^\| [^|`]+ \| ((?:`\w+` ?)+)\|$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(families)) == list(methods.table())


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_give_what_they_say(name):
    found = doctest.testmod(
        importlib.import_module(name),
        extraglobs={"np": np, "ke": ke, "keras": keras},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert found.failed == 0


@pytest.fixture
def without_network(monkeypatch, tmp_path):
    """Environment variables for kernels that reach no other machine, and find no weights that were fetched before."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.mark.usefixtures("without_network")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_it_is_stored_with(path, tmp_path):
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    for old, new in zip(stored.cells, notebook.cells):
        then, now = printed(old), printed(new)
        assert NUMBER.sub("#", then) == NUMBER.sub("#", now)
        numbers = [[float(number) for number in NUMBER.findall(text)] for text in (now, then)]
        np.testing.assert_allclose(*numbers, rtol=0.1, atol=0.06, err_msg=old.id)
    text = "".join(map(printed, notebook.cells))
    if path.stem == "01-quickstart":
        figures = {(model, data): float(value) for model, data, value in FIGURE.findall(text)}
        assert figures["honest", "plain"] > 0.9
        assert figures["cheat", "stamped"] - figures["cheat", "plain"] >= 0.3
    if path.stem == "03-your-own-model":
        assert "False" not in text, "each cell says whether its claim holds"


def printed(cell):
    """What a cell printed, without Keras's own line about a download."""
    lines = "".join(output.get("text", "") for output in cell.get("outputs", []) if output.get("name") == "stdout")
    return "".join(line for line in lines.splitlines(True) if not line.startswith("Downloading data"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_can_be_read_without_running_it(path):
    notebook = nbformat.read(path, as_version=4)
    assert path.stat().st_size < 300_000
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    assert {output.output_type for output in outputs} <= {"stream", "execute_result", "display_data"}
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert kinds <= {"image/png", "text/plain"}, "a widget without its kernel is an error message"
    texts = [output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs]
    assert not [text for text in texts if re.search(r"/(tmp|home|root|usr|work)/|0x[0-9a-f]{6}|\d ?m?s/step", text)]
    assert not {output.name for output in outputs if output.output_type == "stream"} & {"stderr"}
    assert "execution" not in {key for cell in notebook.cells for key in cell.metadata}, "no times"
