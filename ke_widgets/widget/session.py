"""What a widget computes: a model, its images, its labels, and `run`, from a choice to an explanation."""

import collections
import functools
import time
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from ke_widgets import inspection, methods
from ke_widgets.engine import structure, taps
from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.exposing import Endpoint, Exposed
from ke_widgets.engine.gradient import forward
from ke_widgets.widget.images import Images

_KEPT_SCORES = 4096


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one method says of one image, layer and class.

    Attributes:
        map: The raw map `(H', W')`, at the layer's resolution.
        logits: Logits of the explained units, `(U,)`.
        unit: Index of the explained class.
        layer: Path of the layer; empty for methods that look at the image itself.
        method: Name of the method.
        params: Its own parameters.
        image_index: Number of the image.
        scores: What the model's own output says for every class.
        scores_kind: `"probability"` or `"logit"`.
        low: The value that is shown as nothing (with both signs, as most against).
        high: The value that is shown as most.
        note: A sentence, where the map shows nothing; else `None`.
        milliseconds: What it took.
        done: Number of pieces that the map is made of; fewer than `total` where it was cancelled.
        total: Number of pieces of the whole method; 1 for a method that does not sample.
    """

    map: np.ndarray = field(repr=False)
    logits: np.ndarray
    unit: int
    layer: str
    method: str
    params: dict
    image_index: int
    scores: np.ndarray = field(repr=False)
    scores_kind: str
    low: float
    high: float
    note: str | None
    milliseconds: float
    done: int = 1
    total: int = 1


class Session:
    """One model with its images; keeps what is worth keeping between two runs.

    Args:
        model: A built Keras model with one image input `(B, H, W, C)` and scores `(B, U)`.
        images: See `Images`.
        labels: Names of the classes: a list, a dict from index to name, or a function of the index. Default: numbers.
        preprocess: Turns a batch of images into the model's input.
        head: Index or name of the output to explain, in a model with several.

    Raises:
        TypeError: If `model`, `images` or `labels` is of the wrong type.
        ValueError: If the model has no image input, no spatial layer or no scores, the images do not fit, or there
            are fewer labels than classes.
    """

    def __init__(self, model, images, labels=None, preprocess=None, head=None):
        inspection.check_model(model)
        self.model = model
        self.head = head
        self.images = Images(images, _image_shape(model), preprocess)
        self._logits = inspection.logits_endpoint(model, head)
        output = inspection.head_index(model, head)
        self._both = Exposed(model, [self._logits, Endpoint("", index=output)])
        self._known_scores: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
        self.shapes, (logits, scores) = self._first_run()
        if len(logits.shape) != 2:
            raise ValueError(
                "`model` must give one score for each class, (B, U). "
                f"Received: {model.name!r}, whose logits have the shape {tuple(logits.shape)}."
            )
        self._keep_scores(0, np.asarray(scores)[0])
        self._activated = not np.allclose(np.asarray(logits), np.asarray(scores))
        self.labels = _labels(labels, logits.shape[-1])
        self.layers = self._spatial_layers()
        self.notices = self._notices(preprocess)

    @property
    def methods(self):
        """The methods that can be chosen: name to function and `Spec`."""
        return methods.table()

    @property
    def default_layer(self):
        """The last layer with a spatial output on the way to the logits."""
        return self.layers[-1]

    def check(self, image_index, layer, class_index, method):
        """Refuse a choice that cannot be run.

        Args:
            image_index: Number of the image.
            layer: Path of the layer.
            class_index: Number of the class.
            method: Name of the method.

        Raises:
            ValueError: If one of them is unknown or out of range; it says what would fit.
        """
        _check_range("image_index", image_index, len(self.images), "images")
        _check_range("class_index", class_index, len(self.labels), "classes")
        self.check_method(method)
        self.check_layer(layer)

    def check_params(self, params):
        """Refuse a parameter that no method has."""
        known = {parameter.name for method, _ in self.methods.values() for parameter in methods.parameters(method)}
        unknown = sorted(set(params) - known)
        if unknown:
            raise ValueError(f"`params` must name parameters of methods: {sorted(known)}. Received: {unknown}.")

    def check_layer(self, layer):
        """Refuse a layer that is not in the model, or has no spatial output."""
        if layer in self.layers:
            return
        shape = self._shape(layer, inspection.find_path(self.model, layer))
        raise ValueError(
            "`layer` must name a layer with a spatial output (B, H, W, K), on the way to the logits. "
            f"Received: layer={layer!r}, whose output is {shape}. Layers that fit: {', '.join(self.layers[-8:])}."
        )

    def check_method(self, method):
        """Refuse a method that is not in the table."""
        if method not in self.methods:
            raise ValueError(f"`method` must be one of {', '.join(self.methods)}. Received: method={method!r}.")

    def scores(self, image_index):
        """Give the model's own output for one image, one score for each class, `(U,)`."""
        if image_index not in self._known_scores:
            inputs = ops.convert_to_tensor(self.images.inputs(image_index))
            _, (scores,) = compiled(_forward, self._both)(inputs, None)
            self._keep_scores(image_index, np.asarray(scores)[0])
        return self._known_scores[image_index]

    def run(self, image_index, layer, class_index, method, params):
        """Explain one choice.

        Args:
            image_index: Number of the image.
            layer: Path of the layer.
            class_index: Number of the class.
            method: Name of the method.
            params: Own parameters; those of other methods are left aside, so that switching methods loses none.

        Returns:
            An `Explanation`.

        Raises:
            ValueError: If the choice is unknown or out of range.
        """
        *_, (_, _, finish) = self.steps(image_index, layer, class_index, method, params)
        return finish()

    def steps(self, image_index, layer, class_index, method, params):
        """Explain one choice piece by piece; leave the loop to stop. Arguments and errors are those of `run`.

        Yields:
            How many pieces are done, how many there are in all, and a function that gives the `Explanation` of those.
        """
        self.check(image_index, layer, class_index, method)
        self.check_params(params)
        started = time.perf_counter()
        function, spec = self.methods[method]
        own = {parameter.name for parameter in methods.parameters(function)}
        params = {name: value for name, value in params.items() if name in own}
        layer = layer if spec.signals == "one" else ""
        exposed = Exposed(self.model, [self._logits, *([Endpoint(layer)] if layer else [])])
        array = self.images.inputs(image_index)
        inputs, units = ops.convert_to_tensor(array), ops.convert_to_tensor([[class_index]], "int32")

        def finish(progress):
            logits, maps = progress.result()
            values = np.asarray(maps)[0, ..., 0]
            low, high = limits(values, spec)
            scores = self.scores(image_index)
            return Explanation(
                map=values,
                logits=np.asarray(logits)[0],
                unit=class_index,
                layer=layer,
                method=method,
                params=params,
                image_index=image_index,
                scores=scores,
                scores_kind=self._scores_kind(scores),
                low=low,
                high=high,
                note=_note(values, array, low, high),
                milliseconds=1000 * (time.perf_counter() - started),
                done=progress.done,
                total=progress.total,
            )

        for progress in methods.step_by_step(function, exposed, inputs, units, **params):
            yield progress.done, progress.total, functools.partial(finish, progress)

    def _keep_scores(self, image_index, scores):
        self._known_scores[image_index] = scores.astype("float32")
        while len(self._known_scores) > _KEPT_SCORES:
            self._known_scores.popitem(last=False)

    def _scores_kind(self, scores):
        return "probability" if self._activated and bool(((scores >= 0) & (scores <= 1)).all()) else "logit"

    def _first_run(self):
        """Run the first image eagerly: its scores, and the output shapes of layers that no graph tells of."""
        found = structure.operations(self.model)
        unknown = {path: op for path, op in found.items() if inspection.output_shape(op) is None}
        with taps.recording(unknown.values()) as tap:
            outputs = self._both(ops.convert_to_tensor(self.images.inputs(0)), training=False)
        last = {path: tap.calls[id(op)][-1].outputs for path, op in unknown.items() if tap.calls[id(op)]}
        return {path: (None, *x.shape[1:]) for path, x in last.items() if hasattr(x, "shape")}, outputs

    def _shape(self, path, operation):
        return inspection.output_shape(operation) or self.shapes.get(path)

    def _spatial_layers(self):
        found = [
            path for path, operation in self._way_to_logits() if _is_spatial(operation, self._shape(path, operation))
        ]
        if not found:
            raise ValueError(
                "`model` must have a layer with a spatial output (B, H, W, K) on the way to its logits. "
                f"Received: {self.model.name!r}, which has none."
            )
        return found

    def _way_to_logits(self):
        if structure.functional(self.model) is None:
            return list(structure.operations(self.model).items())
        index = inspection.head_index(self.model, self.head)
        found = dict(structure.backwards(self.model, index))
        # In running order, an outer layer before its inner ones, as everything that is shown.
        return [(path, op) for path, op in structure.operations(self.model).items() if path in found]

    def _notices(self, preprocess):
        if preprocess is not None or self.images.floating or _scales_itself(self.model):
            return []
        return [
            "The images go into the model as they are, 0 to 255, and the model does not begin with Rescaling or "
            "Normalization. If it was trained on another range, its scores and maps mean nothing: pass `preprocess=`."
        ]


def limits(values, spec):
    """Choose the range of a map that is shown, from the filter that is usual for its method.

    Args:
        values: A raw map.
        spec: The method's `Spec`.

    Returns:
        The value shown as nothing (with both signs, as most against) and the value shown as most.
    """
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        return 0.0, 0.0
    if spec.signed:
        most = float(np.abs(finite).max())
        return -most, most
    return 0.0, max(float(finite.max()), 0.0)


def _forward(model, inputs, indices):
    return forward(model, inputs)


def _note(values, inputs, low, high):
    if not np.isfinite(inputs).all():
        return "This image holds NaN or infinite values, so its scores and its map mean nothing."
    if not np.isfinite(values).all():
        return "The map holds NaN or infinite values: a layer's numbers left their range on this image."
    if high > low:
        return None
    if (values == 0).all():
        return "The map is zero everywhere: the class does not depend on this layer for this image."
    return "No place speaks for this class at this layer: the map has no positive value."


def _image_shape(model):
    inputs = model.inputs if structure.functional(model) is not None else None
    if inputs is None:
        shape = (model.get_build_config() or {}).get("input_shape")
        shapes = [tuple(shape)] if shape is not None else []
    else:
        shapes = [tuple(x.shape) for x in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise ValueError(
            f"`model` must take one input of images (B, H, W, C). Received: {model.name!r}, whose inputs have the "
            f"shapes {shapes}."
        )
    return shapes[0][1:]


def _is_spatial(operation, shape):
    return (
        not isinstance(operation, keras.layers.InputLayer)
        and shape is not None
        and len(shape) == 4
        and any(side is None or side > 1 for side in shape[1:3])
    )


def _scales_itself(model):
    """Tell whether a Rescaling or Normalization stands before the first layer with weights of its own."""
    for operation in structure.operations(model).values():
        if isinstance(operation, keras.layers.Rescaling | keras.layers.Normalization):
            return True
        if hasattr(operation, "kernel"):
            return False
    return False


def _check_range(name, value, count, what):
    if not 0 <= value < count:
        raise ValueError(f"`{name}` must count one of the {count} {what}, 0 to {count - 1}. Received: {name}={value}.")


def _labels(labels, count):
    if labels is None:
        return [str(index) for index in range(count)]
    if callable(labels):
        return [str(labels(index)) for index in range(count)]
    if isinstance(labels, dict):
        missing = [index for index in range(count) if index not in labels]
        given = [labels.get(index) for index in range(count)]
    elif isinstance(labels, list | tuple | np.ndarray):
        missing = list(range(len(labels), count))
        given = list(labels)[:count]
    else:
        raise TypeError(
            "`labels` must be a list, a dict from index to name, or a function of the index. "
            f"Received: {labels!r} (of type {type(labels).__name__})."
        )
    if missing:
        raise ValueError(
            f"`labels` must name each of the {count} classes. Received: {len(labels)}; without a name: "
            f"{', '.join(map(str, missing[:5]))}{'...' if len(missing) > 5 else ''}."
        )
    return [str(label) for label in given]
