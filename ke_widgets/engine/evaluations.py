"""Evaluate a model on many inputs that are made of one: the one loop of all methods and metrics that do.

It chooses the batch size, repeats `indices` for each input, leaves out what exceeds the last step, and runs either in
one call (eagerly, or as a loop inside a compiled function) or step by step, for a caller who reports progress or
cancels.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import while_loop
from ke_widgets.engine.batch_size import batch_size_for
from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.forward import forward
from ke_widgets.engine.gradients import image_jacobian
from ke_widgets.errors.arguments import check_count
from ke_widgets.model.inputs import fitted
from ke_widgets.model.units import scores_of
from ke_widgets.typing import Inputs, SpatialAxis, Tensor


def scores(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
) -> Tensor:
    """Return the explained scores `(N, U)` of inputs `(N, ...)`; what most evaluations ask."""
    return scores_of(model, forward(model, inputs)[0], indices, indices_axis, indices_batch_dims)


def image_gradients(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    spatial_axis: SpatialAxis,
    image_input: int | str | None,
) -> Tensor:
    """Return the gradients `(N, U, H, W, C)` of the scores with respect to the image; what others ask."""
    return image_jacobian(model, inputs, indices, indices_axis, indices_batch_dims, spatial_axis, image_input)[1]


def plain(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int = -1,
    indices_batch_dims: int = -1,
) -> tuple[Tensor, Inputs, None]:
    """Begin with the logits, the inputs as the state, and no sums; see `Evaluations.begin`."""
    inputs = fitted(model, inputs)
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    return scores(model, inputs, indices, **axes), inputs, None


def summed(state: Any, sums: Tensor | None, values: Tensor, numbers: Any, counts: Tensor) -> Tensor:
    """Add values `(S, B, ...)` to their sum `(B, ...)` so far; see `Evaluations.add`."""
    found = ops.einsum("s,s...->...", ops.cast(counts, values.dtype), values)
    return found if sums is None else sums + found


def mean(state: Any, sums: Tensor, done: int) -> Tensor:
    """Divide a sum by the number of evaluations; see `Evaluations.end`."""
    return sums / done


@dataclass(frozen=True)
class Evaluations:
    """Describe what evaluates a model many times, by functions of tensors.

    Each function gets, as keywords, those parameters of the method that it names.

    Attributes:
        count: `(state) -> total`, the number of evaluations.
        draw: `(model, state, numbers) -> inputs (S * B, ...)`: what the evaluations `numbers` `(S,)` look at; first all
            images of the first of them.
        asks: `(model, inputs, indices) -> values (S * B, ...)`: what they ask of the model.
        add: `(state, sums, values (S, B, ...), numbers, counts) -> sums`. Where the last step exceeds the evaluations,
            it repeats the last one, whose `counts` `(S,)` is then 0.
        begin: `(model, inputs, indices) -> (logits, state, sums)`: the logits `(B, U)` of the inputs themselves, a
            state of tensors that stays, and sums that keep their shapes, or `None`: the first step makes them.
        end: `(state, sums, done) -> maps (B, H', W', U)`, of the first `done` evaluations.
        differentiates: Whether they ask for gradients.
        batch_size: Evaluations in a step; `None` takes the method's parameter of this name.
        unrolled: Whether their inputs differ in shape, or move what is in the image. Then each is a step, `numbers` is
            a Python integer, and where `indices` is `None` the target chooses its data anew for each.
        sequential: Whether what an evaluation looks at depends on those before it. Then each is a step, `draw` gets
            `sums` as a keyword, and `begin` returns them.
        total: `(image, signal) -> total`: what `count` will be, from the shapes `(H, W, C)` of the image and
            `(H', W', K)` of the signal; `None` where it is the parameter `samples`, `steps` or `repetitions`.
    """

    count: Callable[..., int]
    draw: Callable[..., Any]
    asks: Callable[..., Tensor] = scores
    add: Callable[..., Any] = summed
    begin: Callable[..., tuple[Tensor, Any, Any]] = plain
    end: Callable[..., Tensor] = mean
    differentiates: bool = False
    batch_size: int | None = None
    unrolled: bool = False
    sequential: bool = False
    total: Callable[..., int] | None = None

    def start(self, model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Any, ...]:
        """Return `indices`, and what `begin` returns.

        A target that chooses its data by the outputs, such as the region where a channel wins, chooses it here, once.
        """
        target: Any = getattr(model, "target", None)
        if indices is None and not self.unrolled and hasattr(target, "hold"):
            indices = target.hold(forward(model, fitted(model, inputs))[0])
        return indices, *call(self.begin, model, inputs, indices, **params)

    def ask(self, model: keras.Model, given: tuple[Any, Any], numbers: Any, *, size: int, **params: Any) -> Tensor:
        """Return the values `(S, B, ...)` of `size` evaluations; `given` is the state, and the indices."""
        return self._ask(model, *given, numbers, size=size, **params)

    def advance(
        self, model: keras.Model, given: tuple[Any, Any, Any], numbers: Any, *, total: int, **params: Any
    ) -> Any:
        """Return the sums after one evaluation of a sequence; `given` is state, indices, and the sums before."""
        state, indices, sums = given
        values = self._ask(model, state, indices, numbers, size=1, sums=sums, **params)
        return call(self.add, state, sums, values, numbers, ops.less(numbers, total), **params)

    def _ask(self, model: keras.Model, state: Any, indices: Any, numbers: Any, *, size: int, **params: Any) -> Tensor:
        numbers = numbers if self.unrolled else ops.reshape(numbers, (size,))
        inputs = call(self.draw, model, state, numbers, **params)
        # `y` of a target, or units of each image; `(U,)` holds for all images.
        if indices is not None and len(indices.shape) > 1 and size > 1:
            indices = ops.tile(indices, (size, *[1] * (len(indices.shape) - 1)))
        values = call(self.asks, model, inputs, indices, **params)
        return ops.reshape(values, (size, -1, *ops.shape(values)[1:]))

    def size(self, inputs: Inputs, total: int, batch_size: int | None = None, **_others: Any) -> int:
        """Return the number of evaluations in a step.

        Raises:
            ValueError: If `batch_size` is not an integer of at least 1.
        """
        if self.unrolled or self.sequential:
            return 1
        asked = batch_size if self.batch_size is None else self.batch_size
        if asked is None:
            # Sizes near the fastest one are as fast: take one that exceeds the evaluations by few.
            return even(total, batch_size_for(inputs, self.differentiates) * 3 // 2)
        check_count("batch_size", asked)
        return min(asked, total)


def even(total: int, most: int) -> int:
    """Choose the size of all steps: at most `most`, at least half of it, with few evaluations beyond `total`."""
    sizes = range((most + 1) // 2, min(most, total) + 1) or [total]
    return min(sizes, key=lambda size: (-(-total // size) * size, -size))


def run(
    evaluations: Evaluations, model: keras.Model, inputs: Inputs, indices: Tensor | None, /, **params: Any
) -> tuple[Tensor, Tensor]:
    """Run all evaluations in one call, eagerly or inside a compiled function.

    Args:
        evaluations: An `Evaluations`.
        model: See `ke_widgets.methods`.
        inputs: See `ke_widgets.methods`.
        indices: See `ke_widgets.methods`.
        **params: All other arguments of the method.

    Returns:
        Logits `(B, U)` and maps `(B, H', W', U)`.
    """
    indices, logits, state, sums = evaluations.start(model, inputs, indices, **params)
    total = call(evaluations.count, state, **params)
    size = evaluations.size(inputs, total, **params)
    steps = -(-total // size)

    def step(number: Any, sums: Any) -> Any:
        numbers = number if evaluations.unrolled else number * size + ops.arange(size, dtype="int32")
        # The last step is as large as the others.
        within = ops.minimum(numbers, total - 1) if total % size else numbers
        if evaluations.sequential:
            return evaluations.advance(model, (state, indices, sums), within, total=total, **params)
        values = evaluations.ask(model, (state, indices), within, size=size, **params)
        return call(evaluations.add, state, sums, values, within, ops.less(numbers, total), **params)

    # The first step makes the sums; steps of different shapes fit no loop.
    before = steps if evaluations.unrolled else int(sums is None)
    for number in range(before):
        sums = step(number, sums)
    if steps > before:
        sums = while_loop(step, before, steps, sums)
    return logits, call(evaluations.end, state, sums, total, **params)


def each_step(
    evaluations: Evaluations,
    model: keras.Model,
    indices: Tensor | None,
    state: Any,
    sums: Any,
    size: int,
    **params: Any,
) -> Iterator[tuple[int, Any]]:
    """Run one step after the other, compiled, with a stop after each.

    Args:
        evaluations: An `Evaluations`.
        model: See `ke_widgets.methods`.
        indices: What `Evaluations.start` returned.
        state: The same.
        sums: The same.
        size: The number of evaluations in a step.
        **params: All other arguments of the method.

    Yields:
        The number of evaluations that are done, and their sums.
    """
    total = call(evaluations.count, state, **params)
    own = {**known(evaluations.draw, params), **known(evaluations.asks, params)}
    if evaluations.sequential:
        own |= known(evaluations.add, params)
        advance = compiled(evaluations.advance, model, total=total, **own)
        for number in range(total):
            sums = advance((state, indices, sums), ops.convert_to_tensor([number], "int32"))
            yield number + 1, sums
        return
    ask = compiled(evaluations.ask, model, size=size, **own)
    for first in range(0, total, size):
        numbers = np.arange(first, first + size, dtype="int32")
        within = ops.convert_to_tensor(np.minimum(numbers, total - 1))
        within = first if evaluations.unrolled else within
        values = ask((state, indices), within)
        # Outside of the compiled function, so that no parameter of `add` compiles it again.
        sums = call(evaluations.add, state, sums, values, within, ops.convert_to_tensor(numbers < total), **params)
        yield min(first + size, total), sums


def call(function: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """Call a function with those of `params` that it names."""
    return function(*args, **known(function, params))


def known(function: Callable[..., Any], params: dict[str, Any]) -> dict[str, Any]:
    """Return those of `params` that a function names as keywords; all where it takes any."""
    names = _keywords(function)
    return params if names is None else {name: value for name, value in params.items() if name in names}


@functools.lru_cache(maxsize=256)
def _keywords(function: Callable[..., Any]) -> frozenset[str] | None:
    found = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in found):
        return None
    return frozenset(p.name for p in found if p.kind is p.KEYWORD_ONLY)
