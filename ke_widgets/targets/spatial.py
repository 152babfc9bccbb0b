"""Targets of outputs with places: a region of a segmentation, a detected box."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.units import check_candidates, gather_units
from ke_widgets.targets.target import Target, check_entries, each_image
from ke_widgets.typing import Shape, Tensor


@dataclasses.dataclass(frozen=True)
class Region(Target):
    r"""One channel of a segmentation over a region: the mean of its logits there.

    $$s = \frac{\sum_p m_p \, z_{p, c}}{\sum_p m_p}$$

    where `z` are the logits `(B, H, W, C)`, `c` the channel and `m` the mask. Scores are `(B, 1)`.

    `y` holds masks `(B, H, W)` of the size of the output, booleans or weights of at least 0; `None` takes the places
    where the channel wins: where its logit is the largest, or above 0 for a model of one channel. Where it wins nowhere
    the score is NaN, and the map is 0.

    Args:
        channel: Index of the channel, which is the class.

    Source:
        Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation Mapping, arXiv:2002.11434
        (there, the sum: a mean makes the scores of small and large regions comparable).

    Examples:
        >>> logits = np.array([[5.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 1, 2)
        >>> Region(1)(logits, None).numpy(), Region(1)(logits, np.ones((1, 2, 1))).numpy()
        (array([[3.]]), array([[2.]]))
    """

    channel: int
    spatial: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.channel, bool) or not isinstance(self.channel, int | np.integer) or self.channel < 0:
            raise ValueError(
                f"`channel` must be the index of an output channel, 0 or more. Received: channel={self.channel!r}."
            )
        object.__setattr__(self, "channel", int(self.channel))

    def __call__(self, outputs: Any, y: Any) -> Any:
        outputs = ops.convert_to_tensor(outputs)
        logits = outputs[..., self.channel]
        mask = self.hold(outputs) if y is None else ops.cast(y, logits.dtype)
        check_entries(mask, tuple(logits.shape[1:]), "Region")
        axes = tuple(range(1, len(logits.shape)))
        weight = ops.sum(mask, axis=axes)
        mean = ops.sum(mask * logits, axis=axes) / ops.where(weight > 0, weight, 1)
        return ops.expand_dims(ops.where(weight > 0, mean, float("nan")), -1)

    def hold(self, outputs: Any) -> Tensor:
        """Return the places where the channel wins, `(B, H, W)` of 0 and 1."""
        outputs = ops.convert_to_tensor(outputs)
        logits = outputs[..., self.channel]
        one = outputs.shape[-1] == 1
        return ops.cast(logits > 0 if one else ops.equal(ops.argmax(outputs, axis=-1), self.channel), logits.dtype)

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        if y is None:
            return None
        masks = np.asarray(y)
        if masks.ndim < 2 or masks.dtype.kind not in "biuf" or not np.isfinite(masks).all() or (masks < 0).any():
            raise ValueError(
                "`y` of the target Region must hold masks (B, H, W), booleans or weights of at least 0. "
                f"Received: y={short_repr(y)}."
            )
        masks = each_image(masks, count, "Region")
        empty = np.flatnonzero(~masks.reshape(len(masks), -1).any(axis=1))
        if empty.size:
            shown = ", ".join(map(str, empty[:8]))
            raise ValueError(
                f"`y` of the target Region must mark at least one place of each image. Received: empty masks of images "
                f"{shown}."
            )
        return masks

    def check(self, shape: Shape, name: str) -> None:
        if len(shape) < 3:
            raise ValueError(
                "The target Region must have an output with places and channels, (B, H, W, C). "
                f"Received: {name!r}, whose output has the shape {shape}. `ke.targets.Units()` takes scores (B, U)."
            )
        if shape[-1] is not None and self.channel >= shape[-1]:
            raise ValueError(
                f"`channel` must be one of the {shape[-1]} channels of {name!r}, 0 to {shape[-1] - 1}. "
                f"Received: channel={self.channel}."
            )

    def check_data(self, y: np.ndarray | None, shape: Shape, name: str) -> None:
        """Check that masks have the size of the output; see `check`."""
        if y is None:
            return
        size = tuple(shape[1:-1])
        if y.ndim - 1 != len(size) or any(n is not None and n != m for n, m in zip(size, y.shape[1:])):
            raise ValueError(
                f"`y` of the target Region must hold masks of the size of the output of {name!r}, "
                f"(B, {', '.join(map(str, size))}). Received: masks of shape {y.shape}."
            )


Decoder = Callable[[Any], tuple[Any, Any]]


@dataclasses.dataclass(frozen=True)
class Box(Target):
    """One detected object: the logit of its class at the candidate whose box overlaps it most.

    `y` holds one object for each image, `(B, 5)`: class, then top, left, bottom and right in pixels of the input.
    Scores are `(B, 1)`. Candidates are compared by intersection over union.

    Args:
        decoder: A function of all that the model gives, which returns boxes `(B, N, 4)`, as `y` has them, and logits
            `(B, N, C)`. By default the model gives these two, in a list or a dict and in any order, or one tensor
            `(B, N, 4 + C)` with the box first.

    Source:
        D-RISE: Black-box Explanation of Object Detectors via Saliency Maps, arXiv:2006.03204, sec. 3.2 (the pairing by
        overlap; its similarity, which multiplies overlap and cosine, is not differentiable).

    Examples:
        >>> boxes = np.array([[[0.0, 0.0, 4.0, 4.0], [4.0, 4.0, 8.0, 8.0]]])
        >>> logits = np.array([[[1.0, 2.0], [3.0, 4.0]]])
        >>> Box()({"boxes": boxes, "logits": logits}, np.array([[1.0, 5.0, 5.0, 9.0, 9.0]])).numpy()
        array([[4.]])
    """

    decoder: Decoder | None = None
    reads: ClassVar[Literal["logits", "output", "outputs"]] = "outputs"
    spatial: ClassVar[bool] = True

    def __call__(self, outputs: Any, y: Any) -> Any:
        boxes, logits = (ops.convert_to_tensor(x) for x in (self.decoder or boxes_and_logits)(outputs))
        check_entries(y, (5,), "Box")
        wanted = ops.cast(y[:, None, 1:], boxes.dtype)
        overlaps = check_candidates(_overlap(boxes, wanted))
        best = ops.argmax(overlaps, axis=-1)
        candidate = ops.take_along_axis(logits, best[:, None, None], axis=1)[:, 0]
        return gather_units(candidate, ops.cast(y[:, :1], "int32"))

    def prepare(self, y: Any, count: int | None) -> np.ndarray:
        boxes = None if y is None else np.asarray(y)
        if boxes is None or boxes.dtype.kind not in "iuf" or boxes.ndim != 2 or boxes.shape[-1] != 5:
            raise ValueError(
                "`y` of the target Box must hold class, top, left, bottom and right of one object in each image, "
                f"(B, 5), in pixels. Received: y={short_repr(y)}."
            )
        wrong = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 3] <= boxes[:, 1]) | (boxes[:, 4] <= boxes[:, 2])
        wrong |= boxes[:, 0] != np.floor(boxes[:, 0])
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                "`y` of the target Box must hold an integer class, and a bottom and right beyond top and left. "
                f"Received: {boxes[first].tolist()} for image {first}."
            )
        return each_image(boxes.astype("float32"), count, "Box")


def boxes_and_logits(outputs: Any) -> tuple[Tensor, Tensor]:
    """Find boxes `(B, N, 4)` and logits `(B, N, C)` among what a model gives, in one of the forms that `Box` names."""
    flat = keras.tree.flatten(outputs)
    shapes = [tuple(x.shape) for x in flat]
    if len(flat) == 1 and len(shapes[0]) == 3 and (shapes[0][-1] or 0) > 4:
        return flat[0][..., :4], flat[0][..., 4:]
    of_boxes = [n for n, shape in enumerate(shapes) if len(shape) == 3 and shape[-1] == 4]
    if isinstance(outputs, dict) and "boxes" in outputs:
        of_boxes = [n for n, x in enumerate(flat) if x is outputs["boxes"]]
    others = [n for n, shape in enumerate(shapes) if len(shape) == 3 and n not in of_boxes]
    if len(of_boxes) != 1 or len(others) != 1:
        raise ValueError(
            "The target Box must know boxes (B, N, 4) and logits (B, N, C) of the model. "
            f"Received: outputs of the shapes {shapes}. Give `Box(decoder=...)`, a function of the outputs that "
            "returns these two."
        )
    return flat[of_boxes[0]], flat[others[0]]


def _overlap(boxes: Tensor, wanted: Tensor) -> Tensor:
    """Return intersection over union `(B, N)` of boxes `(B, N, 4)` with one box for each image, `(B, 1, 4)`."""
    low = ops.maximum(boxes[..., :2], wanted[..., :2])
    high = ops.minimum(boxes[..., 2:], wanted[..., 2:])
    shared = ops.prod(ops.maximum(high - low, 0), axis=-1)
    areas = [ops.prod(ops.maximum(x[..., 2:] - x[..., :2], 0), axis=-1) for x in (boxes, wanted)]
    union = areas[0] + areas[1] - shared
    return shared / ops.where(union > 0, union, 1)


TARGETS = (Region, Box)
