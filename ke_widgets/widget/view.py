"""ExplainerWidget: traits that hold what the user chose, and the wiring between page, worker and session."""

import base64
import concurrent.futures
import contextlib
import contextvars
import io
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import anywidget
import ipywidgets
import traitlets
from IPython.core.getipython import get_ipython

from ke_widgets.widget import protocol
from ke_widgets.widget.answering import Answering, Curves, key
from ke_widgets.widget.exporting import begin
from ke_widgets.widget.picture import STILL_SIDES, draw, in_words
from ke_widgets.widget.rerun import replace
from ke_widgets.widget.session import Session
from ke_widgets.widget.setup import COLORMAPS, describe
from ke_widgets.widget.subject import Explanation
from ke_widgets.widget.telling import Telling
from ke_widgets.widget.worker import Worker

_STATIC = Path(__file__).parent / "static"
_CHOICE = ("image_index", "layer", "class_index", "method", "params", "contrast_index", "model")
_LOOK = ("view", "opacity", "colormap", "threshold")
_MOST_PANES = 3
_STILL_SECONDS, _UNWATCHED_SECONDS = 1.0, 60.0


class ExplainerWidget(anywidget.AnyWidget):
    """See what a model looks at: pick a layer, a class, an image; the map follows.

    Args:
        model: A built Keras model that takes images `(B, H, W, C)` and gives a score for each class `(B, U)`; or a
            list of models with the same classes, to be compared.
        images: A uint8 or float array `(N, H, W, C)`, or a list of arrays, of PIL images, or of file paths. Pictures
            from PIL and from files are resized to what the model takes.
        labels: Names of the classes: a list, a dict from index to name, or a function of the index.
        preprocess: Turns a batch of images into the model's input; for several models, one or a list. Not needed when
            the model begins with Rescaling or Normalization, or when the images are scaled already.
        head: Index or name of the output to explain, in a model with several; for several models, one or a list.
        targets: The true class of each image, `(N,)`, or all of them, `(N, U)` of 0 and 1: the view then says which
            predictions are right.
        charts: Whether class scores and the curves of deletion and insertion stand under the view when it is shown by
            itself. Put into a box, the widget is the view alone; `widget.charts` is the charts alone.
        **choice: First values of the traits below.

    Attributes:
        image_index: Number of the image on show.
        layer: Path of the layer that is looked at, such as `"block3/conv2"`. Default: the last spatial one.
        class_index: Number of the class that is explained. Default: the first image's highest score.
        contrast_index: Number of a class to tell it apart from (why this and not that), or `None`.
        method: Name of the method, such as `"gradcam"`.
        params: The method's own parameters.
        model: Number of the model, where there are several.
        panes: Up to three more pictures beside the main one, each a dict of what differs from it: any of the traits
            above.
        view: `"overlay"`, `"map"` or `"image"`.
        opacity: Of the overlay, 0 to 1.
        colormap: Name of the colormap.
        threshold: Share of the map's range that is left out, 0 to 1.

    Raises:
        TypeError: If the model, the images or the labels are of a wrong type.
        ValueError: If they do not fit one another; also when a trait is set to what is not there.

    Examples:
        >>> from ke_widgets import demo
        >>> model, scenes = demo.load("honest"), demo.scenes(4, seed=1)
        >>> widget = ke.ExplainerWidget(model, scenes.images, labels=demo.LABELS)
        >>> widget.class_index = 3
        >>> widget.wait().map.shape == widget.result.map.shape
        True
        >>> widget.close()
    """

    _esm: Any = _STATIC / "widget.js"
    _css: Any = _STATIC / "widget.css"

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
    threshold: Any = traitlets.Float(0.1, min=0, max=1).tag(sync=True)

    _cells: Any = None
    _worker: Any = None
    _setup = traitlets.Dict().tag(sync=True)
    _snapshot = traitlets.Dict().tag(sync=True, echo_update=False)

    def __init__(self, model, images, *, labels=None, preprocess=None, head=None, targets=None, charts=True, **choice):
        self._session = Session(model, images, labels, preprocess, head, targets)
        self._with_charts = charts
        self._panel: Any = None
        self._box: Any = None
        self._page = threading.local()
        self._context = None
        self._asked = None
        self._shown = 0
        self._exports = []
        self._answering = Answering(self._session, self._answer, self._keep, self._tell_panel)
        self._worker = Worker(self._answering.run, self._answering.failed, self._rest)
        self._telling = Telling(self._tell)
        if os.environ.get("ANYWIDGET_HMR") != "1":  # anywidget's watch over the files would hold every widget for ever.
            self._esm, self._css = str(self._esm), str(self._css)
        super().__init__(_setup=describe(self._session), **self._first_choice(choice))
        self.on_msg(self._receive)
        self._watch_cells()
        self.observe(self._chosen, names=[*_CHOICE, "panes"])
        self.observe(self._styled, names=_LOOK)
        replace(self, get_ipython())
        self._explain_all()

    def _first_choice(self, choice):
        subjects = self._session.subjects
        subject = subjects[choice.get("model", 0) if choice.get("model", 0) in range(len(subjects)) else 0]
        image = choice.get("image_index", 0)
        (scores,) = subject.scores([image if image in range(len(self._session.images)) else 0])
        return {"layer": subject.default_layer, "class_index": int(scores.argmax()), **choice}

    @property
    def choice(self):
        """What is chosen now in the main pane."""
        return protocol.Choice(**{name: getattr(self, name) for name in _CHOICE})

    def pane_choice(self, pane):
        """Give what is chosen in one pane: the main one's choice, and what differs from it.

        Args:
            pane: 0 for the main pane, 1 to 3 for those of `panes`.

        Returns:
            A `Choice`.
        """
        choice = {**asdict(self.choice), **(self.panes[pane - 1] if pane else {})}
        subject = self._session.subjects[choice["model"]]
        if choice["layer"] not in subject.layers and "layer" not in (self.panes[pane - 1] if pane else {}):
            choice["layer"] = subject.default_layer  # Another model may have other layers.
        return protocol.Choice(**choice)

    @property
    def result(self) -> Explanation | None:
        """The newest `Explanation` of the main pane, or `None` before the first one."""
        return self._result_of(0)

    @property
    def results(self) -> list[Explanation | None]:
        """The newest `Explanation` of every pane, the main one first; `None` where there is none yet."""
        return [self._result_of(pane) for pane in range(1 + len(self.panes))]

    def wait(self, timeout=None) -> Explanation:
        """Wait until everything chosen so far is explained.

        Args:
            timeout: Seconds to wait at most; `None` for as long as it takes.

        Returns:
            The newest `Explanation` of the main pane.

        Raises:
            TimeoutError: If it took longer.
            Exception: What the method raised, where it failed.
        """
        if self._asked != key(self.choice):  # The page took a map from its scan of all layers.
            self._submit(protocol.Explain(None, self.choice))
        self._worker.errand(lambda: self._answering.trained() and self._explain_all())
        if not self._worker.wait(timeout):
            raise TimeoutError(f"`wait` must end within timeout={timeout} seconds. The method is still running.")
        if self._answering.error is not None:
            raise self._answering.error
        return self._result_of(0)

    @property
    def charts(self):
        """The charts alone, an ipywidgets box: class scores to click on, and the curves for the map on show."""
        if self._panel is None:
            from ke_widgets.widget.panel import Panel  # bqplot comes only where charts are shown

            self._panel = Panel(self._session.labels, self._picked, self._ask_curves, self._cancel_curves)
            if self.result is not None:
                self._panel.show(self.result)
        return self._panel.box

    def _repr_mimebundle_(self, **kwargs):
        if self._with_charts and self._box is None:
            self._box = ipywidgets.VBox([self, self.charts])
        shown = self._box if self._with_charts else super()
        bundle: Any = shown._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **self._still()}, metadata

    def _still(self):
        """Give what places without widgets show: the picture as it is now, and what it is of, in words.

        A notebook keeps what the cell gave when it ran, and replacing that later would open the view anew. So the first
        map is waited for: a second where somebody may look on, who would rather see the view without its map, and as
        long as it takes (almost) where cells are run by a program, such as nbconvert, which answers no `input()`.
        """
        kernel = getattr(get_ipython(), "kernel", None)
        self._worker.wait(_STILL_SECONDS if getattr(kernel, "_allow_stdin", True) else _UNWATCHED_SECONDS)
        found = self.result
        if found is None:
            return {}
        file = io.BytesIO()
        draw(self._session.images, found, self._look, STILL_SIDES).save(file, "PNG", optimize=True)
        return {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": in_words(self._session, found)}

    @property
    def _look(self):
        return {name: getattr(self, name) for name in _LOOK}

    def save(self, path):
        """Save what the main pane shows as a picture, at the image's resolution.

        Args:
            path: Where to; the ending says the format, such as `.png`.
        """
        draw(self._session.images, self.wait(), self._look).save(path)

    def to_html(
        self,
        path,
        *,
        images=None,
        layers=None,
        classes=None,
        methods=None,
        title=None,
        limit=50_000_000,
        verbose: Literal["auto", 0, 1, 2] = "auto",
    ):
        """Write the view to one HTML file that needs neither kernel nor network.

        Every combination of what is asked for is computed beforehand, with the parameters that are set now. The widget
        goes on working meanwhile, and its Cancel stops the export.

        Args:
            path: Where to.
            images: Numbers of images. Default: the first eight, the one on show among them in any case.
            layers: Paths of layers, or `"all"`. Default: the layer on show, and the last one of each resolution.
            classes: Numbers or labels of classes. Default: the best three of each image, and the one on show.
            methods: Names of methods. Default: the one on show.
            title: Heading of the page.
            limit: Bytes that the file may have; its size is known, and told, before most of it is computed.
            verbose: `"auto"`, 0 (silent), 1 (progress bar) or 2 (one line).

        Returns:
            The file's path.

        Raises:
            ValueError: If something asked for is not there, or the file would be larger than `limit`.
            concurrent.futures.CancelledError: If the export was cancelled; then there is no file.

        Examples:
            >>> import tempfile
            >>> from ke_widgets import demo
            >>> scenes = demo.scenes(2, seed=1)
            >>> widget = ke.ExplainerWidget(demo.load("honest"), scenes.images, labels=demo.LABELS)
            >>> folder = tempfile.TemporaryDirectory()
            >>> path = widget.to_html(f"{folder.name}/maps.html", classes=["heart", "star"], verbose=0)
            >>> path.name, path.read_text("utf-8")[:15]
            ('maps.html', '<!doctype html>')
            >>> widget.close()
        """
        asked = {"images": images, "layers": layers, "classes": classes, "methods": methods}
        traits = {**asdict(self.choice), **self._look, "panes": self.panes}
        export = self._on_worker(
            lambda: begin(self._session, self._setup, traits, asked, path, title, limit, self._go_on, self._answer)
        )
        self._exports.append(export)
        try:
            self._go_on(export)
            return export.wait(verbose)
        finally:
            export.cancel()
            self._exports.remove(export)

    def _go_on(self, export):
        self._worker.submit(export, export)

    def _on_worker(self, function) -> Any:
        """Call a function where the session is used, and give what it gives."""
        future = concurrent.futures.Future()

        def call():
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self._worker.errand(call)
        return future.result()

    def close(self):
        """Close every view and free what the widget held."""
        if self._worker is not None:  # ipywidgets closes also what was refused in the making.
            self._free()
        super().close()

    def _free(self):
        for export in list(self._exports):
            export.cancel()
        self._worker.close()
        self._unwatch_cells()
        for shown in (self._panel, self._box):
            if shown is not None:
                shown.close()
        self._answering.clear()

    def _result_of(self, pane) -> Any:
        kept = self._answering.found(self.pane_choice(pane))
        # While the newest choice is still on its way, the last thing that was shown.
        return kept if kept is not None or pane else self._answering.newest()

    # From Python: a trait was set.

    @traitlets.validate(*_CHOICE)
    def _fits(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        known = {"image_index": 0, "class_index": 0, "contrast_index": None, "method": "gradcam", "params": {}}
        model = value if name == "model" else self.model
        layer = self._session.subjects[model].default_layer if model in range(len(self._session.subjects)) else ""
        self._session.check(**{**known, "model": model, "layer": layer, name: value})
        return value

    @traitlets.validate("panes")
    def _panes_fit(self, proposal):
        for pane in proposal["value"]:
            unknown = sorted(set(pane) - set(_CHOICE))
            if unknown:
                raise ValueError(f"`panes` must hold dicts of {', '.join(_CHOICE)}. Received: {unknown}.")
            choice = {**asdict(self.choice), **pane}
            if "layer" not in pane and choice["model"] in range(len(self._session.subjects)):
                choice["layer"] = self._session.subjects[choice["model"]].default_layer
            self._session.check(**choice)
        return proposal["value"]

    def _chosen(self, change):
        if getattr(self._page, "speaks", False):
            return
        if change["name"] == "model" and self.layer not in self._session.subjects[self.model].layers:
            self.layer = self._session.subjects[self.model].default_layer
        self._telling.changed()
        self._explain_all()

    def _styled(self, change):
        if getattr(self._page, "speaks", False):
            return
        self._telling.changed()
        self._worker.errand(lambda: None)  # It rests after that, and tells.

    def _explain_all(self):
        for pane in range(1 + len(self.panes)):
            self._submit(protocol.Explain(None, self.pane_choice(pane), pane))

    # A cell ran, or the page moved without a question: a model may have been trained since.

    def _watch_cells(self):
        shell = get_ipython()
        if shell is not None:
            self._cells = shell.events
            self._cells.register("post_run_cell", self._look_at_weights)

    def _unwatch_cells(self):
        # Kept since then: `get_ipython` imports, which fails where the interpreter's end closes the widget.
        if self._cells is not None:
            self._cells.unregister("post_run_cell", self._look_at_weights)
            self._cells = None

    def _look_at_weights(self, *_):
        self._worker.errand(self._refresh)

    def _refresh(self):
        if self._answering.trained() and self._context is None:  # A page asks for what it shows.
            self._explain_all()

    # From the charts.

    def _picked(self, class_index):
        self.class_index = class_index

    def _ask_curves(self):
        self._worker.submit(Curves(self.choice), "curves")

    # From the page. The handler only notes and answers at once: it may hold up every widget of the kernel.

    def set_state(self, sync_data):
        with self._page_speaks():
            super().set_state(sync_data)
        if not {*_CHOICE, "panes"}.isdisjoint(sync_data):
            self._look_at_weights()

    def send_state(self, key=None):
        # A choice that came with the page's own request is known there; echoed, it could undo a newer one.
        if not getattr(self._page, "adopting", False):
            super().send_state(key)

    def _send(self, msg, buffers=None):
        # Also what a running cell sets: published from the cell, it would make the page's messages wait for its end.
        self._publish(lambda: super(ExplainerWidget, self)._send(msg, buffers))

    @contextlib.contextmanager
    def _page_speaks(self, adopting=False):
        self._page.speaks, self._page.adopting = True, adopting
        try:
            yield
        finally:
            self._page.speaks = self._page.adopting = False

    def _receive(self, _, content, buffers):
        # ipykernel sends what is published in this context where the page listens, also while a cell runs.
        self._context = contextvars.copy_context()
        try:
            message = protocol.parse(content)
            if isinstance(message, protocol.Explain | protocol.Scan):
                self._session.check(**asdict(message.choice))
        except ValueError as error:
            self._answer(protocol.error(content.get("id") if isinstance(content, dict) else None, str(error)))
            return
        if isinstance(message, protocol.Explain | protocol.Scan):
            self._adopt(message)
            self._submit(message)
        elif isinstance(message, protocol.Cancel) and message.id == protocol.EXPORT:
            for export in list(self._exports):
                export.cancel()
        elif isinstance(message, protocol.Cancel):
            self._cancel(message)
        elif isinstance(message, protocol.Check):
            self._answer(protocol.standing(message.id, message.pane, self._at(message)))
        elif isinstance(message, protocol.Seen):
            self._telling.seen(message.number)
        elif isinstance(message, protocol.Pictures | protocol.Predictions):
            self._worker.errand(lambda: self._answering.serve(message))
        else:
            self._shown += 1
            self._answering.repeat()

    def _adopt(self, message):
        """Make what was picked in the main pane the traits; the layer of a scan is none."""
        if message.pane or isinstance(message, protocol.Scan):
            return
        with self._page_speaks(adopting=True), self.hold_trait_notifications():
            for name in _CHOICE:
                setattr(self, name, getattr(message.choice, name))

    def _cancel_curves(self):
        self._worker.cancel(lambda request: isinstance(request, Curves))

    def _cancel(self, message):
        def meant(request):
            asked = isinstance(request, protocol.Explain | protocol.Scan) and request.id == message.id
            return asked and (message.id is not None or request.pane == message.pane)

        for dropped in self._worker.cancel(meant):
            self._answering.drop(dropped)

    def _at(self, message):
        """Tell whether what the page asks about waits or runs."""
        asked = [each for each in self._worker.pending() if isinstance(each, protocol.Explain | protocol.Scan)]
        return any(each.id == message.id and (each.id is not None or each.pane == message.pane) for each in asked)

    def _submit(self, message):
        if isinstance(message, protocol.Explain) and message.pane == 0:
            self._asked = key(message.choice)
        sender = (message.pane, type(message).__name__)
        dropped = self._worker.submit(message, sender)
        if dropped is not None:
            self._answering.drop(dropped)

    # What the worker's thread says.

    def _answer(self, message):
        self.send(*message)

    def _rest(self):
        self._answering.rest()
        return None if self._context is None else self._telling.rest()  # No page is open yet.

    def _tell(self, number):
        traits = {name: getattr(self, name) for name in (*_CHOICE, *_LOOK, "panes")}
        self._answer(protocol.state(number, self._answering.serial, traits))

    def _keep(self, snapshot):
        self.set_trait("_snapshot", snapshot)

    def _tell_panel(self, function):
        if self._panel is not None:
            self._publish(lambda: function(self._panel))

    def _publish(self, function):
        if self._context is None:
            function()
        else:
            self._context.copy().run(function)
