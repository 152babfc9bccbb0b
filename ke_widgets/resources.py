"""Files that come with the package and are not code: notebooks, and what a workshop begins with."""

from pathlib import Path
from typing import Literal

_HERE = Path(__file__).parent
_IN_CLONE = {"notebooks": "notebooks", "workshop": "jupyter-config/workshop"}


def folder(name: Literal["notebooks", "workshop"]) -> Path:
    """Give the folder of shipped files: inside the package when installed from a wheel, beside it in a clone.

    Args:
        name: `"notebooks"` or `"workshop"`.

    Returns:
        A `Path`.
    """
    packaged = _HERE / "demo" / name
    return packaged if packaged.is_dir() else _HERE.parent / _IN_CLONE[name]
