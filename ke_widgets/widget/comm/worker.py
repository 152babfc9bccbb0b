"""One thread with a latest-wins queue of requests: small tasks go first, any request may be cancelled."""

import collections
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any

from ke_widgets.widget.threads import start


class Worker:
    """Runs one request at a time on a thread of its own.

    The queue holds one request of each sender: a newer one replaces it. Senders take turns. Tasks (pictures that a page
    asks for) are queued in order and go before the requests. The thread starts with the first of them and ends with
    `close`.

    Args:
        run: Called with a request and a function that returns why to stop: `"cancelled"`, `"superseded"` when a newer
            one of its sender waits, or `None`. It sends its own answers; its exceptions go to `failed`.
        failed: Called with a request and the exception that `run` raised.
        idle: Called when nothing was left to do for `rest` seconds; returns the seconds until it is called again, or
            `None`.
        rest: Seconds.
        name: Name of its thread.
    """

    def __init__(self, run, failed, idle=lambda: None, rest=0.3, name="ke_widgets") -> None:
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

    def submit(self, request: Any, sender: Hashable = 0) -> Any:
        """Queue a request.

        Args:
            request: Anything but `None`.
            sender: Whose waiting request it replaces.

        Returns:
            The request that it replaces, which will not be run, or `None`.
        """
        with self._change:
            dropped = self._waiting.get(sender)
            self._waiting[sender] = request
            self._wake()
        return dropped

    def run_soon(self, function: Callable[[], Any]) -> None:
        """Queue a task: `function()` is called before any waiting request."""
        with self._change:
            self._soon.append(function)
            self._wake()

    def cancel(self, matches: Callable[[Any], bool] = lambda request: True) -> list:
        """Ask the running request to stop, if it matches; take those that wait out of the queue.

        Args:
            matches: Called with a request, returns whether to cancel it.

        Returns:
            The requests that waited and will not be run.
        """
        with self._change:
            if self._request is not None and matches(self._request):
                self._cancelled = True
            dropped = {sender: request for sender, request in self._waiting.items() if matches(request)}
            for sender in dropped:
                del self._waiting[sender]
            self._change.notify_all()
        return list(dropped.values())

    def pending(self) -> list:
        """Return the requests that wait or run."""
        with self._change:
            return [*self._waiting.values(), *([] if self._request is None else [self._request])]

    def works(self) -> bool:
        """Return whether something waits or runs."""
        with self._change:
            return bool(self._soon or self._waiting) or self._running is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing waits or runs.

        Args:
            timeout: Seconds, or `None` for no limit.

        Returns:
            Whether nothing waits or runs; `False` after the timeout.
        """
        with self._change:
            return self._change.wait_for(lambda: self._closed or not self.works(), timeout)

    def close(self) -> None:
        """Empty the queue, and ask the running request to stop."""
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
                # A failed task must not end the thread; a request's error was answered already.
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
