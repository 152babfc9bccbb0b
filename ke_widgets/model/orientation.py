"""Track the image's axes through a TensorFlow graph: on which axes of each tensor rows and columns are.

Operations without a rule keep the axes of their inputs if the rank stays; otherwise the axes are unknown.
"""

from collections.abc import Iterable
from typing import Any

from ke_widgets.backend import static_value
from ke_widgets.model.axes import MIXED, PLACES, Axes, Part, is_named, size
from ke_widgets.typing import Tensor


def follow(operations: Iterable[Any], known: dict[Any, Any], axes: Axes, kept: dict[int, int] | None = None) -> None:
    """Extend `known` to the outputs of operations in running order.

    Args:
        operations: A list of `tf.Operation`.
        known: A dict from the `id` of a tensor to its axes; tensors that depend on no image are not in it.
        axes: The `Axes` that created them.
        kept: A dict from the `id` of a tensor to that of another one with the same axes, whatever is between them.
    """
    kept = kept or {}
    for operation in operations:
        several = [known.get(id(x)) for x in operation.inputs]
        if any(x is not None for x in several):
            for tensor, found in zip(operation.outputs, _outputs(operation, several, axes)):
                source = known.get(kept.get(id(tensor)))
                if source is not None and len(source) == len(tensor.shape):
                    found = axes.kept(source, _shape(tensor))
                if found is not None:
                    known[id(tensor)] = found


def _outputs(operation, several, axes):
    """Return the axes of each output, `None` for one that does not depend on an image."""
    if operation.type in _NO_IMAGE:
        return [None] * len(operation.outputs)
    shapes = [_shape(tensor) for tensor in operation.outputs]
    rule = _RULES.get(operation.type)
    if rule is not None and None not in shapes:
        try:
            found = rule(operation, several, shapes, axes)
        except (TypeError, ValueError, IndexError):  # Its arguments are known at run time only.
            found = [axes.unknown(shape) for shape in shapes]
        return found if isinstance(found, list) else [found] * len(shapes)
    return [None if shape is None else _elementwise(several, shape, axes) for shape in shapes]


def _elementwise(several, shape, axes):
    fitting = [x for x in several if x is not None and len(x) == len(shape)]
    if not fitting:
        return axes.unknown(shape)
    if len(fitting) == 1:
        return axes.kept(fitting[0], shape)
    return axes.combined([x for x in several if x is not None], shape)


def _shape(tensor: Tensor) -> Any:
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def _value(operation, number):
    value = static_value(operation.inputs[number])
    if value is None:
        raise ValueError("known at run time only")
    return value


def _transpose(operation, several, shapes, axes):
    order = _value(operation, 1)
    return tuple(several[0][int(axis)] for axis in order)


def _reshape(operation, several, shapes, axes):
    return axes.reshaped(several[0], shapes[0])


def _expand(operation, several, shapes, axes):
    at = int(_value(operation, 1)) % (len(several[0]) + 1)
    return (*several[0][:at], (), *several[0][at:])


def _squeeze(operation, several, shapes, axes):
    gone = [at % len(several[0]) for at in operation.get_attr("squeeze_dims")]
    gone = gone or [n for n, side in enumerate(operation.inputs[0].shape) if side == 1]
    return tuple(axis for n, axis in enumerate(several[0]) if n not in gone)


def _concatenate(operation, several, shapes, axes):
    at = int(_value(operation, len(several) - 1)) % len(shapes[0])
    return axes.concatenated(several[:-1], [x.shape[at] for x in operation.inputs[:-1]], at, shapes[0])


def _pack(operation, several, shapes, axes):
    at, rest = operation.get_attr("axis") % len(shapes[0]), list(shapes[0])
    side = rest.pop(at)
    found = axes.combined([x for x in several if x is not None], tuple(rest))
    return (*found[:at], axes.other(side), *found[at:])


def _unpack(operation, several, shapes, axes):
    at = operation.get_attr("axis") % len(several[0])
    return (*several[0][:at], *several[0][at + 1 :])


def _split(operation, several, shapes, axes):
    given, at = (several[0], 2) if operation.type == "SplitV" else (several[1], 0)
    at, start, found = int(_value(operation, at)) % len(given), 0, []
    for shape in shapes:
        found.append((*given[:at], axes.sliced(given[at], start, shape[at]), *given[at + 1 :]))
        start += shape[at]
    return found


def _slice(operation, several, shapes, axes):
    starts = _value(operation, 1)
    return tuple(
        axis if side is None else axes.sliced(axis, int(start), side)
        for axis, start, side in zip(several[0], starts, shapes[0])
    )


def _strided_slice(operation, several, shapes, axes):
    starts, ends, steps = (_value(operation, n) for n in (1, 2, 3))
    mask = {
        name: operation.get_attr(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    given, found = list(zip(several[0], operation.inputs[0].shape.as_list())), []
    for n in range(len(starts)):
        here = {name: bool(bits >> n & 1) for name, bits in mask.items()}
        if here["ellipsis"]:
            later = sum(not mask["new_axis"] >> m & 1 for m in range(n + 1, len(starts)))
            found += [axis for axis, _ in given[: len(given) - later]]
            del given[: len(given) - later]
        elif here["new_axis"]:
            found.append(())
        else:
            axis, side = given.pop(0)
            if not here["shrink_axis"]:
                bounds = [None if here[name] else int(at[n]) for name, at in (("begin", starts), ("end", ends))]
                found.append(_slice_of(axis, side, slice(bounds[0], bounds[1], int(steps[n])), axes))
    return (*found, *(axis for axis, _ in given))


def _slice_of(axis, side, bounds, axes):
    if (bounds.start, bounds.stop, bounds.step) == (None, None, 1):
        return axis
    taken = range(*bounds.indices(side))
    return axes.sliced(axis, taken.start, len(taken), taken.step)


def _gather(operation, several, shapes, axes):
    if several[0] is None or operation.get_attr("batch_dims"):
        return axes.unknown(shapes[0])
    at = int(_value(operation, 2)) % len(several[0])
    taken = static_value(operation.inputs[1])
    between = shapes[0][at : len(shapes[0]) - (len(several[0]) - at - 1)]
    middle = tuple(axes.other(side) for side in between)
    if taken is not None and taken.ndim == 1 and list(taken) == list(range(taken[0], taken[0] + len(taken))):
        middle = (axes.sliced(several[0][at], int(taken[0]), len(taken)),)
    elif between and is_named(several[0][at]):
        middle = tuple((Part(MIXED, side),) for side in between)
    return (*several[0][:at], *middle, *several[0][at + 1 :])


def _product(operation, several, shapes, axes):
    """Track a matrix product: rows of the first, columns of the second."""
    names = ("adj_x", "adj_y") if operation.type.startswith("Batch") else ("transpose_a", "transpose_b")
    turned = [operation.get_attr(name) for name in names]
    first, second = several[0], several[1]
    rows = axes.other(shapes[0][-2]) if first is None else first[-1 if turned[0] else -2]
    columns = axes.other(shapes[0][-1]) if second is None else second[-2 if turned[1] else -1]
    before = [x[:-2] for x in (first, second) if x is not None]
    return (*axes.combined(before, shapes[0][:-2]), rows, columns)


def _einsum(operation, several, shapes, axes):
    left, right = operation.get_attr("equation").decode().split("->")
    letters = {}
    for term, given, tensor in zip(left.split(","), several, operation.inputs):
        sides = [None] * len(tensor.shape) if given is None else given
        head, dots, tail = term.partition("...")
        number = len(sides) - len(head) - len(tail)
        names = [*head, *[("...", n - number) for n in range(number if dots else 0)], *tail]
        for name, axis in zip(names, sides):
            if axis is not None and (name not in letters or is_named(axis)):
                letters[name] = axis
    head, dots, tail = right.partition("...")
    number = len(shapes[0]) - len(head) - len(tail)
    names = [*head, *[("...", n - number) for n in range(number if dots else 0)], *tail]
    return tuple(letters.get(name) or axes.other(side) for name, side in zip(names, shapes[0]))


def _reduce(operation, several, shapes, axes):
    gone = {int(axis) % len(several[0]) for axis in _value(operation, 1).reshape(-1)}
    if operation.get_attr("keep_dims"):
        return tuple(() if n in gone else axis for n, axis in enumerate(several[0]))
    return tuple(axis for n, axis in enumerate(several[0]) if n not in gone)


def _roll(operation, several, shapes, axes):
    """Track a cyclic shift, which the opposite one undoes."""
    found = list(several[0])
    for shift, at in zip(_value(operation, 1).reshape(-1), _value(operation, 2).reshape(-1)):
        found[at] = tuple(_shifted(part, int(shift), size(found[at])) for part in found[at])
    return tuple(found)


def _shifted(part, shift, side):
    name, before = part.name[1:] if part.name[0] == "rolled" else (part.name, 0)
    if name not in PLACES:
        return part
    shift = (before + shift) % side
    return part._replace(name=("rolled", name, shift) if shift else name)


def _reverse(operation, several, shapes, axes):
    found = list(several[0])
    for at in _value(operation, 1).reshape(-1):
        found[at] = tuple(map(_reversed, found[at]))
    return tuple(found)


def _reversed(part):
    return part._replace(name=part.name[1] if part.name[0] == "reversed" else ("reversed", part.name))


def _hidden(operation, several, shapes, axes):
    """Follow nothing: what runs inside is a graph of its own."""
    return [axes.unknown(shape) for shape in shapes]


_NO_IMAGE = {"Shape", "ShapeN", "Size", "Rank", "ArgMax", "ArgMin"}
_LOOPS = ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf", "Case")
_RULES = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "ConcatV2": _concatenate,
    "Pack": _pack,
    "Unpack": _unpack,
    **dict.fromkeys(("Split", "SplitV"), _split),
    "Slice": _slice,
    "StridedSlice": _strided_slice,
    "GatherV2": _gather,
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _product),
    "Einsum": _einsum,
    **dict.fromkeys(("Mean", "Sum", "Max", "Min", "Prod", "EuclideanNorm", "All", "Any"), _reduce),
    **dict.fromkeys((*_LOOPS, "PyFunc", "EagerPyFunc", "XlaCallModule"), _hidden),
    "Roll": _roll,
    "ReverseV2": _reverse,
}
