"""Means over copies of the image with noise."""

import functools
import numbers
from typing import Annotated, Any, Literal

import keras
from keras import ops
from keras.backend import is_float_dtype

from ke_widgets import backend
from ke_widgets.engine.evaluations import summed
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.methods import Evaluations, Range
from ke_widgets.methods.meta.wrapping import images_floating, made_of
from ke_widgets.model.inputs import image_positions
from ke_widgets.typing import Inputs, Method, Tensor


def smooth(
    method: Method,
    repetitions: Annotated[int, Range(1, 512)] = 25,
    noise: Annotated[float, Range(0, 1)] = 0.15,
    relative: bool = True,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    statistic: Literal["mean", "square", "variance"] = "mean",
) -> Method:
    r"""Return a method that takes the mean of a method's maps over copies of the image with Gaussian noise.

    $$M_u = \frac{1}{n} \sum_{s=1}^n M_u(x + \epsilon_s), \qquad \epsilon_s \sim \mathcal{N}(0, \sigma^2)$$

    All samples are noisy, and every image of a batch gets the same noise: the map of an image depends neither on the
    other images nor on `batch_size`.

    Args:
        method: A method of `ke_widgets.methods`, or one that this module made.
        repetitions: Number of samples, `n`.
        noise: Standard deviation of the noise; with 0, the result is the method itself.
        relative: Whether `noise` is a fraction of each image's `max - min`, as in the paper, or in units of the input.
        seed: Seed of the noise.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device. It changes the
            maps by rounding only.
        statistic: `"mean"` over the samples; `"square"`, the mean of the squares (SmoothGrad squared); `"variance"`
            (VarGrad), the mean square less the squared mean.

    Returns:
        A method. It returns the logits `(B, U)` of the image itself, without noise, and maps of the same shape as
        `method`.

    Raises:
        ValueError: If a number is out of range, or `statistic` is unknown.

    Source:
        SmoothGrad: removing noise by adding noise, arXiv:1706.03825. Variance and squares: arXiv:1810.03292,
        arXiv:1806.10758.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(2),
        ... ])
        >>> method = smooth(ke.methods.cams.gradcam, repetitions=4, noise=0.2)
        >>> logits, maps = method(ke.inspection.expose(model), np.zeros((1, 8, 8, 3)))
        >>> logits.shape == (1, 2), maps.shape == (1, 6, 6, 2), method is smooth(ke.methods.cams.gradcam, 4, 0.2)
        (True, True, True)
    """
    check_sampling(repetitions, noise, seed, batch_size)
    if statistic not in ("mean", "square", "variance"):
        raise ValueError(
            f"`statistic` must be 'mean', 'square' or 'variance'. Received: statistic={short_repr(statistic)}."
        )
    draws = float(noise), bool(relative), int(seed)
    return _smooth(
        method, samples_of(repetitions, noise), *draws, statistic, None if batch_size is None else int(batch_size)
    )


def check_sampling(repetitions: Any, noise: Any, seed: Any, batch_size: Any = None) -> None:
    size = 1 if batch_size is None else batch_size
    for name, value, least in (("repetitions", repetitions, 1), ("batch_size", size, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {name}={short_repr(value)}.")
    if not noise >= 0:
        raise ValueError(f"`noise` must be at least 0. Received: noise={short_repr(noise)}.")


def samples_of(repetitions: int, noise: float) -> int:
    """Return the number of samples: without noise all are equal, and summing them would only round."""
    return 1 if noise == 0 else int(repetitions)


@functools.lru_cache(maxsize=64)
def _smooth(
    method: Method, samples: int, noise: float, relative: bool, seed: int, statistic: str, batch_size: int | None
) -> Any:
    def begin(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Tensor, Any, None]:
        inputs = images_floating(model, inputs)
        return _logits(method, model, inputs, indices, params), inputs, None

    def draw(model: keras.Model, inputs: Inputs, numbers: Tensor) -> Inputs:
        return draw_noisy(model, inputs, numbers, noise=noise, relative=relative, seed=seed)

    def asks(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> Tensor:
        return method(model, inputs, indices, **params)[1]

    def add(state: Any, sums: Any, maps: Tensor, numbers: Tensor, counts: Tensor) -> list[Tensor]:
        """Add the maps, and their squares."""
        new = (maps, maps**2) if statistic != "mean" else (maps,)
        return [summed(state, old, x, numbers, counts) for old, x in zip(sums or [None, None], new)]

    def end(state: Any, sums: list[Tensor], done: int) -> Tensor:
        average, *squares = (x / done for x in sums)
        if statistic == "variance":
            return ops.maximum(squares[0] - ops.square(average), 0)
        return squares[0] if statistic == "square" else average

    evaluations = Evaluations(
        count=lambda state: samples,
        draw=draw,
        asks=asks,
        add=add,
        begin=begin,
        end=end,
        differentiates=True,
        batch_size=batch_size,
    )
    return made_of(method, "smooth", evaluations)


def _logits(
    method: Method, model: keras.Model, inputs: Inputs, indices: Tensor | None, params: dict[str, Any]
) -> Tensor:
    """Return the logits of the images themselves, from the beginning of a method that evaluates the model many times.

    A compiled function prunes this to a forward pass.
    """
    evaluations = getattr(method, "evaluations", None)
    if evaluations is None:
        return method(model, inputs, indices, **params)[0]
    return evaluations.start(model, inputs, indices, **params)[1]


def draw_noisy(
    model: keras.Model, inputs: Inputs, chosen: Tensor, *, noise: float, relative: bool, seed: int
) -> Inputs:
    """Return inputs `(B, ...)` plus the noise of the chosen samples: `(S * B, ...)`.

    Integers get none, nor what stands beside images.
    """
    flat = keras.tree.flatten(inputs)
    images = image_positions(inputs) if len(flat) > 1 else []

    def noisy(position: int, x: Tensor) -> Tensor:
        if not is_float_dtype(x.dtype) or (images and position not in images):
            return ops.tile(x, (chosen.shape[0], *[1] * (len(x.shape) - 1)))
        axes = tuple(range(1, len(x.shape)))
        spread = noise * (ops.max(x, axis=axes, keepdims=True) - ops.min(x, axis=axes, keepdims=True))
        drawn = backend.stateless_normal(ops.shape(x)[1:], seed, chosen * len(flat) + position, x.dtype)
        added = ops.expand_dims(drawn, 1) * (spread if relative else noise)
        return ops.reshape(x + added, (-1, *ops.shape(x)[1:]))

    return keras.tree.pack_sequence_as(inputs, [noisy(position, x) for position, x in enumerate(flat)])
