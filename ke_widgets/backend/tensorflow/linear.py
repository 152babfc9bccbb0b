"""Differentiate a function twice, for its derivative along tangents: what JAX calls `linearize`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from ke_widgets.typing import Tensor

# From tangents of the arguments and of the results, `None` for 0, to the changes of the results, `None` for 0.
Along: TypeAlias = Callable[[Sequence[Tensor | None]], list[Tensor | None]]


def linearize(
    run: Callable[..., list[Tensor]],
    then: Callable[[Sequence[Tensor], list[Tensor], Along], list[Tensor]],
    *signals: Tensor,
) -> list[Tensor]:
    """Run a function, and hand its results and their derivative to another one.

    The derivative along tangents is that of the backward pass s -> J^T s along them: unlike TensorFlow's forward mode,
    that goes through custom gradients and loops.

    Args:
        run: A function of tensors that returns a list of tensors; one of them may depend on another.
        then: A function `(signals, results, along)`. `along` takes a tangent for each signal, and if there are several
            results, one for each of them too; it returns the change of each result.
        *signals: Arguments of `run`.

    Returns:
        What `then` returns.

    Raises:
        ValueError: If the function cannot be differentiated twice.
    """

    def both(*given: Tensor) -> list[Tensor]:
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map(_RESIZING):
            results = run(*given)
        _check_inner_graphs(graph)
        return then(given, *_derivative(results, given))

    try:
        # A separate graph: `tf.gradients` searches the whole graph that it runs in.
        return tf.function(both, autograph=False)(*signals)
    except LookupError as error:
        raise ValueError(f"TensorFlow cannot differentiate it twice: {error.args[0]}") from error


def _derivative(results: list[Tensor], signals: Sequence[Tensor]) -> tuple[list[Tensor], Along]:
    # Separate tensors, as the results are sources as well.
    ends, seeds = [tf.identity(x) for x in results], [tf.zeros_like(x) for x in results]
    sources = [*signals, *results] if len(results) > 1 else [*signals]
    back = [None if g is None else tf.convert_to_tensor(g) for g in tf.gradients(ends, sources, grad_ys=seeds)]

    def along(tangents: Sequence[Tensor | None]) -> list[Tensor | None]:
        pairs = [(g, t) for g, t in zip(back, tangents) if g is not None and t is not None]
        found = tf.gradients([g for g, _ in pairs], seeds, [t for _, t in pairs]) if pairs else [None] * len(seeds)
        return [_change(*each) for each in zip(found, ends, results)]

    def _change(change: Any, end: Tensor, result: Tensor) -> Tensor | None:
        if change is None and any(g is not None for g in tf.gradients(end, [*signals])):
            raise LookupError(result.op.type)
        return None if change is None else tf.convert_to_tensor(change)

    return ends, along


def _check_inner_graphs(graph: tf.Graph) -> None:
    """Refuse functions, loops and branches that resize: the gradients below do not reach them."""
    if any(op.type.endswith(("If", "While", "PartitionedCall", "Case")) for op in graph.get_operations()):
        inner = {node.op for function in graph.as_graph_def().library.function for node in function.node_def}
        unknown = inner & {*_RESIZING, "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxArgs"}
        if unknown:
            raise LookupError(f"{', '.join(sorted(unknown))} inside a `tf.function`, a loop or a branch")


# TensorFlow has no second derivative for resizing, or silently none; but it is linear, so its derivative is known.


def _register(kind: str, transposed: Callable[..., Tensor], attributes: Iterable[str]) -> str:
    @tf.RegisterGradient(f"KeWidgets{kind}")
    def gradient(op: tf.Operation, upstream: Tensor) -> tuple[Tensor | None, ...]:
        image, *others = op.inputs
        named = {name: op.get_attr(name) for name in attributes}
        own = dict(zip(("size", "scale", "translation"), others))

        @tf.custom_gradient
        def back(grads: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            found = transposed(grads, image, own, named)
            return found, lambda change: getattr(tf.raw_ops, kind)(images=change, **own, **named)

        return (back(upstream), *[None] * len(others))

    return f"KeWidgets{kind}"


def _back_to_image(kind: str) -> Callable[..., Tensor]:
    def transposed(grads: Tensor, image: Tensor, own: dict[str, Any], named: dict[str, Any]) -> Tensor:
        own = {name: value for name, value in own.items() if name != "size"}
        return getattr(tf.raw_ops, kind)(grads=grads, original_image=image, **own, **named)

    return transposed


def _back_to_size(grads: Tensor, image: Tensor, own: dict[str, Any], named: dict[str, Any]) -> Tensor:
    return tf.raw_ops.ResizeNearestNeighborGrad(grads=grads, size=tf.shape(image)[1:3], **named)


_CORNERS = ("align_corners", "half_pixel_centers")
_RESIZING = {
    "ResizeBilinear": _register("ResizeBilinear", _back_to_image("ResizeBilinearGrad"), _CORNERS),
    "ResizeBicubic": _register("ResizeBicubic", _back_to_image("ResizeBicubicGrad"), _CORNERS),
    "ResizeNearestNeighbor": _register("ResizeNearestNeighbor", _back_to_size, _CORNERS),
    "ScaleAndTranslate": _register(
        "ScaleAndTranslate", _back_to_image("ScaleAndTranslateGrad"), ("kernel_type", "antialias")
    ),
}
