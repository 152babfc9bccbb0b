"""Files that are written wholly or not at all."""

import contextlib
import os
import uuid
from pathlib import Path


def check_path(path):
    """Refuse what no file can be written to.

    Args:
        path: Where a file is to be.

    Returns:
        A `Path`.

    Raises:
        ValueError: If it names a folder, or a file in one that does not exist.
    """
    path = Path(path)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"`path` must name a file in a folder that exists. Received: {str(path)!r}.")
    return path


@contextlib.contextmanager
def whole_file(path):
    """Write a file beside the one that is meant, which it replaces at the end; where that fails, nothing is left.

    Args:
        path: A `Path`.

    Yields:
        The `Path` to write to; whoever takes that file away again writes nothing.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield partial
        if partial.exists():
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
