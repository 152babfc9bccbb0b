"""Files of the package that are not code: the notebooks and the templates of a workshop."""

from pathlib import Path
from typing import Literal

_HERE = Path(__file__).parent
_IN_CLONE = {"notebooks": "notebooks", "workshop": "jupyter-config/workshop"}


def folder(name: Literal["notebooks", "workshop"]) -> Path:
    """Return a folder of shipped files: inside the package when installed from a wheel, beside it in a clone.

    Args:
        name: `"notebooks"` or `"workshop"`.

    Returns:
        Its path.
    """
    packaged = _HERE / "demo" / name
    return packaged if packaged.is_dir() else _HERE.parent / _IN_CLONE[name]
