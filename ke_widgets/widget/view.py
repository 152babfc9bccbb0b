"""ExplainerWidget: traits that hold what the user chose, and the wiring between page, worker and session."""

import contextlib
import contextvars
import threading
import time
from dataclasses import asdict
from pathlib import Path

import anywidget
import traitlets

from ke_widgets import methods
from ke_widgets.widget import protocol
from ke_widgets.widget.graph import graph
from ke_widgets.widget.session import Session
from ke_widgets.widget.worker import Worker

_PROGRESS_SECONDS = 0.1
_STATIC = Path(__file__).parent / "static"
_CHOICE = ("image_index", "layer", "class_index", "method", "params")
COLORMAPS = ("inferno", "viridis", "magma", "turbo", "gray", "RdBu_r")


class ExplainerWidget(anywidget.AnyWidget):
    """See what a model looks at: pick a layer, a class, an image; the map follows.

    Args:
        model: A built Keras model that takes images `(B, H, W, C)` and gives a score for each class `(B, U)`.
        images: A uint8 or float array `(N, H, W, C)`, or a list of arrays, of PIL images, or of file paths. Pictures
            from PIL and from files are resized to what the model takes.
        labels: Names of the classes: a list, a dict from index to name, or a function of the index.
        preprocess: Turns a batch of images into the model's input. Not needed when the model begins with Rescaling or
            Normalization, or when the images are scaled already.
        head: Index or name of the output to explain, in a model with several.
        **choice: First values of the traits below.

    Attributes:
        image_index: Number of the image on show.
        layer: Path of the layer that is looked at, such as `"block3/conv2"`. Default: the last spatial one.
        class_index: Number of the class that is explained. Default: the first image's highest score.
        method: Name of the method, such as `"gradcam"`.
        params: The method's own parameters.
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

    _esm = _STATIC / "widget.js"
    _css = _STATIC / "widget.css"

    image_index = traitlets.Int(0).tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    class_index = traitlets.Int(0).tag(sync=True)
    method = traitlets.Unicode("gradcam").tag(sync=True)
    params = traitlets.Dict().tag(sync=True)
    opacity = traitlets.Float(0.6, min=0, max=1).tag(sync=True)
    colormap = traitlets.Enum(COLORMAPS, "inferno").tag(sync=True)
    threshold = traitlets.Float(0.1, min=0, max=1).tag(sync=True)

    _setup = traitlets.Dict().tag(sync=True)
    _snapshot = traitlets.Dict().tag(sync=True, echo_update=False)

    def __init__(self, model, images, *, labels=None, preprocess=None, head=None, **choice):
        self._session = Session(model, images, labels, preprocess, head)
        self._page = threading.local()
        self._context = None
        self._serial = 0
        self._result = None
        self._error = None
        self._newest = None
        self._kept = None
        self._worker = Worker(self._run, self._failed, self._rest)
        scores = self._session.scores(choice.get("image_index", 0))
        choice = {"layer": self._session.default_layer, "class_index": int(scores.argmax()), **choice}
        super().__init__(_setup=_describe(self._session), **choice)
        self.on_msg(self._receive)
        self.observe(self._chosen, names=list(_CHOICE))
        self._worker.submit(protocol.Explain(None, self.choice))

    @property
    def choice(self):
        """What is chosen now."""
        return protocol.Choice(**{name: getattr(self, name) for name in _CHOICE})

    @property
    def result(self):
        """The newest `Explanation`, or `None` before the first one."""
        return self._result

    def wait(self, timeout=None):
        """Wait until everything chosen so far is explained.

        Args:
            timeout: Seconds to wait at most; `None` for as long as it takes.

        Returns:
            The newest `Explanation`.

        Raises:
            TimeoutError: If it took longer.
            Exception: What the method raised, where it failed.
        """
        if not self._worker.wait(timeout):
            raise TimeoutError(f"`wait` must end within timeout={timeout} seconds. The method is still running.")
        if self._error is not None:
            raise self._error
        return self._result

    def close(self):
        """Close every view and free what the widget held."""
        self._worker.close()
        super().close()

    # From Python: a trait was set.

    @traitlets.validate("image_index", "layer", "class_index", "method", "params")
    def _fits(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if name == "layer":
            self._session.check_layer(value)
        elif name == "method":
            self._session.check_method(value)
        elif name == "params":
            self._session.check_params(value)
        else:
            self._session.check(
                **{
                    "image_index": 0,
                    "class_index": 0,
                    "method": "gradcam",
                    name: value,
                    "layer": self._session.default_layer,
                }
            )
        return value

    def _chosen(self, change):
        if not getattr(self._page, "speaks", False):
            self._submit(protocol.Explain(None, self.choice))

    # From the page. The handler only notes and answers at once: it may hold up every widget of the kernel.

    def set_state(self, sync_data):
        with self._page_speaks():
            super().set_state(sync_data)

    def send_state(self, key=None):
        # A choice that came with the page's own request is known there; echoed, it could undo a newer one.
        if not getattr(self._page, "adopting", False):
            super().send_state(key)

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
        except ValueError as error:
            self._answer(protocol.error(content.get("id") if isinstance(content, dict) else None, str(error)))
            return
        if isinstance(message, protocol.Explain):
            self._explain(message)
        elif isinstance(message, protocol.Cancel):
            self._drop(self._worker.cancel())
        elif isinstance(message, protocol.Pictures):
            self._worker.errand(lambda: self._send_pictures(message))
        elif self._newest is not None:
            content, buffers = self._newest
            self._answer(({**content, "id": None}, buffers))

    def _explain(self, message):
        choice = message.choice
        try:
            self._session.check(choice.image_index, choice.layer, choice.class_index, choice.method)
            self._session.check_params(choice.params)
        except (TypeError, ValueError) as error:
            self._answer(protocol.error(message.id, str(error), choice=choice))
            return
        with self._page_speaks(adopting=True), self.hold_trait_notifications():
            for name in _CHOICE:
                setattr(self, name, getattr(choice, name))
        self._submit(message)

    def _submit(self, message):
        self._drop(self._worker.submit(message))

    def _drop(self, message):
        if message is not None and message.id is not None:
            self._answer(protocol.superseded(message.id))

    # On the worker's thread.

    def _run(self, message, why_stop):
        told = time.monotonic()
        for done, total, finish in self._session.steps(**asdict(message.choice)):  # noqa: B007 (used below)
            if done == total:
                break
            stop = why_stop()
            if stop == "superseded":
                self._drop(message)
                return
            if stop == "cancelled":
                break
            if time.monotonic() - told >= _PROGRESS_SECONDS:
                told = time.monotonic()
                self._answer(protocol.progress(message.id, done, total, f"{done} of {total}"))
        explanation = finish()
        self._serial += 1
        self._result, self._error = explanation, None
        self._newest = protocol.result(
            message.id,
            self._serial,
            message.choice,
            explanation.map,
            explanation.low,
            explanation.high,
            explanation.scores,
            explanation.scores_kind,
            explanation.milliseconds,
            explanation.note,
            explanation.done,
            explanation.total,
        )
        self._answer(self._newest)

    def _failed(self, message, error):
        self._error = error
        text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        self._answer(protocol.error(message.id, text, _hint(error), message.choice))

    def _send_pictures(self, message):
        try:
            images = [self._session.images.png(index, message.size) for index in message.indices]
        except Exception as error:
            self._answer(protocol.error(message.id, str(error)))
            return
        self._answer(protocol.pictures(message.id, message.indices, message.size, images))

    def _rest(self):
        """Keep the newest result where a reloaded page and a saved notebook find it."""
        if self._newest is None or self._newest is self._kept:
            return
        self._kept = self._newest
        content, buffers = self._newest
        picture = self._session.images.png(content["choice"]["image_index"])
        self._publish(lambda: self.set_trait("_snapshot", protocol.snapshot(content, buffers, picture)))

    def _answer(self, message):
        content, buffers = message
        self._publish(lambda: self.send(content, buffers))

    def _publish(self, function):
        if self._context is None:
            function()
        else:
            self._context.copy().run(function)


def _describe(session):
    """Write what the page needs to know once: layers, classes, methods."""
    rows, edges_known = graph(session.model, session.shapes)
    spatial = set(session.layers)
    return {
        "version": 1,
        "model": session.model.name,
        "images": len(session.images),
        "nodes": [{**row, "spatial": row["path"] in spatial} for row in rows],
        "edges_known": edges_known,
        "labels": session.labels,
        "methods": [_describe_method(name, *entry) for name, entry in session.methods.items()],
        "colormaps": list(COLORMAPS),
        "notices": session.notices,
    }


def _describe_method(name, method, spec):
    params = [asdict(parameter) for parameter in methods.parameters(method)]
    return {"name": name, "title": spec.title, "layer": spec.signals == "one", "signed": spec.signed, "params": params}


def _hint(error):
    name = type(error).__name__
    if name == "ResourceExhaustedError" or isinstance(error, MemoryError):
        return "The device ran out of memory: choose a layer nearer to the output, or smaller images."
    if isinstance(error, TypeError | ValueError):
        return None
    return "The kernel and the widget go on: choose another layer or method, or run the model on this image in a cell."
