"""Request handlers, which run on the worker's thread: from a request to its answers. They keep the results."""

import time
from collections.abc import Callable
from typing import Any

from ke_widgets.errors import failures
from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.jobs import Job
from ke_widgets.widget.session.choice import Choice

_PROGRESS_SECONDS = 0.1
_PREVIEW_SECONDS = 0.5


class Handlers:
    """Answers the requests of one widget, and keeps the newest results.

    Args:
        session: The `Session` that computes.
        answer: Called with every answer, its content and buffers.
        keep: Called with the newest result of the main pane and its image, once there is nothing else to do.
        tell_panel: Called with a function that takes the charts' panel; it is called where there is one.

    Attributes:
        error: The exception of the newest request of the main pane, or `None`.
    """

    def __init__(self, session, answer, keep, tell_panel) -> None:
        self._session = session
        self._answer = answer
        self._keep = keep
        self._tell_panel = tell_panel
        self._newest = {}
        self._kept = None
        self._generations = session.generations()
        self.error: Exception | None = None

    def found(self, choice: Choice) -> Any:
        """Return the `Explanation` of a choice, or `None` where there is none yet."""
        return self._session.results.found(choice)

    def newest(self) -> Any:
        """Return the `Explanation` that the main pane showed last, or `None` before the first one."""
        return self._newest[0][2] if 0 in self._newest else None

    @property
    def serial(self) -> int:
        """Number of the newest result."""
        return self._session.results.serial

    def repeat(self) -> None:
        """Send the newest result of every pane again."""
        for content, buffers, _ in list(self._newest.values()):
            self._answer(({**content, "id": None}, buffers))

    def drop(self, request: Any) -> None:
        """Answer a request of the page that will not be run."""
        if isinstance(request, Job):
            request.drop()
        elif request.id is not None:
            self._answer(messages.superseded(request.id))

    def trained(self) -> bool:
        """Return whether a model was trained since the last call; if so, drop the results and notify the page."""
        generations = self._session.generations()
        if generations == self._generations:
            return False
        self._generations = generations
        self.clear()
        self._answer(messages.generations(generations))
        return True

    def clear(self) -> None:
        """Drop the results."""
        self._session.results.clear()
        self._newest.clear()

    # Called by the worker.

    def run(self, request: Any, why_stop: Callable[[], str | None]) -> None:
        """Answer an `Explain`, or give a `Job` its turn. See `Worker`."""
        if isinstance(request, Job):
            request.turn()
        else:
            self._explain(request, why_stop)

    def failed(self, request: Any, error: Exception) -> None:
        """Answer a request that raised `error`."""
        described = failures.sentence(error), failures.hint(error), failures.details(error)
        if isinstance(request, Job):
            request.fail(*described)
            return
        if request.pane == 0:
            self.error = error
        self._answer(messages.error(request.id, *described, choice=request.choice, pane=request.pane))

    def rest(self, busy: Callable[[], bool]) -> None:
        """Keep the newest result for a reloaded page and a saved notebook; prepare the next ones.

        Args:
            busy: Returns whether a request waits or runs.
        """
        self._session.prepare([Choice(**content["choice"]) for content, *_ in list(self._newest.values())], busy)
        newest = self._newest.get(0)
        if newest is None or newest is self._kept:
            return
        self._kept = newest
        content, buffers, _ = newest
        picture = self._session.images.encoded(content["choice"]["image_index"])
        self._keep(messages.snapshot(content, buffers, picture))

    def _explain(self, request, why_stop):
        reported = shown = time.monotonic()
        if request.id is None:  # Chosen in Python, trait by trait; a request of the page was checked on arrival.
            self._session.check(request.choice)
        for done, total, finish in self._session.model_of(request.choice).steps(request.choice):
            if done == total:
                break
            stop = why_stop()
            if stop == "superseded":
                self.drop(request)
                return
            if stop == "cancelled":
                break
            now = time.monotonic()
            if now - reported >= _PROGRESS_SECONDS:
                preview = finish() if now - shown >= _PREVIEW_SECONDS else None
                reported, shown = now, now if preview else shown
                self._answer(
                    messages.progress(request.id, request.pane, done, total, f"step {done} of {total}", preview)
                )
        self._show(request, finish())

    def _show(self, request, explanation):
        if request.pane == 0:
            self.error = None
        serial = self._session.results.count()
        self._session.results.keep(request.choice, explanation)
        answer = messages.result(request.id, request.pane, serial, request.choice, explanation)
        self._newest[request.pane] = (*answer, explanation)
        self._answer(answer)
        if request.pane == 0:
            self._tell_panel(lambda panel: panel.show(explanation))
