"""Dispatches requests of the page and of Python to the worker, and answers to the page."""

import concurrent.futures
import contextvars
from collections.abc import Callable, Mapping
from typing import Any

from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.handlers import Handlers
from ke_widgets.widget.comm.jobs import Job
from ke_widgets.widget.comm.resend import Resend
from ke_widgets.widget.comm.worker import Worker
from ke_widgets.widget.features import FEATURES
from ke_widgets.widget.features.feature import Feature
from ke_widgets.widget.session.choice import Choice

_POLL_SECONDS = 0.1  # between two checks whether the model is compiled


class Controller:
    """Connects one widget's session with its pages.

    The thread that receives a message only queues it, and answers at once what needs no computing; the worker's thread
    does the rest.

    Args:
        session: The `Session` that computes.
        send: Called with content and buffers of every message to the page.
        adopt: Called with the choice that was picked in the page's main pane.
        keep: Called with the newest result of the main pane, for a page that opens later.
        chosen: Called for the values of the traits, by name.
        tell_panel: Called with a function that takes the charts' panel.
        features: What the page and Python may ask besides maps, by name.

    Attributes:
        handlers: They answer requests, and keep results.
        worker: The thread that they run on.
        painter: The thread of what waits for no model: the page's pictures.
        resend: Resends what Python chose until the page acknowledges it.
        opened: How many times a page has opened a view.
    """

    def __init__(
        self, session, send, adopt, keep, chosen, tell_panel, features: Mapping[str, Feature] = FEATURES
    ) -> None:
        self._session = session
        self._send = send
        self._adopt = adopt
        self._chosen = chosen
        self._tell_panel = tell_panel
        self._features = features
        self._readable = {name: feature.request for name, feature in features.items() if feature.from_page}
        self._context = None
        self._asked = None
        self._resting: list[Job] = []  # Only the worker's thread changes this.
        self.opened = 0
        self.handlers = Handlers(session, self.answer, keep, tell_panel)
        self.worker = Worker(self.handlers.run, self.handlers.failed, self._rest)
        self.painter = Worker(self.handlers.run, self.handlers.failed, name="ke_widgets_pictures")
        self.resend = Resend(self._send_state)

    @property
    def heard(self) -> bool:
        """Whether a page has sent a message yet."""
        return self._context is not None

    def publish(self, function: Callable[[], Any]) -> None:
        """Call `function`, which sends something, so that the page receives it also while a cell runs.

        ipykernel routes what is published by the context: in that of a message from the page, to the page's own
        channel; in that of a cell, to one that waits for the cell's end.
        """
        if self._context is None:
            function()
        else:
            self._context.copy().run(function)

    def answer(self, message: messages.Message) -> None:
        """Send a message of `messages` to the page."""
        self._send(*message)

    # From Python.

    def explain(self, choice: Choice, pane: int = 0) -> None:
        """Request what Python chose in a pane."""
        self.submit(messages.Explain(None, choice, pane))

    def settle(self, choice: Choice, timeout: float | None, explain_all: Callable[[], Any]) -> bool:
        """Wait until everything chosen is explained.

        Args:
            choice: The choice of the main pane.
            timeout: Seconds to wait at most; `None` for no limit.
            explain_all: Called if a model was trained meanwhile.

        Returns:
            Whether everything is explained; `False` after the timeout.

        Raises:
            Exception: What the method raised, where it failed.
        """
        if self._asked != choice:  # The page had the map already, from those of all layers.
            self.explain(choice)
        self.worker.run_soon(lambda: self.handlers.trained() and explain_all())
        if not self.worker.wait(timeout):
            return False
        if self.handlers.error is not None:
            raise self.handlers.error
        return True

    def submit(self, message: messages.Explain) -> None:
        """Queue a request for a map; the newest one of each pane replaces the one that waits."""
        if message.pane == 0:
            self._asked = message.choice
        dropped = self.worker.submit(message, (message.pane, "explain"))
        if dropped is not None:
            self.handlers.drop(dropped)

    def ask(self, name: str, request: Any, id: str | None = None, pane: int | None = 0) -> None:
        """Queue a request to a feature.

        Args:
            name: The feature's name.
            request: A `request` of the feature.
            id: By which the page knows it: its own, or the feature's name where Python asks and the page should follow.
                Without one, the page is not told of it.
            pane: The pane that it belongs to, or `None`.
        """
        asked = messages.Ask(name, id, request, pane)
        job = Job(self._features[name], self._session, asked, self._deliver, self._go_on, self._wait_for_rest)
        older = [other for other in self._jobs() if other.sender == job.sender]
        dropped = self._thread_of(job).submit(job, job.sender)
        for other in older:
            if other is not dropped:
                other.stop("superseded")
        if dropped is not None:
            dropped.drop()

    def stop(self, name: str, pane: int | None = 0) -> None:
        """Cancel what was asked of a feature for a pane."""
        self._stop(lambda request: isinstance(request, Job) and (request.name, request.pane) == (name, pane))

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the worker's thread; return its result, raise its exception."""
        future = concurrent.futures.Future()

        def call():
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self.worker.run_soon(call)
        return future.result()

    def close(self) -> None:
        """Cancel everything, and drop the results."""
        for job in self._jobs():
            job.stop("cancelled")
        self.worker.close()
        self.painter.close()
        self.handlers.clear()

    # From the page. Only queued, or answered at once: every widget of the kernel waits for this thread.

    def receive(self, content: dict) -> None:
        """Act on a message from the page.

        Args:
            content: The message, decoded from JSON.
        """
        self._context = contextvars.copy_context()
        try:
            message = messages.parse(content, self._readable)
            if isinstance(message, messages.Explain | messages.Ask) and message.choice is not None:
                self._session.check(message.choice)
        except ValueError as error:
            self.answer(messages.error(content.get("id") if isinstance(content, dict) else None, str(error)))
            return
        self._act(message)

    def _act(self, message):
        if isinstance(message, messages.Explain):
            if message.pane == 0:  # A pick in the main pane sets the traits.
                self._adopt(message.choice)
            self.submit(message)
        elif isinstance(message, messages.Ask):
            self.ask(message.kind, message.request, message.id, message.pane)
        elif isinstance(message, messages.Cancel):
            self._stop(lambda request: _is_named(request, message))
        elif isinstance(message, messages.Check):
            known = any(_is_named(request, message) for request in [*self.worker.pending(), *self._jobs()])
            self.answer(messages.check_reply(message.id, message.pane, known))
        elif isinstance(message, messages.Ack):
            self.resend.ack(message.number)
        else:
            self.opened += 1
            self.handlers.repeat()

    def _stop(self, matches):
        """Cancel the requests that match: what has begun ends by itself, and what has not is dropped."""
        for job in self._jobs():
            if matches(job):
                job.stop("cancelled")
        for worker in (self.worker, self.painter):
            for dropped in worker.cancel(lambda each: matches(each) and not (isinstance(each, Job) and each.has_begun)):
                self.handlers.drop(dropped)

    def _jobs(self):
        """Return every job that waits or runs."""
        every = [*self.worker.pending(), *self.painter.pending(), *self._resting]
        return [request for request in every if isinstance(request, Job)]

    def _deliver(self, job, message, value):
        """Send a job's message to the page, if that knows of it, and what is of the main pane to the charts."""
        if job.id is not None:
            self.answer(message)
        if job.pane == 0:
            self._tell_panel(lambda panel: panel.hear(job.name, message[0], value))

    # On the worker's thread.

    def _thread_of(self, job):
        return self.worker if job.uses_model else self.painter

    def _go_on(self, job):
        self._thread_of(job).submit(job, job)

    def _wait_for_rest(self, job):
        self._resting.append(job)

    def _rest(self):
        ready = [job for job in self._resting if job.stopped or job.until()]
        self.handlers.rest(self.worker.works)
        self._resting = [job for job in self._resting if job not in ready]
        for job in ready:
            self._go_on(job)
        again = self.resend.rest() if self.heard else None  # No page is open yet.
        return _POLL_SECONDS if self._resting and again is None else again

    def _send_state(self, number):
        self.answer(messages.state(number, self.handlers.serial, self._chosen()))


def _is_named(request, message):
    """Return whether a `Cancel` or a `Check` names a request: by its id, or by its pane where it has none."""
    if message.id is None:
        return isinstance(request, messages.Explain) and request.id is None and request.pane == message.pane
    return request.id == message.id
