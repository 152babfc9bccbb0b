"""Gather the explained units; check at run time what only then is known: units, scores, batches, finite inputs."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import as_tensor, check, current_trace, holds_floats, static_value
from ke_widgets.model.grids import at_least_float32
from ke_widgets.typing import ArrayLike, Inputs, Tensor

OUT_OF_RANGE = "`y` (the units to explain) must count from 0 to one less than the number of units"
OTHER_BATCH = "The exposed signal must have one entry for each image"
NOT_FINITE = "`x` must be finite"
WITHOUT_CANDIDATE = "`y` must hold boxes that overlap a candidate of the model"
# Errors of a compiled function with these texts are about the user's data.
FOUND_BY_A_RUN = (OUT_OF_RANGE, OTHER_BATCH, NOT_FINITE, WITHOUT_CANDIDATE)


def check_units(indices: ArrayLike, number: int | Tensor) -> ArrayLike:
    """Refuse units out of range: at once if their values are known, else when the compiled function runs.

    Args:
        indices: Integers, a tensor or an array.
        number: The number of units; an integer, or a tensor known only at run time.

    Returns:
        The indices, behind the check.

    Raises:
        ValueError: If an index is below 0, or `number` or more. In a compiled function, a
            `backend.CheckError` with the same text.
    """
    known = static_value(indices) if ops.is_tensor(indices) else np.asarray(indices)
    if known is not None and isinstance(number, int):
        if known.size and (known.min() < 0 or known.max() >= number):
            raise ValueError(f"{OUT_OF_RANGE}, {number}. Received: units from {known.min()} to {known.max()}.")
        return indices
    fits = ops.logical_and(ops.all(indices >= 0), ops.all(indices < ops.cast(number, indices.dtype)))
    return check(fits, indices, [f"{OUT_OF_RANGE},", number, ". Received:", indices])


def gather_units(tensor: Tensor, indices: Tensor | None, axis: int = -1, batch_dims: int = -1) -> Tensor:
    """Take the explained units from a tensor of scores.

    Args:
        tensor: Scores `(B, U_all)`, or any tensor with units along `axis`.
        indices: Which units, `(B, U)`; `None` takes them all.
        axis: Axis of the units in `tensor`.
        batch_dims: Number of leading axes that `tensor` and `indices` share; -1 for all but the last of `indices`.

    Returns:
        The units `(B, U)`.

    Raises:
        ValueError: If an index is out of range.

    Examples:
        >>> gather_units(ops.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]), ops.array([[2], [0]])).numpy().ravel()
        array([0.7, 0.3], dtype=float32)
    """
    if indices is None:
        return tensor
    rank, depth = len(tensor.shape), len(indices.shape)
    axis, batch_dims = axis % rank, batch_dims % depth
    indices = check_units(indices, ops.shape(tensor)[axis])
    # Everything becomes (batch..., units, rest): then one `take_along_axis` does it, whatever the axes were.
    tensor = ops.moveaxis(tensor, axis, batch_dims)
    shape, chosen = ops.shape(tensor), ops.shape(indices)
    flat = ops.reshape(indices, (*chosen[:batch_dims], -1, *[1] * (rank - batch_dims - 1)))
    taken = ops.take_along_axis(tensor, ops.cast(flat, "int32"), axis=batch_dims)
    taken = ops.reshape(taken, (*chosen, *shape[batch_dims + 1 :]))
    added = depth - batch_dims
    order = list(range(rank + added - 1))
    middle = order[batch_dims : batch_dims + added]
    outer = order[batch_dims + added : axis + added]
    return ops.transpose(taken, [*order[:batch_dims], *outer, *middle, *order[axis + added :]])


def scores_of(
    model: keras.Model, outputs: Any, y: Tensor | None, indices_axis: int = -1, indices_batch_dims: int = -1
) -> Tensor:
    """Compute the explained scores from the first output of a model.

    Args:
        model: An exposed model with a `target`; without one, units of the logits are explained.
        outputs: Its first output, such as logits `(B, U_all)`; half precision is cast to float32.
        y: Data of the target, such as units `(B, U)`.
        indices_axis: Axis of the units in the logits; a target ignores it.
        indices_batch_dims: Leading axes that logits and units share; a target ignores them.

    Returns:
        Scores `(B, U)`.

    Raises:
        ValueError: If the target, or `y`, does not fit the outputs.
    """
    outputs = keras.tree.map_structure(at_least_float32, outputs)
    target: Any = getattr(model, "target", None)
    if target is None:
        check_scores(outputs, model)
        return gather_units(outputs, y, indices_axis, indices_batch_dims)
    shapes = [tuple(x.shape) for x in keras.tree.flatten(outputs)]
    if len(shapes) == 1 and hasattr(target, "check"):
        target.check(shapes[0], model.name.removesuffix("_exposed"))
    scores = target(outputs, y)
    if len(scores.shape) != 2:
        raise ValueError(
            f"A target must give scores (B, U). Received: {target}, which gives the shape {tuple(scores.shape)}."
        )
    return scores


def check_scores(scores: Tensor, model: keras.Model) -> None:
    """Refuse scores that are not one for each unit.

    Args:
        scores: The model's logits.
        model: The model, for the message.

    Raises:
        ValueError: If they are not `(B, U)`.
    """
    check_scores_shape(scores.shape, model.name)


def check_scores_shape(shape: Iterable[int | None], name: str) -> None:
    """Refuse a known shape of scores other than `(B, U)`. See `check_scores`."""
    shape = tuple(shape)
    if len(shape) == 2:
        return
    if len(shape) > 2:
        mend = (
            "Explain one channel of a segmentation by `target=ke.targets.Region(channel)`, such as "
            "`ke.gradcam(model, x, target=ke.targets.Region(0))`."
        )
    else:
        mend = (
            "Give them that shape, such as `scored = keras.Model(model.input, keras.ops.reshape(model.output, "
            '(-1, 1)))`, then `ke.inspection.expose(scored, "layer")`.'
        )
    raise ValueError(
        f"The scores must be (B, U), one for each unit. Received: {name!r}, whose scores have the shape {shape}. {mend}"
    )


def check_batch(signal: Tensor, logits: Tensor, where: str) -> Tensor:
    """Refuse a signal without one entry for each image, such as attention windows on the batch axis.

    Args:
        signal: A tensor `(B, ...)`.
        logits: The model's logits `(B, U)`.
        where: The signal's name, for the message.

    Returns:
        The signal, behind the check.

    Raises:
        ValueError: If it does not. In a compiled function, a `backend.CheckError` with the same text.
    """
    advice = "Choose a layer outside of what cuts images into windows, or puts frames into the batch."
    entries, images = signal.shape[0], logits.shape[0]
    if entries is not None and images is not None:
        if entries != images:
            raise ValueError(f"{OTHER_BATCH}. Received: {where}, with {entries} for {images} images. {advice}")
        return signal
    entries, images = ops.shape(signal)[0], ops.shape(logits)[0]
    words = [f"{OTHER_BATCH}. Received: {where}, with", entries, "for", images, f"images. {advice}"]
    return check(ops.equal(entries, images), signal, words)


def check_candidates(overlaps: Tensor) -> Tensor:
    """Check that each box overlaps a candidate.

    Args:
        overlaps: Intersection over union `(B, N)` of one box for each image with the candidates.

    Returns:
        The overlaps, behind the check.

    Raises:
        ValueError: If an image has none above 0. In a compiled function, a `backend.CheckError` with the same text.
    """
    alone = ops.all(overlaps <= 0, axis=-1)
    text = f"{WITHOUT_CANDIDATE}. Received: boxes without one in images"
    if current_trace() is None:
        if bool(ops.any(alone)):
            raise ValueError(f"{text} {np.flatnonzero(alone).tolist()}.")
        return overlaps
    return check(ops.logical_not(ops.any(alone)), overlaps, [text, alone, "of a batch."])


def check_finite(inputs: Inputs) -> Inputs:
    """Refuse images with NaN or infinity, whose maps would be NaN, or all 0 after a filter.

    Args:
        inputs: Tensors `(B, ...)`, nested as the model takes them.

    Returns:
        The inputs, behind the check.

    Raises:
        ValueError: If they are not. In a compiled function, a `backend.CheckError` with the same text.
    """
    return keras.tree.map_structure(_finite, inputs)


def _finite(x):
    x = as_tensor(x)
    if not holds_floats(x):
        return x
    wrong = ops.any(ops.logical_not(ops.isfinite(x)), axis=tuple(range(1, len(x.shape))))
    if current_trace() is None:
        if bool(ops.any(wrong)):
            raise ValueError(not_finite(np.flatnonzero(wrong)))
        return x
    words = [f"{NOT_FINITE}. Received: NaN or infinity in images", wrong, "of a batch."]
    return check(ops.logical_not(ops.any(wrong)), x, words)


def not_finite(images: Sequence[int] | np.ndarray) -> str:
    """Return a message that names the images with NaN or infinity."""
    shown = ", ".join(map(str, images[:8])) + (", ..." if len(images) > 8 else "")
    return f"{NOT_FINITE}. Received: NaN or infinity in {len(images)} images: {shown}."
