"""One thread that runs requests: the newest one wins, small tasks go first, any of them may be cancelled."""

import collections
import logging
import threading
from collections.abc import Hashable

from ke_widgets.widget.threads import start


class Worker:
    """Runs one request at a time on a thread of its own.

    A request waits in a mailbox with one place for each sender: a newer one takes its place. Senders take turns.
    Tasks (pictures that a page asks for) wait in line and go before the requests. The thread starts with the first
    of them and ends with `close`.

    Args:
        run: Called with a request and a function that tells whether to stop: `"cancelled"`, `"superseded"` when a newer
            one of its sender waits, or `None`. It answers for itself; what it raises goes to `failed`.
        failed: Called with a request and the exception that `run` raised.
        idle: Called when nothing was left to do for `rest` seconds; gives seconds after which it is called again, or
            `None`.
        rest: Seconds.
        name: What its thread is called.
    """

    def __init__(self, run, failed, idle=lambda: None, rest=0.3, name="ke_widgets"):
        self._name = name
        self._run = run
        self._failed = failed
        self._idle = idle
        self._rest = rest
        self._change = threading.Condition()
        self._soon = collections.deque()
        self._waiting = {}
        self._sender = None
        self._running = None
        self._request = None
        self._cancelled = False
        self._closed = False
        self._thread = None

    def submit(self, request, sender: Hashable = 0):
        """Ask for `request` to be run next.

        Args:
            request: Anything but `None`.
            sender: Whose place in the mailbox it takes.

        Returns:
            The request of the same sender that waited before and never will be run, or `None`.
        """
        with self._change:
            dropped = self._waiting.get(sender)
            self._waiting[sender] = request
            self._wake()
        return dropped

    def run_soon(self, function):
        """Ask for `function()` to be called soon, before any waiting request."""
        with self._change:
            self._soon.append(function)
            self._wake()

    def cancel(self, meant=lambda request: True):
        """Ask the request that is running to stop, if it is meant; those that wait are given back unrun.

        Args:
            meant: Called with a request, tells whether it is to be cancelled.

        Returns:
            The requests that waited and never will be run.
        """
        with self._change:
            if self._request is not None and meant(self._request):
                self._cancelled = True
            dropped = {sender: request for sender, request in self._waiting.items() if meant(request)}
            for sender in dropped:
                del self._waiting[sender]
            self._change.notify_all()
        return list(dropped.values())

    def pending(self):
        """Give the requests that wait or run."""
        with self._change:
            return [*self._waiting.values(), *([] if self._request is None else [self._request])]

    def works(self):
        """Tell whether something waits or runs."""
        with self._change:
            return bool(self._soon or self._waiting) or self._running is not None

    def wait(self, timeout=None):
        """Block until nothing waits or runs.

        Args:
            timeout: Seconds, or `None` for as long as it takes.

        Returns:
            Whether that came true in time.
        """
        with self._change:
            return self._change.wait_for(lambda: self._closed or not self.works(), timeout)

    def close(self):
        """Stop: nothing more is begun, and what runs is asked to cancel."""
        with self._change:
            self._closed = self._cancelled = True
            self._waiting.clear()
            self._soon.clear()
            self._change.notify_all()

    def _wake(self):
        if self._thread is None and not self._closed:
            self._thread = start(self._loop, self._name, self.close)
        self._change.notify_all()

    def _loop(self):
        pause = None
        while True:
            with self._change:
                woken = self._change.wait_for(lambda: bool(self._closed or self._soon or self._waiting), pause)
                if self._closed:
                    return
                work = self._next() if woken else self._idle
                self._running = work
            pause = self._rest if woken else None
            try:
                again = work()
                pause = pause if woken else again
            except Exception:
                # A task that failed must not take the thread along; a request's error was answered already.
                logging.getLogger("ke_widgets").exception("A background task of the widget failed.")
            finally:
                with self._change:
                    self._running = self._request = None
                    self._change.notify_all()

    def _why_stop(self):
        with self._change:
            return "cancelled" if self._cancelled else "superseded" if self._sender in self._waiting else None

    def _next(self):
        if self._soon:
            return self._soon.popleft()
        self._sender = next(iter(self._waiting))
        request = self._request = self._waiting.pop(self._sender)
        self._cancelled = False

        def work():
            try:
                self._run(request, self._why_stop)
            except Exception as error:
                self._failed(request, error)

        return work
