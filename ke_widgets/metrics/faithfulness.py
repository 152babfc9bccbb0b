"""Measure deletion and insertion: how the score changes as pixels go or come in the order of a map."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.baselines import as_floats, baseline_of
from ke_widgets.engine.evaluations import Evaluations, each_step
from ke_widgets.engine.forward import forward
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import check_model, gather_units
from ke_widgets.methods import Progress
from ke_widgets.metrics.sizes import resized
from ke_widgets.metrics.spec import Curve, Result, Spec, measured_by
from ke_widgets.model.inputs import image_position
from ke_widgets.model.units import scores_of
from ke_widgets.targets.target import as_columns
from ke_widgets.typing import ArrayLike, Inputs, Tensor


def _curves(
    model: keras.Model,
    inputs: Inputs,
    maps: ArrayLike,
    y: ArrayLike | None,
    *,
    steps: int,
    baseline: Any,
    activation: str | Callable[[Tensor], Tensor] | None,
    batch_size: int | None,
    image_input: int | str | None,
    deletes: bool,
) -> Iterator[Progress]:
    """Compute the scores of all shares for all maps, `batch_size` at a time, and yield a `Progress` after each."""
    check_model(model)
    check_count("steps", steps)
    inputs = keras.tree.map_structure(ops.convert_to_tensor, inputs)
    position, flat = image_position(model, inputs, image_input), keras.tree.flatten(inputs)
    images, maps = _checked(flat[position], maps)
    pair = (images, baseline_of(images, baseline))
    flat[position], other = pair if deletes else pair[::-1]
    size, units, count = images.shape[1:3], maps.shape[-1], len(maps) * maps.shape[-1]
    taken = (np.arange(steps + 1) * size[0] * size[1] + steps // 2) // steps
    data, chosen = _data(model, inputs, y, maps, activation)
    ranks = ops.convert_to_tensor(_ranks(maps, size).reshape(count, *size))
    taken_so_far = ops.convert_to_tensor(taken, "int32")
    state = (keras.tree.pack_sequence_as(inputs, flat), other, ranks, taken_so_far, data)
    total = len(taken) * count
    batch = _WALK.size(images, total, batch_size)
    own = {"total": total, "units": units, "position": position, "chosen": chosen}
    walk = each_step(
        _WALK, model, None, state, np.full(total, np.nan), batch, activation=keras.activations.get(activation), **own
    )
    for number, (_, scores) in enumerate(walk, 1):
        curves = scores.reshape(len(taken), len(maps), units).swapaxes(0, 1)
        yield Progress(number, -(-total // batch), functools.partial(_result, taken / taken[-1], curves))


def _draw(model: keras.Model, state: Any, numbers: Tensor, *, units: int, position: int) -> tuple[Inputs, Any]:
    """Return inputs of which the image is partly its `other` one, and data of the target.

    Number `n` is map `n % count`, with the share `n // count` of its pixels.
    """
    inputs, other, ranks, taken, data = state
    count = ops.shape(ranks)[0]
    share, which = numbers // count, numbers % count
    image = which // units
    changed = ops.take(ranks, which, axis=0) < ops.reshape(ops.take(taken, share), (-1, 1, 1))
    flat = [ops.take(x, image, axis=0) for x in keras.tree.flatten(inputs)]
    flat[position] = ops.where(ops.expand_dims(changed, -1), ops.take(other, image, axis=0), flat[position])
    drawn = keras.tree.pack_sequence_as(inputs, flat)
    return drawn, None if data is None else ops.take(data, image, axis=0)


def _asked(model: keras.Model, drawn: tuple[Inputs, Any], indices: None) -> Tensor:
    """Return the scores of the target; without one, the model's first output `(N, U_all)`."""
    inputs, data = drawn
    outputs, _ = forward(model, inputs)
    if getattr(model, "target", None) is not None:
        return scores_of(model, outputs, data)
    if len(outputs.shape) != 2:
        raise ValueError(
            "`model` must give one score for each unit, (B, U), as its first output. "
            f"Received: {model.name!r}, whose first output has the shape {tuple(outputs.shape)}."
        )
    return outputs


def _add(
    state: Any,
    scores: np.ndarray,
    values: Tensor,
    numbers: Tensor,
    counts: Tensor,
    *,
    units: int,
    chosen: np.ndarray | None,
    activation: Callable[[Tensor], Tensor],
) -> np.ndarray:
    """Note the scores of the explained units; not compiled, so that a new activation compiles nothing."""
    outputs, numbers = values[:, 0], ops.convert_to_numpy(numbers)
    if chosen is None and outputs.shape[-1] != units:
        raise ValueError(
            f"`y` must say which units the maps explain, unless there is one for each of the {outputs.shape[-1]}. "
            f"Received: y=None, and {units} maps for each image."
        )
    which = numbers % state[2].shape[0]
    unit = which % units if chosen is None else chosen[which]
    found = gather_units(activation(outputs), ops.convert_to_tensor(unit[:, None], "int32"))
    scores = scores.copy()
    scores[numbers] = ops.convert_to_numpy(found)[:, 0]
    return scores


_WALK = Evaluations(count=lambda state, *, total: total, draw=_draw, asks=_asked, add=_add)


@measured_by(functools.partial(_curves, deletes=True))
def deletion(
    model: keras.Model,
    inputs: Inputs,
    maps: ArrayLike,
    y: ArrayLike | None = None,
    *,
    steps: int = 32,
    baseline: Any = 0.0,
    activation: str | Callable[[Tensor], Tensor] | None = None,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> Result:
    r"""Compute the unit's score as pixels are removed in the order of the map, the highest first.

    $$A_u = \int_0^1 s_u\big(x_0 \odot T_f + x \odot (1 - T_f)\big) \, df$$

    where `s_u` is the unit's score, `x` the image, `x_0` the baseline, and `T_f` is 1 on the share `f` of the pixels
    with the highest map values and 0 elsewhere. A small area means a faithful map.

    Args:
        model: A `keras.Model`; the scores are its first output. A plain model returns what it was trained to, such as
            probabilities; an exposed one returns what its target makes of logits.
        inputs: Images `(B, H, W, C)`, preprocessed as the model was trained; for a model of several inputs, a list or
            dict of them.
        maps: One map for each unit, `(B, H', W', U)`, any range; resized bilinearly to the image. Only the
            order counts. Pixels of equal value are taken in reading order.
        y: Which units the maps explain, `(B, U)`, also `(B,)` or one for all; `None` if they explain all. Data of the
            target, where the model has one.
        steps: Number of shares of pixels beside 0: evenly spaced, up to all pixels.
        baseline: The value that replaces pixels: a number, `"mean"` (of each image and channel), `"blur"` (`blur` with
            a tenth of the longer side), or an array that broadcasts to `inputs`. Zero, as in the paper, is grey for a
            model that takes centred images, and black for one that takes pixels.
        activation: A function, or the name of one in `keras.activations`, that turns the model's output `(N, U_all)`
            into scores, such as `"softmax"` for logits; `None` leaves it.
        batch_size: Images per forward pass; `None` takes the fastest on this device. It does not change the scores.
        image_input: Name or position of the image whose pixels change, in a model of several.

    Returns:
        A `Result`: areas `(B, U)` under the scores by trapezoids, in units of the score, between its lowest and its
        highest value; and the curve, shares of pixels `(S + 1,)` from 0 to 1, and scores `(B, S + 1, U)` at each.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If shapes do not fit, a map is not finite, or an argument is invalid.

    Source:
        RISE: Randomized Input Sampling for Explanation of Black-box Models, arXiv:1806.07421, sec. 4.1.

    Examples:
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(),
        ...                           keras.layers.Dense(1, use_bias=False)])
        >>> model.set_weights([np.array([[1.0], [2.0], [4.0], [8.0]])])
        >>> maps = np.array([[1.0, 2.0], [4.0, 8.0]]).reshape(1, 2, 2, 1)
        >>> result = deletion(model, np.ones((1, 2, 2, 1)), maps, steps=4)
        >>> result.curve.scores.ravel()
        array([15.,  7.,  3.,  1.,  0.])
        >>> result.values
        array([[4.625]])
    """
    ...


@measured_by(functools.partial(_curves, deletes=False))
def insertion(
    model: keras.Model,
    inputs: Inputs,
    maps: ArrayLike,
    y: ArrayLike | None = None,
    *,
    steps: int = 32,
    baseline: Any = "blur",
    activation: str | Callable[[Tensor], Tensor] | None = None,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> Result:
    r"""Compute the unit's score as pixels are inserted in the order of the map, the highest first.

    $$A_u = \int_0^1 s_u\big(x \odot T_f + x_0 \odot (1 - T_f)\big) \, df$$

    with the symbols of `deletion`. A large area means a faithful map.

    Args:
        baseline: The image to start from. By default the blurred image, as in the paper: inserted pixels then make
            no edges that the image does not have. See `deletion` for this and the other arguments.

    Returns:
        A `Result` as `deletion` does. It raises the same errors.

    Source:
        RISE: Randomized Input Sampling for Explanation of Black-box Models, arXiv:1806.07421, sec. 4.1. The authors'
        code blurs images of 224 pixels less than we do, so that figures differ: `baseline=blur(inputs, 3)` is near it.

    Examples:
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(),
        ...                           keras.layers.Dense(1, use_bias=False)])
        >>> model.set_weights([np.array([[1.0], [2.0], [4.0], [8.0]])])
        >>> maps = np.array([[1.0, 2.0], [4.0, 8.0]]).reshape(1, 2, 2, 1)
        >>> result = insertion(model, np.ones((1, 2, 2, 1)), maps, steps=4, baseline=0.0)
        >>> result.curve.scores.ravel()
        array([ 0.,  8., 12., 14., 15.])
    """
    ...


def _result(shares: np.ndarray, scores: np.ndarray) -> Result:
    widths = np.diff(shares)[:, None]
    return Result(((scores[:, 1:] + scores[:, :-1]) / 2 * widths).sum(axis=1), Curve(shares, scores))


def _ranks(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return each pixel's rank `(B, U, H, W)` in its map: 0 for the highest."""
    flat = np.moveaxis(resized(maps, size), -1, 1).reshape(len(maps), maps.shape[-1], -1)
    order = np.argsort(-flat, axis=-1, kind="stable")
    ranks = np.empty(order.shape, "int32")
    np.put_along_axis(ranks, order, np.arange(order.shape[-1], dtype="int32"), axis=-1)
    return ranks.reshape(*flat.shape[:2], *size)


def _checked(images: Tensor, maps: ArrayLike) -> tuple[Tensor, np.ndarray]:
    images, maps = as_floats(images), np.asarray(maps)
    if len(images.shape) != 4 or maps.ndim != 4 or len(maps) != len(images) or 0 in (*images.shape, *maps.shape):
        raise ValueError(
            "`inputs` (B, H, W, C) and `maps` (B, H', W', U) must have the same B, and no axis may be empty. "
            f"Received: shapes {tuple(images.shape)} and {maps.shape}."
        )
    if not np.isfinite(maps).all():
        raise ValueError(f"`maps` must be finite. Received: {(~np.isfinite(maps)).sum()} values that are not.")
    # Booleans cannot be negated, and unsigned integers not safely.
    return images, maps if maps.dtype.kind == "f" else maps.astype("float64")


def _data(
    model: keras.Model, inputs: Inputs, y: ArrayLike | None, maps: np.ndarray, activation: Any
) -> tuple[Tensor | None, np.ndarray | None]:
    """Return data of the target, one entry for each image; and the unit of each map, `(B * U,)`."""
    target: Any = getattr(model, "target", None)
    if target is None:
        return None, None if y is None else _units(y, maps)
    if activation is not None:
        raise ValueError(
            f"`activation` must be None for a model with a target, which gives the scores. Received: {target}, and "
            f"activation={short_repr(activation)}."
        )
    if y is not None:
        y = target.prepare(y, len(maps)) if hasattr(target, "prepare") else np.asarray(y)
    elif hasattr(target, "hold"):
        y = target.hold(forward(model, inputs)[0])
    return None if y is None else ops.convert_to_tensor(y), None


def _units(y: ArrayLike, maps: np.ndarray) -> np.ndarray:
    units = as_columns(np.asarray(y), len(maps))
    if units.shape != (len(maps), maps.shape[-1]) or units.dtype.kind not in "iu":
        raise ValueError(
            f"`y` must name one unit for each map by its number, shape {(len(maps), maps.shape[-1])}. "
            f"Received: shape {np.shape(y)}, {units.dtype}."
        )
    return units.reshape(-1)


_RISE = "arXiv:1806.07421, sec. 4.1"
METRICS = {
    deletion: Spec("Deletion", better="lower", needs=("model",), source=_RISE),
    insertion: Spec("Insertion", better="higher", needs=("model",), source=_RISE),
}
