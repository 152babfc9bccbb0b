"""Write files atomically."""

import contextlib
import os
import uuid
from collections.abc import Generator
from pathlib import Path


def check_path(path: str | os.PathLike) -> Path:
    """Check that a file can be written at a path.

    Args:
        path: Path of the file.

    Returns:
        A `Path`.

    Raises:
        ValueError: If it is a folder, or its folder does not exist.
    """
    path = Path(path)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"`path` must name a file in a folder that exists. Received: {str(path)!r}.")
    return path


@contextlib.contextmanager
def whole_file(path: Path) -> Generator[Path, None, None]:
    """Write to a temporary file that replaces `path` on success, and is deleted on failure.

    Args:
        path: A `Path`.

    Yields:
        The `Path` to write to. If that file is deleted again, nothing is written.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield partial
        if partial.exists():
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
