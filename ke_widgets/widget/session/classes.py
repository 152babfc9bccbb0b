"""The mapping from displayed classes to units of the model; one unit may stand for two classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.forward import forward
from ke_widgets.methods.meta import contrast, negate
from ke_widgets.typing import ScoreFunction


def model_output(model: keras.Model, inputs: Any, _: Any) -> Any:
    """Return the second output of a view, the model's own `(B, units)`."""
    return forward(model, inputs)[1][0]


@dataclass(frozen=True)
class Classes:
    """The mapping from classes to units of a model; `target_classes` has those of other targets.

    Attributes:
        units: Number of the model's units.
        probability: Whether an activation turns the logits into probabilities.
        binary: Whether a single unit stands for two classes: class 1, and with the negative logit class 0.
        read: A function `(view, inputs, y)` of what is read for the scores, compiled.
        of_output: Whether that is the model's own output.
        needs_detail: Whether a question needs to know what was read of its image.
        score_word: What a map is of, in its unit.
    """

    units: int
    probability: bool
    binary: bool = False

    read: ClassVar[Callable[..., Any]] = staticmethod(model_output)
    of_output: ClassVar[bool] = True
    needs_detail: ClassVar[bool] = False
    score_word: ClassVar[str] = "logit"

    @property
    def count(self) -> int:
        """Return the number of classes."""
        return 2 if self.binary else self.units

    def rows(self, found: np.ndarray) -> np.ndarray:
        """Return what is kept of what was read, `(B, ...)`, for the scores."""
        return np.asarray(found, "float32")

    def kind(self, scores: np.ndarray) -> str:
        """Return the kind of the scores: `"probability"`, `"logit"`, `"value"` or `"share"`."""
        known = self.probability and bool(((scores >= 0) & (scores <= 1)).all())
        return "probability" if known else "logit"

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        """Compute one score for each class.

        Args:
            outputs: What `rows` returned, `(..., units)`.

        Returns:
            Scores `(..., count)`.
        """
        return np.concatenate([self.of_class(0, outputs), outputs], axis=-1) if self.binary else outputs

    def of_class(self, class_index: int, scores: Any) -> Any:
        """Convert scores of a unit to scores of the class that it stands for.

        Args:
            class_index: Number of the class.
            scores: Scores of its unit, of any shape.

        Returns:
            Scores of the same shape.
        """
        if not self.binary or class_index == 1:
            return scores
        return 1 - scores if self.probability else -scores

    def unit(self, class_index: int) -> int:
        """Return the index of the unit that stands for a class."""
        return 0 if self.binary else class_index

    def question(
        self, class_index: int, contrast_index: int | None = None, detail: Any = None
    ) -> tuple[Callable[[Callable], Callable], Any]:
        """Return how a method explains a choice of classes.

        Args:
            class_index: Number of the class.
            contrast_index: Number of the class to contrast with, or `None`.
            detail: What `Scores.detail` knows of the image.

        Returns:
            A function that takes a method, of `ke_widgets.methods` or made by `at_all_layers`, and gives the one to
            run; and the `indices` of that.
        """
        if contrast_index is not None and (not self.binary or contrast_index == class_index):
            pair = [[self.unit(class_index), self.unit(contrast_index)]]
            return contrast, ops.convert_to_tensor(pair, "int32")
        # Of two classes with one logit, the contrast of both is the logit of either.
        wrap = negate if self.binary and class_index == 0 else itself
        return wrap, ops.convert_to_tensor([[self.unit(class_index)]], "int32")

    def target(self, class_index: int | None = None, contrast_index: int | None = None) -> ScoreFunction | None:
        """Return the target of the view that explains a choice of classes, before a method is wrapped.

        Without a class, that of the view which is read for the scores of all of them.
        """
        return None

    def why_empty(self, class_index: int, detail: Any) -> str | None:
        """Return a sentence on why nothing of an image can be explained for a class, or `None`."""
        return None

    def next(self, class_index: int, contrast_index: int | None) -> tuple[int, int | None]:
        """Return a representative of the choices that are likely to follow a given one; see `question`."""
        other = 1 - class_index if self.binary and contrast_index != class_index else class_index
        return other, None if self.binary and contrast_index != class_index else contrast_index

    def is_correct(self, scores: np.ndarray, true: np.ndarray) -> bool:
        """Return whether a prediction is correct.

        Args:
            scores: Scores of the classes, `(count,)`.
            true: Whether each of them is true, `(count,)`, bool.

        Returns:
            A bool: whether the class with the highest score is true. A single class is predicted if its probability is
            above 0.5 (its logit above 0).
        """
        if self.count == 1:
            return bool((scores[0] > (0.5 if self.probability else 0.0)) == true[0])
        return bool(true[scores.argmax()])


def itself(method: Any) -> Any:
    """Return a method as it is; see `Classes.question`."""
    return method


def classes_of(logits: Any, scores: Any, named: int | None) -> Classes:
    """Determine how the classes of a model map to its units.

    Args:
        logits: Logits of one image, `(1, units)`.
        scores: The model's output for it, `(1, units)`.
        named: Number of classes that the user named; `None` if unknown.

    Returns:
        A `Classes`. A single sigmoid unit stands for two classes, unless exactly one is named; any other single unit
        does so if two are named.
    """
    logits, scores = np.asarray(logits, "float32"), np.asarray(scores, "float32")
    units = int(scores.shape[-1])
    with np.errstate(invalid="ignore"):
        in_range = bool(((scores >= 0) & (scores <= 1)).all())
    probability = in_range and not np.allclose(logits, scores)
    binary = units == 1 and (named == 2 or (named != 1 and _sigmoid(logits, scores)))
    return Classes(units, probability, binary)


def _sigmoid(logits, scores):
    """Return whether the scores are a sigmoid of the logits, also a hard one; a softmax of one unit is always 1."""
    functions = (keras.activations.sigmoid, keras.activations.hard_sigmoid)
    return any(np.allclose(function(logits), scores, atol=1e-3, equal_nan=True) for function in functions)
