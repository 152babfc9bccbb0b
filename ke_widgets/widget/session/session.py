"""The session of a widget: its models, images, labels and methods, without any page."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from ke_widgets import inspection, methods
from ke_widgets.errors.arguments import nearest
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.methods import Spec
from ke_widgets.methods.all_layers import runs_at_all_layers
from ke_widgets.targets import Contrast, Region
from ke_widgets.utils import tolist
from ke_widgets.widget.images.feed import feeds, fitting_images, of_another_size
from ke_widgets.widget.images.image_input import image_input as find_image_input
from ke_widgets.widget.images.preprocessing import check_preprocess
from ke_widgets.widget.notebook import cell_runs
from ke_widgets.widget.session import by_name
from ke_widgets.widget.session import labels as labelling
from ke_widgets.widget.session.background import Abandoned, giving_way
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explained_model import ExplainedModel
from ke_widgets.widget.session.explanation import Explanation
from ke_widgets.widget.session.notices import notices, of_several
from ke_widgets.widget.session.results import Results
from ke_widgets.widget.session.scores import scores_of_readable
from ke_widgets.widget.session.target_classes import check_widget_target, check_y_true, common_counts
from ke_widgets.widget.threads import start


class Session:
    """Models with one list of images.

    Args:
        model: A built Keras model with an image input `(B, H, W, C)` and scores `(B, U)`, or a list of those, with
            the same classes.
        images: See `Images`; for a model of several inputs, a dict or list of their data, see `feed.split`.
        labels: Names of the classes, as `labels.named` takes them. Default: numbers.
        preprocess: Turns a batch of images into the model's input; for several models, one or a list. Default: the
            `preprocessor` that the model carries, if any.
        head: Index or name of the output to explain, in a model with several; for several models, one or a list.
        y_true: The true class of each image, as `labels.true_classes` takes them.
        image_input: Name or index of the input that is explained, in a model that takes several of images; for several
            models, one or a list.
        target: What is explained: one of `ke.targets`; `None` for units, or the channels of a segmentation.
        target_y: Data of the target, one entry for each image, such as embeddings for `Similarity`.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If a model has no image input, no spatial layer or no scores, the data does not fit, the models
            have different classes, there are not as many labels as classes, or `y_true` does not fit the images.
    """

    def __init__(
        self,
        model,
        images,
        labels=None,
        preprocess=None,
        head=None,
        y_true=None,
        image_input=None,
        target=None,
        target_y=None,
    ) -> None:
        models = tolist(model)
        if not models:
            raise ValueError("`model` must be a keras.Model or a list of at least one. Received: an empty list.")
        for each in models:
            inspection.check_model(each)
        check_widget_target(target, target_y)
        given = _one_each("preprocess", preprocess, len(models))
        prepare = [_preprocess(how, each) for how, each in zip(given, models)]
        chosen = _one_each("image_input", image_input, len(models))
        taken = [find_image_input(each, name) for each, name in zip(models, chosen)]
        named = labelling.named(labels)
        count = None if named is None or callable(named) else len(named)
        self.models = [
            ExplainedModel(each, fitting_images(each, feed, data, how), number, which, count, feed, target, target_y)
            for number, (each, how, which, (data, feed)) in enumerate(
                zip(models, prepare, _one_each("head", head, len(models)), feeds(models, taken, images))
            )
        ]
        self.target = Region if any(explained.is_assumed for explained in self.models) else target
        counts = common_counts(self.models)
        self.images = self.models[0].images
        self.labels = labelling.names(named, counts[0])
        check_y_true(y_true, self.target)
        self.y_true = labelling.true_classes(y_true, len(self.images), counts[0], self.labels)
        self.methods = methods.table()
        self.titles = {name: spec.title for name, (_, spec) in self.methods.items()}
        self.all_layers_methods = [name for name, (method, _) in self.methods.items() if runs_at_all_layers(method)]
        self.results = Results()
        self._reasons: dict[tuple[str, int], str | None] = {}
        self._preparing = None
        self._closed = threading.Event()
        own = [how is not None and how is not asked for how, asked in zip(prepare, given)]
        found = [notice for explained, each in zip(self.models, own) for notice in notices(explained, each)]
        found += [n for each, takes in zip(self.models, taken) for n in of_another_size(each.model, takes, each.images)]
        self.notices = list(dict.fromkeys(found + of_several(self.models)))

    def check(self, choice: Choice) -> None:
        """Check that a choice can be run.

        Args:
            choice: A `Choice`.

        Raises:
            ValueError: If one of its fields is unknown or out of range; the message lists what would fit.
        """
        method, model_index = choice.method, choice.model_index
        contrast = {} if choice.contrast_index is None else {"contrast_index": choice.contrast_index}
        self._check_range(
            image_index=choice.image_index, class_index=choice.class_index, **contrast, model_index=model_index
        )
        if method not in self.methods:
            raise ValueError(
                f"`method` must be one of {', '.join(self.methods)}. Received: method={short_repr(method)}."
            )
        reason = self.why_not(method, model_index)
        if reason is not None:
            fitting = [name for name in self.methods if self.why_not(name, model_index) is None]
            raise ValueError(
                f"`method` must be one that this model allows: {', '.join(fitting)}. Received: method={method!r}. "
                f"{reason}"
            )
        self._check_params(choice.params)
        self.models[model_index].check_layer(choice.layer)

    def why_not(self, method: str, model_index: int) -> str | None:
        """Return the reason why a method cannot explain a model, or `None` where it can.

        Args:
            method: Name of the method.
            model_index: Index of the model.
        """
        key = method, model_index
        if key not in self._reasons:  # Each check of a choice asks.
            self._reasons[key] = self._why_not(self.methods[method][1], self.models[model_index])
        return self._reasons[key]

    def _why_not(self, spec: Spec, explained: ExplainedModel) -> str | None:
        if spec.reads == "signal" and not explained.layers:
            name = explained.model.name
            return f"{spec.title} reads a layer with rows and columns, and {name!r} has none on the way to its scores."
        return spec.applies(explained.view(explained.default_layer if spec.reads == "signal" else ""))

    def default_method(self, model_index: int) -> str:
        """Return the name of the method that explains a model by default.

        Args:
            model_index: Index of the model.
        """
        names = [*["gradcam"] * self.models[model_index].has_features, "gradients", *self.methods]
        return next(name for name in names if self.why_not(name, model_index) is None)

    def first_classes(self, scores: np.ndarray, chosen: Any = None) -> dict[str, int]:
        """Return the class, and for the target `Contrast` the contrast, that a widget shows first.

        Args:
            scores: Scores of the classes, `(count,)`.
            chosen: The class that the user chose, its index or label, or `None`.

        Returns:
            A dict of traits: the class with the highest score, unless the user or the target names another.
        """
        best = self.target.channel if isinstance(self.target, Region) else int(scores.argmax())
        if type(self.target) is not Contrast or len(scores) < 2:
            return {"class_index": best}
        first = best if chosen is None else by_name.class_number("class_index", chosen, self.labels)
        others = [index for index in np.argsort(-scores, kind="stable").tolist() if index != first]
        return {"class_index": first, "contrast_index": others[0]}

    def _check_range(self, **numbers):
        classes = "classes", self.labels
        things = {
            "image_index": ("images", self.images),
            "class_index": classes,
            "contrast_index": classes,
            "model_index": ("models", self.models),
        }
        for name, value in numbers.items():
            what, every = things[name]
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < len(every):
                raise by_name.wrong_number(ValueError, name, value, len(every), what)

    def _check_params(self, params):
        known = {name for method, _ in self.methods.values() for name in methods.own_names(method)} - {"image_input"}
        unknown = sorted(map(str, set(params) - known))
        if unknown:
            near = nearest(unknown[0], known)
            mend = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"`params` must name parameters of methods: {sorted(known)}. Received: {unknown}.{mend}")

    def model_of(self, choice) -> ExplainedModel:
        """Return the model that a choice is about."""
        return self.models[choice.model_index]

    def run(self, **fields: Any) -> Explanation:
        """Check and explain one choice in one call.

        Args:
            **fields: The fields of a `Choice`.

        Returns:
            An `Explanation`.

        Raises:
            ValueError: See `check`.
        """
        choice = Choice(**fields)
        self.check(choice)
        *_, (_, _, finish) = self.model_of(choice).steps(choice)
        return finish()

    def prepare(self, choices: list[Choice], busy: Callable[[], bool] = lambda: False) -> None:
        """Compile what likely next choices need, on a thread of its own.

        Nothing waits for it: a choice made meanwhile is explained without it, and goes before, as cells do.

        Args:
            choices: The choices that were explained.
            busy: Returns whether something is being explained.
        """
        if self.is_preparing:
            return

        def prepare():
            with contextlib.suppress(Abandoned), giving_way(lambda: cell_runs() or busy(), self._closed.is_set):
                for choice in choices:
                    self.model_of(choice).prepare(choice)

        self._preparing = start(prepare, "ke_widgets_preparing", self.close)

    @property
    def is_preparing(self) -> bool:
        """Whether `prepare` is compiling."""
        return self._preparing is not None and self._preparing.is_alive()

    def close(self) -> None:
        """Stop what `prepare` began."""
        self._closed.set()

    def generations(self) -> list[int]:
        """Count how many times the weights of each model have changed."""
        return [explained.generation() for explained in self.models]

    def predictions(
        self, image_indices: list[int], model_index: int = 0
    ) -> tuple[list[int], list[float], list[bool | None]]:
        """Predict the class of some images.

        Args:
            image_indices: Indices of the images.
            model_index: Index of the model.

        Returns:
            For each image the class with the highest score, that score, and whether the prediction is correct (`None`
            without `y_true`). An image that cannot be read, or on which the model raises, has the class -1.
        """
        for index in image_indices:
            self._check_range(image_index=index)
        self._check_range(model_index=model_index)
        explained = self.models[model_index]
        scores = scores_of_readable(explained, image_indices)
        top = [int(scores[index].argmax()) if index in scores else -1 for index in image_indices]
        correct: list[bool | None] = [None] * len(image_indices)
        if self.y_true is not None:
            true, known = self.y_true
            for position, index in enumerate(image_indices):
                if index in scores and known[index]:
                    correct[position] = explained.classes.is_correct(scores[index], true[index])
        return top, [float(scores[index].max()) if index in scores else 0.0 for index in image_indices], correct


def _one_each(name, value, count):
    """Return a list of one value for each of `count` models; a list given must have that length."""
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"`{name}` must be one, or one for each of the {count} models. Received: {len(value)}.")
    return list(value)


def _preprocess(preprocess, model):
    """Return the preprocessing of a model: the user's, or else the model's own."""
    check_preprocess(preprocess)
    own = getattr(model, "preprocessor", None)  # KerasHub's tasks carry one, and run it in `predict`.
    return own if preprocess is None and callable(own) else preprocess
