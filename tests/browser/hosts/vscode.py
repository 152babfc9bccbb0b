"""What VS Code's notebooks show widgets with, as a page of the Jupyter server; see `js/test/vscode/`."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

JS = Path(__file__).parents[3] / "js"
# One bundled file, which names half of JupyterLab as its dependencies: it is fetched alone, and not by package.json.
PACKAGE = "@vscode/jupyter-ipywidgets8@1.0.9"
INTEGRITY = "sha512-bocCThfa4JDIDd7qCFAfW3HpzHfTLYxOTpTbiDfw4DXOUjKHnr6ObkMBiIkuzYPRybh5bY4FhYLemuDuTvIbpQ=="
CACHE = JS / "node_modules" / ".cache" / "vscode"


def install(folder):
    """Put the page and its scripts into `folder`.

    Raises:
        RuntimeError: If they cannot be had on this machine; says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(JS / "test" / "vscode" / "page.html", folder / "page.html")
    shutil.copyfile(JS / "node_modules" / "requirejs" / "require.js", folder / "require.js")
    shutil.copyfile(_manager(), folder / "ipywidgets.js")
    harness = JS / "test" / "vscode" / "harness.mjs"
    _run(
        JS / "node_modules" / ".bin" / "esbuild", harness, "--bundle", "--format=esm", f"--outfile={folder}/harness.js"
    )


def _manager():
    path = CACHE / "package" / "dist" / "ipywidgets.js"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _run("npm", "pack", "--silent", PACKAGE, f"--pack-destination={CACHE}")
        (archive,) = CACHE.glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != INTEGRITY:
            archive.unlink()
            raise RuntimeError(f"{PACKAGE} is not what it was: sha512-{digest}")
        with tarfile.open(archive) as files:
            files.extract("package/dist/ipywidgets.js", CACHE, filter="data")
        archive.unlink()
    return path


def _run(*command):
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}"}
    try:
        done = subprocess.run(
            list(map(str, command)), cwd=JS, env=environment, capture_output=True, text=True, timeout=300
        )
    except FileNotFoundError as error:
        raise RuntimeError(str(error)) from error
    if done.returncode:
        raise RuntimeError(f"{command[0]} {command[1]} failed: {done.stderr.strip()[-500:]}")
