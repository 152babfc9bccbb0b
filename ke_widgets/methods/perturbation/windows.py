"""Perturbation methods: the score of the image without a part of it."""

from typing import Annotated, Any

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations, plain
from ke_widgets.engine.images import baseline_image, image_of, with_images
from ke_widgets.errors.arguments import check_count
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _windows(sizes: tuple[int | None, ...], window: int, stride: int) -> np.ndarray:
    """Return the pixels under each window, `(N, H, W)` of 0 and 1; the last row and column end at the border."""
    found = np.ones((1,), "float32")
    for size in sizes:
        if size is None:
            raise ValueError(
                "The images of `occlusion` must have a known size, to be covered by windows. "
                f"Received: images of the size {sizes}. Give them as arrays, or in batches of one size."
            )
        starts = [*range(0, max(size - window, 0), stride), max(size - window, 0)]
        side = [(np.arange(size) >= start) & (np.arange(size) < start + window) for start in starts]
        found = np.einsum("n...,mw->nm...w", found, np.array(side, "float32"))
        found = found.reshape(-1, *found.shape[2:])
    return found


def _begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    window: int,
    stride: int,
    baseline: Any,
    image_input: int | str | None,
) -> tuple[Tensor, Any, Tensor]:
    check_count("window", window)
    check_count("stride", stride)
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    logits, inputs, _ = plain(model, inputs, indices, **axes)
    image = image_of(model, inputs, image_input, spatial_axis)
    other = baseline_image(model, inputs, baseline, image_input, spatial_axis)
    windows = ops.cast(_windows(image.shape[1:-1], window, stride), image.dtype)
    sums = ops.zeros((*ops.shape(image)[:-1], ops.shape(logits)[-1]), logits.dtype)
    return logits, (inputs, image, other, windows, logits), sums


def _covered(
    model: keras.Model, state: Any, numbers: Tensor, *, spatial_axis: SpatialAxis, image_input: int | str | None
) -> Inputs:
    inputs, image, other, windows, _ = state
    covered = ops.expand_dims(ops.take(windows, numbers, axis=0), (1, -1))
    return with_images(model, inputs, image * (1 - covered) + other * covered, image_input, spatial_axis)


def _add(state: Any, sums: Tensor, found: Tensor, numbers: Tensor, counts: Tensor) -> Tensor:
    *_, windows, logits = state
    covered = ops.cast(ops.take(windows, numbers, axis=0), found.dtype)
    return sums + ops.einsum("s...,sbu,s->b...u", covered, logits - found, ops.cast(counts, found.dtype))


@evaluated_by(
    Evaluations(
        count=lambda state: state[3].shape[0],
        draw=_covered,
        add=_add,
        begin=_begin,
        end=lambda state, sums, done: sums / ops.cast(ops.sum(state[3], axis=0)[..., None], sums.dtype),
    )
)
def occlusion(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    window: Annotated[int, Range(1, 512)] = 16,
    stride: Annotated[int, Range(1, 512)] = 8,
    baseline: float = 0.0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Occlusion: how much the unit's logit falls where a window covers the image.

    $$M_u(p) = \frac{1}{|W_p|} \sum_{w \in W_p} \big(y_u(x) - y_u(x \text{ without } w)\big)$$

    where `W_p` are the windows that cover pixel `p`; the last ones end at the border.

    Args:
        window: Rows and columns of the window, in pixels.
        stride: Pixels from one window to the next.
        baseline: What covers the image: a number, `"mean"`, `"blur"`, or an array.
        batch_size: Windows per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits.

    Source:
        Visualizing and Understanding Convolutional Networks, arXiv:1311.2901, sec. 4.2 (there, the score itself).
    """
    ...


METHODS = {
    occlusion: Spec(
        "Occlusion",
        reads="inputs",
        source="arXiv:1311.2901, sec. 4.2",
        answers="How much does the score fall when this place is covered?",
        postprocessing=filters.positive_normalize,
        unit="logit",
    )
}
