"""Find the tensors of a run that cover the image plane in the image's own orientation."""

from typing import Any

import keras

from ke_widgets.backend import TensorSpec, trace
from ke_widgets.model import hooks, input_specs
from ke_widgets.model import layers as model_layers
from ke_widgets.model.axes import BATCH, PLACES, Axes, is_named, size
from ke_widgets.model.callgraph import CallGraph
from ke_widgets.model.grids import IMAGE_RANKS, token_grid
from ke_widgets.model.orientation import follow
from ke_widgets.model.twins import twin
from ke_widgets.typing import Shape, Tensor

# Keras's layers that move axes; all others keep their order if they keep the rank.
_MOVING = (
    keras.layers.Permute,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.RepeatVector,
    keras.layers.Dot,
    keras.layers.Wrapper,
    keras.layers.Lambda,
)
_ATTENTION = (
    keras.layers.MultiHeadAttention,
    keras.layers.GroupQueryAttention,
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
)
# They loop over one axis, which stays in its position.
_LOOPS = (keras.layers.RNN, keras.layers.Bidirectional)
_ELEMENTWISE = {
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power", "Sqrt", "Exp", "Cast"),
    *("Relu", "Relu6", "Sigmoid", "HardSigmoid", "Silu", "HardSilu", "Gelu", "Tanh", "Softplus", "Clip", "Identity"),
}


class Planes:
    """Track the axes of all tensors of a call graph.

    Args:
        known: A `CallGraph`.
    """

    def __init__(self, known: CallGraph) -> None:
        self._axes, self._of = Axes(), {}
        ranks = [rank for rank in IMAGE_RANKS if any(len(x.shape) == rank for x in known.inputs)]
        images = [x for x in known.inputs if len(x.shape) in ranks[:1]]  # A signal beside an image covers nothing.
        self.channels_first = model_layers.channels_first(step.operation for step in known.steps)
        self.image: Any = _first_image(images, self.channels_first)
        self._signal = bool(images) and all(len(x.shape) == 3 for x in images)
        for x in images or known.inputs:
            shape = (input_specs.BATCH if x.shape[0] is None else x.shape[0], *x.shape[1:])
            names = _names(shape, self.channels_first) if images else (BATCH, *[None] * (len(shape) - 1))
            self._of[id(x)] = self._axes.source(shape, names)
        if known.graph is not None:
            loops = (step for step in known.steps if isinstance(step.operation, _LOOPS) and step.inputs)
            kept = {id(x): id(step.inputs[0]) for step in loops for x in step.outputs if len(x.shape) == 3}
            follow(known.graph.get_operations(), self._of, self._axes, kept)
        else:
            for step in known.steps:
                self._step(step)

    def _step(self, step):
        """Track one call of a Keras graph."""
        several = [self._of.get(id(x)) for x in step.inputs]
        done = all(id(x) in self._of for x in step.outputs)  # Outputs of a nested model are made inside of it.
        if done or all(x is None for x in several):
            return
        moves = isinstance(step.operation, _MOVING) or not isinstance(step.operation, keras.Layer)
        if all(len(x.shape) < 3 for x in step.outputs) and not moves:
            found = [self._axes.others(x.shape) for x in step.outputs]
        elif _keeps_order(step):
            # The output of attention has the positions of the query.
            several = several[:1] if isinstance(step.operation, _ATTENTION) else several
            fitting = [x for x in several if x is not None and len(x) == len(step.outputs[0].shape)]
            found = [self._kept(fitting, x) for x in step.outputs]
        else:
            found = self._alone(step, several)
        self._of.update((id(x), axes) for x, axes in zip(step.outputs, found) if axes is not None)

    def _kept(self, several, tensor):
        shape = tuple(tensor.shape)
        if not several or len(several[0]) != len(shape):
            return self._axes.unknown(shape)
        return self._axes.kept(several[0], shape) if len(several) == 1 else self._axes.combined(several, shape)

    def _alone(self, step, several):
        """Track one call through a TensorFlow graph of its own."""
        copy = twin(step.operation) if isinstance(step.operation, keras.Layer) else step.operation
        made = []

        def run(*tensors):
            given = iter(tensors)
            args, kwargs = keras.tree.map_structure(
                lambda x: next(given) if isinstance(x, keras.KerasTensor) else x, step.arguments
            )
            with keras.StatelessScope():
                made.extend(x for x in keras.tree.flatten(copy.call(*args, **kwargs)) if keras.ops.is_tensor(x))

        try:
            specs = [TensorSpec(_closed(x.shape, axes), x.dtype) for x, axes in zip(step.inputs, several)]
            with hooks.suspended():
                graph = trace(run, *specs).graph
        except Exception:  # It does not run on its own.
            return [self._axes.unknown(x.shape) for x in step.outputs]
        inside = {id(x): axes for x, axes in zip(graph.inputs, several) if axes is not None}
        follow(graph.get_operations(), inside, self._axes)
        found = [inside.get(id(x)) for x in made]
        return found if len(found) == len(step.outputs) else [self._axes.unknown(x.shape) for x in step.outputs]

    def lie_over(self, tensor: Tensor, also_one_place: bool = False) -> bool:
        """Return whether a tensor covers the image plane, in the image's own orientation, with one entry per image.

        Args:
            tensor: A tensor of the call graph.
            also_one_place: Whether a single position is enough.
        """
        axes, shape = self._of.get(id(tensor)), tensor.shape
        if axes is None or len(axes) != len(shape) or len(shape) not in (3, 4, 5) or 0 in tuple(shape):
            return False
        batch = axes[0]
        if is_named(batch) and not (len(batch) == 1 and batch[0].name == BATCH and batch[0].covers):
            return False  # Patches or frames are on the batch axis.
        sides = shape[2:] if self.channels_first and len(shape) > 3 else shape[1:-1]
        if not also_one_place and all(side == 1 for side in sides):
            return False
        return self.image is None or {3: self._tokens, 4: self._plane, 5: self._volume}[len(shape)](axes, tuple(shape))

    def _plane(self, axes, shape):
        at = slice(2, 4) if self.channels_first else slice(1, 3)
        return self._in_order(axes[at], PLACES[1:], shape[at])

    def _volume(self, axes, shape):
        at = slice(2, 5) if self.channels_first else slice(1, 4)
        return len(self.image) == 3 and self._in_order(axes[at], PLACES, shape[at])

    def _in_order(self, axes, names, sides):
        known = [_is_axis_of_image(axis, name) for axis, name in zip(axes, names)]
        if False in known:
            return False
        return None not in known or _in_proportion(sides, self.image[-len(sides) :])

    def _tokens(self, axes, shape):
        number, axis = shape[1], axes[1]
        if self._signal and _is_axis_of_image(axis, PLACES[1]) is not False:
            return True
        if len(self.image) == 1 or (not is_named(axis) and len(self.image) == 3):
            return False
        sides = self.image[-2:]
        grid = None if None in (number, *sides) else token_grid(number, *sides)
        if not is_named(axis):
            # Their origin is unknown: at most a class token precedes them.
            return (
                axis and axis[0].name.unknown and grid is not None and min(grid) > 1 and number - grid[0] * grid[1] <= 1
            )
        tokens = axis[0] if len(axis) == 1 and axis[0].inner else None
        parts = axis if tokens is None else tokens.inner
        if tokens is not None and tokens.offset + (size(parts) or 0) != tokens.size:
            return False  # Other tokens follow the grid, and nothing removes them.
        found = {part.name: part.size for part in parts}
        ordered = tuple(found) in (PLACES[1:], PLACES[1:2], PLACES[2:]) and len(found) == len(parts)
        if not ordered or not all(part.covers for part in parts):
            return False
        if grid is None:
            return None in (number, *sides) and len(parts) == 2
        return grid == tuple(found.get(name, 1) for name in PLACES[1:])

    def others(self, tensor: Tensor) -> int:
        """Return the number of tokens before the grid."""
        axes = self._of.get(id(tensor))
        if axes is None or len(axes) != 3 or self.image is None or len(self.image) == 1:
            return 0
        number = tensor.shape[1]
        grid = None if None in (number, *self.image[-2:]) else token_grid(number, *self.image[-2:])
        return 0 if grid is None else number - grid[0] * grid[1]

    def after(self, tensor: Tensor) -> int:
        """Return the number of tokens after the grid."""
        axes = self._of.get(id(tensor))
        tokens = axes[1][0] if axes is not None and len(axes) == 3 and len(axes[1]) == 1 else None
        if tokens is None or not tokens.inner or tokens.size is None:
            return 0
        return max(0, tokens.size - tokens.offset - (size(tokens.inner) or tokens.size))


def _closed(shape, axes):
    """Return a shape with the known sizes of its axes; the batch is that of a trace."""
    if axes is None:
        return [input_specs.BATCH if n == 0 and side is None else side for n, side in enumerate(shape)]
    return [size(axis) if side is None else side for side, axis in zip(shape, axes)]


def _first_image(images, channels_first):
    """Return the sides of the image plane (or the volume, or the one side of a signal)."""
    return _sides(tuple(images[0].shape), channels_first) if images else None


def _sides(shape, channels_first):
    if len(shape) == 3:
        return shape[1:] if _is_gray(shape) else shape[1:2]
    return shape[2:] if channels_come_first(shape, channels_first) else shape[1:-1]


def _is_gray(shape):
    """Return whether a shape is a grey image `(B, H, W)`, and not a signal `(B, T, C)`."""
    height, width = shape[1:]
    return None not in (height, width) and min(height, width) >= 8 and max(height, width) <= 4 * min(height, width)


def channels_come_first(shape: Shape, otherwise: bool) -> bool:
    """Return whether channels come first: the axis with at most four, or `otherwise` if both or none have."""
    few = [side is not None and side <= 4 for side in (shape[1], shape[-1])]
    return few[0] if few[0] != few[1] else otherwise


def _names(shape, channels_first):
    if len(shape) == 3:
        return (BATCH, *PLACES[1:])
    places = PLACES[-(len(shape) - 2) :]
    return (BATCH, None, *places) if channels_come_first(shape, channels_first) else (BATCH, *places, None)


def _is_axis_of_image(axis, name):
    """Return whether an axis is the image's axis of a name; `None` if unknown."""
    if not axis:
        return True
    if not is_named(axis):
        return None if axis[0].name.unknown else False
    first, *rest = axis
    return first.name == name and first.covers and not is_named(rest)


def _in_proportion(sides, image):
    """Return whether sides are those of the image, all reduced by one factor, up to rounding."""
    if None in (*sides, *image):
        return True
    ratios = [side / whole for side, whole in zip(sides, image)]
    return all(abs(ratio - ratios[0]) * whole <= 1 + 1e-6 for ratio, whole in zip(ratios, image))


def _keeps_order(step):
    operation = step.operation
    module = type(operation).__module__
    if not module.startswith("keras."):
        return False
    if isinstance(operation, keras.layers.Concatenate):
        return operation.axis in (-1, len(step.outputs[0].shape) - 1)
    if isinstance(operation, keras.Layer):
        return not isinstance(operation, _MOVING)
    return type(operation).__name__ in _ELEMENTWISE
