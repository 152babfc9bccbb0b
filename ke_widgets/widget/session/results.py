"""The newest results of a session, by their choice."""

import collections

from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explanation import Explanation

_MOST = 64


class Results:
    """Keeps the newest explanations.

    Attributes:
        serial: Number of the newest result; it grows with every one.
    """

    def __init__(self) -> None:
        self._kept: collections.OrderedDict[str, Explanation] = collections.OrderedDict()
        self.serial = 0

    def count(self) -> int:
        """Count one more result, and return its number."""
        self.serial += 1
        return self.serial

    def keep(self, choice: Choice, explanation: Explanation) -> None:
        """Keep the explanation of a choice, in place of the oldest one where there are too many."""
        self._kept[choice.key] = explanation
        self._kept.move_to_end(choice.key)
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def found(self, choice: Choice) -> Explanation | None:
        """Return the explanation of a choice, or `None` where there is none yet."""
        return self._kept.get(choice.key)

    def all(self) -> list[Explanation]:
        """Return every explanation that is kept, the newest last."""
        return list(self._kept.values())

    def clear(self) -> None:
        """Drop the explanations."""
        self._kept.clear()
