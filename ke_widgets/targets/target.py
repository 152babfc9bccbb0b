"""The contract of a target; see `ke_widgets.targets`."""

import dataclasses
from typing import Any, ClassVar, Literal

import numpy as np

from ke_widgets.typing import Shape


@dataclasses.dataclass(frozen=True)
class Target:
    """The base of all targets.

    Attributes:
        reads: What `outputs` are: `"logits"`, the model's chosen output before a fused softmax or sigmoid; `"output"`,
            that output as it is; or `"outputs"`, all that the model gives, in its own structure.
        spatial: Whether it reads outputs with rows and columns as they are: `(B, 1, 1, U)` is else taken as `(B, U)`.
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "logits"
    spatial: ClassVar[bool] = False

    def __call__(self, outputs: Any, y: Any) -> Any:
        """Return the scores `(B, U)` of a batch.

        Args:
            outputs: Tensors of the model; see `reads`.
            y: What `prepare` made of the batch's `y`, a tensor; or `None`.
        """
        raise NotImplementedError

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        """Check `y` before anything runs, and bring it to one entry for each image; one integer is a row `(U,)` of one.

        Args:
            y: As the user gave it.
            count: Number of images; `None` where it is not known.

        Returns:
            An array whose first axis is that of the images, or `None`.

        Raises:
            ValueError: If it does not fit.
        """
        return None if y is None else rows(y, count, type(self).__name__)

    def hold(self, outputs: Any) -> Any:
        """Return what `y=None` stands for at these outputs, for methods that evaluate changed images too.

        Args:
            outputs: The outputs of the images as they are.

        Returns:
            A tensor, one entry for each image; or `None` if it stands for the same whatever the outputs.
        """
        return None

    def check(self, shape: Shape, name: str) -> None:
        """Check the shape of the model's output.

        Args:
            shape: `(B, ...)`; sizes that only a run tells are `None`.
            name: The model's name, for the message.

        Raises:
            ValueError: If the target cannot read it.
        """

    def check_data(self, y: np.ndarray | None, shape: Shape, name: str) -> None:
        """Check `y` against the shape of the model's output; see `check`."""


def check_entries(y: Any, shape: Shape, target: str) -> None:
    """Check the shape of one entry of `y` wherever it is known, also in a compiled function.

    Args:
        y: A tensor `(B, ...)`.
        shape: The shape that an entry must have; `None` is any size.
        target: Name of the target, for the message.

    Raises:
        ValueError: If an entry has another shape: it would be broadcast, and give a wrong score.
    """
    found = tuple(y.shape[1:])
    if len(found) != len(shape) or any(None not in (n, m) and n != m for n, m in zip(found, shape)):
        sides = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(
            f"`y` of the target {target} must have the shape (B, {sides}). Received: shape {tuple(y.shape)}."
        )


def rows(y: Any, count: int | None, target: str) -> np.ndarray:
    """Bring `y` to one entry for each image; integers `(B,)`, or one for all, become rows `(B, 1)`."""
    y = np.asarray(y)
    return each_image(as_columns(y, count) if y.dtype.kind in "iu" else y, count, target)


def as_columns(y: np.ndarray, count: int | None) -> np.ndarray:
    """Return one number for all images, or one for each, as a column `(B, 1)`; all else as it is."""
    if y.ndim == 0:
        return np.full((count or 1, 1), y)
    return y[:, None] if y.ndim == 1 else y


def each_image(y: Any, count: int | None, target: str) -> np.ndarray:
    """Check that `y` has one entry for each image."""
    y = np.asarray(y)
    if y.ndim < 1 or (count is not None and len(y) != count):
        raise ValueError(
            f"`y` of the target {target} must have one entry for each of the {count} images. Received: shape {y.shape}."
        )
    return y
