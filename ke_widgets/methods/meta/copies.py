"""The mean over scaled and mirrored copies of the image."""

import functools
import numbers
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ke_widgets import backend
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.methods import Evaluations
from ke_widgets.methods.meta.wrapping import images_floating, made_of
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.inputs import axes_of_image, image_positions
from ke_widgets.typing import Inputs, Method, SpatialAxis, Tensor
from ke_widgets.utils import tolist


def tta(method: Method, scales: float | Sequence[float] = (), hflip: bool = True) -> Method:
    r"""Return a method that takes the mean of a method's maps over scaled and mirrored copies of the image.

    $$M_u = \frac{1}{n} \sum_{t=1}^n t^{-1} \big( M_u(t(x)) \big)$$

    where `t` runs over the unchanged image, each of `scales`, and the mirror images of all of these. Each map is
    mirrored back and resized to the first one. The mirrored axis is the last spatial one: the columns of images,
    volumes and frames, the time of signals. Inputs other than images stay as they are.

    Args:
        method: A method of `ke_widgets.methods`, or one that this module made.
        scales: Factors of the image's size, beside 1. The model must take images of any size.
        hflip: Whether to add the mirror image of each copy.

    Returns:
        A method. It returns the logits `(B, U)` of the unchanged image, and maps of the same shape as `method`.

    Raises:
        ValueError: If a scale is not above 0; when called, if the model takes images of one size only, or none.
    """
    scales = tuple(tolist(scales))
    if any(isinstance(s, bool) or not isinstance(s, numbers.Real) or not float(s) > 0 for s in scales):
        raise ValueError(f"`scales` must be numbers above 0. Received: scales={short_repr(scales)}.")
    return _tta(method, tuple(dict.fromkeys((1.0, *map(float, scales)))), bool(hflip))


@functools.lru_cache(maxsize=64)
def _tta(method: Method, scales: tuple[float, ...], hflip: bool) -> Any:
    # All but the first one, the unchanged image.
    passes = [(scale, mirror) for scale in scales for mirror in ((False, True) if hflip else (False,))][1:]

    def begin(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Tensor, Any, Tensor]:
        _check_any_size(model, scales)
        _check_moves(model, indices)
        inputs = images_floating(model, inputs)
        if passes and not image_positions(inputs):
            raise ValueError(
                "The model must take images (B, H, W, C), to be scaled or mirrored. "
                f"Received: inputs of the shapes {[tuple(x.shape) for x in keras.tree.flatten(inputs)]}."
            )
        logits, maps = method(model, inputs, indices, **params)
        return logits, inputs, maps

    def draw(model: keras.Model, inputs: Inputs, number: int, *, spatial_axis: SpatialAxis) -> Inputs:
        return _transformed(model, inputs, *passes[number], spatial_axis)

    def asks(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> Tensor:
        return method(model, inputs, indices, **params)[1]

    def add(inputs: Inputs, sums: Tensor, found: Tensor, number: int, counts: Tensor) -> Tensor:
        scale, mirror = passes[number]
        maps = ops.flip(found[0], axis=-2) if mirror else found[0]
        return sums + (maps if scale == 1 else backend.resize(maps, ops.shape(sums)[1:-1]))

    evaluations = Evaluations(
        count=lambda inputs: len(passes),
        draw=draw,
        asks=asks,
        add=add,
        begin=begin,
        end=lambda inputs, sums, done: sums / (done + 1),
        unrolled=True,
    )
    return made_of(method, "tta", evaluations)


def _transformed(model: keras.Model, inputs: Inputs, scale: float, mirror: bool, spatial_axis: SpatialAxis) -> Inputs:
    """Return the inputs with scaled and mirrored images."""
    flat = keras.tree.flatten(inputs)
    for position in image_positions(inputs):
        axes = axes_of_image(model, inputs, position, spatial_axis)
        x = flat[position]
        flat[position] = ops.flip(_scaled(x, scale, axes), axis=axes[-1]) if mirror else _scaled(x, scale, axes)
    return keras.tree.pack_sequence_as(inputs, flat)


def _scaled(x: Tensor, scale: float, axes: tuple[int, ...]) -> Tensor:
    if scale == 1:
        return x
    size = [ops.shape(x)[axis] for axis in axes]
    size = [round(n * scale) if isinstance(n, int) else ops.cast(ops.round(n * scale), "int32") for n in size]
    if len(x.shape) == len(axes) + 1:
        return ops.squeeze(backend.resize(ops.expand_dims(x, -1), size), -1)
    first = tuple(range(1, len(axes) + 1))
    return ops.moveaxis(backend.resize(ops.moveaxis(x, axes, first), size), first, axes)


def _check_moves(model: keras.Model, y: Tensor | None) -> None:
    """Check that the data of the target have no places, which would stay where the image is mirrored."""
    target: Any = getattr(model, "target", None)
    if getattr(target, "spatial", False) and y is not None:
        raise ValueError(
            f"The target of `tta` must hold for mirrored and scaled images too. Received: {target} with places in `y`. "
            "Use `smooth`, which moves nothing."
        )


def _check_any_size(model: keras.Model, scales: tuple[float, ...]) -> None:
    whole = model.model if isinstance(model, Exposed) else model
    shapes = [tuple(x.shape) for x in keras.tree.flatten(getattr(whole, "inputs", None) or [])]
    if len(scales) > 1 and any(len(shape) > 2 and None not in shape[1:] for shape in shapes):
        raise ValueError(
            "`scales` must be empty for a model that takes images of one size. "
            f"Received: scales={scales[1:]}, and {whole.name!r}, which takes {shapes}. Build it with the input shape "
            "(None, None, channels), or leave `scales` out."
        )
