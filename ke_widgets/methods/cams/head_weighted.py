"""CAM: channels weighted by the kernel of the head."""

from typing import Any

import keras
from keras import ops

from ke_widgets import filters
from ke_widgets.engine.forward import spatial_forward
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS, find_layer_with, find_path, gather_units, logits_endpoint
from ke_widgets.methods import Spec
from ke_widgets.model.exposed import Exposed
from ke_widgets.targets import Contrast, Units
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def cam(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
) -> tuple[Tensor, Tensor]:
    r"""CAM: channels weighted by the weights of the unit in the dense layer that follows the pooling.

    $$M_u(i,j) = \sum_k w_{k,u} A_k(i,j)$$

    where `A_k` is channel `k` of the signal, and `w` the kernel of the layer that gives the logits (dense, or a 1x1
    convolution). The signal must reach that layer through global pooling alone.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`, signed. For global average pooling, the mean of a map is the logit
        less its bias.

    Raises:
        ValueError: If the kernel does not have one weight for each channel of the signal.

    Source:
        Learning Deep Features for Discriminative Localization, arXiv:1512.04150, eq. 2.
    """
    pair = _is_pair(model)
    logits, signal = spatial_forward(model, inputs, spatial_axis)
    signal = ops.stack(signal, axis=1) if isinstance(signal, list) else signal
    kernel = _head_kernel(model, signal.shape[-1])
    # A kernel has no batch axis: all of its axes but the last are channels.
    weights = kernel if indices is None else ops.take(kernel, indices, axis=-1)
    letters = "ku" if len(weights.shape) == 2 else "kbu"
    maps = ops.einsum(f"b...k,{letters}->b...u", signal, ops.cast(weights, signal.dtype))
    units = gather_units(logits, indices, indices_axis, indices_batch_dims)
    return (units[..., :1] - units[..., 1:], maps[..., :1] - maps[..., 1:]) if pair else (units, maps)


def _is_pair(model: keras.Model) -> bool:
    """Return whether the target is a contrast of two units; check that it is, or units, whose weights CAM reads."""
    target = getattr(model, "target", None)
    if target is not None and not isinstance(target, Units | Contrast):
        raise ValueError(
            f"The target of CAM must be Units or Contrast, whose weights it reads. Received: {target}. Use `gradcam`, "
            "which takes any target."
        )
    return isinstance(target, Contrast)


_RESHAPING = (
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
)


def _head_kernel(model: keras.Model, channels: int) -> Tensor:
    """Return the kernel `(K, U)` of the layer whose output is the logits."""
    path, kernel = kernel_at_the_end(model)
    shape = () if kernel is None else tuple(kernel.shape)
    if not _is_dense(shape) or shape[-2:-1] != (channels,):
        raise ValueError(
            "`model` must end in global pooling and one dense layer (or 1x1 convolution) for CAM, with one weight for "
            f"each of the {channels} channels of the signal. Received: logits from {path!r}, whose kernel has the "
            f"shape {shape}. Use `gradcam`, which takes any model."
        )
    return ops.reshape(kernel, shape[-2:])


def kernel_at_the_end(model: keras.Model) -> tuple[str, Any]:
    """Return the path of the logits, and the kernel of the layer that makes them, or `None`."""
    if isinstance(model, Exposed):
        path, model = model.endpoints[0].path, model.model
    else:
        path = logits_endpoint(model, 0).path
    layer = find_path(model, path) if path else None
    if isinstance(layer, _RESHAPING) and len(getattr(model, "outputs", ())) == 1:
        # The scores of a 1x1 convolution are reshaped or averaged to the logits.
        layer = find_layer_with(model, properties=("kernel",))
    return path or model.name, getattr(layer, "kernel", None)


def _is_dense(shape: tuple[int, ...]) -> bool:
    """Return whether a kernel is that of a dense layer, or of a 1x1 convolution."""
    return len(shape) >= 2 and all(n == 1 for n in shape[:-2])


def _why_not_cam(view: Any) -> str | None:
    """Return why CAM cannot explain a view, as far as its head tells; see `Spec.applies`."""
    target = getattr(view, "target", None)
    if target is not None and not isinstance(target, Units | Contrast):
        return f"CAM reads the weights of units, and {target} is none."
    path, kernel = kernel_at_the_end(view)
    if kernel is not None and _is_dense(tuple(kernel.shape)):
        return None
    return f"CAM needs one dense layer, or 1x1 convolution, after global pooling, and {path!r} has no such kernel."


METHODS = {
    cam: Spec(
        "CAM",
        source="arXiv:1512.04150, eq. 2",
        answers="Where at the last layer does the class score come from?",
        applies=_why_not_cam,
        postprocessing=filters.positive_normalize,
        unit="logit",
        backward=False,
    ),
}
