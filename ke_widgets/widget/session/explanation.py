"""The result of explaining one choice: a map, and everything needed to display and interpret it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ke_widgets.widget.images.fitting import WHOLE


@dataclass(frozen=True, eq=False)
class Explanation:
    """The result of one method for one image, layer and class.

    Attributes:
        map: The raw map `(H', W')`, at the layer's resolution.
        logits: Logit, or score of the target, of the explained class, `(1,)`; with a contrast, the difference of the
            two. NaN for a class of a segmentation that wins nowhere.
        unit: Index of the explained class.
        contrast: Index of the class to contrast with, or `None`.
        layer: Path of the layer; empty for methods that explain the input image directly.
        method: Name of the method.
        params: Its own parameters.
        image_index: Number of the image.
        model_index: Number of the model.
        scores: The score of every class, such as the model's output.
        scores_kind: `"probability"`, `"logit"`, `"value"` (as the model or the target gives it) or `"share"` (of the
            pixels that the class wins, in a segmentation).
        low: Lower end of the display range: no evidence, or for signed maps the strongest evidence against.
        high: Upper end of the display range.
        empty_reason: A sentence on why the map is empty, or `None`.
        milliseconds: Computing time.
        done: Number of steps that have been computed; fewer than `total` if it was cancelled.
        total: Total number of steps; 1 for a method that does not sample.
        generation: How often the model's weights had changed when the computation started.
        map_unit: Unit of the map's values, such as `"logit"`; empty if the method's scale has no meaning.
        completeness: For a method whose maps sum to a difference of scores: the sum of the map, and the difference;
            else `None`.
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
    completeness: tuple[float, float] | None = None
    input_region: tuple[float, float, float, float] = WHOLE


class Curves(NamedTuple):
    """Scores as pixels are deleted and inserted; NaN where not computed yet.

    Attributes:
        shares: Fractions of pixels `(S + 1,)`.
        deletion: Scores `(S + 1,)`, or `None`.
        insertion: Scores `(S + 1,)`, or `None`.
        done: Number of steps that have been computed.
        total: Total number of steps.
    """

    shares: np.ndarray
    deletion: np.ndarray | None
    insertion: np.ndarray | None
    done: int
    total: int


def display_range(values: np.ndarray, signed: bool = False) -> tuple[float, float]:
    """Compute the display range of a map.

    Args:
        values: A raw map.
        signed: Whether the map has both signs.

    Returns:
        The lower and the upper end: from 0 to the maximum, or symmetric about 0 for signed maps.
    """
    finite = values[np.isfinite(values)].astype("float64")
    if not finite.size:
        return 0.0, 0.0
    if signed:
        most = float(np.abs(finite).max())
        return -most, most
    return 0.0, max(float(finite.max()), 0.0)


def empty_reason(
    values: np.ndarray, finite: bool, low: float, high: float, blind: Callable[[], bool] = lambda: False
) -> str | None:
    """Explain why a map is empty.

    Args:
        values: A raw map.
        finite: Whether the image has no NaN or infinite values.
        low: Lower end of the display range.
        high: Upper end of the display range.
        blind: A function that returns whether the gradient of the class is exactly zero at every position of the layer;
            called for a map of zeros only.

    Returns:
        A sentence, or `None` if the map is not empty.
    """
    if not finite:
        return "This image contains NaN or infinite values, so its scores and its map mean nothing."
    if not np.isfinite(values).all():
        return "The map contains NaN or infinite values: a layer overflows on this image."
    if high > low:
        return None
    if (values == 0).all() and blind():
        return (
            "The map is zero everywhere: the gradient of this class at this layer is exactly zero. Choose an earlier "
            "layer; in a model with a class token, the input of the last attention layer."
        )
    if (values == 0).all():
        return "The map is zero everywhere: the class does not depend on this layer for this image."
    return "Nothing at this layer supports this class: the map has no positive value."
