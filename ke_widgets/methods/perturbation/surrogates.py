"""LIME and KernelSHAP: a linear model of the score, in which segments of the image are shown."""

from typing import Annotated, Any

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.perturbation.coalitions import by_shapley_kernel, coins, count_coalitions, shapley_weights
from ke_widgets.methods.perturbation.perturbed import plus
from ke_widgets.methods.perturbation.regression import Moments, moments, ridge, with_sum
from ke_widgets.methods.perturbation.segments import Segmented, begin_segments, number_of_segments, showing, spread
from ke_widgets.typing import ArrayLike, Baseline, Inputs, Shape, SpatialAxis, Tensor


def _count_lime(state: Segmented, *, samples: int, kernel_width: float, penalty: float) -> int:
    for name, value in (("kernel_width", kernel_width), ("penalty", penalty)):
        if not (value > 0 or (name == "penalty" and value == 0)):
            least = "at least 0" if name == "penalty" else "above 0"
            raise ValueError(f"`{name}` must be {least}. Received: {name}={short_repr(value)}.")
    return count_coalitions(samples, state.number)


def _total(image: Shape, signal: Shape, *, samples: int, grid: int, segments: ArrayLike | None) -> int:
    return count_coalitions(samples, number_of_segments(image, grid, segments))


def _add_lime(
    state: Segmented,
    sums: Moments | None,
    found: Tensor,
    numbers: Tensor,
    counts: Tensor,
    *,
    samples: int,
    kernel_width: float,
    seed: int,
) -> Moments:
    chosen = coins(samples, state.number, seed, numbers)
    share = ops.matmul(chosen, ops.transpose(state.present)) / ops.sum(state.present, axis=1)
    # The cosine of the angle between `chosen` and all ones is the root of the share; that of zeros counts as 0.
    weights = ops.exp(-0.5 * ops.square((1 - ops.sqrt(share)) / kernel_width))
    return plus(sums, moments(chosen, weights * ops.cast(counts, "float64")[:, None], found))


@evaluated_by(
    Evaluations(
        count=_count_lime,
        draw=showing(coins),
        add=_add_lime,
        begin=begin_segments,
        end=lambda state, sums, done, *, penalty: spread(state, ridge(sums, penalty)),
        total=_total,
    )
)
def lime(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    samples: Annotated[int, Range(1, 16384)] = 1000,
    grid: Annotated[int, Range(2, 16)] = 7,
    segments: ArrayLike | None = None,
    kernel_width: Annotated[float, Range(0.01, 10)] = 0.25,
    penalty: Annotated[float, Range(0, 100)] = 1.0,
    baseline: Baseline = "zero",
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""LIME: a linear model of the unit's logit near the image, with one coefficient for each segment of it.

    $$\min_{c, w} \sum_{z} \pi(z) \Big(y_u(x_z) - c - \sum_i w_i z_i\Big)^2 + \alpha \sum_i w_i^2, \qquad
    \pi(z) = e^{-d(z)^2 / 2 \sigma^2}$$

    where `x_z` shows the segments with `z_i = 1` and the baseline elsewhere, `d` is the cosine distance of `z` from all
    ones, and $\sigma$ the kernel width: images of which more is shown weigh more. Each pixel has the coefficient of
    its segment. The first sample is the image; if `samples` reach for it, all coalitions are evaluated, once.

    Args:
        samples: Number of images `x_z`, at least the number of segments.
        grid: Segments along each axis, where `segments` is `None`.
        segments: Integers `(H, W)`, the segment of each pixel, as `superpixels` and scikit-image give them, or one such
            array for each image of a single batch.
        kernel_width: Width of the kernel; the smaller, the more only nearly whole images count.
        penalty: Weight of the ridge penalty, `alpha` in the formula and in the package lime.
        baseline: What hidden segments show: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, or an
            array. The package lime fills each with
            its mean colour.
        seed: Seed of the samples; every image of a batch gets the same.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits.

    Raises:
        ValueError: If there are more segments than samples, `segments` do not fit, or a number is out of range.

    Source:
        "Why Should I Trust You?" Explaining the Predictions of Any Classifier, arXiv:1602.04938, eq. 2; kernel and
        ridge as in the package lime 0.2 (there, of probabilities).
    """
    ...


def _add_shap(
    state: Segmented, sums: Any, found: Tensor, numbers: Tensor, counts: Tensor, *, samples: int, seed: int
) -> tuple[Moments, Tensor]:
    """Add the moments, and the scores of the baseline, the first of the evaluations."""
    chosen, counts = by_shapley_kernel(samples, state.number, seed, numbers), ops.cast(counts, "float64")[:, None]
    empty = ops.cast(numbers == 0, "float64")[:, None, None] * ops.cast(found, "float64")
    weights = counts * shapley_weights(samples, state.number, chosen)
    return plus(sums, (moments(chosen, weights, found), ops.sum(empty, axis=0)))


def _end_shap(state: Segmented, sums: tuple[Moments, Tensor], done: int) -> Tensor:
    found, empty = sums
    return spread(state, with_sum(found, empty, ops.cast(state.logits, "float64") - empty, state.present))


@evaluated_by(
    Evaluations(
        count=lambda state, *, samples: count_coalitions(samples, state.number),
        draw=showing(by_shapley_kernel),
        add=_add_shap,
        begin=begin_segments,
        end=_end_shap,
        total=_total,
    )
)
def kernel_shap(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    samples: Annotated[int, Range(1, 16384)] = 1000,
    grid: Annotated[int, Range(2, 16)] = 7,
    segments: ArrayLike | None = None,
    baseline: Baseline = "zero",
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""KernelSHAP: how much each segment adds to the unit's logit, on average over the orders of showing them.

    $$\min_\phi \sum_{z} \frac{M - 1}{\binom{M}{|z|} |z| (M - |z|)} \Big(y_u(x_z) - y_u(x') - \sum_i \phi_i z_i\Big)^2
    \qquad \text{with} \quad \sum_i \phi_i = y_u(x) - y_u(x')$$

    where `x_z` shows those of the `M` segments with `z_i = 1` and the baseline `x'` elsewhere: $\phi$ are the Shapley
    values. They are exact if `samples` reach for all `2^M` coalitions, which are then evaluated once each; otherwise
    coalitions are drawn by this kernel, in pairs of complements. Each pixel has the value of its segment.

    Args:
        samples: Number of images `x_z`, at least the number of segments.
        grid: See `lime`.
        segments: See `lime`.
        baseline: What hidden segments show: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, or an array.
        seed: Seed of the samples; every image of a batch gets the same.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits. The sum over segments (not over their pixels) is the
        logit of the image less that of the baseline, exactly, whatever the number of samples.

    Raises:
        ValueError: If there are more segments than samples, or `segments` do not fit the image.

    Source:
        A Unified Approach to Interpreting Model Predictions, arXiv:1705.07874, theorem 2.
    """
    ...


METHODS = {
    lime: Spec(
        "LIME",
        reads="inputs",
        source="arXiv:1602.04938, eq. 2",
        answers="What does this segment add to the score, in a linear model near the image?",
        postprocessing=filters.positive_normalize,
        signed=True,
        unit="logit",
    ),
    kernel_shap: Spec(
        "KernelSHAP",
        reads="inputs",
        source="arXiv:1705.07874, theorem 2",
        answers="What is this segment's fair share of the score, as a Shapley value?",
        postprocessing=filters.positive_normalize,
        signed=True,
        unit="logit",
    ),
}
