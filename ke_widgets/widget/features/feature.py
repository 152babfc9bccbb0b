"""The contract of a feature: what it is asked, and how it answers in turns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Stop = Callable[[], str | None]


class Reply(NamedTuple):
    """The answer to a request: content (plain data), buffers, and a value for Python's side, which is not sent."""

    content: Mapping[str, Any]
    buffers: Sequence[bytes] = ()
    value: Any = None


class Progress(NamedTuple):
    """How far the answer is, and what there is of it, as in a `Reply`."""

    done: int
    total: int
    text: str
    content: Mapping[str, Any] = MappingProxyType({})
    buffers: Sequence[bytes] = ()
    value: Any = None


class Rest(NamedTuple):
    """Continue when nothing else is to be done, once `until()` is true."""

    until: Callable[[], bool]


# None ends a turn: the requests that wait go first.
Turns = Iterator[Reply | Progress | Rest | None]


@dataclass(frozen=True)
class Feature:
    """One kind of request.

    Attributes:
        request: A frozen dataclass. Its fields are what the page sends besides `kind`, `id` and `pane`; a field
            `choice` is read as a `Choice`, and checked on arrival.
        answer: A function of the session, the request and `stop`. It runs on the worker's thread, between the requests
            for maps, and yields `Progress`, `None` or `Rest`, and at last its one `Reply`. `stop()` returns
            `"cancelled"`, when a reply of what there is should follow; `"superseded"`, when none is wanted; or `None`.
            What it raises is the error that the page shows.
        queue: `"latest"`: of each pane the newest request wins; `"all"`: each one is answered.
        tab: Title of its tab in the page's drawer; empty where it has none.
        uses_model: Whether it waits its turn among what uses the models; pictures do not.
        from_page: Whether the page may ask it; if not, only Python may.
        on_stop: Called with the request when it should stop, on the thread that hears of it: for what waits elsewhere
            for its end.
    """

    request: type
    answer: Callable[[Any, Any, Stop], Turns]
    queue: Literal["latest", "all"] = field(kw_only=True)
    tab: str = field(default="", kw_only=True)
    uses_model: bool = field(default=True, kw_only=True)
    from_page: bool = field(default=True, kw_only=True)
    on_stop: Callable[[Any], Any] = field(default=lambda request: None, kw_only=True)
