"""What a widget computes: models, their images, their labels, and `steps`, from a choice to an explanation."""

import keras
import numpy as np

from ke_widgets import inspection, methods
from ke_widgets.engine import structure
from ke_widgets.methods.scan import can_scan
from ke_widgets.utils import tolist
from ke_widgets.widget.images import Images
from ke_widgets.widget.subject import Subject
from ke_widgets.widget.threads import start


class Session:
    """Models with one list of images.

    Args:
        model: A built Keras model with one image input `(B, H, W, C)` and scores `(B, U)`, or a list of those, with
            the same classes.
        images: See `Images`.
        labels: Names of the classes: a list, a dict from index to name, or a function of the index. Default: numbers.
        preprocess: Turns a batch of images into the model's input; for several models, one or a list.
        head: Index or name of the output to explain, in a model with several; for several models, one or a list.
        targets: The true class of each image, `(N,)`, or all of them, `(N, U)` of 0 and 1.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If a model has no image input, no spatial layer or no scores, the images do not fit, the models
            have different classes, there are fewer labels than classes, or the targets do not fit the images.
    """

    def __init__(self, model, images, labels=None, preprocess=None, head=None, targets=None):
        models = tolist(model)
        if not models:
            raise ValueError("`model` must be a keras.Model or a list of at least one. Received: an empty list.")
        for each in models:
            inspection.check_model(each)
        preprocess = _one_each("preprocess", preprocess, len(models))
        self.subjects = [
            Subject(each, Images(images, _image_shape(each), how), number, which)
            for number, (each, how, which) in enumerate(zip(models, preprocess, _one_each("head", head, len(models))))
        ]
        counts = [subject.classes for subject in self.subjects]
        if len(set(counts)) > 1:
            raise ValueError(f"`model` must list models of the same classes. Received: models with {counts} classes.")
        self.images = self.subjects[0].images
        self.labels = _labels(labels, counts[0])
        self.targets = _targets(targets, len(self.images), counts[0])
        self._preparing = None
        self.notices = list(dict.fromkeys(n for s, how in zip(self.subjects, preprocess) for n in _notices(s, how)))

    @property
    def methods(self):
        """The methods that can be chosen: name to function and `Spec`."""
        return methods.table()

    @property
    def scan_methods(self):
        """Names of the methods that run at all layers at once."""
        return [name for name, (function, _) in self.methods.items() if can_scan(function)]

    def check(self, image_index, layer, class_index, contrast_index, method, params, model):
        """Refuse a choice that cannot be run.

        Args:
            image_index: Number of the image.
            layer: Path of the layer.
            class_index: Number of the class.
            contrast_index: Number of the class that it is told apart from, or `None`.
            method: Name of the method.
            params: Own parameters of methods.
            model: Number of the model.

        Raises:
            ValueError: If one of them is unknown or out of range; it says what would fit.
        """
        _check_range("image_index", image_index, len(self.images), "images")
        _check_range("class_index", class_index, len(self.labels), "classes")
        if contrast_index is not None:
            _check_range("contrast_index", contrast_index, len(self.labels), "classes")
        _check_range("model", model, len(self.subjects), "models")
        if method not in self.methods:
            raise ValueError(f"`method` must be one of {', '.join(self.methods)}. Received: method={method!r}.")
        self._check_params(params)
        self.subjects[model].check_layer(layer)

    def _check_params(self, params):
        known = {name for method, _ in self.methods.values() for name in methods.own_names(method)}
        unknown = sorted(set(params) - known)
        if unknown:
            raise ValueError(f"`params` must name parameters of methods: {sorted(known)}. Received: {unknown}.")

    def run(self, **choice):
        """Explain one choice; arguments and errors are those of `check`.

        Returns:
            An `Explanation`.
        """
        *_, (_, _, finish) = self.steps(**choice)
        return finish()

    def steps(self, *, model=0, contrast_index=None, **choice):
        """Explain one choice piece by piece; leave the loop to stop. Arguments and errors are those of `check`.

        Yields:
            How many pieces are done, how many there are in all, and a function that gives the `Explanation` of those.
        """
        self.check(model=model, contrast_index=contrast_index, **choice)
        yield from self.subjects[model].steps(contrast_index=contrast_index, **choice)

    def prepare(self, choices):
        """Make ready for another class where some choices were explained, on a thread of its own.

        Nobody waits for it: what is chosen meanwhile is explained the other way.

        Args:
            choices: A list of dicts, the arguments of `check`.
        """
        if self._preparing is not None and self._preparing.is_alive():
            return

        def prepare():
            for choice in choices:
                own = {name: value for name, value in choice.items() if name != "model"}
                self.subjects[choice["model"]].prepare(**own)

        self._preparing = start(prepare, "ke_widgets_preparing")

    def scan(self, *, model=0, contrast_index=None, layer, **choice):
        """Explain one choice at every spatial layer of its model in one pass; see `Subject.scan`."""
        self.check(model=model, contrast_index=contrast_index, layer=layer, **choice)
        return self.subjects[model].scan(contrast_index=contrast_index, **choice)

    def curves(self, explanation):
        """Take pixels away, and bring them in, in the order of a map, and watch the class's score.

        Args:
            explanation: An `Explanation` of this session.

        Yields:
            `Curves`, as far as they are known.

        Raises:
            ValueError: If the map tells two classes apart: no one score stands for it.
        """
        if explanation.contrast is not None:
            raise ValueError("Curves are of one class: leave the contrast out.")
        yield from self.subjects[explanation.model].curves(explanation)

    def generations(self):
        """Count how often the weights of each model have changed."""
        return [subject.generation() for subject in self.subjects]

    def predictions(self, image_indices, model=0):
        """Tell what a model sees on some images.

        Args:
            image_indices: Numbers of the images.
            model: Number of the model.

        Returns:
            The class with the highest score for each, that score, and whether it is true (`None` without `targets`).
            An image that cannot be read has the class -1.
        """
        for index in image_indices:
            _check_range("image_index", index, len(self.images), "images")
        _check_range("model", model, len(self.subjects), "models")
        scores = _scores_of_readable(self.subjects[model], image_indices)
        top = [int(scores[index].argmax()) if index in scores else -1 for index in image_indices]
        true = self.targets
        right = [None if true is None or t < 0 else bool(true[i, t]) for i, t in zip(image_indices, top)]
        return top, [float(scores[index].max()) if index in scores else 0.0 for index in image_indices], right


def _scores_of_readable(subject, image_indices):
    """Map images to their scores; those that cannot be read are left out, and cost the others nothing."""
    try:
        return dict(zip(image_indices, subject.scores(image_indices)))
    except ValueError:
        if len(image_indices) == 1:
            return {}
    return {index: each for index in image_indices for each in _scores_of_readable(subject, [index]).values()}


def _one_each(name, value, count):
    """Give `value` for each of `count` models; a list must hold one for each."""
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"`{name}` must be one, or one for each of the {count} models. Received: {len(value)}.")
    return list(value)


def _notices(subject, preprocess):
    if preprocess is not None or subject.images.floating or _scales_itself(subject.model):
        return []
    return [
        "The images go into the model as they are, 0 to 255, and the model does not begin with Rescaling or "
        "Normalization. If it was trained on another range, its scores and maps mean nothing: pass `preprocess=`."
    ]


def _scales_itself(model):
    """Tell whether a Rescaling or Normalization stands before the first layer with weights of its own."""
    for operation in structure.operations(model).values():
        if isinstance(operation, keras.layers.Rescaling | keras.layers.Normalization):
            return True
        if hasattr(operation, "kernel"):
            return False
    return False


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


def _check_range(name, value, count, what):
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < count:
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


def _targets(targets, count, classes):
    """Give targets as bools `(N, U)`, or `None`."""
    if targets is None:
        return None
    targets = np.asarray(targets)
    if targets.shape == (count, classes):
        return targets > 0
    whole = targets.shape == (count,) and np.issubdtype(targets.dtype, np.integer)
    if not whole or targets.min() < 0 or targets.max() >= classes:
        raise ValueError(
            f"`targets` must hold the class of each of the {count} images, (N,) of 0 to {classes - 1}, or all of them, "
            f"(N, {classes}) of 0 and 1. Received: {targets.dtype} of shape {targets.shape}."
        )
    return np.eye(classes, dtype=bool)[targets]
