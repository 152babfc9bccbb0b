"""The mapping from displayed classes to units of the model; one unit may stand for two classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.methods.meta import contrast, negate


@dataclass(frozen=True)
class Classes:
    """The mapping from classes to units of a model.

    Attributes:
        units: Number of the model's units.
        probability: Whether an activation turns the logits into probabilities.
        binary: Whether a single unit stands for two classes: class 1, and with the negative logit class 0.
    """

    units: int
    probability: bool
    binary: bool = False

    @property
    def count(self) -> int:
        """Return the number of classes."""
        return 2 if self.binary else self.units

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        """Compute one score for each class.

        Args:
            outputs: The model's own output, `(..., units)`.

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
        self, class_index: int, contrast_index: int | None = None
    ) -> tuple[Callable[[Callable], Callable], Any]:
        """Return how a method explains a choice of classes.

        Args:
            class_index: Number of the class.
            contrast_index: Number of the class to contrast with, or `None`.

        Returns:
            A function that takes a method, of `ke_widgets.methods` or made by `at_all_layers`, and gives the one to
            run; and the `indices` of that.
        """
        if contrast_index is not None and (not self.binary or contrast_index == class_index):
            pair = [[self.unit(class_index), self.unit(contrast_index)]]
            return contrast, ops.convert_to_tensor(pair, "int32")
        # Of two classes with one logit, the contrast of both is the logit of either.
        wrap = negate if self.binary and class_index == 0 else lambda method: method
        return wrap, ops.convert_to_tensor([[self.unit(class_index)]], "int32")

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
