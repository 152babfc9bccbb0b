"""Path methods: gradients gathered on the way from a baseline image to the image."""

from typing import Annotated, Any

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations, image_gradients, plain
from ke_widgets.engine.images import baseline_image, image_of, with_images
from ke_widgets.errors.arguments import check_count
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
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
    baseline: Any,
    image_input: int | str | None,
) -> tuple[Tensor, Any, None]:
    check_count("steps", steps)
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    logits, inputs, _ = plain(model, inputs, indices, **axes)
    start = baseline_image(model, inputs, baseline, image_input, spatial_axis)
    return logits, (inputs, start, image_of(model, inputs, image_input, spatial_axis) - start), None


def _points(
    model: keras.Model,
    state: Any,
    numbers: Tensor,
    *,
    spatial_axis: SpatialAxis,
    steps: int,
    image_input: int | str | None,
) -> Inputs:
    inputs, start, way = state
    share = (ops.cast(numbers, way.dtype) + 0.5) / steps
    images = start + ops.einsum("s,b...->sb...", share, way)
    return with_images(model, inputs, images, image_input, spatial_axis)


@evaluated_by(
    Evaluations(
        count=lambda state, *, steps: steps,
        draw=_points,
        asks=image_gradients,
        begin=_begin,
        end=lambda state, sums, done: ops.einsum("b...c,bu...c->b...u", state[2], sums / done),
        differentiates=True,
    )
)
def integrated_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    steps: Annotated[int, Range(1, 512)] = 50,
    baseline: float = 0.0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Integrated gradients: what each pixel adds to the unit's logit on the way from a baseline to the image.

    $$M_u(p) = \sum_c (x - x')_{p,c} \int_0^1 \frac{\partial y_u}{\partial x_{p,c}}\big(x' + t (x - x')\big) \, dt$$

    where `x` is the image, `x'` the baseline, and `y_u` the unit's logit; the integral is a mean over the midpoints of
    equal steps.

    Args:
        steps: Number of steps on the way.
        baseline: The value that the image starts from: a number, `"mean"`, `"blur"`, or an array.
        batch_size: Steps per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits: the sum of a map tends to the logit of the image
        less that of the baseline.

    Source:
        Axiomatic Attribution for Deep Networks, arXiv:1703.01365, eq. 1 and 3 (there, the right end of each step).
    """
    ...


METHODS = {
    integrated_gradients: Spec(
        "Integrated gradients",
        reads="inputs",
        source="arXiv:1703.01365, eq. 1",
        answers="What does each pixel add to the score, on the way from an empty image?",
        postprocessing=filters.absolute_normalize,
        signed=True,
        unit="logit",
    )
}
