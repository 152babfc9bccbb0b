"""What perturbation methods share: the image, what replaces it, and inputs of which a mask shows a part."""

from typing import Any, NamedTuple, TypeVar

import keras
from keras import ops

from ke_widgets.engine.evaluations import plain
from ke_widgets.engine.images import baseline_image, image_of, with_images
from ke_widgets.typing import Inputs, SpatialAxis, Tensor

_Sums = TypeVar("_Sums")


class Perturbed(NamedTuple):
    """What stays the same in all evaluations.

    Attributes:
        inputs: The model's inputs.
        image: The image among them, in the layout of `engine.images.image_of`.
        baseline: What replaces its pixels, of the same shape.
        logits: Scores `(B, U)` of the image itself.
    """

    inputs: Inputs
    image: Tensor
    baseline: Tensor
    logits: Tensor

    @property
    def sizes(self) -> Any:
        """The sizes of the image's spatial axes, a tuple; `None` where one is unknown."""
        return tuple(self.image.shape[1:-1])

    def known_sizes(self, method: str) -> tuple[int, ...]:
        """Return `sizes`, all of them known.

        Args:
            method: The method that asks, for the message.

        Returns:
            A tuple of integers.

        Raises:
            ValueError: If one is unknown, as in a function that is compiled for images of any size.
        """
        if None in self.sizes:
            raise ValueError(
                f"The images of {method} must have a known size, to be covered in parts. "
                f"Received: images of the size {self.sizes}. Give them as arrays, or in batches of one size."
            )
        return self.sizes


def begin(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    baseline: Any,
    image_input: int | str | None,
) -> tuple[Tensor, Perturbed, None]:
    """Return the logits, the state, and no sums; see `Evaluations.begin`."""
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    logits, inputs, _ = plain(model, inputs, indices, **axes)
    image = image_of(model, inputs, image_input, spatial_axis)
    other = baseline_image(model, inputs, baseline, image_input, spatial_axis)
    return logits, Perturbed(inputs, image, other, logits), None


def begin_maps(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    baseline: Any,
    image_input: int | str | None,
) -> tuple[Tensor, Perturbed, Tensor]:
    """Return the logits, the state, and maps of zeros `(B, H, W, U)`; see `Evaluations.begin`."""
    logits, state, _ = begin(
        model,
        inputs,
        indices,
        indices_axis=indices_axis,
        indices_batch_dims=indices_batch_dims,
        spatial_axis=spatial_axis,
        baseline=baseline,
        image_input=image_input,
    )
    return logits, state, ops.zeros((*ops.shape(state.image)[:-1], ops.shape(logits)[-1]), logits.dtype)


def masked(
    model: keras.Model,
    state: Any,
    masks: Tensor,
    *,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Inputs:
    """Return inputs `(S * B, ...)` whose image is shown where a mask is 1, and replaced by the baseline where it is 0.

    Args:
        model: The model.
        state: A `Perturbed`, or what has its attributes.
        masks: `(S, H, W)` for all images, or `(S, B, H, W)`, in [0, 1].
        spatial_axis: See `ke_widgets.methods`.
        image_input: See `gradients`.

    Returns:
        Inputs of the model.
    """
    masks = ops.expand_dims(ops.cast(masks, state.image.dtype), -1)
    masks = ops.expand_dims(masks, 1) if len(masks.shape) == len(state.image.shape) else masks
    # Repeated for the channels: TensorFlow broadcasts along a short last axis at half the speed.
    masks = ops.tile(masks, (*[1] * (len(masks.shape) - 1), state.image.shape[-1]))
    images = state.image * masks + state.baseline * (1 - masks)
    return with_images(model, state.inputs, images, image_input, spatial_axis)


def weighted_masks(masks: Tensor, values: Tensor) -> Tensor:
    """Return the sum `(B, H, W, U)` of masks `(S, H, W)`, each times its values `(S, B, U)`."""
    # Four times as fast as the same `einsum`.
    return ops.moveaxis(ops.tensordot(values, masks, axes=([0], [0])), 1, -1)


def plus(sums: _Sums | None, found: _Sums) -> _Sums:
    """Add what a step found, a tensor or a tuple of them, to the sums before it; `None` before the first step."""
    return found if sums is None else keras.tree.map_structure(ops.add, sums, found)
