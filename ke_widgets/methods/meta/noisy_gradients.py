"""Gradients with respect to the pixels, over copies of the image with noise."""

import dataclasses
from typing import Annotated, Literal

import keras

from ke_widgets.engine.evaluations import image_gradients, plain
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Evaluations, Range, evaluated_by
from ke_widgets.methods.gradient import METHODS as OF_GRADIENTS
from ke_widgets.methods.gradient import check_channels, gradients, over_channels
from ke_widgets.methods.meta.smoothing import check_sampling, draw_noisy, samples_of
from ke_widgets.methods.meta.wrapping import images_floating
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _begin_smoothgrad(
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


@evaluated_by(
    Evaluations(
        count=lambda state, *, repetitions, noise: samples_of(repetitions, noise),
        draw=draw_noisy,
        asks=image_gradients,
        begin=_begin_smoothgrad,
        end=lambda state, sums, done, *, channels: over_channels(sums / done, channels),
        differentiates=True,
    )
)
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


# A mean of gradients: the rest of their `Spec` holds for it.
METHODS = {
    smoothgrad: dataclasses.replace(
        OF_GRADIENTS[gradients],
        title="SmoothGrad",
        source="arXiv:1706.03825",
        answers="Which pixels move the score most, on average over noisy copies of the image?",
    )
}
