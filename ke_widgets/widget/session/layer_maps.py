"""The map of one image, class and layer, in the fastest way that is ready.

The ways, the fastest first: cached maps of all layers; the rest of the model from the layer's cached signal on; the
compiled method at this layer; the compiled method at all layers; and, where nothing is compiled yet, the method run
eagerly at all layers, which takes a fraction of the time that compiling does. `prepare` compiles the faster ways in the
background.
"""

import collections
import contextlib
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

from ke_widgets.engine.activation_cache import run_and_keep, run_from, with_outputs
from ke_widgets.engine.compiling import compiled, ready
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.hooks import leaves_pixels_out
from ke_widgets.widget.notebook import cell_runs, cells_begun
from ke_widgets.widget.session.fingerprint import with_fingerprint

_KEPT = 4  # One for each pane that the page can show.


@dataclass(frozen=True)
class Question:
    """One map to find.

    Attributes:
        image_index: Index of the image.
        layer: Path of the layer; empty for a method that reads the image itself.
        inputs: The image as the model takes it.
        finite: Whether all of it is finite.
        units: Its units `(1, U)`, a tensor.
        method: The method at one layer.
        at_all_layers: The same method at all layers, or `None` where it has none.
        params: Own parameters of the method.
        key: Cache key of the maps of all layers: all of the question but its layer.
        target: The target of the view, `None` for units.
        detail: What `Scores.detail` knows of the image.
    """

    image_index: int
    layer: str
    inputs: Any = field(repr=False)
    finite: bool
    units: Any = field(repr=False)
    method: Any
    at_all_layers: Any
    params: dict
    key: Any
    target: Any = None
    detail: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Found:
    """Logits `(1, U)` and maps `(1, H', W', U)`, and the model's flat outputs, where they came along."""

    logits: Any
    maps: Any
    outputs: Any = None


class LayerMaps:
    """Computes maps of one model, and caches what makes the next one fast.

    Args:
        model: A built Keras model.
        scores: The `Endpoint` that the target reads, such as the logits.
        paths: Paths of the layers that can be asked for.
        trained: Returns whether the weights have changed since its last call, and calls `forget` if so; takes their
            fingerprint where that is known.
        target: The target of views where no question says another.
    """

    def __init__(self, model, scores, paths, trained, target=None) -> None:
        self._model = model
        self._scores = scores
        self._target = target
        self._paths = paths
        self._trained = trained
        self._views: dict[tuple[str, Any], Exposed] = {}
        self._all_views: dict[Any, Exposed] = {}
        self._signals = collections.OrderedDict()
        self._tails = set()  # For which the rest of the model, from the layer's signal on, was compiled.
        self._maps = collections.OrderedDict()
        self._eager = _is_safe_eagerly(model)
        self._made_in = cells_begun()  # The cell that makes the widget is about to end.
        self._connected = True  # Until a layer is found at which the scores have no gradient.

    def view(self, layer: str, target: Any = ...) -> Exposed:
        """Return the model that exposes one layer, or its scores alone for an empty path, with a target."""
        target = self._target if target is ... else target
        if (layer, target) not in self._views:
            endpoints = [self._scores, *([Endpoint(layer)] if layer else [])]
            self._views[layer, target] = Exposed(self._model, endpoints, target)
        return self._views[layer, target]

    def _all(self, question):
        """Return the model that exposes all layers, with a question's target."""
        if question.target not in self._all_views:
            endpoints = [self._scores, *map(Endpoint, self._paths)]
            self._all_views[question.target] = Exposed(self._model, endpoints, question.target)
        return self._all_views[question.target]

    def forget(self) -> None:
        """Clear the caches: the weights have changed."""
        self._signals.clear()
        self._maps.clear()

    def find(self, question: Question) -> Found:
        """Compute one map in the fastest way that is ready.

        Args:
            question: A `Question`.

        Returns:
            A `Found`.
        """
        ways = (self._kept, self._from_signal, self._at_layer, self._from_all_layers, self._eagerly)
        found = next((found for way in ways if (found := way(question)) is not None), None)
        if found is not None:
            return found
        function = compiled(
            with_fingerprint(run_and_keep(question.method)),
            self.view(question.layer, question.target),
            **question.params,
        )
        return self._found(question, *function(question.inputs, question.units))

    def find_all(self, question: Question) -> dict[str, Found]:
        """Compute the maps of all layers in one pass, in the fastest way that is ready.

        Args:
            question: A `Question` with a method at all layers; its layer is ignored.

        Returns:
            A dict from path to `Found`.

        Raises:
            ValueError: If the units have no gradient at one of the layers.
        """
        maps = self._maps.get(question.key)
        if maps is None or self._trained():
            maps = self._ready_at_all_layers(question) or (self._eager and self._eagerly_at_all_layers(question))
        if not maps:
            function = compiled(
                with_fingerprint(with_outputs(question.at_all_layers)), self._all(question), **question.params
            )
            maps = self._keep_all(question, *function(question.inputs, question.units))
        return maps

    def prepare(self, question: Question) -> None:
        """Compile what the next questions need: another layer, another image, another class.

        Args:
            question: A `Question` that was answered, or is likely to come.
        """
        inputs, units = question.inputs, question.units
        if self._has_all(question):
            method = with_fingerprint(with_outputs(question.at_all_layers))
            compiled(method, self._all(question), **question.params).prepare(inputs, units)
        view = self.view(question.layer, question.target)
        at_layer = compiled(with_fingerprint(run_and_keep(question.method)), view, **question.params)
        at_layer.prepare(inputs, units)
        signal = self._signals.get((question.image_index, question.layer))
        shapes = tuple(tuple(x.shape) for x in keras.tree.flatten(inputs))
        kind = question.layer, question.method, tuple(sorted(question.params.items())), shapes
        run = at_layer.trace(inputs, units)
        # Once for each kind: `prepare` is called at every rest, and this is a whole pass.
        if signal is None and run is not None and kind not in self._tails:
            signal = run(inputs, units)[0][2]
        if signal is not None:
            self._tails.add(kind)
            from_signal = compiled(with_fingerprint(run_from(question.method)), view, **question.params)
            from_signal.prepare((inputs, signal), units)

    def _has_all(self, question):
        return self._connected and bool(question.layer) and question.at_all_layers is not None

    # The ways; each returns `None` where it is not ready.

    def _kept(self, question):
        maps = self._maps.get(question.key)
        if maps is None or question.layer not in maps or self._trained():
            return None
        self._maps.move_to_end(question.key)
        return maps[question.layer]

    def _from_signal(self, question):
        signal = self._signals.get((question.image_index, question.layer))
        if signal is None:
            return None
        method, inputs = with_fingerprint(run_from(question.method)), (question.inputs, signal)
        run = ready(method, self.view(question.layer, question.target), inputs, question.units, **question.params)
        if run is None:
            return None
        self._signals.move_to_end((question.image_index, question.layer))
        (logits, maps), mark = run(inputs, question.units)
        return None if self._trained(mark) else Found(logits, maps)

    def _at_layer(self, question):
        method, view = with_fingerprint(run_and_keep(question.method)), self.view(question.layer, question.target)
        run = ready(method, view, question.inputs, question.units, **question.params)
        return None if run is None else self._found(question, *run(question.inputs, question.units))

    def _from_all_layers(self, question):
        maps = self._ready_at_all_layers(question) if self._has_all(question) else None
        return None if maps is None else maps[question.layer]

    def _eagerly(self, question):
        """Run the method eagerly, where TensorFlow's eager gradients are safe.

        Eagerly the gradient of one layer takes as long as that of all: TensorFlow differentiates whatever was run. So
        the first map of an image brings those of all layers. Not beside a later cell: each of a thousand operations
        releases Python's global lock, and waits until the cell hands it back, up to half a second; one layer takes a
        few hundred operations.
        """
        if not self._eager:
            return None
        if not self._has_all(question) or (cell_runs() and cells_begun() > self._made_in):
            return self._eagerly_at_layer(question)
        # At one of them the scores may have no gradient, which need not be this one.
        with contextlib.suppress(ValueError):
            return self._eagerly_at_all_layers(question)[question.layer]
        found = self._eagerly_at_layer(question)
        self._connected = False
        return found

    def _eagerly_at_layer(self, question):
        self._trained()
        method, view = run_and_keep(question.method), self.view(question.layer, question.target)
        return self._found(question, method(view, question.inputs, question.units, **question.params))

    def _ready_at_all_layers(self, question):
        method = with_fingerprint(with_outputs(question.at_all_layers))
        run = ready(method, self._all(question), question.inputs, question.units, **question.params)
        return None if run is None else self._keep_all(question, *run(question.inputs, question.units))

    def _eagerly_at_all_layers(self, question):
        self._trained()
        method = with_outputs(question.at_all_layers)
        return self._keep_all(question, method(self._all(question), question.inputs, question.units, **question.params))

    def _keep_all(self, question, found, mark=None):
        logits, maps, outputs = found
        if mark is not None:
            self._trained(mark)
        self._maps[question.key] = {path: Found(logits, each, outputs) for path, each in zip(self._paths, maps)}
        _trim(self._maps)
        return self._maps[question.key]

    def _found(self, question, found, mark=None):
        logits, maps, signal, outputs = found
        if mark is not None:
            self._trained(mark)
        if signal is not None:
            self._signals[question.image_index, question.layer] = signal
            _trim(self._signals)
        return Found(logits, maps, outputs)


def _trim(kept):
    while len(kept) > _KEPT:
        kept.popitem(last=False)


def _is_safe_eagerly(model):
    """Return whether the model's gradients can be computed eagerly.

    Not where a convolution of 1 x 1 with strides is run by code that is not Keras's, or past Keras: see `model.hooks`.
    """
    every = model_layers.operations(model).values()
    past = [each.layer for each in every if isinstance(each, layers.TimeDistributed)]
    return not any(_has_strides_alone(each) and (each in past or not leaves_pixels_out(each)) for each in every)


def _has_strides_alone(operation):
    is_one = isinstance(operation, layers.Conv1D | layers.Conv2D | layers.Conv3D)
    return is_one and max(operation.kernel_size) == 1 and max(operation.strides) > 1
