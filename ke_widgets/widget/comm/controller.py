"""Dispatches requests of the page and of Python to the worker, and answers to the page."""

import concurrent.futures
import contextvars
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.handlers import Curves, Handlers
from ke_widgets.widget.comm.predictions import PredictionsJob
from ke_widgets.widget.comm.resend import Resend
from ke_widgets.widget.comm.worker import Worker
from ke_widgets.widget.export.job import Export
from ke_widgets.widget.export.selection import heading, initial_traits, page_setup, select_from
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

    Attributes:
        handlers: They answer requests, and keep results.
        worker: The thread that they run on.
        painter: The thread that encodes the page's pictures, which wait for no model.
        resend: Resends what Python chose until the page acknowledges it.
        exports: Files that are being computed.
        opened: How many times a page has opened a view.
    """

    def __init__(self, session, send, adopt, keep, chosen, tell_panel) -> None:
        self._session = session
        self._send = send
        self._adopt = adopt
        self._chosen = chosen
        self._context = None
        self._asked = None
        self._predicting = []  # They wait until the worker rests; only its thread uses this.
        self.exports = []
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

    def submit(self, message: messages.Explain | messages.AllLayers) -> None:
        """Queue a request; the newest of its kind in each pane replaces those that wait."""
        if isinstance(message, messages.Explain) and message.pane == 0:
            self._asked = message.choice
        dropped = self.worker.submit(message, (message.pane, type(message).__name__))
        if dropped is not None:
            self.handlers.drop(dropped)

    def request_curves(self, choice: Choice) -> None:
        """Queue deletion and insertion of a choice's map."""
        self.worker.submit(Curves(choice), "curves")

    def cancel_curves(self) -> None:
        """Cancel deletion and insertion."""
        self.worker.cancel(lambda request: isinstance(request, Curves))

    def export(self, setup, traits, asked, path, title, limit, verbose) -> Path:
        """Write one HTML file in turns, between other requests; see `ExplainerWidget.to_html`.

        Args:
            setup: The description that the widget's page receives when it opens.
            traits: The current values of the traits, by name.
            asked: Images, layers, classes and methods; see `selection.select_from`.
            path: Where to.
            title: The page's heading, or `None`.
            limit: Bytes that the file may have.
            verbose: See `Export.wait`.

        Returns:
            The path of the written file.

        Raises:
            ValueError: If something asked for does not exist, or the path cannot be written.
        """
        export = self.call(lambda: self._export(setup, traits, asked, path, title, limit))
        self.exports.append(export)
        try:
            self.go_on(export)
            return export.wait(verbose)
        finally:
            export.cancel()
            self.exports.remove(export)

    def _export(self, setup, traits, asked, path, title, limit):
        selection = select_from(self._session, setup, traits, asked)
        name = Path(path).name

        def report(done, total):
            self.answer(messages.progress(messages.EXPORT, 0, done, total, f"{name}: {done} of {total} maps"))

        return Export(
            path=path,
            title=title or heading([explained.model.name for explained in self._session.models]),
            session=self._session,
            selection=selection,
            setup=page_setup(setup, selection),
            traits=initial_traits(selection, traits),
            encode=messages.encode_map,
            limit=limit,
            go_on=self.go_on,
            on_progress=report,
        )

    def go_on(self, work: Export | PredictionsJob) -> None:
        """Queue the next turn of a long job, after the requests that wait now."""
        self.worker.submit(work, work)

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
        self._cancel_exports()
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
            message = messages.parse(content)
            if isinstance(message, messages.Explain | messages.AllLayers):
                self._session.check(message.choice)
        except ValueError as error:
            self.answer(messages.error(content.get("id") if isinstance(content, dict) else None, str(error)))
            return
        self._act(message)

    def _act(self, message):
        if isinstance(message, messages.Explain | messages.AllLayers):
            # A pick in the main pane sets the traits; an `all_layers` has no layer to set.
            if isinstance(message, messages.Explain) and message.pane == 0:
                self._adopt(message.choice)
            self.submit(message)
        elif isinstance(message, messages.Cancel) and message.id == messages.EXPORT:
            self._cancel_exports()
        elif isinstance(message, messages.Cancel):
            self._cancel(message)
        elif isinstance(message, messages.Check):
            self.answer(messages.check_reply(message.id, message.pane, self._is_pending(message)))
        elif isinstance(message, messages.Ack):
            self.resend.ack(message.number)
        elif isinstance(message, messages.Pictures):
            self.painter.run_soon(lambda: self.handlers.serve(message))
        elif isinstance(message, messages.Predictions):
            job = PredictionsJob(self._session, message, self.answer, self.go_on)
            self.worker.run_soon(lambda: self._predicting.append(job))
        else:
            self.opened += 1
            self.handlers.repeat()

    def _cancel_exports(self):
        for export in list(self.exports):
            export.cancel()

    def _cancel(self, message):
        for dropped in self.worker.cancel(lambda request: _is_named(request, message)):
            self.handlers.drop(dropped)

    def _is_pending(self, message):
        """Return whether the request that a `Check` names waits or runs."""
        return any(_is_named(request, message) for request in self.worker.pending())

    # On the worker's thread.

    def _rest(self):
        preparing = self._session.is_preparing
        self.handlers.rest(self.worker.works)
        waiting = [job for job in self._predicting if job.waits(preparing)]
        for job in self._predicting:
            if job not in waiting:
                self.go_on(job)
        self._predicting = waiting
        again = self.resend.rest() if self.heard else None  # No page is open yet.
        return _POLL_SECONDS if waiting and again is None else again

    def _send_state(self, number):
        self.answer(messages.state(number, self.handlers.serial, self._chosen()))


def _is_named(request, message):
    """Return whether a `Cancel` or a `Check` names a request: by its id, or by its pane where it has none."""
    same_id = isinstance(request, messages.Explain | messages.AllLayers) and request.id == message.id
    return same_id and (message.id is not None or request.pane == message.pane)
