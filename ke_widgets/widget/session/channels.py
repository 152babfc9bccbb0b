"""The channels of a segmentation as classes, and the target that explains them: `Region` with its data beside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.forward import forward
from ke_widgets.targets import Target
from ke_widgets.typing import ScoreFunction
from ke_widgets.widget.session.classes import Classes, itself


@dataclass(frozen=True, repr=False)
class MaskedChannel(Target):
    """`Region` with channel and mask as data, so that all channels share one compiled function.

    The mean of a channel's logits, or of their difference to another channel's, over a mask. `y` `(B, 2 + P)` holds the
    channel, the other one or -1, and the mask's weights at the output's `P` positions; negative weights are evidence
    against. Where all are 0 the score is NaN, and the map is 0.
    """

    spatial: ClassVar[bool] = True

    def __call__(self, outputs: Any, y: Any) -> Any:
        outputs = ops.convert_to_tensor(outputs)
        mask = ops.cast(y[:, 2:], outputs.dtype)
        flat = ops.reshape(outputs, (ops.shape(outputs)[0], -1, outputs.shape[-1]))
        this, other = (_channel(flat, y[:, number]) for number in (0, 1))
        logits = this - ops.where(y[:, 1:2] >= 0, other, 0)
        weight = ops.sum(ops.abs(mask), axis=-1, keepdims=True)
        mean = ops.sum(mask * logits, axis=-1, keepdims=True) / ops.where(weight > 0, weight, 1)
        return ops.where(weight > 0, mean, float("nan"))

    def __repr__(self) -> str:
        return "Region"


def _channel(flat, number):
    """Return one channel for each image, `(B, P)`, of `(B, P, C)`; the first one where there is none."""
    number = ops.maximum(ops.cast(number, "int32"), 0)
    return ops.take_along_axis(flat, number[:, None, None], axis=-1)[..., 0]


def winners(model: keras.Model, inputs: Any, _: Any) -> Any:
    """Return the channel that wins at each position, `(B, P)`; of one channel, 1 where its logit is above 0, else 0."""
    logits = forward(model, inputs)[0]
    one = logits.shape[-1] == 1
    found = ops.cast(logits[..., 0] > 0, "int32") if one else ops.argmax(logits, axis=-1)
    return ops.reshape(ops.cast(found, "int32"), (ops.shape(logits)[0], -1))


@dataclass(frozen=True)
class Channels(Classes):
    """The channels of a segmentation, for `Region`: a class is explained where its channel wins in the image.

    The score of a class is the share of the output's pixels that its channel wins, 0 to 1. A contrast explains, where
    the first channel wins, its logit less that of the other.
    """

    read: ClassVar[Callable[..., Any]] = staticmethod(winners)
    of_output: ClassVar[bool] = False
    needs_detail: ClassVar[bool] = True

    def rows(self, found: np.ndarray) -> np.ndarray:
        shares = np.stack([np.bincount(each, minlength=max(self.units, 2)) / len(each) for each in found])
        # Of one channel: whether it wins; that is a class of its own in a pair.
        return (shares if self.count > 1 else shares[:, 1:]).astype("float32")

    def kind(self, scores: np.ndarray) -> str:
        return "share"

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        return outputs

    def question(self, class_index, contrast_index=None, detail=None) -> Any:
        other = -1 if contrast_index is None else self.unit(contrast_index)
        if self.binary and contrast_index != class_index:
            other = -1  # Of two classes with one logit, the contrast of both is the logit of either.
        row = np.concatenate([[self.unit(class_index), other], self._mask(class_index, detail)])
        return itself, ops.convert_to_tensor(row[None].astype("float32"))

    def target(self, class_index=None, contrast_index=None) -> ScoreFunction:
        return MaskedChannel()

    def why_empty(self, class_index: int, detail: Any) -> str | None:
        if self._mask(class_index, detail).any():
            return None
        return "This class wins at no pixel of the image, so that there is no region to explain."

    def _mask(self, class_index, winners):
        """Return the weights of a class at each position: 1 where it wins; -1, for the class of the negative logit."""
        if self.units > 1:
            return (winners == class_index).astype("int8")
        if self.binary and class_index == 0:
            return (winners > 0).astype("int8") - 1
        return (winners > 0).astype("int8")
