"""Resends what Python chose until the page acknowledges it."""

from collections.abc import Callable
from typing import Any

_FIRST_SECONDS = 1.0
_LAST_SECONDS = 64.0


class Resend:
    """Sends the newest state of a widget, and resends it with doubling pauses until it is acknowledged.

    A Jupyter server silently drops messages while a cell prints more than its rate limits allow. ipywidgets never
    resends a trait's value that was lost so.

    Args:
        send: Called with the number of the state.
    """

    def __init__(self, send: Callable[[int], Any]) -> None:
        self._send = send
        self._number = 0
        self._acknowledged = 0
        self._pause = _FIRST_SECONDS

    def changed(self) -> None:
        """Count a new state: Python chose something."""
        self._number += 1
        self._pause = _FIRST_SECONDS

    def ack(self, number: int) -> None:
        """Record that a page has received the state of this number."""
        self._acknowledged = max(self._acknowledged, number)

    def rest(self) -> float | None:
        """Send the newest state unless it was acknowledged.

        Returns:
            Seconds until the next resend; `None` where it was acknowledged, or no page has answered for a minute.
        """
        if self._acknowledged >= self._number or self._pause > _LAST_SECONDS:
            return None
        self._send(self._number)
        pause, self._pause = self._pause, 2 * self._pause
        return pause
