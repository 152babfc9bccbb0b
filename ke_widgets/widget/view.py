"""ExplainerWidget: the widget as a user holds it, and its wiring to ipywidgets."""

import base64
import contextlib
import inspect
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import ipywidgets
import traitlets
from IPython.core.getipython import get_ipython

from ke_widgets.errors.arguments import named
from ke_widgets.widget.comm.controller import Controller
from ke_widgets.widget.export.figure import FigureFile
from ke_widgets.widget.export.snapshot import STILL_SIDES, alt_text, draw
from ke_widgets.widget.features import PANELS, curves, export
from ke_widgets.widget.fold import Fold
from ke_widgets.widget.keywords import check_attribute, check_keywords, check_order, check_surplus
from ke_widgets.widget.notebook import after_each_cell, replace, watch_cells
from ke_widgets.widget.session.describe import describe
from ke_widgets.widget.session.explanation import Explanation
from ke_widgets.widget.session.session import Session
from ke_widgets.widget.traits import CHOICE, DISPLAY, PAGE, FromPage, Traits

_STATIC = Path(__file__).parent / "static"
_SETTABLE = (*CHOICE, "panes", *DISPLAY, *PAGE, "layout")
_WATCHED_SECONDS, _UNWATCHED_SECONDS = 1.0, 60.0


class ExplainerWidget(Traits):
    """Show what a model looks at: pick a layer, a class, an image; the map follows.

    Args:
        model: A built Keras model that takes images `(B, H, W, C)`, alone or among other inputs, and gives a score for
            each class `(B, U)`, or for each class and pixel; or a list of models with the same classes, to be compared.
            One sigmoid unit stands for two classes: its own, number 1, and the other, number 0, whose logit is the
            negative one.
        images: A uint8 or float array `(N, H, W, C)`, grey ones also `(N, H, W)`, or a list, column or generator of
            arrays, of PIL images, or of file paths. Pictures from PIL and from files are read as
            `keras.utils.load_img` reads them. Images of another size than the model's input are center-cropped to its
            aspect and resized with antialiasing, without rounding; they are shown as they are, with the map over the
            region that the model saw. For a model of several inputs, a dict of the data of each by its name, or a list
            in the model's order, with one row of each for each image: `{"image": images, "age": ages}`.
        labels: Names of the classes: a list, a dict from index to name or from name to index (Keras's
            `class_indices`), or a function of the index.
        preprocess: Turns a batch of images into the model's input; for several models, one or a list. Not needed when
            the model scales its inputs itself, or when the images are scaled already. It gets images as they are where
            it brings them to the model's size, and fitted ones where it leaves their size. Default: the `preprocessor`
            that the model carries, as those of KerasHub do.
        head: Index or name of the output to explain, in a model with several; for several models, one or a list.
        y_true: The true class of each image, indices or labels, `(N,)` or `(N, 1)` (-1 where it is not known), or all
            of them, `(N, U)` of 0 and 1: the view then marks which predictions are correct. Not for a segmentation, nor
            a regression.
        image_input: Name or index of the input that is explained, in a model that takes several of images; for several
            models, one or a list.
        target: What is explained, one of `ke.targets`. `None` explains units: the logits of the classes.
            `ke.targets.Region`, or an instance with a channel: a segmentation, `(B, H, W, C)`. Its classes are its
            channels; the map explains the pixels where the channel wins, and the number beside a class is the share of
            the output's pixels that it wins. A contrast is the difference of two channels where the first one wins.
            Models of that output are taken so also where `target` is not given.
            `ke.targets.Box()`: a detector. Its classes are explained at their best candidate, whose logit is the score.
            `ke.targets.Value()`: the columns of a regression, as they are. `ke.targets.Contrast()` starts with the
            contrast of the two best classes. Any other target, `ke.targets.Similarity()` or one of your own, has its
            scores as classes.
        target_y: Data of such a target, one entry for each image, or what it takes for all: an embedding for
            `Similarity`.
        charts: Whether class scores and the curves of deletion and insertion are under the view when it is shown by
            itself, closed until they are opened. Put into a box, the widget is the view alone; `widget.charts` is the
            charts alone.
        **choice: Initial values of the traits below.

    Attributes:
        image_index: Index of the image shown.
        layer: Path of the layer whose feature maps are explained, such as `"block3/conv2"`; may be set to the layer
            itself. Default: the last spatial one. Empty for a model that has none: methods that read pixels explain it.
        class_index: Index of the class that is explained; may be set to its label. Default: the highest score of the
            first image.
        contrast_index: Index of a class to contrast it with (why this and not that), or `None`; may be set to its
            label.
        method: Name of the method, such as `"gradcam"`; may be set to its title, `"Grad-CAM"`, or the function.
        params: The method's own parameters.
        model_index: Index of the model, where there are several.
        panes: Up to three more pictures beside the main one, each a dict of what differs from it: any of the traits
            above.
        view: `"overlay"`, `"map"` or `"image"`.
        opacity: Of the overlay, 0 to 1.
        colormap: Name of the colormap.
        threshold: Fraction of the map's range below which nothing is drawn, 0 to 1.
        panel: Name of the panel that is open under the picture, such as `"curves"`; empty for none.

    Raises:
        TypeError: If the model, the images or the labels are of a wrong type, or an argument is unknown.
        ValueError: If they do not fit one another; also when a trait is set to a value that does not exist.

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

    _controller: Any = None
    _unwatch: Any = None
    _setup = traitlets.Dict().tag(sync=True)
    _snapshot = traitlets.Dict().tag(sync=True, echo_update=False)

    def __init__(
        self,
        model,
        images,
        *surplus,
        labels=None,
        preprocess=None,
        head=None,
        y_true=None,
        image_input=None,
        target=None,
        target_y=None,
        charts=True,
        **choice,
    ):
        check_order(model, images)
        check_surplus(surplus)
        keywords = [p.name for p in inspect.signature(type(self)).parameters.values() if p.kind is p.KEYWORD_ONLY]
        check_keywords(choice, self.trait_names(), [*keywords, *_SETTABLE])
        self._session = Session(model, images, labels, preprocess, head, y_true, image_input, target, target_y)
        self._with_charts = charts
        self._panel: Any = None
        self._box: Any = None
        self._layouts: list[ipywidgets.Layout] = []  # Our own: a layout of the user's may belong to other widgets too.
        self._fold: Any = None
        self._page = FromPage()
        self._controller = Controller(self._session, self.send, self._adopt, self._keep, self._state, self._tell_panel)
        if os.environ.get("ANYWIDGET_HMR") != "1":  # Watching the files, anywidget would keep every widget alive.
            self._esm, self._css = str(self._esm), str(self._css)
        setup = {**describe(self._session), "panels": PANELS}
        super().__init__(_setup=setup, **self._first_choice(choice))
        if self.layout is not choice.get("layout"):
            self._layouts.append(self.layout)
        self.on_msg(lambda _, content, buffers: self._controller.receive(content))
        watch_cells()
        self._unwatch = after_each_cell(self._check_weights)
        self.observe(self._chosen, names=[*CHOICE, "panes"])
        self.observe(self._styled, names=[*DISPLAY, *PAGE])
        replace(self, get_ipython())
        self._explain_all()

    def __setattr__(self, name, value):
        if not (name.startswith("_") or name in self.__dict__ or hasattr(type(self), name)):
            check_attribute(name, _SETTABLE)
        super().__setattr__(name, value)

    @property
    def result(self) -> Explanation | None:
        """The newest `Explanation` of the main pane, or `None` before the first one."""
        return self._result_of(0)

    @property
    def results(self) -> list[Explanation | None]:
        """The newest `Explanation` of every pane, the main one first; `None` where there is none yet."""
        return [self._result_of(pane) for pane in range(1 + len(self.panes))]

    def wait(self, timeout: float | None = None) -> Explanation:
        """Wait until everything chosen so far is explained.

        Args:
            timeout: Seconds to wait at most; `None` for no limit.

        Returns:
            The newest `Explanation` of the main pane.

        Raises:
            TimeoutError: If it took longer.
            Exception: What the method raised, where it failed.
        """
        if not self._controller.settle(self.choice, timeout, self._explain_all):
            raise TimeoutError(f"`wait` must end within timeout={timeout} seconds. The method is still running.")
        return self._result_of(0)

    @property
    def charts(self) -> ipywidgets.Box:
        """The charts alone, an ipywidgets box: class scores to click on, and the curves of the map shown."""
        if self._panel is None:
            from ke_widgets.widget.chart_panel import Panel  # bqplot comes only where charts are shown

            controller = self._controller
            self._panel = Panel(
                self._session.labels,
                self._picked,
                lambda: controller.ask("curves", curves.Request(self.choice)),
                lambda: controller.stop("curves"),
            )
            if self.result is not None:
                self._panel.show(self.result)
        return self._panel.box

    def _repr_mimebundle_(self, **kwargs):
        if self._with_charts and self._box is None:
            about = "Scores of the classes, deletion and insertion of the map"
            self._fold = Fold("Charts", about, lambda: self.charts)
            self._box = ipywidgets.VBox([self, self._fold.box])
            self._layouts.append(self._box.layout)
        shown = self._box if self._with_charts else super()
        bundle: Any = shown._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **self._still()}, metadata

    def _still(self):
        """Return the picture and its alt text, for hosts without widgets.

        A notebook keeps the output of the cell's run; replacing that later would open the view again. So this waits for
        the first map: a second where a person may be watching, up to a minute where a program runs the cells, such as
        nbconvert, which answers no `input()`.
        """
        kernel = getattr(get_ipython(), "kernel", None)
        self._controller.worker.wait(_WATCHED_SECONDS if getattr(kernel, "_allow_stdin", True) else _UNWATCHED_SECONDS)
        found = self.result
        if found is None:
            return {}
        file = io.BytesIO()
        draw(self._session.images, found, self._display, STILL_SIDES).save(file, "PNG", optimize=True)
        return {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": alt_text(self._session, found)}

    @named("widget.save")
    def save(
        self,
        path: str | os.PathLike,
        *,
        scale: float | None = None,
        colorbar: bool = False,
        title: bool | str = False,
        panes: bool = False,
    ) -> None:
        """Save the picture of the main pane, at the image's own size and aspect.

        Args:
            path: Path of the file; its suffix sets the format: `.png` or any other that PIL writes, `.pdf` or `.svg`.
                Vectors and text are drawn by matplotlib (`pip install "ke-widgets[plot]"`), with their fonts embedded;
                the longest side of a picture is 3.25 inches on paper, as wide as a column.
            scale: Pixels for each pixel of the image. Default: 1; with a title or a colour bar, enough to read them.
            colorbar: Whether to draw a colour bar under the picture: lowest and highest value, and the unit.
            title: A heading, or `True` for method, class and layer.
            panes: Whether to save all panes, side by side and equally high.

        Raises:
            ValueError: If the path, its suffix or the scale is not valid, or a pane has no map.
            ImportError: If matplotlib is needed and not installed.

        Examples:
            >>> import tempfile
            >>> from ke_widgets import demo
            >>> scenes = demo.scenes(2, seed=1)
            >>> widget = ke.ExplainerWidget(demo.load("honest"), scenes.images, labels=demo.LABELS)
            >>> folder = tempfile.TemporaryDirectory()
            >>> widget.save(f"{folder.name}/map.png")
            >>> widget.save(f"{folder.name}/figure.pdf", colorbar=True, title=True)
            >>> widget.close()
        """
        file = FigureFile(Path(path), scale, colorbar, title)
        shown = [self.wait(), *(self.results[1:] if panes else [])]
        missing = [number for number, each in enumerate(shown, 1) if each is None]
        if missing:
            raise ValueError(f"`panes=True` must find a map in each pane. Received: none in pane {missing[0]}.")
        file.write(self._session, shown, self._display)

    @named("widget.to_html")
    def to_html(
        self,
        path: str | os.PathLike,
        *,
        images: Sequence[int] | None = None,
        layers: Sequence[str] | Literal["all"] | None = None,
        classes: Sequence[int | str] | None = None,
        methods: Sequence[str] | None = None,
        title: str | None = None,
        limit: int = 50_000_000,
        verbose: Literal["auto", 0, 1, 2] = "auto",
    ) -> Path:
        """Write the view to one HTML file that needs neither kernel nor network.

        The maps of every combination of the arguments are computed, with the parameters that are set now. The page
        opens with one pane, the main one. The widget works on meanwhile, and its Cancel stops the export.

        Args:
            path: Path of the file.
            images: Indices of images. Default: the first eight, and the one shown.
            layers: Paths of layers, or `"all"`. Default: the layer shown, and the last one of each resolution.
            classes: Indices or labels of classes. Default: all of a model with at most 12; else the top three of each
                image, and the one shown.
            methods: Names or titles of methods. Default: the one shown.
            title: Heading of the page.
            limit: Bytes that the file may have; its size is known, and reported, before most of it is computed.
            verbose: `"auto"`, 0 (silent), 1 (progress bar) or 2 (one line).

        Returns:
            The file's path.

        Raises:
            ValueError: If something asked for does not exist, or the file would be larger than `limit`.
            concurrent.futures.CancelledError: If the export was cancelled; no file is written then.

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
        traits = {**vars(self.choice), **self._display, "panes": self.panes}
        controller, about = self._controller, (self._session, self._setup, traits, asked, path, title, limit)
        request = controller.call(lambda: export.request(*about))
        controller.ask("export", request, "export", pane=None)
        try:
            return request.export.wait(verbose)
        finally:
            request.export.cancel()

    def close(self) -> None:
        """Close every view, stop the threads and release the caches."""
        if self._controller is not None:  # ipywidgets also closes a widget whose constructor raised.
            self._controller.close()
            self._session.close()
            if self._unwatch is not None:
                self._unwatch()
            for each in (self._panel, self._fold, self._box, *self._layouts):
                if each is not None:
                    each.close()
        super().close()

    def _result_of(self, pane) -> Any:
        kept = self._controller.handlers.found(self.pane_choice(pane))
        # Until the newest choice is explained, the last result that was shown.
        return kept if kept is not None or pane else self._controller.handlers.newest()

    @property
    def _shown(self):
        """How many times a page has opened a view."""
        return self._controller.opened

    # From Python: a trait was set, or a cell ran.

    def _chosen(self, change):
        if self._page.speaks:
            return
        if change["name"] == "model_index" and self.layer not in self._session.models[self.model_index].layers:
            self.layer = self._session.models[self.model_index].default_layer
        self._controller.resend.changed()
        self._explain_all()

    def _styled(self, change):
        if self._page.speaks:
            return
        self._controller.resend.changed()
        self._controller.worker.run_soon(lambda: None)  # The worker sends the state when it rests after that.

    def _explain_all(self):
        for pane in range(1 + len(self.panes)):
            self._controller.explain(self.pane_choice(pane), pane)

    def _check_weights(self, *_):
        """Check for training: a cell ran, or the page changed a trait without a request."""
        self._controller.worker.run_soon(self._refresh)

    def _refresh(self):
        if self._controller.handlers.trained() and not self._controller.heard:  # A page asks for what it shows.
            self._explain_all()

    def _picked(self, class_index):
        self.class_index = class_index

    # From the page.

    def set_state(self, sync_data: dict[str, Any]) -> None:
        with self._page_speaks():
            super().set_state(sync_data)
        if not {*CHOICE, "panes"}.isdisjoint(sync_data):
            self._check_weights()

    def _adopt(self, choice):
        with self._page_speaks(adopting=True), self.hold_trait_notifications():
            for name in CHOICE:
                if getattr(self, name) != getattr(choice, name):
                    setattr(self, name, getattr(choice, name))

    @contextlib.contextmanager
    def _page_speaks(self, adopting=False):
        self._page.speaks, self._page.adopting = True, adopting
        try:
            yield
        finally:
            self._page.speaks = self._page.adopting = False

    # To the page.

    def send_state(self, key: Any = None) -> None:
        # The page knows the choice of its own request; an echo could undo a newer one.
        if not self._page.adopting:
            super().send_state(key)

    def _send(self, msg, buffers=None):
        # ipywidgets calls this also for a trait that a running cell sets.
        if self._controller is None:
            super()._send(msg, buffers)
        else:
            self._controller.publish(lambda: super(ExplainerWidget, self)._send(msg, buffers))

    def _state(self):
        return {name: getattr(self, name) for name in (*CHOICE, *DISPLAY, *PAGE, "panes")}

    def _keep(self, snapshot):
        self.set_trait("_snapshot", snapshot)

    def _tell_panel(self, function):
        if self._panel is not None:
            self._controller.publish(lambda: function(self._panel))
