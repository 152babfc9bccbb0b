"""What the user chooses, and how it is shown: traits that refuse what is not there."""

from typing import Any

import anywidget
import traitlets

from ke_widgets.widget import protocol
from ke_widgets.widget.setup import COLORMAPS

CHOICE = ("image_index", "layer", "class_index", "method", "params", "contrast_index", "model")
LOOK = ("view", "opacity", "colormap", "threshold")
_MOST_PANES = 3


class Choosing(anywidget.AnyWidget):
    """The traits of an `ExplainerWidget`, which says what they mean. `_session` must be there before any is set."""

    image_index = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    class_index = traitlets.Int(0).tag(sync=True)
    contrast_index = traitlets.Int(None, allow_none=True).tag(sync=True)
    method = traitlets.Unicode("gradcam").tag(sync=True)
    params = traitlets.Dict().tag(sync=True)
    model: Any = traitlets.Int(0).tag(sync=True)
    panes: Any = traitlets.List(traitlets.Dict(), maxlen=_MOST_PANES).tag(sync=True)
    view: Any = traitlets.Enum(("overlay", "map", "image"), "overlay").tag(sync=True)
    opacity: Any = traitlets.Float(0.6, min=0, max=1).tag(sync=True)
    colormap: Any = traitlets.Enum(COLORMAPS, "inferno").tag(sync=True)
    threshold: Any = traitlets.Float(0, min=0, max=1).tag(sync=True)

    _session: Any = None

    @property
    def choice(self):
        """What is chosen now in the main pane."""
        return protocol.Choice(**{name: getattr(self, name) for name in CHOICE})

    def pane_choice(self, pane):
        """Give what is chosen in one pane: the main one's choice, and what differs from it.

        Args:
            pane: 0 for the main pane, 1 to 3 for those of `panes`.

        Returns:
            A `Choice`.
        """
        own = self.panes[pane - 1] if pane else {}
        choice = {**vars(self.choice), **own}
        subject = self._session.subjects[choice["model"]]
        if choice["layer"] not in subject.layers and "layer" not in own:
            choice["layer"] = subject.default_layer  # Another model may have other layers.
        return protocol.Choice(**choice)

    def _first_choice(self, choice):
        """Complete what the user chose at the start: layer, method, and the class with the highest score."""
        subjects, model, image = self._session.subjects, choice.get("model", 0), choice.get("image_index", 0)
        subject = subjects[model if model in range(len(subjects)) else 0]
        (scores,) = subject.scores([image if image in range(len(self._session.images)) else 0])
        first = {"layer": subject.default_layer, "method": self._session.default_method(subject.number)}
        return {**first, "class_index": int(scores.argmax()), **choice}

    @property
    def _look(self):
        return {name: getattr(self, name) for name in LOOK}

    @traitlets.validate(*CHOICE)
    def _fits(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        known = {"image_index": 0, "class_index": 0, "contrast_index": None, "params": {}}
        model = value if name == "model" else self.model
        there = model in range(len(self._session.subjects))
        layer = self._session.subjects[model].default_layer if there else ""
        method = self._session.default_method(model) if there else "gradcam"
        self._session.check(**{**known, "model": model, "layer": layer, "method": method, name: value})
        return value

    @traitlets.validate("panes")
    def _panes_fit(self, proposal):
        for pane in proposal["value"]:
            unknown = sorted(set(pane) - set(CHOICE))
            if unknown:
                raise ValueError(f"`panes` must hold dicts of {', '.join(CHOICE)}. Received: {unknown}.")
            choice = {**vars(self.choice), **pane}
            if "layer" not in pane and choice["model"] in range(len(self._session.subjects)):
                choice["layer"] = self._session.subjects[choice["model"]].default_layer
            self._session.check(**choice)
        return proposal["value"]
