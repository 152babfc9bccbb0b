"""Differentiate units twice with respect to an exposed signal: the product of their Hessian with the signal."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from ke_widgets.backend import as_tensor, current_trace, lost_second_derivatives, vjp
from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.forward import required, with_signal
from ke_widgets.engine.gradients import Objective, SignalRun, float_inputs, on_grids, run_and_differentiate
from ke_widgets.engine.rows import gradient_rows
from ke_widgets.model import hooks
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import at_least_float32
from ke_widgets.model.inputs import fitted
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def signal_curvature(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = (-3, -2),
    objective: Objective | None = None,
) -> tuple[Tensor, Any, Any, Any]:
    """Differentiate the chosen units twice with respect to the first exposed signal.

    Args:
        model: See `signal_jacobian`.
        inputs: The same.
        indices: The same.
        indices_axis: The same.
        indices_batch_dims: The same.
        spatial_axis: The same.
        objective: The same.

    Returns:
        Logits `(B, U)`, the signal `A` `(B, H', W', K)`, its gradient `(B, U, H', W', K)`, and the product `H A` of the
        same shape, where `H` is the Hessian of the unit with respect to the signal. Where all calls of a layer are
        exposed, lists of them: each call is differentiated by itself.

    Raises:
        ValueError: See `signal_jacobian`; or if the model cannot be differentiated twice.
    """
    model = with_signal(model)
    if isinstance(model, Exposed):
        model = Exposed(model.model, model.endpoints[:2], model.target)
    inputs = keras.tree.map_structure(as_tensor, fitted(model, inputs))
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    explained = functools.partial(scores_of, model, y=indices, **axes)
    try:
        run, products = _differentiate_twice(model, inputs, explained, objective)
        if current_trace() is None:
            # What a derivative loses shows in a trace only, which is cached; one for each rank of the indices, as one
            # for several would know none.
            rank = None if indices is None else len(indices.shape)
            compiled(_check, model, None, objective=objective, rank=rank, **axes)(inputs, indices)
    except LookupError as error:
        raise ValueError(
            f"The model must have second derivatives after the exposed layer. Received: {model.name!r}, whose layers "
            "have none there, or a wrong one, such as resizing and layer normalization in TensorFlow. "
            f"It says: {str(error.args[0])[:160]}. Choose a later layer, or a method that differentiates once, such as "
            "`gradcam`."
        ) from error
    (signal,), (gradients,) = on_grids(model, inputs, run, spatial_axis)
    _, (curved,) = on_grids(model, inputs, run._replace(gradients=products), spatial_axis)
    return run.units, signal, gradients, curved


def _check(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    objective: Objective | None,
    rank: int | None,
    **axes: int,
) -> Tensor:
    """Raise `LookupError` if a second derivative would be wrong; in a trace."""
    explained = functools.partial(scores_of, model, y=indices, **axes)
    _refuse_lost(run_and_differentiate(model, inputs, explained, objective))
    return ops.zeros(())


def _refuse_lost(run: SignalRun) -> None:
    lost = lost_second_derivatives(keras.tree.flatten(run.gradients[:1]), keras.tree.flatten(run.signals[:1]))
    if lost:
        raise LookupError(f"no right derivative of {', '.join(sorted(lost))}")


def _differentiate_twice(
    model: keras.Model,
    inputs: Inputs,
    explained: Callable[[Any], Tensor],
    objective: Objective | None,
) -> tuple[SignalRun, list[Any]]:
    """Return a run with its first signal, and for that the products of Hessian and signal, laid out as gradients."""
    floats, packed = float_inputs(inputs)

    def products(given: list[Tensor], watch: hooks.Watch) -> tuple[Tensor, SignalRun]:
        run = run_and_differentiate(model, packed(given), explained, objective, watch)
        run = run._replace(signals=required(run.signals, model)[:1], gradients=run.gradients[:1])
        if current_trace() is not None:
            _refuse_lost(run)
        # The Hessian is symmetric: its product with the signal is the gradient of the gradient's.
        pairs = zip(keras.tree.flatten(run.signals), keras.tree.flatten(run.gradients))
        return ops.concatenate([_dot(*pair) for pair in pairs], axis=1), run

    found, run, back = vjp(products, floats, variables=not floats)
    rows = gradient_rows(back, found, keras.tree.flatten(run.signals))
    # Of several calls, each has columns of its own.
    units = ops.shape(run.units)[1]
    own = [row[:, n * units : (n + 1) * units] for n, row in enumerate(rows)] if len(rows) > 1 else rows
    return run, keras.tree.pack_sequence_as(run.signals, own)


def _dot(signal: Tensor, gradients: Tensor) -> Tensor:
    """Sum the products of gradients `(B, U, ...)` with a signal `(B, ...)`, taken as constant: `(B, U)`."""
    constant = ops.expand_dims(ops.stop_gradient(at_least_float32(signal)), 1)
    return ops.sum(gradients * constant, axis=tuple(range(2, len(gradients.shape))))
