"""Expected gradients: integrated gradients averaged over images of a background set."""

from typing import Annotated, Any

import keras
import numpy as np

from ke_widgets import filters
from ke_widgets.engine.evaluations import Evaluations, image_gradients
from ke_widgets.errors.arguments import check_count
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Range, Spec, evaluated_by
from ke_widgets.methods.path import straight
from ke_widgets.typing import ArrayLike, Inputs, SpatialAxis, Tensor


def _images(background: Any) -> list[np.ndarray]:
    """Check a background set, and return its images."""
    try:
        images = np.asarray(background, "float64")
    except (TypeError, ValueError):
        images = np.asarray(None)
    if background is None or images.ndim < 2 or not len(images):
        raise ValueError(
            "`background` must hold images as the model takes them, (N, H, W, C), whose maps are averaged. "
            f"Received: background={short_repr(background)}."
        )
    return list(images)


def _begin(
    model: keras.Model, inputs: Inputs, indices: Any, *, samples: int, background: Any, seed: int, **axes: Any
) -> Any:
    check_count("samples", samples)
    images = _images(background)
    rng = np.random.default_rng(seed)
    drawn = rng.random((samples, 2))  # One row for each sample, so that the first ones are the same for any number.
    points = np.floor(drawn[:, 0] * len(images)), drawn[:, 1], np.full(samples, 1 / samples)
    return straight.begin(model, inputs, indices, images, points, **axes)


@evaluated_by(
    Evaluations(
        count=straight.count,
        draw=straight.draw,
        asks=image_gradients,
        add=straight.add,
        begin=_begin,
        end=straight.end,
        differentiates=True,
    )
)
def expected_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    background: ArrayLike | None = None,
    samples: Annotated[int, Range(1, 4096)] = 100,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Expected gradients: what each pixel adds to the unit's logit on the way from other images to this one.

    $$M_u(p) = \mathbb{E}_{x' \sim D,\, t \sim \mathcal{U}(0, 1)} \sum_c (x - x')_{p,c}
    \frac{\partial y_u}{\partial x_{p,c}}\big(x' + t (x - x')\big)$$

    where `D` is the background set: the mean of the integrated gradients from each of its images. Each sample draws an
    image of the background and a point on the way from it, the same ones for every image of a batch. (shap and captum
    call it GradientSHAP, and add noise to the image on request.)

    Args:
        background: Images `(N, H, W, C)` as the model takes them.
        samples: Number of gradients.
        seed: Seed of the samples.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device.
        image_input: See `gradients`, and `ke_widgets.methods` for the other arguments.

    Returns:
        Logits `(B, U)` and maps `(B, H, W, U)`, signed, in logits: with many samples, the sum of a map tends to the
        logit of the image less the mean logit of the background.

    Raises:
        ValueError: If `background` is missing, or does not fit the images.

    Source:
        Improving performance of deep learning models with axiomatic attribution priors and expected gradients,
        arXiv:1906.10670, eq. 3.
    """
    ...


def _reference(*args: Any, background: Any, **axes: Any) -> Tensor:
    return straight.mean_score(*args, baseline=_images(background), **axes)


METHODS = {
    expected_gradients: Spec(
        "Expected gradients",
        reads="inputs",
        source="arXiv:1906.10670, eq. 3",
        answers="What does each pixel add to the score, on the way from your other images?",
        postprocessing=filters.absolute_normalize,
        signed=True,
        unit="logit",
        reference=_reference,
        data=("background",),
    )
}
