"""The classes of targets other than units: columns of a regression, channels of a segmentation, scores with data."""

import contextlib
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.forward import forward
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import check_target
from ke_widgets.model.units import scores_of
from ke_widgets.targets import Box, Contrast, Region, Similarity, Target, Units, Value
from ke_widgets.targets.target import rows
from ke_widgets.typing import ScoreFunction, Shape
from ke_widgets.widget.session.candidates import Candidate, Candidates
from ke_widgets.widget.session.channels import Channels, MaskedChannel
from ke_widgets.widget.session.classes import Classes, classes_of, itself


@dataclass(frozen=True)
class Columns(Classes):
    """The columns of a model's output as they are, for `Value`. The scores are the values, and no probabilities."""

    score_word: ClassVar[str] = "value"

    def kind(self, scores: np.ndarray) -> str:
        return "value"

    def question(self, class_index, contrast_index=None, detail=None) -> Any:
        picked = [class_index] if contrast_index is None else [class_index, contrast_index]
        return itself, ops.convert_to_tensor([picked], "int32")

    def target(self, class_index=None, contrast_index=None) -> ScoreFunction:
        # Of the same endpoint, the output: a contrast of values is their difference.
        return Value() if contrast_index is None else Contrast()


@dataclass(frozen=True)
class Column(Target):
    """One column of another target's scores, or the difference of two."""

    whole: ScoreFunction
    index: int
    other: int | None = None

    @property
    def reads(self) -> Any:  # pyright: ignore
        return getattr(self.whole, "reads", "logits")

    @property
    def spatial(self) -> bool:  # pyright: ignore
        return getattr(self.whole, "spatial", False)

    def __call__(self, outputs: Any, y: Any) -> Any:
        scores = self.whole(outputs, y)
        found = scores[:, self.index : self.index + 1]
        return found if self.other is None else found - scores[:, self.other : self.other + 1]

    def __repr__(self) -> str:
        return repr(self.whole)


def target_scores(model: keras.Model, inputs: Any, y: Any) -> Any:
    """Return the scores of a view's target `(B, U)`."""
    return scores_of(model, forward(model, inputs)[0], y)


@dataclass(frozen=True)
class OwnScores(Classes):
    """The scores of any other target: each is a class.

    Attributes:
        whole: The target.
    """

    whole: Any = None

    read: ClassVar[Callable[..., Any]] = staticmethod(target_scores)
    of_output: ClassVar[bool] = False

    @property
    def score_word(self) -> str:  # pyright: ignore
        return "cosine" if isinstance(self.whole, Similarity) else "score"

    def kind(self, scores: np.ndarray) -> str:
        return "value"

    def question(self, class_index, contrast_index=None, detail=None) -> Any:
        return itself, detail

    def target(self, class_index=None, contrast_index=None) -> ScoreFunction:
        if class_index is None or (self.units == 1 and contrast_index is None):
            return self.whole
        return Column(self.whole, class_index, contrast_index)


def is_region(target: Any) -> bool:
    """Return whether a target is `Region`, the class, or one of its channels."""
    return target is Region or isinstance(target, Region)


def is_own(target: Any) -> bool:
    """Return whether the classes of a target are its own scores: those of `Similarity`, or of a user's target."""
    return target is not None and not is_region(target) and type(target) not in (Units, Contrast, Value, Box)


def read_by(target: Any) -> ScoreFunction | None:
    """Return the target of the view that is run first, which knows of no class; `None` for units."""
    if is_own(target):
        return target
    if type(target) is Box:
        return Candidate(target.decoder)
    return MaskedChannel() if is_region(target) else None


def check_widget_target(target: Any, target_y: Any) -> None:
    """Check the arguments `target` and `target_y` of a widget, before any model runs.

    Raises:
        TypeError: If `target` is no target.
        ValueError: If `target_y` is given for a target that takes none.
    """
    if target is not Region:
        check_target(target)
    if target_y is not None and not is_own(target):
        named = "Region" if is_region(target) else "the units" if target is None else type(target).__name__
        raise ValueError(
            f"`target_y` must be left out for {named}: the classes of the list are what is explained. Received: "
            f"target_y={short_repr(target_y)}."
        )


def check_y_true(y_true: Any, target: Any) -> None:
    """Check that a widget's classes can be true or false where `y_true` is given.

    Raises:
        ValueError: If they cannot.
    """
    if y_true is None or target is None or type(target) in (Units, Contrast):
        return
    if is_region(target) or type(target) is Box:
        why = f"an image of a {'detector' if type(target) is Box else 'segmentation'} has many true classes"
    else:
        why = f"the scores of {type(target).__name__} are no classes of which one is true"
    raise ValueError(f"`y_true` must be left out: {why}. Received: y_true={short_repr(y_true)}.")


def target_data(target: Any, target_y: Any, count: int) -> np.ndarray | None:
    """Check the data of a target and bring it to one entry for each image.

    Args:
        target: A target of a widget.
        target_y: As the user gave it.
        count: Number of images.

    Returns:
        An array whose first axis is that of the images, or `None`.

    Raises:
        ValueError: If it does not fit.
    """
    if not is_own(target):
        return None
    with _named_target_y():
        if isinstance(target, Target):
            return target.prepare(target_y, count)
        return None if target_y is None else rows(target_y, count, getattr(target, "__name__", type(target).__name__))


@contextlib.contextmanager
def _named_target_y() -> Generator[None, None, None]:
    """Call the argument as the widget does in an error of a target."""
    try:
        yield
    except ValueError as error:
        raise ValueError(re.sub(r"\by\b(?=[`=])", "target_y", str(error))) from error


def region_assumed(target: Any, logits: Any, scores: Any) -> bool:
    """Return whether a model without a target is taken as a segmentation: its logits are `(B, H, W, C)`.

    An output `(B, U)` is not, even where its logits have places.
    """
    return target is None and len(getattr(logits, "shape", ())) == 4 and len(scores.shape) > 2


def classes_of_target(
    target: Any, name: str, logits: Any, scores: Any, named: int | None, own: Callable[[], Any]
) -> Classes:
    """Determine the classes of a model for a target.

    Args:
        target: A target of a widget; `Region` for a segmentation.
        name: The model's name, for messages.
        logits: What the target reads of one image.
        scores: The model's output for it.
        named: Number of classes that the user named; `None` if unknown.
        own: Returns the target's scores of the image.

    Returns:
        A `Classes`.

    Raises:
        ValueError: If the target does not fit the output.
    """
    if is_own(target):
        with _named_target_y():
            return OwnScores(int(own().shape[-1]), False, False, target)
    if type(target) is Box:
        _, found = Candidate(target.decoder).decode(logits)
        return Candidates(int(found.shape[-1]), False, False, target.decoder)
    shape = tuple(logits.shape)
    if is_region(target):
        (Region(0) if target is Region else target).check(shape, name)
        same = tuple(scores.shape) == shape
        found = classes_of(_flat(logits), _flat(scores if same else logits), named)
        return Channels(found.units, found.probability, found.binary)
    if target is not None:
        target.check(shape, name)
    if len(shape) != 2:
        raise ValueError(
            f"`model` must give one score for each class, (B, U), or be a segmentation, (B, H, W, C). Received: "
            f"{name!r}, whose logits have the shape {shape}.{_flattened(shape)}"
        )
    if type(target) is Value:
        return Columns(shape[-1], False)
    return classes_of(logits, scores, named)


def _flat(outputs: Any) -> np.ndarray:
    """Return the channels of all positions, `(B * P, C)`."""
    return np.asarray(outputs, "float32").reshape(-1, outputs.shape[-1])


def _flattened(shape: Shape) -> str:
    if len(shape) < 3:
        return ""
    return (
        " If they are those of its pixels, in a row, pass `target=ke.targets.Region`; an object of a detector is "
        "explained by `ke.gradcam(model, x, y, target=ke.targets.Box())`."
    )


def common_counts(models: Sequence[Any]) -> list[int]:
    """Return the number of classes of each model; refuse models whose classes are not the same."""
    if len({type(explained.classes) for explained in models}) > 1:
        raise ValueError(
            "`model` must list models of the same kind. Received: a segmentation, whose classes are its channels, "
            "beside a model with one score for each class."
        )
    counts = [explained.classes.count for explained in models]
    if len(set(counts)) > 1:
        raise ValueError(f"`model` must list models of the same classes. Received: models with {counts} classes.")
    return counts
