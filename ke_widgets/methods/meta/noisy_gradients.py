"""Gradients with respect to the pixels, over copies of the image with noise."""

import dataclasses
from typing import Annotated, Any, Literal

import keras
from keras import ops

from ke_widgets.engine.evaluations import image_gradients, plain, summed
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Evaluations, Range, evaluated_by
from ke_widgets.methods.gradient import METHODS as OF_GRADIENTS
from ke_widgets.methods.gradient import check_channels, gradients, over_channels
from ke_widgets.methods.meta.smoothing import check_sampling, draw_noisy, samples_of
from ke_widgets.methods.meta.wrapping import images_floating
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    channels: str,
    repetitions: int,
    noise: float,
    seed: int,
) -> tuple[Tensor, Inputs, None]:
    check_sampling(repetitions, noise, seed)
    check_channels(channels)
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    return plain(model, images_floating(model, inputs), indices, **axes)


def _evaluations(add: Any, end: Any) -> Evaluations:
    """Describe what looks at the gradients of noisy copies: `add` gathers them, `end` makes the map."""
    return Evaluations(
        count=lambda state, *, repetitions, noise: samples_of(repetitions, noise),
        draw=draw_noisy,
        asks=image_gradients,
        begin=_begin,
        add=add,
        end=end,
        differentiates=True,
    )


def _add_squares(state: Any, sums: Tensor | None, grads: Tensor, numbers: Any, counts: Tensor) -> Tensor:
    return summed(state, sums, ops.square(grads), numbers, counts)


def _add_deviations(state: Any, sums: Any, grads: Tensor, numbers: Any, counts: Tensor) -> list[Tensor]:
    """Add the deviations from the first sample, and their squares: they round far less than the gradients' own."""
    first, *before = sums or (grads[0], None, None)
    apart = grads - first
    new = (apart, ops.square(apart))
    return [first, *(summed(state, old, x, numbers, counts) for old, x in zip(before, new))]


def _variance(state: Any, sums: list[Tensor], done: int, *, channels: str) -> Tensor:
    _, total, squares = sums
    return over_channels(ops.maximum(squares / done - ops.square(total / done), 0), channels)


def _mean(state: Any, sums: Tensor, done: int, *, channels: str) -> Tensor:
    return over_channels(sums / done, channels)


@evaluated_by(_evaluations(summed, _mean))
def smoothgrad(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    channels: Literal["max", "mean"] = "max",
    repetitions: Annotated[int, Range(1, 512)] = 25,
    noise: Annotated[float, Range(0, 1)] = 0.15,
    relative: bool = True,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""SmoothGrad: how strongly each pixel moves the unit's logit, averaged over noisy copies of the image.

    $$M_u(p) = \max_c \Big| \frac{1}{n} \sum_{s=1}^n \frac{\partial y_u}{\partial x_{p,c}}(x + \epsilon_s) \Big|$$

    The signed gradients are averaged, so that gradients whose sign changes with the noise cancel;
    `smooth(gradients)` averages their absolute values instead.

    Args:
        channels: How the colour channels of a pixel become one number: `"max"` or `"mean"`.
        repetitions: Number of samples, `n`.
        noise: Standard deviation of the noise.
        relative: Whether `noise` is a fraction of each image's `max - min`, or in units of the input.
        seed: Seed of the noise.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device. It changes the
            maps by rounding only.
        image_input: See `gradients`.

    Returns:
        The logits `(B, U)` of the image itself, without noise, and maps `(B, H, W, U)`, at least 0, in logits per unit
        of input.

    Raises:
        ValueError: If an argument is out of range, or no input, or more than one, is the image.

    Source:
        SmoothGrad: removing noise by adding noise, arXiv:1706.03825.
    """
    ...


@evaluated_by(_evaluations(_add_deviations, _variance))
def vargrad(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    channels: Literal["max", "mean"] = "max",
    repetitions: Annotated[int, Range(1, 512)] = 25,
    noise: Annotated[float, Range(0, 1)] = 0.15,
    relative: bool = True,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""VarGrad: where the gradient of the unit's logit changes most between noisy copies of the image.

    $$M_u(p) = \max_c \Big( \frac{1}{n} \sum_{s=1}^n g_{s,p,c}^2 - \big(\frac{1}{n} \sum_{s=1}^n g_{s,p,c}\big)^2 \Big),
    \qquad g_s = \frac{\partial y_u}{\partial x}(x + \epsilon_s)$$

    the population variance (divided by `n`) of the signed gradient at each colour channel; the channels become one
    number afterwards. Before that it is SquareGrad less the square of the signed SmoothGrad.

    Args:
        channels: How the colour channels of a pixel become one number, after the variance: `"max"` or `"mean"`.
        repetitions: Number of samples, `n`.
        noise: Standard deviation of the noise.
        relative: Whether `noise` is a fraction of each image's `max - min`, or in units of the input.
        seed: Seed of the noise.
        batch_size: See `smoothgrad`.
        image_input: See `gradients`.

    Returns:
        The logits `(B, U)` of the image itself, and maps `(B, H, W, U)`, at least 0: squares of logits per unit of
        input. With one sample, or in a linear model, they are 0.

    Raises:
        ValueError: See `smoothgrad`.

    Source:
        Sanity Checks for Saliency Maps, arXiv:1810.03292 (appendix), and Local Explanation Methods for Deep Neural
        Networks Lack Sensitivity to Parameter Values, arXiv:1810.03307.
    """
    ...


@evaluated_by(_evaluations(_add_squares, _mean))
def squaregrad(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    channels: Literal["max", "mean"] = "max",
    repetitions: Annotated[int, Range(1, 512)] = 25,
    noise: Annotated[float, Range(0, 1)] = 0.15,
    relative: bool = True,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""SquareGrad (SmoothGrad squared): how large the gradient is on average over noisy copies, whatever its sign.

    $$M_u(p) = \max_c \frac{1}{n} \sum_{s=1}^n \Big( \frac{\partial y_u}{\partial x_{p,c}}(x + \epsilon_s) \Big)^2$$

    the mean of the squares of the gradient at each colour channel; the channels become one number afterwards.

    Args:
        channels: How the colour channels of a pixel become one number, after the mean: `"max"` or `"mean"`.
        repetitions: Number of samples, `n`.
        noise: Standard deviation of the noise.
        relative: Whether `noise` is a fraction of each image's `max - min`, or in units of the input.
        seed: Seed of the noise.
        batch_size: See `smoothgrad`.
        image_input: See `gradients`.

    Returns:
        The logits `(B, U)` of the image itself, and maps `(B, H, W, U)`, at least 0: squares of logits per unit of
        input. Without noise, the square of the map of `gradients`.

    Raises:
        ValueError: See `smoothgrad`.

    Source:
        A Benchmark for Interpretability Methods in Deep Neural Networks, arXiv:1806.10758.
    """
    ...


_OF_GRADIENTS = OF_GRADIENTS[gradients]
# What is not said here is as for the gradients themselves.
METHODS = {
    smoothgrad: dataclasses.replace(
        _OF_GRADIENTS,
        title="SmoothGrad",
        source="arXiv:1706.03825",
        answers="Which pixels move the score most, on average over noisy copies of the image?",
    ),
    vargrad: dataclasses.replace(
        _OF_GRADIENTS,
        title="VarGrad",
        source="arXiv:1810.03292",
        answers="Where does the effect of a pixel change most when noise is added to the image?",
        unit="",
    ),
    squaregrad: dataclasses.replace(
        _OF_GRADIENTS,
        title="SquareGrad",
        source="arXiv:1806.10758",
        answers="Which pixels move the score most, up or down, over noisy copies of the image?",
        unit="",
    ),
}
