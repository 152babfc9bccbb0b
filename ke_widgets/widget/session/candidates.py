"""The classes of a detector: each is explained at its best candidate in the image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.forward import forward
from ke_widgets.targets import Target
from ke_widgets.targets.spatial import boxes_and_logits
from ke_widgets.typing import ScoreFunction
from ke_widgets.widget.session.classes import Classes, itself


@dataclass(frozen=True, repr=False)
class Candidate(Target):
    """The logit of a class at one candidate of a detector, or its difference to another class's there.

    `y` `(B, 3)` holds the class, the candidate, and the other class or -1, so that all classes share one compiled
    function, and the candidate is that of the image itself, whatever a method does to it.
    """

    decoder: Any = None
    reads: ClassVar[Literal["logits", "output", "outputs"]] = "outputs"
    spatial: ClassVar[bool] = True

    def __call__(self, outputs: Any, y: Any) -> Any:
        _, logits = self.decode(outputs)
        this, candidate, other = (ops.cast(y[:, number : number + 1], "int32") for number in range(3))
        scores = ops.take_along_axis(logits, candidate[..., None], axis=1)[:, 0]
        against = ops.take_along_axis(scores, ops.maximum(other, 0), axis=1)
        return ops.take_along_axis(scores, this, axis=1) - ops.where(other >= 0, against, 0)

    def decode(self, outputs: Any) -> Any:
        """Return boxes `(B, N, 4)` and logits `(B, N, C)`."""
        return tuple(ops.convert_to_tensor(x) for x in (self.decoder or boxes_and_logits)(outputs))

    def __repr__(self) -> str:
        return "Box"


def best_candidates(model: keras.Model, inputs: Any, _: Any) -> Any:
    """Return of each class the largest logit among the candidates, and which it is, `(B, 2, C)`."""
    target: Any = getattr(model, "target", None)
    _, logits = target.decode(forward(model, inputs)[0])
    return ops.stack([ops.max(logits, axis=1), ops.cast(ops.argmax(logits, axis=1), logits.dtype)], axis=1)


@dataclass(frozen=True)
class Candidates(Classes):
    """The classes of a detector, for `Box`: the score of a class is the largest logit among the candidates.

    A contrast explains, at the best candidate of the first class, its logit less that of the other.

    Attributes:
        decoder: See `Box`.
    """

    decoder: Any = None

    read: ClassVar[Callable[..., Any]] = staticmethod(best_candidates)
    of_output: ClassVar[bool] = False
    needs_detail: ClassVar[bool] = True

    def rows(self, found: np.ndarray) -> np.ndarray:
        return np.asarray(found[:, 0], "float32")

    def kind(self, scores: np.ndarray) -> str:
        return "logit"

    def question(self, class_index, contrast_index=None, detail=None) -> Any:
        other = -1 if contrast_index is None else contrast_index
        row = [class_index, int(detail[1][class_index]), other]
        return itself, ops.convert_to_tensor([row], "int32")

    def target(self, class_index=None, contrast_index=None) -> ScoreFunction:
        return Candidate(self.decoder)


def logits_output(outputs: Any, target: Candidate) -> int:
    """Return which of a detector's flat outputs are the logits; the first one where a decoder makes them anew."""
    _, logits = (target.decoder or boxes_and_logits)(outputs)
    flat = keras.tree.flatten(outputs)
    return next((number for number, x in enumerate(flat) if x is logits), 0)
