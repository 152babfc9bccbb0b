"""Measure deletion and insertion: how the score changes as pixels go or come in the order of a map."""

import collections
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.engine.batch_size import batch_size_for
from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.gradients import forward
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import check_model, gather_units
from ke_widgets.methods import Progress
from ke_widgets.metrics.baselines import as_floats, baseline_of
from ke_widgets.metrics.sizes import resized
from ke_widgets.typing import ArrayLike, Tensor


def deletion(
    model: keras.Model,
    inputs: ArrayLike,
    maps: ArrayLike,
    indices: ArrayLike | None = None,
    *,
    steps: int = 32,
    baseline: Any = 0.0,
    activation: str | Callable[[Tensor], Tensor] | None = None,
    batch_size: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Compute the unit's score as pixels are removed in the order of the map, the highest first.

    $$A_u = \int_0^1 s_u\big(x_0 \odot T_f + x \odot (1 - T_f)\big) \, df$$

    where `s_u` is the unit's score, `x` the image, `x_0` the baseline, and `T_f` is 1 on the share `f` of the pixels
    with the highest map values and 0 elsewhere. A small area means a faithful map.

    Args:
        model: A `keras.Model` that takes one image input; the scores are its first output. A plain model returns what
            it was trained to, such as probabilities; an exposed one returns logits.
        inputs: Images `(B, H, W, C)`, preprocessed as the model was trained.
        maps: One map for each unit, `(B, H', W', U)`, any range; resized bilinearly to the image. Only the
            order counts. Pixels of equal value are taken in reading order.
        indices: Which units the maps explain, `(B, U)`; `None` if they explain all.
        steps: Number of shares of pixels beside 0: evenly spaced, up to all pixels.
        baseline: The value that replaces pixels: a number, `"mean"` (of each image and channel), `"blur"` (`blur` with
            a tenth of the longer side), or an array that broadcasts to `inputs`. Zero, as in the paper, is grey for a
            model that takes centred images, and black for one that takes pixels.
        activation: A function, or the name of one in `keras.activations`, that turns the model's output `(N, U_all)`
            into scores, such as `"softmax"` for logits; `None` leaves it.
        batch_size: Images per forward pass; `None` takes the fastest on this device. It does not change the scores.

    Returns:
        Shares of pixels `(S + 1,)`, from 0 to 1; scores `(B, S + 1, U)` at each; and areas `(B, U)` under them by
        trapezoids, in units of the score, between its lowest and its highest value.

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
        >>> shares, scores, areas = deletion(model, np.ones((1, 2, 2, 1)), maps, steps=4)
        >>> scores.ravel()
        array([15.,  7.,  3.,  1.,  0.])
        >>> areas
        array([[4.625]])
    """
    options = {"steps": steps, "baseline": baseline, "activation": activation, "batch_size": batch_size}
    return _last(step_by_step(deletion, model, inputs, maps, indices, **options))


def insertion(
    model: keras.Model,
    inputs: ArrayLike,
    maps: ArrayLike,
    indices: ArrayLike | None = None,
    *,
    steps: int = 32,
    baseline: Any = "blur",
    activation: str | Callable[[Tensor], Tensor] | None = None,
    batch_size: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Compute the unit's score as pixels are inserted in the order of the map, the highest first.

    $$A_u = \int_0^1 s_u\big(x \odot T_f + x_0 \odot (1 - T_f)\big) \, df$$

    with the symbols of `deletion`. A large area means a faithful map.

    Args:
        baseline: The image to start from. By default the blurred image, as in the paper: inserted pixels then make
            no edges that the image does not have. See `deletion` for this and the other arguments.

    Returns:
        Shares of pixels `(S + 1,)`, scores `(B, S + 1, U)` and areas `(B, U)`, as `deletion` does. It raises
        the same errors.

    Source:
        RISE: Randomized Input Sampling for Explanation of Black-box Models, arXiv:1806.07421, sec. 4.1. The authors'
        code blurs images of 224 pixels less than we do, so that figures differ: `baseline=blur(inputs, 3)` is near it.

    Examples:
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(),
        ...                           keras.layers.Dense(1, use_bias=False)])
        >>> model.set_weights([np.array([[1.0], [2.0], [4.0], [8.0]])])
        >>> maps = np.array([[1.0, 2.0], [4.0, 8.0]]).reshape(1, 2, 2, 1)
        >>> shares, scores, areas = insertion(model, np.ones((1, 2, 2, 1)), maps, steps=4, baseline=0.0)
        >>> scores.ravel()
        array([ 0.,  8., 12., 14., 15.])
    """
    options = {"steps": steps, "baseline": baseline, "activation": activation, "batch_size": batch_size}
    return _last(step_by_step(insertion, model, inputs, maps, indices, **options))


def step_by_step(
    metric: Callable[..., Any],
    model: keras.Model,
    inputs: ArrayLike,
    maps: ArrayLike,
    indices: ArrayLike | None = None,
    **options: Any,
) -> Iterator[Progress]:
    """Run `deletion` or `insertion` step by step, with a stop after each step. Leave the loop to cancel.

    Args:
        metric: `deletion` or `insertion`; the other arguments are its own.

    Yields:
        A `ke.methods.Progress` after each `batch_size` images, whose `result` returns what the metric returns;
        unknown scores and areas are NaN. Shares are computed in order, for all images together.

    Raises:
        ValueError: If `metric` is neither; see also `deletion`.

    Examples:
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
        >>> image, maps = np.ones((1, 2, 2, 1)), np.arange(4.0).reshape(1, 2, 2, 1)
        >>> for progress in step_by_step(deletion, model, image, maps, steps=4, batch_size=2):
        ...     shares, scores, areas = progress.result()
        ...     print(progress.done, "of", progress.total, "with", np.isfinite(scores).sum(), "scores")
        1 of 3 with 2 scores
        2 of 3 with 4 scores
        3 of 3 with 5 scores
    """
    if metric not in (deletion, insertion):
        raise ValueError(f"`metric` must be `deletion` or `insertion`. Received: metric={short_repr(metric)}.")
    bound = inspect.signature(metric).bind(model, inputs, maps, indices, **options)
    bound.apply_defaults()
    steps, baseline, activation, batch_size = (bound.kwargs[name] for name in inspect.getfullargspec(metric).kwonlyargs)
    check_model(model)
    _check_counts(steps=steps, **({} if batch_size is None else {"batch_size": batch_size}))
    images, maps, indices = _checked(inputs, maps, indices)
    batch_size = batch_size_for(images, differentiated=False) if batch_size is None else batch_size
    changed = baseline_of(images, baseline)
    pair = (images, changed) if metric is deletion else (changed, images)
    activation = keras.activations.get(activation)
    yield from _curves(model, pair, _ranks(maps, images.shape[1:3]), indices, steps, activation, batch_size)


def _last(progress: Iterator[Progress]) -> Any:
    return collections.deque(progress, maxlen=1).pop().result()


def _curves(
    model: keras.Model,
    pair: tuple[Tensor, Tensor],
    ranks: np.ndarray,
    indices: np.ndarray | None,
    steps: int,
    activation: Callable[[Tensor], Tensor],
    batch_size: int,
) -> Iterator[Progress]:
    """Compute the scores of all shares for all maps, `batch_size` at a time, and yield a `Progress` after each."""
    batch, units, *size = ranks.shape
    pixels, count = size[0] * size[1], batch * units
    taken = (np.arange(steps + 1) * pixels + steps // 2) // steps
    scores = np.full((steps + 1) * count, np.nan)
    chunk = min(batch_size, len(scores))
    total = -(-len(scores) // chunk)
    tensors = (*pair, ops.convert_to_tensor(ranks.reshape(count, *size)))
    for number in range(total):
        # The last step is as large as the others and repeats some: so there is one shape to compile for.
        first = min(number * chunk, len(scores) - chunk)
        step, which = np.divmod(np.arange(first, first + chunk), count)
        wanted = tuple(ops.convert_to_tensor(n, "int32") for n in (which // units, which, taken[step]))
        found = compiled(_outputs, model)((*tensors, *wanted), None)
        _check_scores(model, found, indices, units)
        # Outside of the compiled function, so that a new activation compiles nothing.
        chosen = which % units if indices is None else indices.reshape(-1)[which]
        found = gather_units(activation(found), ops.convert_to_tensor(chosen[:, None], "int32"))
        scores[first : first + chunk] = ops.convert_to_numpy(found)[:, 0]
        curves = scores.reshape(steps + 1, batch, units).swapaxes(0, 1)
        yield Progress(number + 1, total, functools.partial(_with_areas, taken / pixels, curves.copy()))


def _outputs(model: keras.Model, tensors: tuple[Tensor, ...], _: object) -> Tensor:
    """Return the model's first output `(N, U_all)` for `N` images of which each is partly `start`, partly `end`."""
    start, end, ranks, images, maps, taken = tensors
    changed = ops.take(ranks, maps, axis=0) < ops.reshape(taken, (-1, 1, 1))
    start, end = (ops.take(x, images, axis=0) for x in (start, end))
    return forward(model, ops.where(ops.expand_dims(changed, -1), end, start))[0]


def _with_areas(shares: np.ndarray, scores: np.ndarray) -> Any:
    widths = np.diff(shares)[:, None]
    return shares, scores, ((scores[:, 1:] + scores[:, :-1]) / 2 * widths).sum(axis=1)


def _ranks(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return each pixel's rank `(B, U, H, W)` in its map: 0 for the highest."""
    flat = np.moveaxis(resized(maps, size), -1, 1).reshape(len(maps), maps.shape[-1], -1)
    order = np.argsort(-flat, axis=-1, kind="stable")
    ranks = np.empty(order.shape, "int32")
    np.put_along_axis(ranks, order, np.arange(order.shape[-1], dtype="int32"), axis=-1)
    return ranks.reshape(*flat.shape[:2], *size)


def _checked(
    inputs: ArrayLike, maps: ArrayLike, indices: ArrayLike | None
) -> tuple[Tensor, np.ndarray, np.ndarray | None]:
    images, maps = as_floats(inputs), np.asarray(maps)
    if len(images.shape) != 4 or maps.ndim != 4 or len(maps) != len(images) or 0 in (*images.shape, *maps.shape):
        raise ValueError(
            "`inputs` (B, H, W, C) and `maps` (B, H', W', U) must have the same B, and no axis may be empty. "
            f"Received: shapes {tuple(images.shape)} and {maps.shape}."
        )
    if not np.isfinite(maps).all():
        raise ValueError(f"`maps` must be finite. Received: {(~np.isfinite(maps)).sum()} values that are not.")
    if indices is not None:
        indices = np.asarray(indices)
        if indices.shape != (len(maps), maps.shape[-1]) or indices.dtype.kind not in "iu":
            raise ValueError(
                f"`indices` must name one unit for each map by its number, shape {(len(maps), maps.shape[-1])}. "
                f"Received: shape {indices.shape}, {indices.dtype}."
            )
    # Booleans cannot be negated, and unsigned integers not safely.
    return images, maps if maps.dtype.kind == "f" else maps.astype("float64"), indices


def _check_counts(**counts: object) -> None:
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be an integer of at least 1. Received: {name}={short_repr(value)}.")


def _check_scores(model: keras.Model, scores: Tensor, indices: np.ndarray | None, units: int) -> None:
    if len(scores.shape) != 2:
        raise ValueError(
            "`model` must give one score for each unit, (B, U), as its first output. "
            f"Received: {model.name!r}, whose first output has the shape {tuple(scores.shape)}."
        )
    if indices is None and scores.shape[-1] != units:
        raise ValueError(
            f"`indices` must say which units the maps explain, unless there is one for each of the {scores.shape[-1]}. "
            f"Received: indices=None, and {units} maps for each image."
        )
