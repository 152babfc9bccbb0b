"""Arrange the gradients of several units as the rows of a Jacobian, and refuse those that do not exist."""

import functools
from collections.abc import Sequence
from typing import Any

from keras import ops

from ke_widgets.backend import Pullback
from ke_widgets.model.grids import at_least_float32
from ke_widgets.typing import Tensor

_WHAT_ELSE = {
    "the signal": "Choose a layer on the way to the output.",
    "the image": "Choose another input by `image_input`, or a model that can be differentiated.",
}


def gradient_rows(
    back: Pullback, units: Tensor, sources: Sequence[Tensor], where: str | None = None, what: str = "the signal"
) -> list[Tensor]:
    """Compute one gradient `(B, U, ...)` of `units` `(B, U)` with respect to each of `sources` `(B, ...)`.

    If the units do not depend on a source, its gradient is 0; if `where` names the sources, that is an error instead.
    `what` is `"the signal"` or `"the image"`.
    """
    connected = functools.partial(_connected, where=where, what=what)
    if units.shape[1] == 1:
        return [ops.expand_dims(g, 1) for g in connected(back(sources, zeros=where is None))]
    return [_swap(g) for g in back.rows(sources, connected, zeros=where is None)]


def _swap(x: Tensor) -> Tensor:
    """Swap the first two axes. (An einsum takes ten times as long.)"""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))


def _connected(gradients: Sequence[Any], where: str | None, what: str) -> list[Tensor]:
    if any(g is None for g in gradients):
        raise ValueError(
            f"The explained units must depend on {what}. Received: {where}, which they do not depend on, or not in a "
            f"way that can be differentiated. {_WHAT_ELSE[what]}"
        )
    return [at_least_float32(g) for g in gradients]
