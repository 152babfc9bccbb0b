"""Request handlers, which run on the worker's thread: from a request to its answers. They keep the results."""

import collections
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ke_widgets.errors import failures
from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.predictions import PredictionsJob
from ke_widgets.widget.export.job import Export
from ke_widgets.widget.images.encoding import Encoded
from ke_widgets.widget.session.choice import Choice

_PROGRESS_SECONDS = 0.1
_PREVIEW_SECONDS = 0.5
_KEPT_RESULTS = 64


@dataclass(frozen=True)
class Curves:
    """Ask for deletion and insertion of the map of a choice."""

    choice: Choice


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
        self._serial = 0
        self._results = collections.OrderedDict()
        self._newest = {}
        self._kept = None
        self._generations = session.generations()
        self.error: Exception | None = None

    def found(self, choice: Choice) -> Any:
        """Return the `Explanation` of a choice, or `None` where there is none yet."""
        return self._results.get(choice.key)

    def newest(self) -> Any:
        """Return the `Explanation` that the main pane showed last, or `None` before the first one."""
        return self._newest[0][2] if 0 in self._newest else None

    @property
    def serial(self) -> int:
        """Number of the newest result."""
        return self._serial

    def repeat(self) -> None:
        """Send the newest result of every pane again."""
        for content, buffers, _ in list(self._newest.values()):
            self._answer(({**content, "id": None}, buffers))

    def drop(self, request: Any) -> None:
        """Answer a request of the page that will not be run."""
        if getattr(request, "id", None) is not None:
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
        self._results.clear()
        self._newest.clear()

    # Called by the worker.

    def run(self, request: Any, why_stop: Callable[[], str | None]) -> None:
        """Answer an `Explain`, `AllLayers` or `Curves`; run a turn of an `Export` or `PredictionsJob`. See `Worker`."""
        if isinstance(request, Export | PredictionsJob):
            request.turn()
            return
        run = {messages.AllLayers: self._all_layers, Curves: self._curves}.get(type(request), self._explain)
        run(request, why_stop)

    def failed(self, request: Any, error: Exception) -> None:
        """Answer a request that raised `error`."""
        if isinstance(request, messages.Explain) and request.pane == 0:
            self.error = error
        if isinstance(request, Curves):
            self._tell_panel(lambda panel: panel.refuse(failures.sentence(error)[:120]))
            return
        if isinstance(request, PredictionsJob):
            self._answer(messages.error(request.id, *_described(error)))
            return
        self._answer(messages.error(request.id, *_described(error), choice=request.choice, pane=request.pane))

    def serve(self, request: messages.Pictures) -> None:
        """Answer a `Pictures`."""
        try:
            images = [self._picture(index, request.size) for index in request.indices]
            answer = messages.pictures(request.id, request.indices, request.size, images)
        except Exception as error:
            answer = messages.error(request.id, *_described(error))
        self._answer(answer)

    def _picture(self, index, size):
        try:
            return self._session.images.encoded(index, size)
        except ValueError:
            if size == 0:
                raise
            return Encoded(b"", (0, 0))  # An unreadable file costs its own thumbnail, not the others.

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
        self._serial += 1
        key = request.choice.key
        self._results[key] = explanation
        self._results.move_to_end(key)
        while len(self._results) > _KEPT_RESULTS:
            self._results.popitem(last=False)
        answer = messages.result(request.id, request.pane, self._serial, request.choice, explanation)
        self._newest[request.pane] = (*answer, explanation)
        self._answer(answer)
        if request.pane == 0:
            self._tell_panel(lambda panel: panel.show(explanation))

    def _all_layers(self, request, why_stop):
        started = time.perf_counter()
        explained = self._session.model_of(request.choice)
        generation = explained.generation()
        values, ranges = explained.at_all_layers(request.choice)
        self._serial += 1
        milliseconds = 1000 * (time.perf_counter() - started)
        about = request.id, request.pane, self._serial, generation, request.choice
        region = explained.images.input_region(request.choice.image_index)
        self._answer(messages.all_layers(*about, explained.layers, values, ranges, milliseconds, region))

    def _curves(self, request, why_stop):
        explanation = self.found(request.choice)
        if explanation is None:
            explanation = self._session.run(**vars(request.choice))
        self._tell_panel(lambda panel: panel.computing(True))
        try:
            shown = 0.0
            for curves in self._session.models[explanation.model_index].curves(explanation):
                stop = why_stop()
                if stop or curves.done == curves.total or time.monotonic() - shown >= _PREVIEW_SECONDS:
                    shown = time.monotonic()
                    self._tell_panel(functools.partial(_show_curves, curves))
                if stop:
                    break
        finally:
            self._tell_panel(lambda panel: panel.computing(False))


def _show_curves(curves, panel):
    panel.curves(*curves)


def _described(error):
    """Return sentence, hint and details of an exception."""
    return failures.sentence(error), failures.hint(error), failures.details(error)
