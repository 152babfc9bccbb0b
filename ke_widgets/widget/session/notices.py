"""Notices on a model and its images that affect how to read the maps: input ranges, crops, preprocessing."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np

from ke_widgets.model.first_operations import CROPS, MAY_CROP, scales, weighs
from ke_widgets.widget.images.fitting import fitting_notices

_LAYERS = keras.layers


class Entrance:
    """What the first layers of a model do to the first image.

    Args:
        order: Pairs of an operation of `first_operations` and a call of it, in running order; see `taps.Recording`.
        rank: Rank of the images, in a model of several inputs: other tensors are not theirs.

    Attributes:
        range: Minimum and maximum of the input to the first layer with weights; `None` if a normalizing layer precedes
            it, or the range is unknown.
        rescaling: The Rescaling layer before it, or `None`.
        crop: The name of a cropping layer before it, and the sizes before and after; or `None`.
    """

    def __init__(self, order: Iterable[tuple[keras.Operation, Any]], rank: int | None = None) -> None:
        self.range = self.rescaling = self.crop = None
        scaled = False
        for operation, call in order:
            given = [x for x in keras.tree.flatten((call.args, call.kwargs)) if hasattr(x, "numpy") and x.shape.rank]
            given = [x for x in given if rank in (None, len(x.shape))]
            if not given:
                continue
            if weighs(operation):
                values = np.asarray(given[0], "float64")
                self.range = None if scaled or not values.size else (float(values.min()), float(values.max()))
                return
            scaled = scaled or scales(operation)
            if isinstance(operation, _LAYERS.Rescaling) and self.rescaling is None:
                self.rescaling = operation
            shapes = [tuple(getattr(x, "shape", ())) for x in (given[0], call.outputs)]
            sizes = [shape[1:3] if len(shape) == 4 else None for shape in shapes]
            if self.crop is None and None not in sizes and _crops(operation, call, *sizes):
                self.crop = operation.name, *sizes


def _crops(operation, call, before, after):
    if type(operation).__name__ in CROPS:
        keys = keras.tree.flatten(call.args[1:]) if type(operation).__name__ == "GetItem" else []
        strided = any(isinstance(key, slice) and key.step not in (None, 1) for key in keys)
        return not strided and (after[0] < before[0] or after[1] < before[1])
    keeps = getattr(operation, "crop_to_aspect_ratio", True) or getattr(operation, "pad_to_aspect_ratio", False)
    return (
        type(operation).__name__ in MAY_CROP
        and bool(keeps)
        and abs(before[0] * after[1] - before[1] * after[0]) >= max(*before, *after)
    )


def notices(explained: Any, own_preprocessor: bool) -> list[str]:
    """List the notices that a user should read before the maps.

    Args:
        explained: An `ExplainedModel`.
        own_preprocessor: Whether the images pass through the preprocessor that the model carries.

    Returns:
        A list of sentences.
    """
    images, entrance, found = explained.images, explained.entrance, []
    if explained.is_assumed:
        found.append(
            f"{explained.model.name!r} is explained as a segmentation: its classes are its channels, and a map "
            "explains the pixels where its channel wins. To say so yourself, pass `target=ke.targets.Region`."
        )
    if own_preprocessor:
        found.append(
            "The images pass through the model's own `preprocessor`, as in its `predict`. To skip it, pass "
            "`preprocess=lambda x: x`."
        )
    if images.moved:
        found.append(
            "The pictures show the model's input, because `preprocess` crops, pads or moves the images, and the maps "
            "align with the input only."
        )
    found += fitting_notices(*images.fitted_sizes)
    if images.deep:
        found.append("The pictures have more than 8 bits of grey. The model receives the upper 8 bits, 0 to 255.")
    if not images.prepared:
        found += _range_notices(images.inputs(0), entrance)
    if entrance.crop is not None:
        name, before, after = entrance.crop
        found.append(
            f"The model crops or pads its images ({name}: {before[0]} × {before[1]} to {after[0]} × {after[1]}), but "
            "maps of later layers are drawn over the whole image and are misaligned. Crop the images beforehand, or "
            "use a method that explains pixels, such as Gradients."
        )
    return found


def of_several(models: Sequence[Any]) -> list[str]:
    """Report models whose maps are misaligned, because all models share one picture of each image.

    Args:
        models: `ExplainedModel`s of the same images.

    Returns:
        A list of sentences.
    """
    first, *others = models
    moved = [each for each in others if each.images.moved or first.images.moved]
    if all(each.images.prepares_as(first.images) for each in moved):
        return []
    return [
        "The images are cropped, padded or moved before they enter the models, and not equally for all. The pictures "
        f"show the input of {first.model.name!r}; the maps of the other models may be misaligned."
    ]


def _range_notices(image, entrance):
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0:
        return []
    if 0 < high <= 1 and entrance.rescaling is not None and np.max(np.abs(entrance.rescaling.scale)) <= 1 / 64:
        return [
            "The images are already in 0 to 1, and the model scales them again with its Rescaling layer. If it was "
            "trained on 0 to 255, its scores and maps mean nothing: pass the images before scaling."
        ]
    whole = bool((finite == np.rint(finite)).all())
    if high <= 1.5 or not (whole or high > 32):
        return []
    most = 255 if high <= 255 else 65535 if high <= 65535 else round(high)
    if entrance.range is None or entrance.range[0] < -0.001 * high or entrance.range[1] < 0.75 * high:
        deep = "The images have values up to {}, more than the 255 of 8 bits, and enter the model unscaled."
        return [deep.format(most)] if high > 255 else []
    return [
        f"The images enter the model unscaled, 0 to {most}, and no layer scales them before the first weights. If the "
        "model was trained on another range, its scores and maps mean nothing: pass `preprocess=`."
    ]
