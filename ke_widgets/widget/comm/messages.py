"""The messages between page and kernel: dataclasses on one side, JSON and binary buffers on the other.

Page to kernel: `hello`, `explain`, `cancel`, `check`, `ack`, and requests to the features of `widget/features` by name.
Kernel to page: `result`, `superseded`, `progress`, `check_reply`, `state`, `error`, `generations`, and the features'
replies by name.
Every request is answered, with its id. What depends on a model's weights carries their `generation`. Maps travel as
float16 in units of their largest magnitude (`map.scale`: gradients may be smaller than the smallest float16), scores as
float32, both little endian. `map.input_region` is the region of the picture that a map covers, where that is not the
whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.images.fitting import WHOLE
from ke_widgets.widget.session.choice import Choice

Message = tuple[dict[str, Any], list[bytes]]  # content and buffers


@dataclass(frozen=True)
class Hello:
    """A view opened."""


@dataclass(frozen=True)
class Explain:
    """Explain this in one of the panes (0 is the main one); the newest one of each pane wins."""

    id: str | None
    choice: Choice
    pane: int = 0


@dataclass(frozen=True)
class Cancel:
    """Stop the request of that id; where it has none, the one that Python made for that pane."""

    id: str | None
    pane: int = 0


@dataclass(frozen=True)
class Check:
    """Ask whether the request of that id waits or runs; `None` is one that Python made for that pane."""

    id: str | None
    pane: int


@dataclass(frozen=True)
class Ack:
    """Acknowledge the state of that number."""

    number: int


@dataclass(frozen=True)
class Ask:
    """A request to a feature: its name, and what it is asked, a `request` of its own."""

    kind: str
    id: str | None
    request: Any
    pane: int | None = None

    @property
    def choice(self) -> Choice | None:
        """The choice that it is about, or `None`."""
        return getattr(self.request, "choice", None)


_KINDS: dict[str, type] = {"hello": Hello, "explain": Explain}
_ABOUT: dict[str, type] = {"cancel": Cancel, "check": Check, "ack": Ack}


def parse(content: Any, features: Mapping[str, type]) -> Hello | Explain | Ask | Cancel | Check | Ack:
    """Read a message from the page.

    Args:
        content: What the page sent, decoded from JSON.
        features: The dataclass of each feature's requests, by the feature's name.

    Returns:
        The message.

    Raises:
        ValueError: If it is none of those above, or a field is missing or unknown.
    """
    kinds = {**_KINDS, **features, **_ABOUT}
    kind = content.get("kind") if isinstance(content, Mapping) else None
    made = kinds.get(kind) if isinstance(kind, str) else None
    if made is None or kind is None:
        raise ValueError(f"A message must be one of {', '.join(kinds)}. Received: {short_repr(content)}.")
    asks = kind in features
    given = {name: value for name, value in content.items() if name != "kind"}
    about = {name: given.pop(name) for name in ("id", "pane") if asks and name in given}
    try:
        if "choice" in given:
            given["choice"] = Choice(**given["choice"])
        if asks and not (isinstance(about.get("id"), str) and isinstance(about.get("pane"), int | None)):
            raise TypeError("Without an id no answer finds its request, and panes are numbers.")
        read = made(**given)
        return Ask(kind, request=read, **about) if asks else read
    except TypeError as error:
        names = [*["id", "pane"] * asks, *(field.name for field in fields(made))]
        raise ValueError(
            f"A message must be one of {', '.join(kinds)}, with its own fields; those of {kind!r} are "
            f"{', '.join(names) or 'none'}. Received: {short_repr(content)}."
        ) from error


def encode_map(values, low, high, input_region=WHOLE) -> tuple[dict[str, Any], bytes]:
    """Encode a raw map as metadata and float16 numbers in units of its largest magnitude.

    Args:
        values: A raw map `(H', W')`.
        low: Start of the display range.
        high: End of the display range.
        input_region: The region of the picture that it covers; see `Explanation`.

    Returns:
        A dict of metadata, and bytes.
    """
    values = np.asarray(values, "float64")
    finite = values[np.isfinite(values)]
    scale = float(np.abs(finite).max(initial=0.0)) or 1.0
    metadata = {
        "height": int(values.shape[0]),
        "width": int(values.shape[1]),
        "low": float(low),
        "high": float(high),
        "min": float(finite.min()) if finite.size else 0.0,
        "max": float(finite.max()) if finite.size else 0.0,
        "scale": scale,
        "finite": bool(finite.size == values.size),
    }
    if tuple(input_region) != WHOLE:
        metadata["input_region"] = [round(float(share), 6) for share in input_region]
    return metadata, (values / scale).astype("<f2").tobytes()


def result(id, pane, serial, choice, explanation) -> Message:
    """Write the answer to an `explain`.

    Args:
        id: The request's, or `None` where it came from Python.
        pane: Number of the pane, 0 for the main one.
        serial: A number that grows with every result.
        choice: What is explained, a `Choice`.
        explanation: The `Explanation`.

    Returns:
        Content and buffers: the map, and the scores.
    """
    shown, buffer = encode_map(explanation.map, explanation.low, explanation.high, explanation.input_region)
    content = {
        "kind": "result",
        "id": id,
        "pane": pane,
        "serial": serial,
        "generation": explanation.generation,
        "choice": dict(vars(choice)),
        "map": shown,
        "scores_kind": explanation.scores_kind,
        "milliseconds": float(explanation.milliseconds),
        "empty_reason": explanation.empty_reason,
        "done": explanation.done,
        "total": explanation.total,
        "completeness": explanation.completeness,
    }
    return content, [buffer, explanation.scores.astype("<f4").tobytes()]


def superseded(id) -> Message:
    """Write the answer to a request that was not run: a newer one, or Cancel, came first."""
    return {"kind": "superseded", "id": id}, []


def check_reply(id, pane, known) -> Message:
    """Write the answer to a `check`: whether the request waits or runs."""
    return {"kind": "check_reply", "id": id, "pane": pane, "known": known}, []


def state(number, serial, traits) -> Message:
    """Write the traits as Python holds them, the number to acknowledge, and that of the newest result."""
    return {"kind": "state", "id": None, "number": number, "serial": serial, "traits": traits}, []


def error(id, message, hint=None, details=None, *, choice=None, pane=None) -> Message:
    """Write the answer to a request that failed: a sentence, a hint, the traceback; and the pane that asked."""
    return {
        "kind": "error",
        "id": id,
        "pane": pane,
        "message": message,
        "hint": hint,
        "details": details,
        "choice": None if choice is None else dict(vars(choice)),
    }, []


def progress(id, pane, done, total, text, explanation=None) -> Message:
    """Write how many steps of a request are done, and the map so far where there is one."""
    content = {"kind": "progress", "id": id, "pane": pane, "done": done, "total": total, "text": text}
    if explanation is None:
        return content, []
    shown, buffer = encode_map(explanation.map, explanation.low, explanation.high, explanation.input_region)
    return {**content, "map": shown}, [buffer]


def generations(generations) -> Message:
    """Write that weights have changed: the generation that each of the models has now."""
    return {"kind": "generations", "id": None, "generations": list(generations)}, []


def snapshot(content, buffers, picture) -> dict[str, Any]:
    """Write the newest result with its image, so that a page that opens later can show it at once."""
    shown = {"image": picture.data, "size": list(picture.size)}
    return {"content": content, "map": buffers[0], "scores": buffers[1], **shown}
