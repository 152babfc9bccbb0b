"""TARGETS: what is explained, `(outputs, y) -> scores (B, U)`.

A target is a frozen, hashable value, part of the view of a model and so of every cache key. `y` is data: one entry for
each image, on the first axis. A target of your own is a frozen dataclass with `__call__`; it may inherit from `Target`,
whose other methods check what it is given before anything runs:

    @dataclasses.dataclass(frozen=True)
    class Margin(ke.targets.Target):
        '''The unit's logit less the mean of all.'''

        def __call__(self, outputs, y):
            return ke.inspection.gather_units(outputs, y) - ops.mean(outputs, axis=-1, keepdims=True)

    ke.gradcam(ke.inspection.expose(model, "block5", target=Margin()), images, y)
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.units import check_at_run, gather_units

BOX_WITHOUT_CANDIDATE = "`y` must hold boxes that overlap a candidate of the model"


@dataclasses.dataclass(frozen=True)
class Target:
    """The base of all targets.

    Attributes:
        reads: What `outputs` are: `"logits"`, the model's chosen output before a fused softmax or sigmoid; `"output"`,
            that output as it is; or `"outputs"`, all that the model gives, in its own structure.
        linear: Whether the score is a sum of units' logits, each of which has weights of its own in the head, as CAM
            needs it.
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "logits"
    linear: ClassVar[bool] = False

    def __call__(self, outputs: Any, y: Any) -> Any:
        """Return the scores `(B, U)` of a batch.

        Args:
            outputs: Tensors of the model; see `reads`.
            y: What `prepare` made of the batch's `y`, a tensor; or `None`.
        """
        raise NotImplementedError

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        """Check `y` before anything runs, and bring it to one entry for each image.

        Args:
            y: As the user gave it.
            count: Number of images; `None` where it is not known.

        Returns:
            An array whose first axis is that of the images, or `None`.

        Raises:
            ValueError: If it does not fit.
        """
        return None if y is None else _each_image(y, count, type(self).__name__)

    def check(self, shape: tuple, name: str) -> None:
        """Check the shape of the model's output.

        Args:
            shape: `(B, ...)`; sizes that only a run tells are `None`.
            name: The model's name, for the message.

        Raises:
            ValueError: If the target cannot read it.
        """


@dataclasses.dataclass(frozen=True)
class Contrast(Target):
    r"""Why this unit rather than that one: the difference of their logits, $y_a - y_b$.

    `y` holds pairs `(B, 2)`, or one pair for all images. Scores are `(B, 1)`.

    Source:
        Contrastive Explanations in Neural Networks, arXiv:2008.00178 (there, the gradient of a loss between the two).

    Examples:
        >>> Contrast()(np.array([[1.0, 4.0, 9.0]]), np.array([[2, 0]])).numpy()
        array([[8.]], dtype=float32)
    """

    linear: ClassVar[bool] = True

    def __call__(self, outputs: Any, y: Any) -> Any:
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
        return _each_image(pairs, count, "Contrast")

    def check(self, shape: tuple, name: str) -> None:
        _check_rank(shape, (2,), "Contrast", "scores (B, U), one for each unit", name)


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
        Seg-Grad-CAM, arXiv:2002.11434, eq. 3 (there, the sum: a mean makes maps of small and large regions comparable).

    Examples:
        >>> logits = np.array([[5.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 1, 2)
        >>> Region(1)(logits, None).numpy(), Region(1)(logits, np.ones((1, 2, 1))).numpy()
        (array([[3.]], dtype=float32), array([[2.]], dtype=float32))
    """

    channel: int

    def __post_init__(self) -> None:
        if isinstance(self.channel, bool) or not isinstance(self.channel, int | np.integer) or self.channel < 0:
            raise ValueError(
                f"`channel` must be the index of an output channel, 0 or more. Received: channel={self.channel!r}."
            )
        object.__setattr__(self, "channel", int(self.channel))

    def __call__(self, outputs: Any, y: Any) -> Any:
        outputs = ops.convert_to_tensor(outputs)
        logits = outputs[..., self.channel]
        if y is None:
            one = outputs.shape[-1] == 1
            wins = logits > 0 if one else ops.equal(ops.argmax(outputs, axis=-1), self.channel)
            mask = ops.cast(wins, logits.dtype)
        else:
            mask = ops.cast(y, logits.dtype)
        axes = tuple(range(1, len(logits.shape)))
        weight = ops.sum(mask, axis=axes)
        mean = ops.sum(mask * logits, axis=axes) / ops.where(weight > 0, weight, 1)
        return ops.expand_dims(ops.where(weight > 0, mean, float("nan")), -1)

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        if y is None:
            return None
        masks = np.asarray(y)
        if masks.ndim < 2 or masks.dtype.kind not in "biuf" or not np.isfinite(masks).all() or (masks < 0).any():
            raise ValueError(
                "`y` of the target Region must hold masks (B, H, W), booleans or weights of at least 0. "
                f"Received: y={short_repr(y)}."
            )
        masks = _each_image(masks, count, "Region")
        empty = np.flatnonzero(~masks.reshape(len(masks), -1).any(axis=1))
        if empty.size:
            shown = ", ".join(map(str, empty[:8]))
            raise ValueError(
                f"`y` of the target Region must mark at least one place of each image. Received: empty masks of images "
                f"{shown}."
            )
        return masks

    def check(self, shape: tuple, name: str) -> None:
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

    def check_data(self, y: np.ndarray | None, shape: tuple, name: str) -> None:
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

    `y` holds one object for each image, `(B, 5)`: class, then top, left, bottom and right in pixels of the input. Scores
    are `(B, 1)`. Candidates are compared by intersection over union.

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
        array([[4.]], dtype=float32)
    """

    decoder: Decoder | None = None
    reads: ClassVar[Literal["logits", "output", "outputs"]] = "outputs"

    def __call__(self, outputs: Any, y: Any) -> Any:
        boxes, logits = (ops.convert_to_tensor(x) for x in (self.decoder or _boxes_and_logits)(outputs))
        wanted = ops.cast(y[:, None, 1:], boxes.dtype)
        overlaps = _overlap(boxes, wanted)
        overlaps = check_at_run(ops.all(ops.max(overlaps, axis=-1) > 0), BOX_WITHOUT_CANDIDATE, y, overlaps)
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
        return _each_image(boxes.astype("float32"), count, "Box")


def _boxes_and_logits(outputs):
    """Find boxes `(B, N, 4)` and logits `(B, N, C)` among what a model gives."""
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
            f"Received: outputs of the shapes {shapes}. Give `Box(decoder=...)`, a function of the outputs that returns "
            "these two."
        )
    return flat[of_boxes[0]], flat[others[0]]


def _overlap(boxes, wanted):
    """Return intersection over union `(B, N)` of boxes `(B, N, 4)` with one box for each image, `(B, 1, 4)`."""
    low = ops.maximum(boxes[..., :2], wanted[..., :2])
    high = ops.minimum(boxes[..., 2:], wanted[..., 2:])
    shared = ops.prod(ops.maximum(high - low, 0), axis=-1)
    areas = [ops.prod(ops.maximum(x[..., 2:] - x[..., :2], 0), axis=-1) for x in (boxes, wanted)]
    union = areas[0] + areas[1] - shared
    return shared / ops.where(union > 0, union, 1)


@dataclasses.dataclass(frozen=True)
class Value(Target):
    """Outputs as they are, without a look for logits: a regression, or probabilities on purpose.

    `y` holds the columns, `(B, U)` integers, also `(B,)` or one for all; `None` takes all columns.

    Examples:
        >>> Value()(np.array([[0.2, 0.8]]), np.array([[1]])).numpy()
        array([[0.8]], dtype=float32)
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "output"

    def __call__(self, outputs: Any, y: Any) -> Any:
        return gather_units(ops.convert_to_tensor(outputs), y)

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        return None if y is None else _integers(y, count, "Value")

    def check(self, shape: tuple, name: str) -> None:
        _check_rank(shape, (2,), "Value", "outputs (B, U)", name)


@dataclasses.dataclass(frozen=True)
class Units(Value):
    """The units' logits; what is explained where nobody says otherwise.

    `y` holds the units, `(B, U)` integers: one map for each; also `(B,)`, one unit for each image, or one integer for
    all; `None` takes all units.

    Examples:
        >>> Units()(np.array([[1.0, 4.0, 9.0]]), np.array([[2, 0]])).numpy()
        array([[9., 1.]], dtype=float32)
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "logits"
    linear: ClassVar[bool] = True

    def prepare(self, y: Any, count: int | None) -> np.ndarray | None:
        return None if y is None else _integers(y, count, "Units")

    def check(self, shape: tuple, name: str) -> None:
        _check_rank(shape, (2,), "Units", "scores (B, U), one for each unit", name)


@dataclasses.dataclass(frozen=True)
class Similarity(Target):
    r"""Likeness of the output to an embedding: their cosine.

    $$s = \frac{f(x) \cdot y}{|f(x)| \, |y|}$$

    `y` holds embeddings `(B, D)`, or one `(D,)` for all images, such as that of a text. Scores are `(B, 1)`, in
    [-1, 1]; 0 where either is zero.

    Examples:
        >>> Similarity()(np.array([[3.0, 4.0]]), np.array([[0.0, 2.0]])).numpy().round(6)
        array([[0.8]], dtype=float32)
    """

    reads: ClassVar[Literal["logits", "output", "outputs"]] = "output"

    def __call__(self, outputs: Any, y: Any) -> Any:
        outputs = ops.convert_to_tensor(outputs)
        y = ops.cast(y, outputs.dtype)
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
        return _each_image(embeddings.astype("float32"), count, "Similarity")

    def check(self, shape: tuple, name: str) -> None:
        _check_rank(shape, (2,), "Similarity", "an embedding (B, D)", name)

    def check_data(self, y: np.ndarray | None, shape: tuple, name: str) -> None:
        """Check that embeddings have the size of the output; see `check`."""
        if y is not None and shape[-1] is not None and y.shape[-1] != shape[-1]:
            raise ValueError(
                f"`y` of the target Similarity must hold embeddings of the size of the output of {name!r}, "
                f"{shape[-1]}. Received: embeddings of size {y.shape[-1]}."
            )


TARGETS = (Units, Contrast, Region, Box, Value, Similarity)


def _each_image(y, count, target):
    """Check that `y` has one entry for each image."""
    y = np.asarray(y)
    if y.ndim < 1 or (count is not None and len(y) != count):
        raise ValueError(
            f"`y` of the target {target} must have one entry for each of the {count} images. "
            f"Received: shape {y.shape}."
        )
    return y


def _integers(y, count, target):
    """Bring units to integers `(B, U)`."""
    units = np.asarray(y)
    if units.dtype.kind not in "iu" or units.ndim > 2:
        raise ValueError(
            f"`y` of the target {target} must hold integers (B, U), (B,) or one for all. Received: y={short_repr(y)}."
        )
    if units.ndim == 0:
        units = np.full((count or 1, 1), units)
    return _each_image(units[:, None] if units.ndim == 1 else units, count, target)


def _check_rank(shape, ranks, target, expected, name):
    if len(shape) not in ranks:
        mend = " `ke.targets.Region(channel)` takes a segmentation." if len(shape) > 2 else ""
        raise ValueError(
            f"The target {target} must have {expected}. Received: {name!r}, whose output has the shape {shape}.{mend}"
        )
