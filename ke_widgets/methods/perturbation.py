"""Perturbation methods: the score of the image without a part of it."""

from typing import Annotated, Any

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.baselines import baseline_of
from ke_widgets.engine.evaluations import Evaluations, image_of, scores, with_images
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.model.inputs import fitted
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def _windows(image: Tensor, window: int, stride: int) -> np.ndarray:
    """Return the pixels under each window, `(N, H, W)` of 0 and 1; the last row and column end at the border."""
    sides = []
    for size in image.shape[1:3]:
        starts = [*range(0, max(size - window, 0), stride), max(size - window, 0)]
        places = np.arange(size)
        sides.append([(places >= start) & (places < start + window) for start in starts])
    rows, columns = (np.array(side, "float32") for side in sides)
    return np.einsum("ih,jw->ijhw", rows, columns).reshape(-1, *image.shape[1:3])


def _begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    window: int,
    stride: int,
    baseline: Any,
    image_input: int | str | None,
) -> tuple[Tensor, Any, Tensor]:
    inputs = fitted(model, inputs)
    image = image_of(model, inputs, image_input)
    logits = scores(model, inputs, indices, indices_axis=indices_axis, indices_batch_dims=indices_batch_dims)
    windows = ops.cast(_windows(image, window, stride), image.dtype)
    sums = ops.zeros((*ops.shape(image)[:3], ops.shape(logits)[-1]), logits.dtype)
    return logits, (inputs, image, baseline_of(image, baseline), windows, logits), sums


def _covered(model: keras.Model, state: Any, numbers: Tensor, *, image_input: int | str | None) -> Inputs:
    inputs, image, other, windows, _ = state
    covered = ops.expand_dims(ops.take(windows, numbers, axis=0), (1, -1))
    return with_images(model, inputs, image * (1 - covered) + other * covered, image_input)


def _add(state: Any, sums: Tensor, found: Tensor, numbers: Tensor, counts: Tensor) -> Tensor:
    *_, windows, logits = state
    covered = ops.take(windows, numbers, axis=0) * ops.reshape(ops.cast(counts, windows.dtype), (-1, 1, 1))
    return sums + ops.einsum("shw,sbu->bhwu", ops.cast(covered, found.dtype), logits - found)


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
        postprocessing=filters.positive_normalize,
        unit="logit",
    )
}
