"""Traits of the widget: the user's selection and the display settings, validated when they are set."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from ke_widgets.errors.arguments import nearest
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.features import PANELS
from ke_widgets.widget.session import by_name
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.describe import COLORMAPS

CHOICE = ("image_index", "layer", "class_index", "method", "params", "contrast_index", "model_index")
DISPLAY = ("view", "opacity", "colormap", "threshold")
PAGE = ("panel",)
VIEWS = ("overlay", "map", "image")
_MOST_PANES = 3


class FromPage(threading.local):
    """Flags of a thread that handles a message from the page.

    Attributes:
        speaks: Whether the thread sets traits to values from the page.
        adopting: Whether these are the fields of one choice, which has been checked as a whole.
    """

    speaks = False
    adopting = False


class Read(traitlets.TraitType):
    """A trait that accepts several spellings of a value and stores one normalized form.

    Args:
        read: A function of widget and value that returns the normalized form, or raises an error naming the argument.
        default: Its initial value.
        **more: Passed to `traitlets.TraitType`.
    """

    def __init__(self, read: Callable[[Any, Any], Any], default: Any, **more: Any) -> None:
        super().__init__(default, **more)
        self.read = read

    def default(self, obj: Any = None) -> Any:
        return copy.copy(self.default_value)  # Widgets must not share one dict or list.

    def validate(self, obj: Any, value: Any) -> Any:
        return value if obj._page.adopting else self.read(obj, value)


def _index_reader(name, what):
    def read(widget, value):
        things = widget._session.images if what == "images" else widget._session.models
        return by_name.number(name, value, len(things), what)

    return read


def _class_reader(name):
    return lambda widget, value: by_name.class_number(name, value, widget._session.labels)


def _params(widget, value):
    if not hasattr(value, "keys"):
        raise TypeError(
            f"`params` must be a dict of the method's own parameters, such as {{'repetitions': 30}}. Received: "
            f"params={short_repr(value)}."
        )
    return dict(value)


def _panes(widget, value):
    """Normalize `panes`; a single dict counts as a list of one."""
    panes = [value] if hasattr(value, "keys") else value
    if not isinstance(panes, list | tuple) or not all(hasattr(pane, "keys") for pane in panes):
        raise TypeError(
            "`panes` must be a list of dicts of what differs from the main pane, such as [{'method': 'gradients'}]. "
            f"Received: panes={short_repr(value)}."
        )
    if len(panes) > _MOST_PANES:
        raise ValueError(f"`panes` must have at most {_MOST_PANES} entries. Received: {len(panes)}.")
    return [{name: _in_pane(widget, name, pane[name]) for name in pane} for pane in panes]


def _in_pane(widget, name, value):
    if name not in CHOICE:
        near = nearest(name, CHOICE)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"`panes` must hold dicts of {', '.join(CHOICE)}. Received: {[name]}.{hint}")
    return value if value is None and name == "contrast_index" else _READ[name](widget, value)


def _panel(value):
    names = [panel["name"] for panel in PANELS]
    return value if value == "" else by_name.one_of("panel", value, names, "or '' for none")


_READ = {
    "image_index": _index_reader("image_index", "images"),
    "layer": lambda widget, value: by_name.layer_path(value, widget._session.models, widget.model_index),
    "class_index": _class_reader("class_index"),
    "contrast_index": _class_reader("contrast_index"),
    "method": lambda widget, value: by_name.method_name("method", value, widget._session.titles),
    "params": _params,
    "model_index": _index_reader("model_index", "models"),
    "panes": _panes,
    "view": lambda widget, value: by_name.one_of("view", value, VIEWS),
    "opacity": lambda widget, value: by_name.share("opacity", value),
    "colormap": lambda widget, value: by_name.one_of("colormap", value, COLORMAPS),
    "threshold": lambda widget, value: by_name.share("threshold", value),
    "panel": lambda widget, value: _panel(value),
}


def _trait(name, default, **more):
    return Read(_READ[name], default, **more).tag(sync=True)


class Traits(anywidget.AnyWidget):
    """The traits of an `ExplainerWidget`, which documents them. `_session` must be set before any trait is."""

    image_index: Any = _trait("image_index", 0)
    layer: Any = _trait("layer", "")
    class_index: Any = _trait("class_index", 0)
    contrast_index: Any = _trait("contrast_index", None, allow_none=True)
    method: Any = _trait("method", "gradcam")
    params: Any = _trait("params", {})
    model_index: Any = _trait("model_index", 0)
    panes: Any = _trait("panes", [])
    view: Any = _trait("view", "overlay")
    opacity: Any = _trait("opacity", 0.6)
    colormap: Any = _trait("colormap", "inferno")
    threshold: Any = _trait("threshold", 0.0)
    panel: Any = _trait("panel", "")

    _session: Any = None
    _page: Any = None  # A `FromPage`.

    @property
    def choice(self) -> Choice:
        """Return the current `Choice` of the main pane."""
        return Choice(**{name: getattr(self, name) for name in CHOICE})

    def pane_choice(self, pane: int) -> Choice:
        """Return the current choice of one pane: the main pane's choice, updated with the pane's own fields.

        Args:
            pane: 0 for the main pane, 1 to 3 for those of `panes`.

        Returns:
            A `Choice`.
        """
        own = self.panes[pane - 1] if pane else {}
        choice = {**vars(self.choice), **own}
        explained = self._session.models[choice["model_index"]]
        if choice["layer"] not in explained.layers and "layer" not in own:
            choice["layer"] = explained.default_layer  # Another model may have other layers.
        return Choice(**choice)

    def _first_choice(self, choice):
        """Fill in defaults for the initial choice: layer, method, and classes; see `Session.first_classes`."""
        model, image = (_READ[name](self, choice.get(name, 0)) for name in ("model_index", "image_index"))
        explained = self._session.models[model]
        (scores,) = explained.scores([image])
        first = {"layer": explained.default_layer, "method": self._session.default_method(explained.number)}
        return {**first, **self._session.first_classes(scores, choice.get("class_index")), **choice}

    @property
    def _display(self):
        return {name: getattr(self, name) for name in DISPLAY}

    @traitlets.validate(*CHOICE)
    def _validate_choice(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if self._page.adopting:  # One field of a choice that has been checked as a whole.
            return value
        known = {"image_index": 0, "class_index": 0, "contrast_index": None, "params": {}}
        model = value if name == "model_index" else self.model_index
        exists = model in range(len(self._session.models))
        layer = self._session.models[model].default_layer if exists else ""
        method = self._session.default_method(model) if exists else "gradcam"
        self._session.check(Choice(**{**known, "model_index": model, "layer": layer, "method": method, name: value}))
        return value

    @traitlets.validate("panes")
    def _validate_panes(self, proposal):
        for pane in proposal["value"]:
            choice = {**vars(self.choice), **pane}
            if "layer" not in pane and choice["model_index"] in range(len(self._session.models)):
                choice["layer"] = self._session.models[choice["model_index"]].default_layer
            self._session.check(Choice(**choice))
        return proposal["value"]
