"""Questions from the page and from Python, and their answers: who hears them, who works on them, who says what."""

import concurrent.futures
import contextvars
from pathlib import Path
from typing import Any

from ke_widgets.widget.comm import messages
from ke_widgets.widget.comm.handlers import Curves, Handlers
from ke_widgets.widget.comm.predictions import PredictionsJob
from ke_widgets.widget.comm.resend import Resend
from ke_widgets.widget.comm.worker import Worker
from ke_widgets.widget.export.job import Export
from ke_widgets.widget.export.selection import heading, initial_traits, page_setup, select_from

_LOOK_SECONDS = 0.1  # until it is asked again whether the model was compiled


class Controller:
    """What one widget and its pages say to one another.

    Whoever hears a message only notes it, and answers at once what needs no work: the worker's thread does the rest.

    Args:
        session: The `Session` that computes.
        send: Called with content and buffers of every message to the page.
        adopt: Called with the choice that was picked in the page's main pane.
        keep: Called with the newest result of the main pane, for a page that opens later.
        chosen: Called for all that is chosen now, by the names of the traits.
        tell_panel: Called with a function of the charts' panel.

    Attributes:
        handlers: They answer requests, and keep what was found.
        worker: The thread that they run on.
        painter: The thread that makes the page's pictures, which wait for no model.
        resend: What Python chose, until the page has seen it.
        exports: Files that are being computed.
        opened: How often a page has opened a view.
    """

    def __init__(self, session, send, adopt, keep, chosen, tell_panel):
        self._session = session
        self._send = send
        self._adopt = adopt
        self._chosen = chosen
        self._context = None
        self._asked = None
        self._predicting = []  # What waits for a moment of rest; the worker's thread alone uses it.
        self.exports = []
        self.opened = 0
        self.handlers = Handlers(session, self.answer, keep, tell_panel)
        self.worker = Worker(self.handlers.run, self.handlers.failed, self._rest)
        self.painter = Worker(self.handlers.run, self.handlers.failed, name="ke_widgets_pictures")
        self.resend = Resend(self._tell)

    @property
    def heard(self):
        """Whether a page has said anything yet."""
        return self._context is not None

    def publish(self, function):
        """Call `function`, which sends something, where the page hears it also while a cell runs.

        ipykernel sends what is published in the context of a message from the page to where the page listens. Published
        from the cell, it would make the page's messages wait for its end.
        """
        if self._context is None:
            function()
        else:
            self._context.copy().run(function)

    def answer(self, message):
        """Send a message of `messages` to the page."""
        self._send(*message)

    # From Python.

    def explain(self, choice, pane=0):
        """Ask for what Python chose in a pane."""
        self.submit(messages.Explain(None, choice, pane))

    def settle(self, choice, timeout, explain_all):
        """Wait until everything chosen is explained.

        Args:
            choice: What is chosen in the main pane.
            timeout: Seconds to wait at most; `None` for as long as it takes.
            explain_all: Called if a model was trained meanwhile.

        Returns:
            Whether that came true in time.

        Raises:
            Exception: What the method raised, where it failed.
        """
        if self._asked != choice:  # The page took a map from its maps of all layers.
            self.explain(choice)
        self.worker.run_soon(lambda: self.handlers.trained() and explain_all())
        if not self.worker.wait(timeout):
            return False
        if self.handlers.error is not None:
            raise self.handlers.error
        return True

    def submit(self, message):
        """Ask the worker for an `Explain` or an `AllLayers`; the newest of each pane wins."""
        if isinstance(message, messages.Explain) and message.pane == 0:
            self._asked = message.choice
        dropped = self.worker.submit(message, (message.pane, type(message).__name__))
        if dropped is not None:
            self.handlers.drop(dropped)

    def ask_curves(self, choice):
        """Ask the worker for deletion and insertion of a choice's map."""
        self.worker.submit(Curves(choice), "curves")

    def cancel_curves(self):
        """Stop those."""
        self.worker.cancel(lambda request: isinstance(request, Curves))

    def export(self, setup, traits, asked, path, title, limit, verbose):
        """Write one HTML file, turn by turn between whatever else is asked; see `ExplainerWidget.to_html`.

        Args:
            setup: The description that the widget's page gets when it opens.
            traits: The current values of the traits, by name.
            asked: Images, layers, classes and methods; see `selection.select`.
            path: Where to.
            title: The page's heading, or `None`.
            limit: Bytes that the file may have.
            verbose: See `Export.wait`.

        Returns:
            The path of the written file.

        Raises:
            ValueError: If something that is asked for is not there, or cannot be written there.
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

        def tell(done, total):
            self.answer(messages.progress(messages.EXPORT, 0, done, total, f"{name}: {done} of {total} maps"))

        return Export(
            path=path,
            title=title or heading([explained.model.name for explained in self._session.models]),
            session=self._session,
            plan=selection,
            setup=page_setup(setup, selection),
            traits=initial_traits(selection, traits),
            encode=messages.encode_map,
            limit=limit,
            go_on=self.go_on,
            tell=tell,
        )

    def go_on(self, work):
        """Give an `Export` or a `PredictionsJob` its next turn, after whatever waits now."""
        self.worker.submit(work, work)

    def call(self, function) -> Any:
        """Call a function where the session is used, and give what it gives."""
        future = concurrent.futures.Future()

        def call():
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self.worker.run_soon(call)
        return future.result()

    def close(self):
        """Stop everything, and forget what was found."""
        self._cancel_exports()
        self.worker.close()
        self.painter.close()
        self.handlers.clear()

    # From the page. It is only noted and answered at once: this may hold up every widget of the kernel.

    def receive(self, content):
        """Hear a message from the page.

        Args:
            content: What the page sent, decoded from JSON.
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
            # What was picked in the main pane becomes the traits; the layer of `all_layers` is none.
            if isinstance(message, messages.Explain) and message.pane == 0:
                self._adopt(message.choice)
            self.submit(message)
        elif isinstance(message, messages.Cancel) and message.id == messages.EXPORT:
            self._cancel_exports()
        elif isinstance(message, messages.Cancel):
            self._cancel(message)
        elif isinstance(message, messages.Check):
            self.answer(messages.check_reply(message.id, message.pane, self._at(message)))
        elif isinstance(message, messages.Ack):
            self.resend.ack(message.number)
        elif isinstance(message, messages.Pictures):
            self.painter.run_soon(lambda: self.handlers.serve(message))
        elif isinstance(message, messages.Predictions):
            work = PredictionsJob(self._session, message, self.answer, self.go_on)
            self.worker.run_soon(lambda: self._predicting.append(work))
        else:
            self.opened += 1
            self.handlers.repeat()

    def _cancel_exports(self):
        for export in list(self.exports):
            export.cancel()

    def _cancel(self, message):
        for dropped in self.worker.cancel(lambda request: _meant(request, message)):
            self.handlers.drop(dropped)

    def _at(self, message):
        """Tell whether what the page asks about waits or runs."""
        return any(_meant(request, message) for request in self.worker.pending())

    # What the worker's thread says.

    def _rest(self):
        preparing = self._session.is_preparing
        self.handlers.rest(self.worker.works)
        waiting = [work for work in self._predicting if work.waits(preparing)]
        for work in self._predicting:
            if work not in waiting:
                self.go_on(work)
        self._predicting = waiting
        again = self.resend.rest() if self.heard else None  # No page is open yet.
        return _LOOK_SECONDS if waiting and again is None else again

    def _tell(self, number):
        self.answer(messages.state(number, self.handlers.serial, self._chosen()))


def _meant(request, message):
    """Tell whether a request is what a `Cancel` or a `Check` is about: by its id, or by its pane where it has none."""
    asked = isinstance(request, messages.Explain | messages.AllLayers) and request.id == message.id
    return asked and (message.id is not None or request.pane == message.pane)
