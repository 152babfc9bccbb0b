"""One model under inspection: its layers, its scores, and its maps."""

import collections
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets import inspection, methods, metrics
from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.evaluations import scores
from ke_widgets.engine.gradients import signal_jacobian
from ke_widgets.errors import failures
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.methods.all_layers import at_all_layers, runs_at_all_layers
from ke_widgets.model import hooks
from ke_widgets.model import layers as model_layers
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.first_operations import first_operations
from ke_widgets.model.units import scores_of
from ke_widgets.targets import Region
from ke_widgets.widget.images.feed import Feed
from ke_widgets.widget.images.image_input import ImageInput
from ke_widgets.widget.session import costs
from ke_widgets.widget.session.candidates import Candidate, logits_output
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explanation import Curves, Explanation, display_range, empty_reason
from ke_widgets.widget.session.fingerprint import fingerprint
from ke_widgets.widget.session.layer_maps import LayerMaps, Question
from ke_widgets.widget.session.method_data import MethodData
from ke_widgets.widget.session.notices import Entrance
from ke_widgets.widget.session.scores import Scores, run
from ke_widgets.widget.session.target_classes import (
    classes_of_target,
    read_by,
    region_assumed,
    target_data,
)

_KEPT_INPUTS = 4  # One for each pane that the page can show.
_ALL_LAYERS_BYTES = 2 * 1024**3
_IMAGES_ALONE = Feed(ImageInput((None, None, None), required=False))


class ExplainedModel:
    """A model and its images, with caches of inputs, scores and signals that are dropped when the weights change.

    Args:
        model: A built Keras model with an image input `(B, H, W, C)` and scores `(B, U)`.
        images: `Images` that fit it.
        number: The model's index in its session.
        head: Index or name of the output to explain, in a model with several.
        named: How many classes the user has named; `None` where that is not known.
        feed: Packs images as the model takes them, a `Feed`; by default the model takes nothing else.
        target: What is explained, see `target_classes`; `None` for units, or the channels of a segmentation.
        target_y: Data of the target, one entry for each image.

    Attributes:
        classes: What its classes are, a `Classes`.
        is_assumed: Whether it is taken as a segmentation without a target that says so.
        passes: How long passes take, once they are measured.
        entrance: How the first image entered the model, an `Entrance`.

    Raises:
        ValueError: If the model has no scores, or does not run on the first image.
    """

    def __init__(
        self, model, images, number=0, head=None, named=None, feed=_IMAGES_ALONE, target=None, target_y=None
    ) -> None:
        self.model = model
        self.images = images
        self.number = number
        self.passes: costs.Passes | None = None
        self._feed = feed
        self._data = MethodData(images)
        # Keras keeps no input shape of some models; an image has it.
        image = self._packed(np.nan_to_num(images.inputs(0), nan=0.0, posinf=0.0, neginf=0.0), [0])
        # A target that reads all outputs asks for none of them.
        head = 0 if head is None and getattr(target, "reads", "") == "outputs" else head
        self._output = inspection.head_index(model, head, image)
        read = self._read(target, head, image)
        y = target_data(target, target_y, len(images))
        self._inputs: collections.OrderedDict[int, Any] = collections.OrderedDict()
        self._weights = None
        self._generation = -1
        view = Exposed(model, [read, Endpoint("", index=self._output)], read_by(target))
        self.shapes, (logits, scores) = self._first_run(view, image)
        self.is_assumed = region_assumed(target, logits, scores)
        target = Region if self.is_assumed else target
        first = None if y is None else ops.convert_to_tensor(y[:1])
        self.classes = classes_of_target(
            target, model.name, logits, scores, named, lambda: scores_of(view, logits, first)
        )
        if isinstance(view.target, Candidate):
            head = logits_output(logits, view.target)
        view = Exposed(model, view.endpoints, self.classes.target())
        self._scores_of = Scores(view, self.classes, images, feed, y)
        self._layer_shapes = self._before(read, inspection.spatial_signals(model, head, image))
        self.layers = list(self._layer_shapes)
        self._default_layer = inspection.default_layer(model, head, image)
        self._maps = LayerMaps(model, read, self.layers, self._forget_if_trained, self.classes.target())
        self._forget_if_trained()
        if np.isfinite(np.asarray(scores, "float64")).all():
            self._scores_of.know(0, scores)

    def _read(self, target, head, image):
        """Return the endpoint that the target reads."""
        reads = getattr(target, "reads", "logits")
        if reads == "outputs":
            return Endpoint("", index="all")
        if reads == "output":
            return Endpoint("", index=self._output)
        inspection.warn_of_probabilities(self.model, head, image)
        return inspection.logits_endpoint(self.model, head, image)

    def _before(self, read, shapes):
        """Return the layers that can be explained: of a segmentation, those before the layer of its scores."""
        if not getattr(self.classes.target(), "spatial", False) or read.path not in shapes:
            return shapes
        paths = list(shapes)
        return {path: shapes[path] for path in paths[: paths.index(read.path)]}

    @property
    def default_layer(self) -> str:
        """The layer whose output is the default signal, or the last one that feeds it; empty where there is none."""
        spatial = getattr(self.classes.target(), "spatial", False)
        if self._default_layer in self._layer_shapes and not spatial:
            return self._default_layer
        return self.layers[-1] if self.layers else ""

    @functools.cached_property
    def has_features(self) -> bool:
        """Whether there are weights up to the default layer: without, its feature maps are no more than pixels."""
        if not self.layers:
            return False
        found = model_layers.operations(self.model)
        before = list(found)[: list(found).index(self.default_layer) + 1]
        own = (found[path] for path in before if path == self.default_layer or not model_layers.children(found[path]))
        return any(getattr(operation, "weights", None) for operation in own)

    def view(self, layer: str) -> Exposed:
        """Return the model that exposes a layer, or its logits alone for an empty path."""
        return self._maps.view(layer)

    def check_layer(self, layer: str) -> None:
        """Check that a layer is in the model and has a spatial output."""
        if layer in (self.layers or [""]):
            return
        shape = self._shape(layer, inspection.find_path(self.model, layer))
        raise ValueError(
            "`layer` must name a layer with a spatial output (B, H, W, K), or tokens (B, N, K), whose rows and columns "
            "are the image's, on the way to the logits. "
            f"Received: layer={short_repr(layer)}, whose output is {shape}. "
            f"Layers that fit: {', '.join(self.layers[-8:])}."
        )

    def scores(self, image_indices: list[int]) -> np.ndarray:
        """Return one score for each class for some images: the model's own output, or what `classes` says.

        Args:
            image_indices: Indices of the images.

        Returns:
            An array `(len(image_indices), classes)`, float32.
        """
        self._forget_if_trained()
        return self._scores_of.of(image_indices)

    def _packed(self, array, indices):
        return self._feed.pack(ops.convert_to_tensor(array), indices)

    def generation(self) -> int:
        """Count how many times the weights have changed; drop the caches of older ones."""
        self._forget_if_trained()
        return self._generation

    def scores_kind(self, scores: np.ndarray) -> str:
        """Return what the scores are; see `Classes.kind`."""
        return self.classes.kind(scores)

    def map_unit(self, unit: str) -> str:
        """Return the unit of a method's maps for the model's target; see `Spec.unit`."""
        return unit.replace("logit", self.classes.score_word)

    def steps(self, choice: Choice) -> Iterator[tuple[int, int, Callable[[], Explanation]]]:
        """Explain one choice step by step; leave the loop to stop.

        Args:
            choice: A `Choice` that was checked.

        Yields:
            Number of steps done, number of all steps, and a function that returns the `Explanation` of those done.
        """
        started = time.perf_counter()
        function, spec = methods.table()[choice.method]
        question = self._question(choice, choice.layer if spec.reads == "signal" else "")
        finish = functools.partial(self._finish, choice, question, started)
        if runs_at_all_layers(function):
            found = self._answer(question)
            yield 1, 1, functools.partial(finish, self._generation, methods.Progress(1, 1, lambda: found))
            return
        generation, view = self.generation(), self._maps.view(question.layer, question.target)
        for progress in methods.step_by_step(question.method, view, question.inputs, question.units, **question.params):
            yield progress.done, progress.total, functools.partial(finish, generation, progress)

    def _finish(self, choice, question, started, generation, progress):
        """Return the `Explanation` of the steps that are done."""
        _, spec = methods.table()[choice.method]
        logits, maps = progress.result()
        values = _one_map(choice.method, maps)
        low, high = display_range(values, spec.signed or choice.contrast_index is not None)
        (scores,) = self._scores_of.of([choice.image_index])
        reason = self.classes.why_empty(choice.class_index, question.detail) if question.finite else None
        return Explanation(
            map=values,
            logits=np.asarray(logits)[0],
            unit=choice.class_index,
            contrast=choice.contrast_index,
            layer=question.layer,
            method=choice.method,
            params={name: value for name, value in choice.params.items() if name in question.params},
            image_index=choice.image_index,
            model_index=self.number,
            scores=scores,
            scores_kind=self.scores_kind(scores),
            low=low,
            high=high,
            empty_reason=reason or empty_reason(values, question.finite, low, high, lambda: self._blind(question)),
            milliseconds=1000 * (time.perf_counter() - started),
            done=progress.done,
            total=progress.total,
            generation=generation,
            map_unit=self.map_unit(spec.unit),
            completeness=self._completeness(choice, question, progress, logits, values),
            input_region=self.images.input_region(choice.image_index),
        )

    def _completeness(self, choice, question, progress, logits, values):
        """Return what the map sums to and what it should, where the method promises a sum and all steps are done."""
        function, spec = methods.table()[choice.method]
        if spec.reference is None or progress.done < progress.total or not question.finite:
            return None
        wrap, units = self.classes.question(choice.class_index, choice.contrast_index, question.detail)
        reference = wrap(_twice(spec.reference))
        params = _params_of(spec.reference, function, question)
        scores, _ = compiled(reference, self._maps.view("", question.target), **params)(question.inputs, units)
        return float(np.sum(values, dtype="float64")), float(np.asarray(logits)[0, 0] - np.asarray(scores)[0, 0])

    def _blind(self, question):
        """Return whether the units have a gradient of exactly zero at every cell of the layer."""
        if not question.layer:
            return False
        try:
            return not bool(
                compiled(_any_gradient, self._maps.view(question.layer, question.target))(
                    question.inputs, question.units
                )
            )
        except ValueError:
            return True  # It is not even connected.

    def _input(self, image_index):
        """Return one image as the model takes it, and whether all of it is finite; cached."""
        kept = self._inputs.pop(image_index, None)  # Atomic: another thread may be preparing.
        if kept is None:
            array = self.images.inputs(image_index)
            finite = bool(np.isfinite(array).all()) and self._feed.is_finite(image_index)
            kept = self._packed(array, [image_index]), finite
        self._inputs[image_index] = kept
        while len(self._inputs) > _KEPT_INPUTS:
            self._inputs.popitem(last=False)
        return kept

    def _question(self, choice, layer, classes=None):
        """Return the `Question` of a choice at a layer; `classes` replaces its class and contrast."""
        function, _ = methods.table()[choice.method]
        own = methods.own_names(function)
        params = self._data.of(function, {name: value for name, value in choice.params.items() if name in own})
        if self._feed.several and "image_input" in own:
            params["image_input"] = self._feed.taken.position
        classes = classes or (choice.class_index, choice.contrast_index)
        if self.classes.needs_detail:
            self._forget_if_trained()  # The region is that of the weights of now.
        detail = self._scores_of.detail(choice.image_index)
        wrap, units = self.classes.question(*classes, detail)
        everywhere = None
        if layer and runs_at_all_layers(function) and self.why_not_at_all_layers is None:
            everywhere = wrap(at_all_layers(function))
        inputs, finite = self._input(choice.image_index)
        key = (choice.image_index, *classes, function, tuple(sorted(params.items())))
        return Question(
            choice.image_index,
            layer,
            inputs,
            finite,
            units,
            wrap(function),
            everywhere,
            params,
            key,
            self.classes.target(*classes),
            detail,
        )

    def _answer(self, question):
        """Return logits and maps, from the caches where they are there."""
        found = self._maps.find(question)
        if found.outputs is not None:
            self._scores_of.know(question.image_index, found.outputs[self._output])
        return found.logits, found.maps

    def prepare(self, choice: Choice) -> None:
        """Compile what the next maps need: at any layer, of another image, of another class.

        Args:
            choice: The `Choice` that was explained.
        """
        function, _ = methods.table()[choice.method]
        self._compile_what_all_need(self._input(choice.image_index)[0])
        if not runs_at_all_layers(function):
            return
        shown = choice.class_index, choice.contrast_index
        # Of two classes with one logit, the other takes a method of its own.
        for classes in {shown, self.classes.next(*shown)}:
            self._maps.prepare(self._question(choice, choice.layer, classes))

    def _compile_what_all_need(self, inputs):
        compiled(fingerprint, self._scores_of.view).prepare(ops.zeros(()), None)
        self._scores_of.compile(inputs)

    @property
    def is_compiled(self) -> bool:
        """Whether the forward pass is compiled for images of the shapes that were explained."""
        inputs = [inputs for inputs, _ in list(self._inputs.values())]
        return any(map(self._scores_of.is_compiled, inputs))

    @functools.cached_property
    def why_not_at_all_layers(self) -> str | None:
        """The reason why maps of all layers in one pass are not offered, or `None` where they are."""
        sizes = list(self._layer_shapes.values())
        if not sizes:
            return "The model has no layer with rows and columns on the way to its scores."
        if any(side is None for shape in sizes for side in shape[1:]):
            return "The model takes images of any size, so the memory that all layers need is unknown."
        # The signals, their gradients, and the buffers of the backward pass.
        needed = 3 * 4 * sum(int(np.prod(shape[1:])) for shape in sizes)
        if needed > _ALL_LAYERS_BYTES:
            return f"All {len(sizes)} layers at once need about {needed / 1024**3:.1f} GB of memory."
        return None

    def way(self, choice: Choice, shares: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Return what the method of a choice looks at on its way to the image, and the score there.

        Args:
            choice: A `Choice` that was checked; its method has a `Spec.way`.
            shares: Shares of the way, 0 to 1.

        Yields:
            For each of them the score of the class, and the model's image `(H, W, C)`.
        """
        function, spec = methods.table()[choice.method]
        question = self._question(choice, "")
        wrap, units = self.classes.question(choice.class_index, choice.contrast_index, question.detail)
        params = _params_of(spec.way, function, question)
        view = self._maps.view("", question.target)
        position = self._feed.taken.position if self._feed.several else 0
        at, score = compiled(_on_the_way(spec.way), view, **params), compiled(wrap(_twice(scores)), view)
        for share in shares:
            inputs = at((question.inputs, ops.convert_to_tensor([share], "float32")), None)
            found, _ = score(inputs, units)
            yield float(np.asarray(found)[0, 0]), np.asarray(keras.tree.flatten(inputs)[position])[0]

    def measure_passes(self, choice: Choice) -> Iterator[costs.Passes]:
        """Measure forward and backward passes on an image, with a stop between them.

        Args:
            choice: A `Choice` that was checked; its image and class are taken.

        Yields:
            `Passes` as far as they are measured; the last ones are kept as `passes`.
        """
        inputs, _ = self._input(choice.image_index)
        question = self._question(dataclasses.replace(choice, method="gradients", params={}), "")
        view = self._maps.view("", question.target)

        def backward() -> Any:
            (found,) = methods.step_by_step(question.method, view, inputs, question.units, **question.params)
            return np.asarray(found.result()[1])

        self._scores_of.compile(inputs)
        passes = None
        for passes in costs.measure(lambda: self._scores_of.run(inputs), backward):
            yield passes
        self.passes = passes

    def shapes_at(self, choice: Choice) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the shapes of an image as the model takes it, `(H, W, C)`, and of the signal of the chosen layer."""
        shape = self._layer_shapes.get(choice.layer, ())
        return self.images.inputs(choice.image_index).shape[1:], tuple(shape[1:])

    def at_all_layers(self, choice: Choice) -> tuple[list[np.ndarray], list[tuple[float, float]]]:
        """Explain one choice at every spatial layer, in one pass.

        Args:
            choice: A `Choice` that was checked; its layer is ignored.

        Returns:
            A list with one map `(H', W')` for each of `layers`, and a list of their display ranges `(low, high)`.

        Raises:
            ValueError: If the method does not run at all layers at once, or the memory would not suffice.
        """
        function, spec = methods.table()[choice.method]
        reason = f"{spec.title} does not run at all layers at once."
        if runs_at_all_layers(function):
            reason = self.why_not_at_all_layers
        if reason is not None:
            raise ValueError(reason)
        question = self._question(choice, self.default_layer)
        values = [np.asarray(found.maps)[0, ..., 0] for found in self._maps.find_all(question).values()]
        return values, [display_range(each, spec.signed or choice.contrast_index is not None) for each in values]

    def curves(self, explanation: Explanation) -> Iterator[Curves]:
        """Compute deletion (towards the image's mean) and insertion (from a blurred image) of a map, step by step.

        Args:
            explanation: An `Explanation` of this model.

        Yields:
            `Curves`, as far as they are computed.

        Raises:
            ValueError: If the explanation has a contrast: no single score belongs to it.
        """
        if explanation.contrast is not None:
            raise ValueError("Curves are of one class: leave the contrast out.")
        inputs, _ = self._input(explanation.image_index)
        scores, y = self._curve_scores(explanation)
        image = self._feed.taken.position if self._feed.several else None
        known: list[Any] = [None, None]
        for number, (metric, baseline) in enumerate(((metrics.deletion, "mean"), (metrics.insertion, "blur"))):
            own = {"baseline": baseline, "image_input": image}
            for progress in metrics.step_by_step(metric, scores, inputs, explanation.map[None, ..., None], y, **own):
                curve = progress.result().curve
                known[number] = self._of_class(explanation.unit, curve.scores[0, :, 0])
                yield Curves(
                    curve.shares, known[0], known[1], number * progress.total + progress.done, 2 * progress.total
                )

    def _of_class(self, class_index, scores):
        return self.classes.of_class(class_index, scores) if self.classes.of_output else scores

    def _curve_scores(self, explanation):
        """Return a view with the scores that the curves of an explanation follow, and `y` for them."""
        view = self._scores_of.view
        if self.classes.of_output:
            return Exposed(self.model, view.endpoints[1:]), [[self.classes.unit(explanation.unit)]]
        # The region, or other data, is that of the whole image.
        _, y = self.classes.question(explanation.unit, None, self._scores_of.detail(explanation.image_index))
        return Exposed(self.model, view.endpoints[:1], self.classes.target(explanation.unit)), y

    def _forget_if_trained(self, mark=None):
        """Drop the caches if the weights have changed; return whether they have.

        Args:
            mark: The `fingerprint` of the weights, where a compiled function returned it along with its result.
        """
        if mark is None:
            mark = run(fingerprint, self._scores_of.view, ops.zeros(()))
        mark = np.asarray(mark).tobytes()
        if mark == self._weights:
            return False
        self._weights = mark
        self._generation += 1
        self._scores_of.forget()
        self._maps.forget()
        return True

    def _first_run(self, view, image):
        """Run the first image eagerly; return output shapes of layers that no graph has, and its scores."""
        found = model_layers.operations(self.model)
        unknown = {path: op for path, op in found.items() if inspection.output_shape(op) is None}
        first = first_operations(self.model, self._feed.taken.position if self._feed.several else None)
        try:
            with hooks.recording([*unknown.values(), *first], fused=()) as tap:
                outputs = view(image, training=False)
        except Exception as error:
            shapes = ", ".join(str(tuple(x.shape)) for x in keras.tree.flatten(image))
            raise ValueError(
                f"`model` must run on the images. Received: {self.model.name!r}, which does not run on the first one, "
                f"an array of shape {shapes}: {failures.sentence(error)}"
            ) from error
        rank = len(self._feed.taken.shape) + 1 if self._feed.several else None
        self.entrance = Entrance([each for each in tap.order if any(each[0] is op for op in first)], rank)
        last = {path: tap.calls[id(op)][-1].outputs for path, op in unknown.items() if tap.calls[id(op)]}
        return {path: (None, *x.shape[1:]) for path, x in last.items() if hasattr(x, "shape")}, outputs

    def _shape(self, path, operation):
        return inspection.output_shape(operation) or self.shapes.get(path)


def _one_map(method, maps):
    values = np.asarray(maps)[0, ..., 0]
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"`method` must give a map of rows and columns. Received: method={method!r}, which gives one of shape "
            f"{values.shape} for this model. Choose another method or layer."
        )
    return values


def _params_of(reads, method, question):
    """Return those parameters of a question's method that a function beside it reads, with their defaults."""
    own = {**methods.defaults(method), **question.params}
    return {name: value for name, value in own.items() if name in methods.own_names(reads)}


@functools.lru_cache(maxsize=64)
def _on_the_way(way):
    """Return a `Spec.way` as what can be compiled."""

    def at(model: Any, given: Any, _: Any, **params: Any) -> Any:
        inputs, shares = given
        return way(model, inputs, shares, **params)

    return at


@functools.lru_cache(maxsize=64)
def _twice(reference):
    """Return a function of scores as a method, which can be contrasted and negated."""

    @functools.wraps(reference)
    def scores(*args: Any, **params: Any) -> tuple[Any, Any]:
        found = reference(*args, **params)
        return found, found

    return scores


def _any_gradient(model, inputs, indices):
    _, _, gradients = signal_jacobian(model, inputs, indices)
    return ops.any([ops.any(each != 0) for each in gradients])
