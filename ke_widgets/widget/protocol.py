"""The messages between page and kernel: dataclasses on one side, JSON and binary buffers on the other.

Page to kernel: `hello`, `explain`, `cancel`, `images`. Kernel to page: `result`, `superseded`, `progress`, `error`,
`images`. Every `explain` and `images` is answered, with its id. Maps travel as float16 in units of their largest size
(`map.scale`: gradients may be smaller than a float16 can be), scores as float32, both little endian; pictures as PNG.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Choice:
    """What the user chose to see."""

    image_index: int
    layer: str
    class_index: int
    method: str
    params: dict


@dataclass(frozen=True)
class Hello:
    """A view opened."""


@dataclass(frozen=True)
class Explain:
    """Explain this; the newest one wins."""

    id: str | None
    choice: Choice


@dataclass(frozen=True)
class Cancel:
    """Stop the request of that id."""

    id: str | None


@dataclass(frozen=True)
class Pictures:
    """Send these images, scaled to a longest side of `size` pixels, or as they are where it is 0."""

    id: str | None
    indices: list[int]
    size: int


def parse(content) -> Hello | Explain | Cancel | Pictures:
    """Read a message from the page.

    Args:
        content: What the page sent, decoded from JSON.

    Returns:
        The message.

    Raises:
        ValueError: If it is none of those above, or a field is missing or unknown.
    """
    try:
        kind = content["kind"]
        fields = {key: value for key, value in content.items() if key != "kind"}
        if kind == "explain":
            return Explain(fields["id"], Choice(**fields["choice"]))
        return {"hello": Hello, "cancel": Cancel, "images": Pictures}[kind](**fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"A message must be hello, explain, cancel or images. Received: {content!r}.") from error


def result(id, serial, choice, values, low, high, scores, scores_kind, milliseconds, note, done=1, total=1):
    """Write the answer to an `explain`.

    Args:
        id: The request's, or `None` where it came from Python.
        serial: A number that grows with every result.
        choice: What is explained, a `Choice`.
        values: The map `(H', W')`, raw.
        low: The value that is shown as nothing (or, with both signs, as most against).
        high: The value that is shown as most.
        scores: One score for each class.
        scores_kind: `"probability"` or `"logit"`.
        milliseconds: What it took in the kernel.
        note: A sentence on a map that shows nothing, or `None`.
        done: Number of pieces that the map is made of; fewer than `total` where the method was cancelled.
        total: Number of pieces of the whole method.

    Returns:
        Content and buffers.
    """
    values = np.asarray(values)
    finite = values[np.isfinite(values)]
    scale = float(np.abs(finite).max(initial=0.0)) or 1.0
    content = {
        "kind": "result",
        "id": id,
        "serial": serial,
        "choice": asdict(choice),
        "map": {
            "height": int(values.shape[0]),
            "width": int(values.shape[1]),
            "low": float(low),
            "high": float(high),
            "min": float(finite.min()) if finite.size else 0.0,
            "max": float(finite.max()) if finite.size else 0.0,
            "scale": scale,
            "finite": bool(finite.size == values.size),
        },
        "unit": "logit",
        "scores_kind": scores_kind,
        "milliseconds": float(milliseconds),
        "note": note,
        "done": done,
        "total": total,
    }
    return content, [_little(values / scale, "<f2"), _little(scores, "<f4")]


def superseded(id):
    """Write the answer to an `explain` that a newer one, or Cancel, came before."""
    return {"kind": "superseded", "id": id}, []


def error(id, message, hint=None, choice=None):
    """Write the answer to a request that failed."""
    return {
        "kind": "error",
        "id": id,
        "message": message,
        "hint": hint,
        "choice": None if choice is None else asdict(choice),
    }, []


def progress(id, done, total, text):
    """Write how far a request has come; a total of 0 means that nobody knows."""
    return {"kind": "progress", "id": id, "done": done, "total": total, "text": text}, []


def pictures(id, indices, size, images):
    """Write the answer to `images`; `images` holds PNG bytes and the image's own (height, width) for each."""
    content = {"kind": "images", "id": id, "indices": list(indices), "size": size}
    content["sizes"] = [list(own) for _, own in images]
    return content, [png for png, _ in images]


def snapshot(content, buffers, picture) -> dict[str, Any]:
    """Write the newest result with its image, so that a page that opens later can show it at once."""
    png, own = picture
    return {"content": content, "map": buffers[0], "scores": buffers[1], "image": png, "size": list(own)}


def _little(values, dtype):
    return np.ascontiguousarray(values, dtype=dtype).tobytes()
