"""Blur integrated gradients: the gradients on the way from the blurred image to the sharp one."""

from typing import Annotated, Any

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.baselines import blurred
from ke_widgets.engine.evaluations import Evaluations, image_gradients, plain, scores
from ke_widgets.engine.images import image_of, with_images
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.model.inputs import fitted
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    steps: int,
    blur: float,
    image_input: int | str | None,
) -> tuple[Tensor, Any, None]:
    check_count("steps", steps)
    if not blur > 0:
        raise ValueError(f"`blur` must be above 0. Received: blur={short_repr(blur)}.")
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    logits, inputs, _ = plain(model, inputs, indices, **axes)
    return logits, (inputs, image_of(model, inputs, image_input, spatial_axis)), None


def _at(image: Tensor, step: Tensor, steps: int, blur: float) -> Tensor:
    """Return images `(S, B, H, W, C)`: step 0 is the most blurred one, `steps` the image itself."""
    most = blur * max(image.shape[1:-1])
    return blurred(image, most * (1 - ops.cast(step, image.dtype) / steps))


def _draw(
    model: keras.Model,
    state: Any,
    numbers: Tensor,
    *,
    spatial_axis: SpatialAxis,
    steps: int,
    blur: float,
    image_input: int | str | None,
) -> Inputs:
    inputs, image = state
    images = _at(image, ops.cast(numbers, image.dtype) + 0.5, steps, blur)
    return with_images(model, inputs, images, image_input, spatial_axis)


def _add(
    state: Any, sums: Tensor | None, gradients: Tensor, numbers: Tensor, counts: Tensor, *, steps: int, blur: float
) -> Tensor:
    _, image = state
    sharper = _at(image, numbers + 1, steps, blur) - _at(image, numbers, steps, blur)
    sharper = ops.cast(ops.einsum("s,sb...->sb...", ops.cast(counts, image.dtype), sharper), gradients.dtype)
    found = ops.einsum("sb...c,sbu...c->b...u", sharper, gradients)
    return found if sums is None else sums + found


@evaluated_by(
    Evaluations(
        count=lambda state, *, steps: steps,
        draw=_draw,
        asks=image_gradients,
        add=_add,
        begin=_begin,
        end=lambda state, sums, done: sums,
        differentiates=True,
    )
)
def blur_integrated_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    steps: Annotated[int, Range(1, 512)] = 50,
    blur: Annotated[float, Range(0.01, 1)] = 0.2,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Blur integrated gradients: what each pixel adds to the unit's logit while the image becomes sharp.

    $$M_u(p) = -\int_0^{\sigma_0} \sum_c \frac{\partial y_u}{\partial x_{p,c}}(x_\sigma)
    \frac{\partial x_{\sigma,p,c}}{\partial \sigma} \, d\sigma$$

    where `x_σ` is the image blurred by a Gaussian of the standard deviation `σ`, cut off and normalized at the borders
    (PAIR's code pads with zeros). Gradients are taken at the middle of equal steps of `σ`, and multiplied by the
    change of the image in the step.

    Args:
        steps: Number of gradients on the way.
        blur: Where the way begins, `σ_0`, as a share of the longer side of the image; PAIR's is 50 pixels.
        batch_size: Steps per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits: the sum of a map tends to the logit of the image
        less that of the blurred one.

    Raises:
        ValueError: If `steps` or `blur` is not above 0.

    Source:
        Attribution in Scale and Space, arXiv:2004.03383, eq. 5.
    """
    ...


def _reference(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    blur: float,
    image_input: int | str | None = None,
) -> Tensor:
    start = _at_shares(model, inputs, ops.zeros(1), blur=blur, spatial_axis=spatial_axis, image_input=image_input)
    return scores(model, start, indices, indices_axis=indices_axis, indices_batch_dims=indices_batch_dims)


def _at_shares(
    model: keras.Model,
    inputs: Inputs,
    shares: Tensor,
    *,
    blur: float,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    image_input: int | str | None = None,
) -> Inputs:
    inputs = fitted(model, inputs)
    images = _at(image_of(model, inputs, image_input, spatial_axis), shares, 1, blur)
    return with_images(model, inputs, images, image_input, spatial_axis)


METHODS = {
    blur_integrated_gradients: Spec(
        "Blur integrated gradients",
        reads="inputs",
        source="arXiv:2004.03383, eq. 5",
        answers="What does each pixel add to the score, while the image becomes sharp?",
        postprocessing=filters.absolute_normalize,
        signed=True,
        unit="logit",
        reference=_reference,
        way=_at_shares,
    )
}
