"""A folder for a class: `ke-widgets workshop DIR` writes notebooks, exact versions, and what JupyterLab is to read."""

import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ke_widgets import resources

ROOT = "ke-widgets[lab,plot]"
WHEELHOUSE = "wheelhouse"
_UNPUBLISHED = """
## Before all that: {name}

On this machine {name} was not installed from a package index but from its sources, so pip may not find {version} by
itself. Make a wheel of it in `{wheelhouse}/` first, from a clone (`pip download` and `pip install` look there):

    python -m pip wheel --no-deps -w {wheelhouse} CLONE
"""


def write(target: str | os.PathLike[str], force: bool = False) -> list[Path]:
    """Write a workshop into a folder.

    Args:
        target: The folder; made if it is not there. Other files in it stay.
        force: Overwrite files that are there.

    Returns:
        Paths of the files, in `target`.

    Raises:
        FileExistsError: If a file is there and `force` is not set, or `target` is no folder.
        RuntimeError: If a package that the class needs is not installed here, so that its version is not known.
        OSError: If a file cannot be written.
    """
    target = Path(target)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"`DIR` must be a folder. Received: {target}, which is a file.")
    files = contents()
    there = [name for name in files if (target / name).exists()]
    if there and not force:
        raise FileExistsError(
            f"`DIR` must not hold files that would be overwritten. Received: {target}, which holds {', '.join(there)}. "
            "Choose another folder, or say --force."
        )
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [target / name for name in files]


def contents() -> dict[str, bytes]:
    """Give what a workshop consists of: `{path in the folder: bytes}`."""
    templates = resources.folder("workshop")
    readme = (templates / "README.md").read_text("utf-8")
    unpublished = local_distributions()
    if "ke-widgets" in unpublished:
        readme += _UNPUBLISHED.format(
            name="ke-widgets", version=importlib.metadata.version("ke-widgets"), wheelhouse=WHEELHOUSE
        )
    files = {
        "README.md": readme.encode(),
        "requirements.txt": requirements().encode(),
        "jupyter_server_config.py": (templates / "jupyter_server_config.py").read_bytes(),
        "settings/overrides.json": (templates / "overrides.json").read_bytes(),
    }
    for path in sorted(resources.folder("notebooks").glob("*.ipynb")):
        files[f"notebooks/{path.name}"] = path.read_bytes()
    return files


def requirements() -> str:
    """Give the text of a requirements file with the exact version of all that the class needs, as installed here."""
    pinned = pins([ROOT])
    lines = [
        f"# Made with Python {platform.python_version()} on {platform.system()}; use the same first two numbers.",
        f"--find-links {WHEELHOUSE}",
        *(f"{name}=={version}" for name, version in sorted(pinned.items())),
    ]
    return "\n".join(lines) + "\n"


def pins(
    wanted: Sequence[str],
    distribution: Callable[[str], importlib.metadata.Distribution] = importlib.metadata.distribution,
) -> dict[str, str]:
    """Find what `wanted` needs, and what that needs in turn, as far as markers ask for it on this machine.

    Args:
        wanted: Requirements as in a requirements file, such as `"ke-widgets[lab,plot]"`.
        distribution: A function from a name to its metadata; as `importlib.metadata.distribution`.

    Returns:
        `{name: version}`, names in their canonical form.

    Raises:
        RuntimeError: If one is not installed; it names who needs it.
    """
    pinned, seen = {}, set()
    waiting = [(Requirement(text), "the workshop") for text in reversed(wanted)]
    while waiting:
        requirement, needed_by = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            found = distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            raise RuntimeError(
                f"{requirement.name}, which {needed_by} needs, is not installed here, so its version is not known. "
                f'Install all that a class needs: {sys.executable} -m pip install "{ROOT}"'
            ) from None
        pinned[name] = found.version
        for each in map(Requirement, found.requires or ()):
            if _applies(each, requirement.extras):
                waiting.append((each, requirement.name))
    return pinned


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Whether a requirement holds on this machine, of a package that is wanted with `extras`."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def local_distributions() -> set[str]:
    """Give the names of distributions that were installed from files on this machine: no index has that very thing."""
    found = set()
    for distribution in importlib.metadata.distributions():
        source = json.loads(distribution.read_text("direct_url.json") or "{}")
        if source.get("url", "").startswith("file:"):
            found.add(canonicalize_name(distribution.metadata["Name"]))
    return found
