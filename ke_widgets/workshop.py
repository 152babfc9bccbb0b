"""A folder for a class: `ke-widgets workshop DIR` writes notebooks, exact versions and JupyterLab's settings."""

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
## First: {name}

On this machine {name} was installed from its sources, not from a package index, so pip may not find {version}.
Build a wheel of it in `{wheelhouse}/` first, from a clone (`pip download` and `pip install` look there):

    python -m pip wheel --no-deps -w {wheelhouse} CLONE
"""


def write(target: str | os.PathLike[str], force: bool = False) -> list[Path]:
    """Write the files of a workshop into a folder.

    Args:
        target: The folder, created if missing. Other files in it stay.
        force: Whether to overwrite existing files.

    Returns:
        Paths of the files.

    Raises:
        FileExistsError: If a file exists and `force` is not set, or `target` is not a folder.
        RuntimeError: If a package that the class needs is not installed here, so its version is unknown.
        OSError: If a file cannot be written.
    """
    target = Path(target)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"`DIR` must be a folder. Received: {target}, which is a file.")
    files = contents()
    found = [name for name in files if (target / name).exists()]
    if found and not force:
        raise FileExistsError(
            f"`DIR` must not hold files that would be overwritten. Received: {target}, which holds {', '.join(found)}. "
            "Choose another folder, or say --force."
        )
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [target / name for name in files]


def contents() -> dict[str, bytes]:
    """Return the files of a workshop, `{path in the folder: content}`."""
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
    """Return a requirements file with the exact installed version of every package that the class needs."""
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
    """Return the installed versions of `wanted` and of all dependencies that apply on this machine.

    Args:
        wanted: Requirements as in a requirements file, such as `"ke-widgets[lab,plot]"`.
        distribution: A function from a name to its metadata.

    Returns:
        `{name: version}`, names in their canonical form.

    Raises:
        RuntimeError: If one is not installed; the message says which package needs it.
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
    """Return whether a requirement applies on this machine, for a package with `extras`."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def local_distributions() -> set[str]:
    """Return the names of distributions that were installed from local files, which no index has."""
    found = set()
    for distribution in importlib.metadata.distributions():
        source = json.loads(distribution.read_text("direct_url.json") or "{}")
        if source.get("url", "").startswith("file:"):
            found.add(canonicalize_name(distribution.metadata["Name"]))
    return found
