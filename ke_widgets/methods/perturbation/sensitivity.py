"""Sobol indices and HSIC: how much the score depends on each segment, when all of them vary at random."""

from typing import Annotated, Any

import keras
import numpy as np
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import stateless_uniform
from ke_widgets.engine.evaluations import Evaluations
from ke_widgets.errors.arguments import check_count
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.perturbation.dependence import constant, hilbert_schmidt
from ke_widgets.methods.perturbation.perturbed import masked, plus
from ke_widgets.methods.perturbation.segments import (
    Segmented,
    begin_segments,
    number_of_segments,
    showing,
    shown,
    spread,
)
from ke_widgets.typing import ArrayLike, Baseline, Inputs, Shape, SpatialAxis, Tensor


def _count_sobol(state: Segmented, *, samples: int) -> int:
    check_count("samples", samples)
    return samples * (state.number + 1)


def replaced(samples: int, number: int, seed: int, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how much of each segment is shown in the evaluations of Sobol indices.

    The first `samples` evaluations are rows of a matrix `A` of uniform numbers; those after it, row by row, the same
    rows with the entry of one segment replaced by that of another matrix, `B`.

    Args:
        samples: The number of rows.
        number: The number of segments.
        seed: Seed of the matrices.
        numbers: Numbers of the evaluations `(S,)`.

    Returns:
        The values `(S, number)` in [0, 1), float32; the rows `(S,)`; and which segment is replaced, 1 there,
        `(S, number)`, float64: none in the rows of `A`.
    """
    beyond = ops.maximum(numbers - samples, 0)
    rows = ops.where(numbers < samples, numbers, beyond // number)
    drawn = stateless_uniform((2 * number,), seed, rows, "float32")
    is_replaced = ops.logical_and(
        (beyond % number)[:, None] == ops.arange(number, dtype="int32"), (numbers >= samples)[:, None]
    )
    return ops.where(is_replaced, drawn[:, number:], drawn[:, :number]), rows, ops.cast(is_replaced, "float64")


def _total_sobol(image: Shape, signal: Shape, *, samples: int, grid: int, segments: ArrayLike | None) -> int:
    return samples * (1 + number_of_segments(image, grid, segments))


def _add_sobol(
    state: Segmented, sums: Any, found: Tensor, numbers: Tensor, counts: Tensor, *, samples: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Keep the scores `(N, B, U)` of the first rows, and add the squared differences `(B, M, U)` of the others."""
    _, rows, is_replaced = replaced(samples, state.number, seed, numbers)
    found, counts = ops.cast(found, "float64"), ops.cast(counts, "float64")[:, None]
    kept = ops.cast(numbers[:, None] == ops.arange(samples, dtype="int32"), "float64") * counts
    first = ops.einsum("sn,sbu->nbu", kept, found)
    first = first if sums is None else sums[0] + first
    squares = ops.square(ops.take(first, rows, axis=0) - found)
    squares = ops.einsum("sm,sbu->bmu", is_replaced * counts, squares)
    return first, squares if sums is None else sums[1] + squares


def _end_sobol(state: Segmented, sums: tuple[Tensor, Tensor], done: int, *, samples: int) -> Tensor:
    first, squares = sums
    first = first[: min(done, samples)]
    beyond = max(done - samples, 0)
    counts = beyond // state.number + (np.arange(state.number) < beyond % state.number)
    mean = ops.mean(first, axis=0)
    variance = ops.sum(ops.square(first - mean), axis=0) / max(first.shape[0] - 1, 1)
    variance = ops.where(constant(first, state.logits.dtype), 0, variance)[:, None]
    below = 2 * variance * ops.convert_to_tensor(np.maximum(counts, 1.0)[:, None])
    return spread(state, ops.where(below > 0, squares / ops.where(below > 0, below, 1), 0))


@evaluated_by(
    Evaluations(
        count=_count_sobol,
        draw=showing(lambda *drawn: replaced(*drawn)[0]),
        add=_add_sobol,
        begin=begin_segments,
        end=_end_sobol,
        total=_total_sobol,
    )
)
def sobol(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    samples: Annotated[int, Range(2, 1024)] = 32,
    grid: Annotated[int, Range(2, 16)] = 7,
    segments: ArrayLike | None = None,
    baseline: Baseline = "zero",
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Sobol indices: what share of the variance of the unit's logit a segment takes part in, as all segments fade.

    $$M_u(i) = \frac{1}{2 N \, \mathrm{Var}_n \, y_u(x_{A_n})}
    \sum_{n=1}^N \big(y_u(x_{A_n}) - y_u(x_{A_n^{(i)}})\big)^2$$

    where `x_z` mixes image and baseline, each segment by its own number in [0, 1]; `A` has `N` rows of uniform random
    numbers, and in $A^{(i)}$ those of segment `i` are replaced by others: the total index, by Jansen's estimator. Each
    pixel has the index of its segment (the paper enlarges the grid smoothly). The paper draws quasi-random numbers;
    these are seeded ones, and need no power of two.

    Args:
        samples: Number of rows, `N`; the model is run `N (M + 1)` times for `M` segments.
        grid: See `lime`.
        segments: See `lime`.
        baseline: What replaces the image: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, or an array.
        seed: Seed of the numbers; every image of a batch gets the same.
        batch_size: Evaluations per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, without a sign: 1 is the whole variance. Over the segments
        they sum to about 1 where segments add up, and to more where they work together. 0 for a constant logit.

    Raises:
        ValueError: If a number is out of range, or `segments` do not fit the image.

    Source:
        Look at the Variance! Efficient Black-box Explanations with Sobol-based Sensitivity Analysis,
        arXiv:2111.04138, sec. 3.
    """
    ...


def _draw_hsic(
    model: keras.Model,
    state: Segmented,
    numbers: Tensor,
    *,
    seed: int,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Inputs:
    masks = shown(state, _halves(state, numbers, seed))
    return masked(model, state, masks, spatial_axis=spatial_axis, image_input=image_input)


def _halves(state: Segmented, numbers: Tensor, seed: int) -> Tensor:
    return ops.cast(stateless_uniform((state.number,), seed, numbers, "float32") < 0.5, "float64")


def _add_hsic(
    state: Segmented, sums: Any, found: Tensor, numbers: Tensor, counts: Tensor, *, samples: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Keep the coalitions `(N, M)` and the scores `(N, B, U)`."""
    kept = (
        ops.cast(numbers[:, None] == ops.arange(samples, dtype="int32"), "float64")
        * ops.cast(counts, "float64")[:, None]
    )
    drawn = ops.einsum("sn,sm->nm", kept, _halves(state, numbers, seed))
    return plus(sums, (drawn, ops.einsum("sn,sbu->nbu", kept, ops.cast(found, "float64"))))


def _end_hsic(state: Segmented, sums: tuple[Tensor, Tensor], done: int) -> Tensor:
    drawn, found = sums[0][:done], sums[1][:done]
    values = hilbert_schmidt(drawn, found)
    return spread(state, ops.where(constant(found, state.logits.dtype)[:, None], 0, values))


def _count_hsic(state: Segmented, *, samples: int) -> int:
    check_count("samples", samples)
    return samples


@evaluated_by(Evaluations(count=_count_hsic, draw=_draw_hsic, add=_add_hsic, begin=begin_segments, end=_end_hsic))
def hsic(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    samples: Annotated[int, Range(2, 4096)] = 500,
    grid: Annotated[int, Range(2, 16)] = 7,
    segments: ArrayLike | None = None,
    baseline: Baseline = "zero",
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""HSIC: how strongly the unit's logit depends, in any way, on whether a segment is shown.

    $$M_u(i) = \frac{1}{(n - 1)^2} \operatorname{tr}(K_i H L H), \qquad K_i = \delta(z_i, z'_i), \quad
    L = e^{-(y - y')^2 / 2 s^2}, \quad H = 1 - \tfrac{1}{n}$$

    over pairs of `n` images of which a random half of the segments is shown, `z` being 1 there; `s` is the median
    distance of two logits, so that neither their scale nor a constant changes the map. (xplique takes the median of the
    logits, and divides by `n`.) Each pixel has the value of its segment (the paper enlarges the grid smoothly, and
    draws the samples more evenly).

    Args:
        samples: Number of images, `n`.
        grid: See `lime`.
        segments: See `lime`.
        baseline: What hidden segments show: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, or an array.
        seed: Seed of the samples; every image of a batch gets the same.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, at least 0, without a sign or unit; that of a segment on which the
        logit does not depend tends to 0 with the number of samples.

    Raises:
        ValueError: If a number is out of range, or `segments` do not fit the image.

    Source:
        Making Sense of Dependence: Efficient Black-box Explanations Using Dependence Measure, arXiv:2206.06219, sec. 3.
    """
    ...


METHODS = {
    sobol: Spec(
        "Sobol indices",
        reads="inputs",
        source="arXiv:2111.04138, sec. 3",
        answers="What share of the score's variance does this segment take part in?",
        postprocessing=filters.normalize,
    ),
    hsic: Spec(
        "HSIC",
        reads="inputs",
        source="arXiv:2206.06219, sec. 3",
        answers="How strongly does the score depend on whether this segment is shown?",
        postprocessing=filters.normalize,
    ),
}
