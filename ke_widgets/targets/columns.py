"""Targets of outputs without places, `(B, U)`: units, contrasts, values, similarity."""

import dataclasses
from typing import Any, ClassVar, Literal

import numpy as np
from keras import ops

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.units import gather_units
from ke_widgets.targets.target import Target, check_entries, each_image, rows
from ke_widgets.typing import Shape


@dataclasses.dataclass(frozen=True)
class Contrast(Target):
    r"""Why this unit rather than that one: the difference of their logits, $y_a - y_b$.

    `y` holds pairs `(B, 2)`, or one pair for all images. Scores are `(B, 1)`.

    Source:
        Contrastive Explanations in Neural Networks, arXiv:2008.00178 (there, the gradient of a loss between the two).

    Examples:
        >>> Contrast()(np.array([[1.0, 4.0, 9.0]]), np.array([[2, 0]])).numpy()
        array([[8.]])
    """

    def __call__(self, outputs: Any, y: Any) -> Any:
        check_entries(y, (2,), "Contrast")
        pair = gather_units(ops.convert_to_tensor(outputs), y)
        return pair[..., :1] - pair[..., 1:]

    def prepare(self, y: Any, count: int | None) -> np.ndarray:
        pairs = None if y is None else np.asarray(y)
        if pairs is None or pairs.dtype.kind not in "iu" or pairs.ndim not in (1, 2) or pairs.shape[-1] != 2:
            raise ValueError(
                "`y` of the target Contrast must hold two units for each image, integers (B, 2), or one pair for all. "
                f"Received: y={short_repr(y)}."
            )
        pairs = np.broadcast_to(pairs, (count or len(pairs), 2)) if pairs.ndim == 1 else pairs
        return each_image(pairs, count, "Contrast")

    def check(self, shape: Shape, name: str) -> None:
        _check_rank(shape, "Contrast", "scores (B, U), one for each unit", name)


@dataclasses.dataclass(frozen=True)
class Value(Target):
    """Outputs as they are, without a look for logits: a regression, or probabilities on purpose.

    `y` holds the columns, `(B, U)` integers, also `(B,)` or one for all; `None` takes all columns.

    Examples:
        >>> Value()(np.array([[0.2, 0.8]]), np.array([[1]])).numpy()
        array([[0.8]])
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "output"

    def __call__(self, outputs: Any, y: Any) -> Any:
        return gather_units(ops.convert_to_tensor(outputs), y)

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        return None if y is None else _integers(y, count, type(self).__name__)

    def check(self, shape: Shape, name: str) -> None:
        _check_rank(shape, "Value", "outputs (B, U)", name)


@dataclasses.dataclass(frozen=True)
class Units(Value):
    """The units' logits; what is explained where nobody says otherwise.

    `y` holds the units, `(B, U)` integers: one map for each; also `(B,)`, one unit for each image, or one integer for
    all; `None` takes all units.

    Examples:
        >>> Units()(np.array([[1.0, 4.0, 9.0]]), np.array([[2, 0]])).numpy()
        array([[9., 1.]])
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "logits"

    def check(self, shape: Shape, name: str) -> None:
        _check_rank(shape, "Units", "scores (B, U), one for each unit", name)


@dataclasses.dataclass(frozen=True)
class Similarity(Target):
    r"""Likeness of the output to an embedding: their cosine.

    $$s = \frac{f(x) \cdot y}{|f(x)| \, |y|}$$

    `y` holds embeddings `(B, D)`, or one `(D,)` for all images, such as that of a text. Scores are `(B, 1)`, in
    [-1, 1]; 0 where either is zero.

    Examples:
        >>> Similarity()(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]])).numpy().round(6)
        array([[0.8]])
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "output"

    def __call__(self, outputs: Any, y: Any) -> Any:
        outputs = ops.convert_to_tensor(outputs)
        y = ops.cast(y, outputs.dtype)
        check_entries(y, tuple(outputs.shape[1:]), "Similarity")
        dot = ops.sum(outputs * y, axis=-1, keepdims=True)
        squares = ops.sum(outputs**2, axis=-1, keepdims=True) * ops.sum(y**2, axis=-1, keepdims=True)
        # The root of 0 has no finite gradient.
        return ops.where(squares > 0, dot / ops.sqrt(ops.where(squares > 0, squares, 1)), 0)

    def prepare(self, y: Any, count: int | None) -> np.ndarray:
        embeddings = None if y is None else np.asarray(y)
        if embeddings is None or embeddings.dtype.kind not in "iuf" or embeddings.ndim not in (1, 2):
            raise ValueError(
                "`y` of the target Similarity must hold an embedding for each image, (B, D), or one (D,) for all. "
                f"Received: y={short_repr(y)}."
            )
        if not np.isfinite(embeddings).all():
            raise ValueError("`y` of the target Similarity must be finite. Received: NaN or infinity in it.")
        if embeddings.ndim == 1:
            embeddings = np.broadcast_to(embeddings, (count or 1, len(embeddings)))
        return each_image(embeddings.astype("float32"), count, "Similarity")

    def check(self, shape: Shape, name: str) -> None:
        _check_rank(shape, "Similarity", "an embedding (B, D)", name)

    def check_data(self, y: np.ndarray | None, shape: Shape, name: str) -> None:
        """Check that embeddings have the size of the output; see `check`."""
        if y is not None and shape[-1] is not None and y.shape[-1] != shape[-1]:
            raise ValueError(
                f"`y` of the target Similarity must hold embeddings of the size of the output of {name!r}, "
                f"{shape[-1]}. Received: embeddings of size {y.shape[-1]}."
            )


def _integers(y: Any, count: int | None, target: str) -> np.ndarray:
    """Bring units to integers `(B, U)`."""
    units = np.asarray(y)
    if units.dtype.kind not in "iu" or units.ndim > 2:
        raise ValueError(
            f"`y` of the target {target} must hold integers (B, U), (B,) or one for all. Received: y={short_repr(y)}."
        )
    return rows(units, count, target)


def _check_rank(shape: Shape, target: str, expected: str, name: str) -> None:
    if len(shape) != 2:
        mend = " `ke.targets.Region(channel)` takes a segmentation." if len(shape) > 2 else ""
        raise ValueError(
            f"The target {target} must have {expected}. Received: {name!r}, whose output has the shape {shape}.{mend}"
        )


TARGETS = (Units, Contrast, Value, Similarity)
