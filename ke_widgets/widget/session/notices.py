"""What a user should know of a model and its images before looking at maps: wrong ranges, crops, own preprocessing."""

import keras
import numpy as np

from ke_widgets.model import layers as model_layers
from ke_widgets.widget.images.fitting import fitting_notices

_LAYERS = keras.layers
_NORMALIZERS = (
    _LAYERS.Rescaling,
    _LAYERS.Normalization,
    _LAYERS.BatchNormalization,
    _LAYERS.LayerNormalization,
    _LAYERS.GroupNormalization,
    _LAYERS.UnitNormalization,
)
_CROPS = ("CenterCrop", "Cropping2D", "CropImages", "GetItem")
_MAY_CROP = ("Resizing", "RandomCrop")  # Where the image has another aspect ratio.


def first_operations(model):
    """List what shows how images enter a model: what may scale or crop them, up to its first weights.

    Args:
        model: A built Keras model.

    Returns:
        A list of operations; where no graph tells their order, all of them.
    """
    found, known = [], model_layers.functional(model) is not None
    opaque = None  # Path of an opaque layer; what is inside it comes in no known order.
    for path, operation in model_layers.operations(model).items():
        if opaque is not None and not path.startswith(opaque + model_layers.SEPARATOR):
            if any(map(_weighs, found)):
                break
            opaque = None
        if opaque is None and model_layers.functional(operation) is None and model_layers.children(operation):
            opaque = path
        if _scales(operation) or _weighs(operation) or type(operation).__name__ in (*_CROPS, *_MAY_CROP):
            found.append(operation)
        if known and opaque is None and _weighs(operation):
            break
    return found


def _scales(operation):
    """Tell whether an operation is there to change the range of what it takes."""
    if isinstance(operation, _NORMALIZERS):
        return True
    own = _own_weights(operation)
    return bool(own) and all(len(weight.shape) < 2 for weight in own)


def _weighs(operation):
    return not _scales(operation) and bool(_own_weights(operation))


def _own_weights(operation):
    return operation.weights if isinstance(operation, keras.Layer) and not model_layers.children(operation) else []


class Entrance:
    """How the first image entered a model.

    Args:
        order: Pairs of an operation of `first_operations` and a call of it, in running order; see `taps.Recording`.

    Attributes:
        range: Least and greatest number that went into the first layer with weights; `None` where a layer that
            normalizes stands before it, or nobody knows.
        rescaling: The Rescaling that stands before it, or `None`.
        crop: The name of a layer that crops before it, and the sizes before and after; or `None`.
    """

    def __init__(self, order):
        self.range = self.rescaling = self.crop = None
        scaled = False
        for operation, call in order:
            given = [x for x in keras.tree.flatten((call.args, call.kwargs)) if hasattr(x, "numpy") and x.shape.rank]
            if not given:
                continue
            if _weighs(operation):
                values = np.asarray(given[0], "float64")
                self.range = None if scaled or not values.size else (float(values.min()), float(values.max()))
                return
            scaled = scaled or _scales(operation)
            if isinstance(operation, _LAYERS.Rescaling) and self.rescaling is None:
                self.rescaling = operation
            shapes = [tuple(getattr(x, "shape", ())) for x in (given[0], call.outputs)]
            sizes = [shape[1:3] if len(shape) == 4 else None for shape in shapes]
            if self.crop is None and None not in sizes and _crops(operation, call, *sizes):
                self.crop = operation.name, *sizes


def _crops(operation, call, before, after):
    if type(operation).__name__ in _CROPS:
        keys = keras.tree.flatten(call.args[1:]) if type(operation).__name__ == "GetItem" else []
        strided = any(isinstance(key, slice) and key.step not in (None, 1) for key in keys)
        return not strided and (after[0] < before[0] or after[1] < before[1])
    keeps = getattr(operation, "crop_to_aspect_ratio", True) or getattr(operation, "pad_to_aspect_ratio", False)
    return (
        type(operation).__name__ in _MAY_CROP
        and bool(keeps)
        and abs(before[0] * after[1] - before[1] * after[0]) >= max(*before, *after)
    )


def notices(explained, own_preprocessor):
    """Say what a user should know before looking at maps.

    Args:
        explained: An `ExplainedModel`.
        own_preprocessor: Whether the images go through the preprocessor that the model came with.

    Returns:
        A list of sentences.
    """
    images, entrance, found = explained.images, explained.entrance, []
    if own_preprocessor:
        found.append(
            "The images go through the model's own `preprocessor`, as in its `predict`. To leave that out, pass "
            "`preprocess=lambda x: x`."
        )
    if images.moved:
        found.append(
            "The pictures show what the model gets, because the images are cropped, padded or moved on the way to it: "
            "there the maps lie where they belong."
        )
    found += fitting_notices(*images.fitted_sizes)
    if images.deep:
        found.append("The pictures hold more than 8 bits of grey; the model gets their upper 8 bits, 0 to 255.")
    if not images.prepared:
        found += _of_range(images.inputs(0), entrance)
    if entrance.crop is not None:
        name, before, after = entrance.crop
        found.append(
            f"The model crops or pads its images ({name}: {before[0]} × {before[1]} to {after[0]} × {after[1]}), and a "
            "map of a layer behind that is drawn over the whole image: it is not in its place. Crop the images "
            "beforehand, or look at pixels, as Gradients does."
        )
    return found


def of_several(models):
    """Say where the maps of several models do not lie in their place: there is one picture of each image for all.

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
        "The images are cropped, padded or moved on the way to the models, and not for all alike. The pictures show "
        f"what {first.model.name!r} gets: the maps of the others may not be in their place."
    ]


def _of_range(image, entrance):
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0:
        return []
    if 0 < high <= 1 and entrance.rescaling is not None and np.max(np.abs(entrance.rescaling.scale)) <= 1 / 64:
        return [
            "The images are in 0 to 1 already, and the model scales them once more: it begins with Rescaling. If it "
            "was trained on 0 to 255, its scores and maps mean nothing: pass the images as they were before."
        ]
    whole = bool((finite == np.rint(finite)).all())
    if high <= 1.5 or not (whole or high > 32):
        return []
    most = 255 if high <= 255 else 65535 if high <= 65535 else round(high)
    if entrance.range is None or entrance.range[0] < -0.001 * high or entrance.range[1] < 0.75 * high:
        deep = "The images hold numbers up to {}, and go into the model as they are: more than the 255 of 8 bits."
        return [deep.format(most)] if high > 255 else []
    return [
        f"The images go into the model as they are, 0 to {most}, and nothing in it scales them before its first "
        "weights. If it was trained on another range, its scores and maps mean nothing: pass `preprocess=`."
    ]
