"""The wheel, as someone without Node gets it: built through an sdist, installed into an empty environment, imported."""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NODE = {"node", "nodejs", "npm", "npx", "corepack"}
BUNDLE_LIMIT = 160_000


def run(*command, env, cwd):
    done = subprocess.run([str(part) for part in command], env=env, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def without_node(tmp_path_factory):
    """The environment variables of a machine without Node: PATH is a folder of links to all else that is on it."""
    links = tmp_path_factory.mktemp("path")
    for folder in filter(os.path.isdir, os.environ["PATH"].split(os.pathsep)):
        for program in os.scandir(folder):
            if program.name not in NODE and not os.path.lexists(links / program.name):
                (links / program.name).symlink_to(program.path)
    assert shutil.which("node", path=links) is None
    return {**os.environ, "PATH": str(links)}


@pytest.fixture(scope="module")
def dist(tmp_path_factory, without_node):
    """A folder with the sdist of this clone, and the wheel that was built from that sdist."""
    clone = tmp_path_factory.mktemp("clone")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", env=os.environ, cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():  # git also lists what was removed and is not committed yet
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    run(sys.executable, "-m", "build", env=without_node, cwd=clone)
    return clone / "dist"


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, without_node, tmp_path_factory):
    """The `bin` folder of an environment that holds the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-compile", wheel, env=without_node, cwd=folder)
    return folder / "bin"


def test_the_wheel_holds_bundle_models_and_notebooks_and_no_sources_of_the_page(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"ke_widgets/widget/static/widget.js", "ke_widgets/py.typed"} <= set(names)
    notebooks = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(Path(name).name for name in names if name.endswith(".ipynb")) == notebooks
    workshop = sorted(path.name for path in (ROOT / "jupyter-config/workshop").iterdir())
    assert sorted(Path(name).name for name in names if name.startswith("ke_widgets/demo/workshop/")) == workshop
    assert sum(name.startswith("ke_widgets/demo/") and name.endswith(".keras") for name in names) >= 2
    others = [name for name in names if not name.startswith("ke_widgets/") and ".dist-info/" not in name]
    assert [name.partition(".data/")[2] for name in others] == [
        "data/etc/jupyter/jupyter_server_config.d/ke_widgets.json"
    ]
    assert not [name for name in names if name.endswith((".ts", ".tsx", ".map"))]


def test_the_sdist_holds_the_sources_of_the_page_and_no_modules(dist):
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert {"js/package.json", "js/hatch_build.py", "notebooks/01-quickstart.ipynb"} <= set(names)
    assert any(name.startswith("js/src/") for name in names)
    assert not [name for name in names if "node_modules" in name or "/static/" in name]


def test_the_bundle_is_small(wheel, capsys):
    sizes = {Path(info.filename).name: info.file_size for info in zipfile.ZipFile(wheel).infolist()}
    bundle, styles = sizes["widget.js"], sizes["widget.css"]
    with capsys.disabled():
        print(
            f"\nbundle: {bundle:,} bytes minified, at most {BUNDLE_LIMIT:,}; styles: {styles:,} bytes; "
            f"wheel: {wheel.stat().st_size:,} bytes"
        )
    assert bundle <= BUNDLE_LIMIT


def test_the_widget_imports_where_only_the_wheel_is_installed(installed, without_node, tmp_path):
    code = "import ke_widgets as ke; print(ke.ExplainerWidget, ke.__file__)"
    printed = run(installed / "python", "-c", code, env=without_node, cwd=tmp_path)
    assert "ExplainerWidget" in printed
    assert str(installed.parent) in printed


def test_the_demo_says_what_to_install_where_jupyterlab_is_missing(installed, without_node, tmp_path):
    done = subprocess.run(
        [installed / "ke-widgets", "demo"], env=without_node, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    said = 'The demo needs JupyterLab. Install it with: pip install "ke-widgets[lab,plot]"'
    assert done.stderr.splitlines()[-1] == said
    assert not list(tmp_path.iterdir())


def test_a_workshop_says_what_to_install_where_jupyterlab_is_missing(installed, without_node, tmp_path):
    done = subprocess.run(
        [installed / "ke-widgets", "workshop", "here"], env=without_node, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "which ke-widgets needs, is not installed here, so its version is not known" in done.stderr
    assert 'pip install "ke-widgets[lab,plot]"' in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_workshop_s_files_come_out_of_the_package(installed, without_node, tmp_path):
    code = "from ke_widgets.resources import folder; print(sorted(path.name for path in folder('workshop').iterdir()))"
    printed = run(installed / "python", "-c", code, env=without_node, cwd=tmp_path)
    assert printed.strip() == "['README.md', 'jupyter_server_config.py', 'overrides.json']"


def test_the_notebooks_come_out_of_the_package(installed, without_node, tmp_path):
    code = "from pathlib import Path; from ke_widgets.__main__ import copy_notebooks; copy_notebooks(Path('here'))"
    run(installed / "python", "-c", code, env=without_node, cwd=tmp_path)
    copied = tmp_path / "here/01-quickstart.ipynb"
    assert copied.read_bytes() == (ROOT / "notebooks/01-quickstart.ipynb").read_bytes()
