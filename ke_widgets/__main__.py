"""The command `ke-widgets`: `demo` opens the notebooks, `doctor` checks the setup, `workshop` prepares a class."""

import argparse
import filecmp
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ke_widgets import resources


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default the program's own, and return its exit status."""
    parser = argparse.ArgumentParser(prog="ke-widgets", description="See what a Keras 3 model looks at.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_doctor(commands)
    _add_workshop(commands)
    options, rest = parser.parse_known_args(argv)
    if rest and not options.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return options.run(options, rest)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        help="open the notebooks in JupyterLab",
        description="Copy the notebooks to a folder and open one in JupyterLab. "
        "Arguments that are not listed here go to JupyterLab, for example --no-browser --port=9000.",
        allow_abbrev=False,
    )
    demo.add_argument("--dir", type=Path, default=Path("ke-widgets-demo"), help="the folder (default: %(default)s)")
    names = [path.stem for path in notebooks()]
    demo.add_argument(
        "--open",
        choices=names,
        default=next(iter(names), None),
        metavar="NAME",
        help=f"which to open: {', '.join(names)}",
    )
    demo.set_defaults(run=_demo, passes_on=True)


def _add_doctor(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check whether the widget will work here, and say what to do if not",
        description="Check packages, Jupyter's extensions, servers and kernels, and explain a small picture. "
        "Ends with status 1 if the widget will not work.",
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object, to add to a report of a problem")
    doctor.add_argument("--quick", action="store_true", help="do not load TensorFlow")
    doctor.set_defaults(run=_doctor, passes_on=False)


def _doctor(options: argparse.Namespace, rest: list[str]) -> int:
    from ke_widgets.doctor import report

    return report(options.quick, options.json)


def _add_workshop(commands: Any) -> None:
    workshop = commands.add_parser(
        "workshop",
        help="write a folder for a class: notebooks, exact versions, settings",
        description="Write notebooks, a requirements file with the versions that are installed here, a server config "
        'for many students, settings, and a README that says how to use them. It needs "ke-widgets[lab,plot]".',
    )
    workshop.add_argument("dir", type=Path, metavar="DIR", help="the folder")
    workshop.add_argument("--force", action="store_true", help="overwrite files that are there")
    workshop.set_defaults(run=_workshop, passes_on=False)


def _workshop(options: argparse.Namespace, rest: list[str]) -> int:
    from ke_widgets import workshop

    try:
        written = workshop.write(options.dir, options.force)
    except (OSError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(written)} files in {options.dir}. README.md says how to start.")
    return 0


def _demo(options: argparse.Namespace, rest: list[str]) -> int:
    if importlib.util.find_spec("jupyterlab") is None:
        print('The demo needs JupyterLab. Install it with: pip install "ke-widgets[lab,plot]"', file=sys.stderr)
        return 1
    copy_notebooks(options.dir)
    # The kernels inherit it: otherwise TensorFlow's log about a missing GPU is the first thing that a student sees.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        rest = ["--allow-root", *rest]  # JupyterLab refuses to run as root without it, and containers run as root
    # With the notebook as an argument, the URL that JupyterLab prints would not open it.
    server = [f"--ServerApp.root_dir={options.dir.resolve()}", f"--LabApp.default_url=/lab/tree/{options.open}.ipynb"]
    return _become([sys.executable, "-m", "jupyterlab", *server, *rest])


def notebooks() -> list[Path]:
    """Return the paths of the notebooks of the package, in reading order."""
    return sorted(resources.folder("notebooks").glob("*.ipynb"))


def copy_notebooks(folder: Path) -> None:
    """Copy the notebooks into `folder`. Existing files stay; a message names those that differ."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in notebooks():
        target = folder / source.name
        if not target.exists():
            shutil.copyfile(source, target)
        elif not filecmp.cmp(source, target, shallow=False):
            print(f"{target} differs from the one in the package and is left as it is.")


def _become(command: list[str]) -> int:
    """Run `command` in place of this process, so that Ctrl-C and other signals are its own."""
    if os.name == "nt":
        return subprocess.call(command)
    sys.stdout.flush()
    os.execv(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
