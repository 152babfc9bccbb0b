"""Track which axis of a tensor is which of the image's, through reshapes, transposes and slices.

An axis is a tuple of `Part`s, from the slowest to the fastest: `(H, W)` for tokens in row-major order, `(B, H, W)` for
patches put on the batch axis. A reshape splits and joins parts as it splits and joins axes, so that an inverse
transpose, or windows joined again, restore the original axes.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from ke_widgets.typing import Shape

BATCH, MIXED = "batch", "mixed"
PLACES = ("depth", "rows", "columns")


# How many cells an axis has, an integer or `None` where that is unknown. `Any`, because most arithmetic below follows a
# check for `None` that a type checker cannot see.
Side: TypeAlias = Any


class Part(NamedTuple):
    """Describe a factor of an axis of the input, or of an axis that a later operation created.

    Attributes:
        name: `"rows"` and so on; `"mixed"` for factors that do not fit together; anything else for an axis that is not
            the image's.
        size: Number of positions.
        stride: Distance of two neighbours on the whole axis.
        extent: Size of the whole axis.
        inner: For tokens with others before or after the grid: the parts of the grid.
        offset: Number of tokens before the grid.
    """

    name: Any
    size: Side
    stride: int = 1
    extent: Side = None
    inner: "AxisParts" = ()
    offset: int = 0

    @property
    def covers(self) -> bool:
        """Return whether this is a whole axis, at full or coarser resolution, and not the fine factor of one."""
        return self.extent is None or self.size is None or self.stride * self.size == self.extent


AxisParts: TypeAlias = tuple[Part, ...]
AxesParts: TypeAlias = tuple[AxisParts, ...]


class Other(NamedTuple):
    """Name an axis that is not the image's, or (`unknown`) might be; `number` makes it unique."""

    number: int
    unknown: bool = False


class Axes:
    """Create axes, and track them through operations."""

    def __init__(self):
        self._made = 0

    def other(self, size: Side) -> AxisParts:
        """Return an axis that is not the image's, such as channels."""
        self._made += 1
        return (Part(Other(self._made), size, 1, size),)

    def others(self, shape: Shape) -> AxesParts:
        """Return the axes of a tensor without positions."""
        return tuple(self.other(side) for side in shape)

    def unknown(self, shape: Shape) -> AxesParts:
        """Return the axes of a tensor with nothing known but its shape."""
        self._made += len(shape)
        names = [Other(self._made - n, unknown=True) for n in range(len(shape))]
        return tuple((Part(name, side, 1, side),) for name, side in zip(names, shape))

    def source(self, shape: Shape, names: Sequence[str | None]) -> AxesParts:
        """Return the axes of an input: `names` are those of its axes, `None` for the channels'."""
        named = [None if name is None else Part(name, side, 1, side) for side, name in zip(shape, names)]
        return tuple(self.other(side) if part is None else (part,) for side, part in zip(shape, named))

    def kept(self, axes: AxesParts, shape: Shape) -> AxesParts:
        """Track an operation that keeps the order of axes, but maybe not their sizes."""
        return tuple(self._resized(axis, side) for axis, side in zip(axes, shape))

    def _resized(self, axis, side):
        if side is None or side == size(axis):
            return axis
        if len(axis) == 1 and axis[0].name in PLACES and axis[0].covers:
            return (Part(axis[0].name, side, 1, side),)
        return (Part(MIXED, side),) if is_named(axis) else self.other(side)

    def combined(self, several: Sequence[AxesParts], shape: Shape) -> AxesParts:
        """Track an elementwise operation of several tensors, aligned at their last axes."""
        several = [((),) * (len(shape) - len(axes)) + axes for axes in several if len(axes) <= len(shape)]
        return tuple(self._shared([axes[n] for axes in several], side) for n, side in enumerate(shape))

    def _shared(self, candidates, side):
        candidates = [axis for axis in candidates if size(axis) == side or (side is None and size(axis) != 1)]
        named = [axis for axis in candidates if is_named(axis)]
        if any(axis != named[0] for axis in named):
            return (Part(MIXED, side),)
        return (named or candidates or [self.other(side)])[0]

    def reshaped(self, axes: AxesParts, shape: Shape) -> AxesParts:
        """Track a reshape."""
        # The first axis, where it stays, is kept even if it is a batch of 1.
        first = axes and shape and len(axes[0]) == 1 and shape[0] in (None, size(axes[0]))
        if first and None not in shape[1:] and product(map(size, axes[1:])) == product(shape[1:]):
            return (axes[0], *self._split(axes[1:], shape[1:]))
        return self._split(axes, shape)

    def _split(self, axes, shape):
        parts = [part for axis in axes for part in axis if part.size != 1]
        sides = _closed([part.size for part in parts], list(shape))
        if sides is None:
            return self.unknown(shape)
        found = []
        for side in sides:
            taken = []
            while side != 1 and parts:
                part = parts.pop(0)
                if side % part.size == 0:
                    taken.append(part)
                    side //= part.size
                elif part.size % side == 0 and not part.inner:
                    rest = part.size // side
                    taken.append(part._replace(size=side, stride=part.stride * rest))
                    parts.insert(0, part._replace(size=rest))
                    side = 1
                else:  # Factors that do not fit: the following axes are unknown.
                    bad = is_named((*taken, part, *parts))
                    rest = sides[len(found) :]
                    return (*found, *((Part(MIXED, n),) if bad else self.other(n) for n in rest))
            found.append(joined(taken))
        return tuple(found)

    def sliced(self, axis: AxisParts, start: int, length: Side, step: int = 1) -> AxisParts:
        """Track a slice along one axis."""
        if length == size(axis) and step == 1:
            return axis
        (part,) = axis if len(axis) == 1 else (None,)
        if part is not None and part.inner:
            tokens = size(part.inner)
            if start == part.offset and length == tokens and step == 1:
                return part.inner
            if step == 1 and start <= part.offset and start + length >= part.offset + tokens:
                return (part._replace(size=length, extent=length, offset=part.offset - start),)
            outside = start + length <= part.offset or start >= part.offset + tokens
            return self.other(length) if outside else (Part(MIXED, length),)
        # Every other row, or all but the border, are still the image's rows; half of them are not.
        most = length is not None and 2 * length * step > size(axis)
        return self._resized(axis, length) if most or not is_named(axis) else (Part(MIXED, length),)

    def concatenated(self, several: Sequence[Any], sides: Sequence[Side], number: int, shape: Shape) -> AxesParts:
        """Track a concatenation along axis `number` of tensors that are `sides` long there.

        `several` holds the axes of each, `None` for a tensor that depends on no image.
        """
        blank = [(*axes[:number], (), *axes[number + 1 :]) for axes in several if axes is not None]
        found = list(self.combined(blank, shape))
        lying = [n for n, axes in enumerate(several) if axes is not None and is_named(axes[number])]
        before = sides[: lying[0]] if lying else []
        if not lying:
            found[number] = self.other(shape[number])
        elif len(lying) > 1 or None in before or shape[number] is None:
            found[number] = (Part(MIXED, shape[number]),)
        else:
            found[number] = _with_others(several[lying[0]][number], sum(before), shape[number])
        return tuple(found)


def _with_others(axis, before, side):
    """Return the axis of tokens with others: `before` of them before, `side` in all."""
    if len(axis) == 1 and axis[0].inner:
        return (axis[0]._replace(size=side, extent=side, offset=axis[0].offset + before),)
    return (Part("tokens", side, 1, side, axis, before),)


def size(axis: AxisParts) -> Side:
    """Return the size of an axis, `None` if unknown."""
    return product(part.size for part in axis)


def product(sides: Iterable[Side]) -> Side:
    """Multiply sides; `None` if one is unknown."""
    sides = list(sides)
    return None if None in sides else math.prod(sides)


def is_named(axis: Sequence[Part]) -> bool:
    """Return whether an axis contains any of the image's axes."""
    return any(not isinstance(part.name, Other) for part in axis)


def joined(parts: Iterable[Part]) -> AxisParts:
    """Join neighbouring factors of one axis."""
    found = []
    for part in parts:
        last = found[-1] if found else None
        if last is not None and (last.name, last.extent, last.stride) == (
            part.name,
            part.extent,
            part.stride * part.size,
        ):
            found[-1] = part._replace(size=last.size * part.size)
        else:
            found.append(part)
    return tuple(found)


def _closed(sizes, shape):
    """Return the sides of a reshape with its open side filled in; `None` if that is impossible."""
    open_sides = [n for n, side in enumerate(shape) if side is None]
    if None in sizes or len(open_sides) > 1:
        return None
    if open_sides:
        known = math.prod(side for side in shape if side is not None)
        shape[open_sides[0]] = math.prod(sizes) // max(known, 1)
    return shape
