"""What Python chose reaches the page for certain: it is said again until the page has seen it."""

_FIRST_SECONDS = 1.0
_LAST_SECONDS = 64.0


class Resend:
    """Says the newest state of a widget, and again, ever later, until it was seen.

    A Jupyter server drops messages, without a word, while a cell prints more than its limits allow; a trait's new value
    that was lost so is never sent again.

    Args:
        say: Called with the number of the state.
    """

    def __init__(self, say):
        self._say = say
        self._number = 0
        self._acknowledged = 0
        self._pause = _FIRST_SECONDS

    def changed(self):
        """Python chose: the state has a new number."""
        self._number += 1
        self._pause = _FIRST_SECONDS

    def ack(self, number):
        """Note that a page has seen the state of this number."""
        self._acknowledged = max(self._acknowledged, number)

    def rest(self):
        """Say it, unless it was seen.

        Returns:
            Seconds after which to say it again, or `None`: it was seen, or nobody seems to listen.
        """
        if self._acknowledged >= self._number or self._pause > _LAST_SECONDS:
            return None
        self._say(self._number)
        pause, self._pause = self._pause, 2 * self._pause
        return pause
