"""What comes out of explaining one choice: a map, with all that it takes to show and to read it."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ke_widgets.widget.images.fitting import WHOLE


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one method says of one image, layer and class.

    Attributes:
        map: The raw map `(H', W')`, at the layer's resolution.
        logits: Logit of the explained class, `(1,)`; with a contrast, the difference of the two.
        unit: Index of the explained class.
        contrast: Index of the class that it is told apart from, or `None`.
        layer: Path of the layer; empty for methods that look at the image itself.
        method: Name of the method.
        params: Its own parameters.
        image_index: Number of the image.
        model_index: Number of the model.
        scores: What the model's own output says for every class.
        scores_kind: `"probability"` or `"logit"`.
        low: The value that is shown as nothing (with both signs, as most against).
        high: The value that is shown as most.
        empty_reason: A sentence, where the map shows nothing; else `None`.
        milliseconds: What it took.
        done: Number of pieces that the map is made of; fewer than `total` where it was cancelled.
        total: Number of pieces of the whole method; 1 for a method that does not sample.
        generation: How often the model's weights had changed when it was begun.
        map_unit: What a number of the map is, such as `"logit"`; empty where the method's scale has no meaning.
        input_region: The region of the picture that the model saw and the map covers, `(top, left, bottom, right)` as
            fractions of the picture's height and width.
    """

    map: np.ndarray = field(repr=False)
    logits: np.ndarray
    unit: int
    contrast: int | None
    layer: str
    method: str
    params: dict
    image_index: int
    model_index: int
    scores: np.ndarray = field(repr=False)
    scores_kind: str
    low: float
    high: float
    empty_reason: str | None
    milliseconds: float
    done: int = 1
    total: int = 1
    generation: int = 0
    map_unit: str = ""
    input_region: tuple[float, float, float, float] = WHOLE


class Curves(NamedTuple):
    """Scores as pixels go and come; NaN where they are not known yet.

    Attributes:
        shares: Shares of pixels `(S + 1,)`.
        deletion: Scores `(S + 1,)`, or `None`.
        insertion: Scores `(S + 1,)`, or `None`.
        done: Number of pieces that were computed.
        total: Number of pieces in all.
    """

    shares: np.ndarray
    deletion: np.ndarray | None
    insertion: np.ndarray | None
    done: int
    total: int


def display_range(values, signed=False):
    """Choose the range of a map that is shown.

    Args:
        values: A raw map.
        signed: Whether both signs are shown.

    Returns:
        The value shown as nothing (with both signs, as most against) and the value shown as most.
    """
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        return 0.0, 0.0
    if signed:
        most = float(np.abs(finite).max())
        return -most, most
    return 0.0, max(float(finite.max()), 0.0)


def empty_reason(values, finite, low, high, blind=lambda: False):
    """Say what a map means that shows nothing.

    Args:
        values: A raw map.
        finite: Whether the image holds no NaN or infinite values.
        low: The value that is shown as nothing.
        high: The value that is shown as most.
        blind: Tells whether the class has a gradient of exactly zero at every place of the layer; called for a map of
            zeros only.

    Returns:
        A sentence, or `None` where the map shows something.
    """
    if not finite:
        return "This image holds NaN or infinite values, so its scores and its map mean nothing."
    if not np.isfinite(values).all():
        return "The map holds NaN or infinite values: a layer's numbers left their range on this image."
    if high > low:
        return None
    if (values == 0).all() and blind():
        return (
            "The map is zero everywhere: the class does not see this layer, its gradient is exactly zero at every "
            "place. Choose a layer before it; in a model with a class token, what goes into the last attention."
        )
    if (values == 0).all():
        return "The map is zero everywhere: the class does not depend on this layer for this image."
    return "No place speaks for this class at this layer: the map has no positive value."
