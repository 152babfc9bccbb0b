"""Run a method at every layer: one forward and one backward pass give the maps of all exposed signals."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from ke_widgets.engine.gradients import signal_jacobian
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import table
from ke_widgets.typing import Combine, Inputs, SpatialAxis, Tensor


@functools.lru_cache(maxsize=64)
def runs_at_all_layers(method: Callable[..., Any]) -> bool:
    """Return whether `at_all_layers` takes a method: whether its map at a layer follows from signal and gradient.

    Args:
        method: A method of `ke_widgets.methods`.
    """
    return _combination(method) is not None


@functools.lru_cache(maxsize=64)
def at_all_layers(method: Callable[..., Any]) -> Callable[..., tuple[Tensor, list[Tensor]]]:
    """Return a function that runs a method at all exposed signals at once.

    It costs about three forward passes for any number of layers; running the method at one layer costs one or two.

    Args:
        method: A method with `Spec.combine`, such as `gradcam`.

    Returns:
        A function with the arguments of a method. It returns logits `(B, U)` and a list with the maps
        `(B, H', W', U)` of each exposed signal, in order.

    Raises:
        ValueError: If the method's maps do not follow from signal and gradient.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3, name="a"),
        ...     keras.layers.Conv2D(4, 3, name="b"),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(2),
        ... ])
        >>> exposed = ke.inspection.expose(model, ["a", "b"])
        >>> logits, maps = at_all_layers(ke.methods.cams.gradcam)(exposed, np.ones((1, 8, 8, 3)))
        >>> [tuple(each.shape) for each in maps]
        [(1, 6, 6, 2), (1, 4, 4, 2)]
    """
    combine = _combination(method)
    if combine is None:
        raise ValueError(
            "`method` must have `combine` in its Spec, which gives its map from signal and gradient. "
            f"Received: {method.__name__}."
        )

    def run_at_all(
        model: keras.Model,
        inputs: Inputs,
        indices: Tensor | None = None,
        indices_axis: int = KERNEL_AXIS,
        indices_batch_dims: int = -1,
        spatial_axis: SpatialAxis = SPATIAL_AXIS,
        **own: Any,
    ) -> tuple[Tensor, list[Tensor]]:
        logits, signals, gradients = signal_jacobian(
            model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis
        )
        return logits, [combine(signal, gradient, **own) for signal, gradient in zip(signals, gradients)]

    run_at_all.__name__ = f"scan_{method.__name__}"
    return run_at_all


def _combination(method: Callable[..., Any]) -> Combine | None:
    found = table().get(getattr(method, "__name__", ""))
    return found[1].combine if found and found[0] is method else None
