"""A request to a feature, while it is answered in turns on the worker's thread."""

from collections.abc import Callable, Hashable
from typing import Any

from ke_widgets.widget.comm import messages
from ke_widgets.widget.features.feature import Feature, Progress, Rest, Turns


class Job:
    """Answers one request, a turn at a time.

    Args:
        feature: The `Feature` that answers.
        session: The `Session` that computes.
        asked: A `messages.Ask`.
        send: Called with this job, each message for who asked, content and buffers, and the value of a `Reply`.
        go_on: Called with this job for its next turn, after the requests that wait now.
        rest: Called with this job for its next turn, when the worker rests and `until()` is true.

    Attributes:
        name: Name of the feature.
        id: The request's, or `None` where it came from Python.
        pane: Number of the pane, or `None` where it belongs to none.
        uses_model: See `Feature`.
        sender: Whose waiting request it replaces; see `Worker.submit`.
        stopped: Why to stop, or `None`; see `Feature`.
        until: What it waits for at rest.
    """

    def __init__(
        self,
        feature: Feature,
        session: Any,
        asked: messages.Ask,
        send: Callable[["Job", messages.Message, Any], Any],
        go_on: Callable[["Job"], Any],
        rest: Callable[["Job"], Any],
    ) -> None:
        self.name, self.id, self.pane = asked.kind, asked.id, asked.pane
        self.uses_model = feature.uses_model
        self.sender: Hashable = (asked.pane, asked.kind) if feature.queue == "latest" else self
        self.stopped: str | None = None
        self.until: Callable[[], bool] = lambda: True
        self._feature, self._session, self._request = feature, session, asked.request
        self._send, self._go_on, self._rest = send, go_on, rest
        self._turns: Turns | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it has had a turn."""
        return self._turns is not None

    def stop(self, why: str) -> None:
        """Ask it to stop, `"cancelled"` or `"superseded"`; it ends with its next turn."""
        self.stopped = self.stopped or why
        self._feature.on_stop(self._request)

    def turn(self) -> None:
        """Answer, until the answer is complete or the feature lets other requests go first.

        Raises:
            Exception: What the feature raised.
        """
        if self._turns is None:
            self._turns = iter(self._feature.answer(self._session, self._request, lambda: self.stopped))
        if self.stopped == "superseded":
            self.drop()
            return
        for each in self._turns:
            if each is None:
                self._go_on(self)
                return
            if isinstance(each, Rest):
                self.until = each.until
                self._rest(self)
                return
            if not isinstance(each, Progress):
                self._say({"kind": self.name, **each.content}, each)
                return
            counts = {"done": each.done, "total": each.total, "text": each.text}
            self._say({"kind": "progress", **counts, **each.content}, each)
        if self.stopped is None:
            raise RuntimeError(f"`{self.name}` ended without a reply.")
        self.drop()

    def drop(self) -> None:
        """Say that no answer will come."""
        self._send(self, messages.superseded(self.id), None)

    def fail(self, *described: str | None) -> None:
        """Say why there is no answer: sentence, hint and details."""
        choice = getattr(self._request, "choice", None)
        self._send(self, messages.error(self.id, *described, choice=choice, pane=self.pane), None)

    def _say(self, content, reply):
        pane = {} if self.pane is None else {"pane": self.pane}
        self._send(self, ({**content, "id": self.id, **pane}, list(reply.buffers)), reply.value)
