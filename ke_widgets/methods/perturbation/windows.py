"""Occlusion: the score of the image without a window, for windows all over it."""

from typing import Annotated

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.perturbation.perturbed import Perturbed, begin_maps, masked, weighted_masks
from ke_widgets.methods.perturbation.sliding import count_windows, coverage, windows
from ke_widgets.typing import Baseline, Inputs, SpatialAxis, Tensor


def _covered(
    model: keras.Model,
    state: Perturbed,
    numbers: Tensor,
    *,
    window: int,
    stride: int,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Inputs:
    masks = 1 - windows(state.sizes, window, stride, numbers)
    return masked(model, state, masks, spatial_axis=spatial_axis, image_input=image_input)


def _add(
    state: Perturbed, sums: Tensor, found: Tensor, numbers: Tensor, counts: Tensor, *, window: int, stride: int
) -> Tensor:
    falls = (state.logits - found) * ops.cast(counts, found.dtype)[:, None, None]
    covered = ops.cast(windows(state.sizes, window, stride, numbers), found.dtype)
    return sums + weighted_masks(covered, falls)


@evaluated_by(
    Evaluations(
        count=lambda state, *, window, stride: count_windows(state.known_sizes("`occlusion`"), window, stride),
        draw=_covered,
        add=_add,
        begin=begin_maps,
        end=lambda state, sums, done, *, window, stride: sums / coverage(state.sizes, window, stride, sums.dtype),
        total=lambda image, signal, *, window, stride: count_windows(image[:-1], window, stride),
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
    baseline: Baseline = "zero",
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Occlusion: how much the unit's logit falls where a window covers the image.

    $$M_u(p) = \frac{1}{|W_p|} \sum_{w \in W_p} \big(y_u(x) - y_u(x \text{ without } w)\big)$$

    where `W_p` are the windows that cover pixel `p`; the last ones end at the border.

    Args:
        window: Rows and columns of the window, in pixels.
        stride: Pixels from one window to the next.
        baseline: What covers the image: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, or an array.
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
