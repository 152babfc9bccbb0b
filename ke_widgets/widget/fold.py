"""What stands under the view and is closed until somebody asks for it: only then it is made."""

import ipywidgets


class Fold:
    """A button, and under it what it opens.

    Args:
        name: What the button says.
        tooltip: What it opens, in a sentence.
        make: A function of no arguments that gives an ipywidgets widget; called when it is opened.

    Attributes:
        box: The ipywidgets box that shows it.
    """

    def __init__(self, name, tooltip, make):
        self._make = make
        self._button = ipywidgets.ToggleButton(description=name, tooltip=tooltip)
        self._button.observe(self._turned, "value")
        self.box = ipywidgets.VBox([self._button])
        for name in ("ke-fold", "ke-charts"):
            self.box.add_class(name)

    def close(self):
        """Take it from every page, but for what was made."""
        for part in (self._button, self.box):
            part.close()

    def _turned(self, change):
        self.box.children = (self._button, self._make()) if change["new"] else (self._button,)
