"""RISE: the mean of random masks, each weighted with the score of what it shows."""

from typing import Annotated, Any, Literal

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.backend import stateless_uniform
from ke_widgets.engine.evaluations import Evaluations
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.perturbation.perturbed import Perturbed, begin, masked, plus, weighted_masks
from ke_widgets.typing import Baseline, Inputs, SpatialAxis, Tensor


def random_masks(sizes: tuple[int, ...], cells: int, share: float, seed: int, numbers: Tensor, dtype: Any) -> Tensor:
    """Return smooth random masks: grids of cells that are 1 or 0, enlarged linearly and shifted at random.

    A grid is enlarged to one cell more than the image, and cut at a shift of less than a cell, so that no pixel is
    always at the edge of a cell. The expectation of each pixel is `share`.

    Args:
        sizes: Spatial sizes of the image.
        cells: Cells along each axis.
        share: Probability that a cell is 1.
        seed: Seed of cells and shifts.
        numbers: Numbers of the masks `(S,)`.
        dtype: A floating dtype; cells and shifts are the same for all.

    Returns:
        A tensor `(S, *sizes)`, in [0, 1].
    """
    count = cells ** len(sizes)
    drawn = stateless_uniform((count + len(sizes),), seed, numbers, "float32")
    masks = ops.cast(drawn[:, :count] < share, dtype)
    for axis, size in enumerate(sizes):
        side = -(-size // cells)  # Pixels of a cell.
        shift = ops.cast(ops.floor(drawn[:, count + axis, None] * side), "float64")
        place = (ops.arange(size, dtype="float64") + shift + 0.5) * (cells / ((cells + 1) * side)) - 0.5
        place = ops.clip(place, 0, cells - 1)[..., None]
        weights = ops.maximum(1 - ops.abs(place - ops.arange(cells, dtype="float64")), 0)
        # The first of the axes that are left; the enlarged one goes last.
        masks = ops.reshape(masks, (masks.shape[0], cells, -1))
        masks = ops.einsum("sgr,spg->srp", masks, ops.cast(weights, dtype))
    return ops.reshape(masks, (-1, *sizes))


def _count(state: Perturbed, *, samples: int, cells: int, share: float, divisor: str) -> int:
    check_count("samples", samples)
    check_count("cells", cells)
    if not 0 < share <= 1:
        raise ValueError(f"`share` must be above 0 and at most 1. Received: share={short_repr(share)}.")
    if divisor not in ("expectation", "masks"):
        raise ValueError(f"`divisor` must be 'expectation' or 'masks'. Received: divisor={short_repr(divisor)}.")
    state.known_sizes("`rise`")
    return samples


def _masked(
    model: keras.Model,
    state: Perturbed,
    numbers: Tensor,
    *,
    cells: int,
    share: float,
    seed: int,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Inputs:
    masks = random_masks(state.sizes, cells, share, seed, numbers, state.image.dtype)
    return masked(model, state, masks, spatial_axis=spatial_axis, image_input=image_input)


def _add(
    state: Perturbed,
    sums: Any,
    found: Tensor,
    numbers: Tensor,
    counts: Tensor,
    *,
    cells: int,
    share: float,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Add the masks weighted with their scores `(B, H, W, U)`, and the masks `(H, W)`."""
    masks, counts = random_masks(state.sizes, cells, share, seed, numbers, found.dtype), ops.cast(counts, found.dtype)
    weighted = weighted_masks(masks, found * counts[:, None, None])
    return plus(sums, (weighted, ops.tensordot(counts, masks, axes=1)))


def _end(state: Perturbed, sums: tuple[Tensor, Tensor], done: int, *, share: float, divisor: str) -> Tensor:
    weighted, masks = sums
    if divisor == "expectation":
        return weighted / (share * done)
    masks = ops.expand_dims(masks, -1)
    return ops.where(masks > 0, weighted / ops.where(masks > 0, masks, 1), 0)


@evaluated_by(Evaluations(count=_count, draw=_masked, add=_add, begin=begin, end=_end))
def rise(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    samples: Annotated[int, Range(1, 16384)] = 1000,
    cells: Annotated[int, Range(1, 32)] = 8,
    share: Annotated[float, Range(0.05, 1)] = 0.5,
    divisor: Literal["expectation", "masks"] = "expectation",
    baseline: Baseline = "zero",
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""RISE: the unit's mean logit over random masks that show a pixel.

    $$M_u(p) = \frac{1}{\mathbb{E}[m(p)] \, n} \sum_{s=1}^n m_s(p) \; y_u\big(x \odot m_s + x' \odot (1 - m_s)\big)$$

    where the masks `m` are grids of cells that are shown with the probability `share`, enlarged bilinearly and shifted
    at random, and `x'` is the baseline. Every pixel has a large common part, the mean logit of all masked images; what
    differs between pixels is what explains. All images of a batch get the same masks.

    Args:
        samples: Number of masks, `n`.
        cells: Cells of a mask along each axis.
        share: Probability that a cell is shown.
        divisor: What the sum is divided by: `"expectation"`, that of the masks, as in the paper; or `"masks"`, the sum
            of the masks that were drawn at this pixel, as in xplique, which varies less where masks are few.
        baseline: What is shown where the mask is 0: `"zero"`, `"black"`, `"mean"`, `"blur"`, `"white"`, a number, or
            an array.
        seed: Seed of the masks.
        batch_size: Masks per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, in logits.

    Raises:
        ValueError: If `samples`, `cells` or `share` is out of range, or `divisor` is unknown.

    Source:
        RISE: Randomized Input Sampling for Explanation of Black-box Models, arXiv:1806.07421, eq. 6 (there,
        probabilities).
    """
    ...


METHODS = {
    rise: Spec(
        "RISE",
        reads="inputs",
        source="arXiv:1806.07421, eq. 6",
        answers="How high is the score, on average, when this place is shown among random others?",
        postprocessing=filters.normalize,
        unit="logit",
    )
}
