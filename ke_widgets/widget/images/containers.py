"""Convert the usual containers of images to an array or a list, or raise an error that says what to write instead."""

import collections
import collections.abc
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ke_widgets.errors.short_repr import short_repr

_MOST_ITEMS, _MOST_BYTES = 100_000, 1024**3  # Bounds on reading an iterator, which may be infinite.
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
_WANTED = "`images` must be an array (N, H, W, C) or a list of images."


def listed(images: Any) -> Any:
    """Convert images to an array or a list.

    Args:
        images: An array or tensor `(N, ...)`; a list, tuple, column or iterator of arrays, PIL images or paths; one PIL
            image, or the path of one file.

    Returns:
        An array `(N, ...)`, or a list.

    Raises:
        TypeError: If it is anything else, or an infinite iterator; the message has the line that converts it.
    """
    if isinstance(images, str | os.PathLike):
        return _of_path(os.fspath(images))
    if isinstance(images, Image.Image):
        return [images]
    if hasattr(images, "iloc") and hasattr(images, "columns"):
        raise _refusal(images, f"Select a column: `images = data[{_column(images)!r}]`.")
    if isinstance(images, list | tuple | collections.deque | collections.abc.ValuesView):
        return [_item(each) for each in images]
    if isinstance(images, set | frozenset):
        raise _refusal(images, "A set has no order: `images = sorted(data)`.")
    if hasattr(images, "keys") and hasattr(images, "values") and not hasattr(images, "__array__"):
        raise _refusal(images, _of_dict(images))
    if hasattr(images, "__array__") or hasattr(images, "numpy"):
        array = as_array(images)
        if array.ndim == 1 and array.dtype.kind in "OUS":  # Paths, or images in a column.
            return [_item(each) for each in array]
        return array
    if hasattr(images, "take") and hasattr(images, "as_numpy_iterator"):
        raise _refusal(images, f"Take a sample of it first, such as `{_of_dataset(images)}`.")
    if hasattr(images, "__getitem__") and hasattr(images, "__len__"):
        raise _refusal(images, "Take its first batch, such as `images = np.asarray(data[0][0])`.")
    if hasattr(images, "__iter__"):
        return _of_iterable(images)
    raise _refusal(images, "")


def _refusal(images, hint):
    return TypeError(f"{_WANTED} Received: {short_repr(images)}.{f' {hint}' if hint else ''}")


def as_array(images: Any) -> np.ndarray:
    """Convert a tensor of any library to NumPy, also one on another device or with gradient tracking."""
    try:
        return np.asarray(images if hasattr(images, "__array__") else images.numpy())
    except Exception:
        if not hasattr(images, "detach"):
            raise
        return np.asarray(images.detach().cpu().numpy())


def _item(image):
    if isinstance(image, bytes):
        return os.fsdecode(image)
    if isinstance(image, str | os.PathLike | Image.Image | np.ndarray):
        return image
    return as_array(image) if hasattr(image, "numpy") or hasattr(image, "detach") else image


def _of_path(path):
    path = os.fsdecode(path)
    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        raise TypeError(
            f"{_WANTED} Received: {short_repr(path)}, a folder. List its files: `images = "
            f"sorted(Path({path!r}).{_of_folder(Path(path))})`."
        )
    if any(sign in path for sign in "*?["):
        deep = ", recursive=True" if "**" in path else ""
        raise TypeError(
            f"{_WANTED} Received: {short_repr(path)}, a pattern. Write `images = sorted(glob.glob({path!r}{deep}))`."
        )
    raise TypeError(f"{_WANTED} Received: {short_repr(path)}, which does not exist.")


def _of_folder(folder):
    """Write the call that lists the images in a folder, or in its subfolders."""
    for call, found in (("glob", folder.iterdir()), ("rglob", (each for sub in folder.iterdir() for each in _in(sub)))):
        endings = collections.Counter(each.suffix for each in found if each.suffix.lower() in _ENDINGS)
        if endings:
            return f"{call}('*{endings.most_common(1)[0][0]}')"
    return "glob('*.png')"


def _in(folder):
    return itertools.islice(folder.iterdir(), 1000) if folder.is_dir() else ()


def _column(table):
    """Return the name of the first column that may hold paths."""
    names = list(table.columns)
    text = (name for name in names if table[name].dtype.kind in "OUS" or str(table[name].dtype).startswith("str"))
    return next(text, names[0] if names else "file")


def _of_dict(images):
    first = next(iter(images.items()), (None, None))
    batch = len(getattr(first[1], "shape", ())) == 4
    return f"Write `images = data[{first[0]!r}]`." if batch else "Write `images = list(data.values())`."


def _of_dataset(data):
    spec = data.element_spec
    each, shape = ("x, *_", spec[0].shape) if isinstance(spec, tuple) else ("x", getattr(spec, "shape", ()))
    join, some = ("stack", 32) if shape and len(shape) == 3 else ("concatenate", 4)
    return f"images = np.{join}([np.asarray(x) for {each} in data.take({some})])"


def _of_iterable(images):
    """Read an iterator of images or paths to its end; refuse one of batches or tuples, and an infinite one."""
    found, size = [], 0
    for image in images:
        image = _item(image)
        if not found:
            _check_first(images, image)
        found.append(image)
        size += getattr(image, "nbytes", 0)
        if len(found) > _MOST_ITEMS or size > _MOST_BYTES:
            raise _refusal(
                images,
                f"It may be infinite: {len(found):,} items were read. Take a sample of it: `images = "
                "list(itertools.islice(data, 32))`.",
            )
    return found


def _check_first(images, first):
    pair = isinstance(first, list | tuple) and first
    inner = first[0] if pair else first
    inner = _item(inner)
    rank = len(getattr(inner, "shape", ())) if not isinstance(inner, str | os.PathLike | Image.Image) else 3
    again = " One item has been consumed." if hasattr(images, "__next__") else ""
    if rank == 4:
        line = f"images = np.asarray(next(iter(data)){'[0]' if pair else ''})"
        raise _refusal(images, f"It yields batches: `{line}`.{again}")
    if pair:
        raise _refusal(images, f"It yields tuples of {len(first)}: `images = [image for image, *_ in data]`.{again}")
    if rank not in (2, 3):
        raise _refusal(images, f"It yields {short_repr(first)}.{again}")


def order_hint(shape: tuple[int, ...], fits: Callable[[tuple], bool]) -> str:
    """Suggest what to write if the axes of an image are not in the order that the model takes.

    Args:
        shape: The image's shape.
        fits: A function that returns whether the model takes a shape.

    Returns:
        A sentence with a leading space, or an empty string.
    """
    if len(shape) == 3 and shape[0] in (1, 3, 4) and fits((*shape[1:], shape[0])):
        return " Its channels come first: write `np.moveaxis(images, 1, -1)`."
    if len(shape) == 4 and fits(shape[1:]):
        return " These are batches: write `np.concatenate(images)`."
    return ""
