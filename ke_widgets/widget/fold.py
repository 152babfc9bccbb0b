"""A collapsible section below the view; its content is created when it is first opened."""

from collections.abc import Callable

import ipywidgets


class Fold:
    """A toggle button that shows or hides a widget below it.

    Args:
        name: Label of the button.
        tooltip: Tooltip of the button: one sentence on the content.
        make: A function of no arguments that returns an ipywidgets widget; called each time the section is opened.

    Attributes:
        box: The ipywidgets box to display.
    """

    def __init__(self, name: str, tooltip: str, make: Callable[[], ipywidgets.Widget]) -> None:
        self._make = make
        self._button = ipywidgets.ToggleButton(description=name, tooltip=tooltip)
        self._button.observe(self._toggled, "value")
        self.box = ipywidgets.VBox([self._button])
        # ipywidgets keeps layouts and styles alive until they are closed.
        self._own = [self._button.layout, self._button.style, self.box.layout]
        for name in ("ke-fold", "ke-charts"):
            self.box.add_class(name)

    def close(self) -> None:
        """Close the button and the box, but not the content."""
        for part in (self._button, self.box, *self._own):
            part.close()

    def _toggled(self, change):
        self.box.children = (self._button, self._make()) if change["new"] else (self._button,)
