"""Prepare data for the loop: images with the units to explain, in any form that Keras takes."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import DATASETS, as_tensor, batch_spec, number_of_batches
from ke_widgets.model.inputs import fitted_shape, graph_of, references
from ke_widgets.model.units import not_finite
from ke_widgets.typing import Inputs, Shape, Tensor

_INPUTS, _INDICES = "ke_widgets_inputs", "ke_widgets_indices"
_STREAMS = (*DATASETS, keras.utils.PyDataset)
Prepare = Callable[[Any, int], np.ndarray | None]
_CHUNK = 256  # Images that are checked at once for finite values, which limits the memory.


def is_stream(x: Any) -> bool:
    """Return whether data comes in batches."""
    return isinstance(x, _STREAMS) or hasattr(x, "__next__")


def pack(model: keras.Model, x: Any, y: Any, batch_size: int | None, prepare: Prepare) -> Any:
    """Combine images and `y` into one argument of `predict`, which has no `y`.

    Args:
        model: The model to run.
        x: Images, or data in batches.
        y: Units to explain, or other data of the target.
        batch_size: As the user gave it.
        prepare: A function of `y` and the number of images. It checks `y` and returns one entry for each image, or
            `None`.

    Returns:
        Data in batches unchanged, or a dict for `unpack`.

    Raises:
        TypeError: If `x` holds no numbers.
        ValueError: If arguments exclude each other, `x` does not fit the model, or `y` does not fit.
    """
    if is_stream(x):
        for name, value in (("y", y), ("batch_size", batch_size)):
            if value is not None:
                raise ValueError(
                    f"`{name}` must not be given where `x` brings batches of its own, such as `(x, y)`. "
                    f"Received: {name} beside x={type(x).__name__}."
                )
        _check_stream(model, x)
        return x if isinstance(x, _STREAMS) else _tuples(x)
    count = _count(x)
    flat = keras.tree.flatten(x)
    _check_shapes(model, x, [tuple(np.shape(array)) for array in flat])
    _check_numbers(model, x, flat)
    y = prepare(y, int(count or 0))
    return {_INPUTS: x} if y is None else {_INPUTS: x, _INDICES: y}


def expected(data: Any, steps: int | None) -> int:
    """Return the expected number of images; if unknown, the number of batches, negated.

    Args:
        data: The result of `pack`.
        steps: As the user gave it.
    """
    if not is_stream(data):
        return int(_count(data[_INPUTS]) or 0)
    batches = steps
    known = _number_of_batches(data)
    if known:
        batches = min(known, steps or known)
    return -(batches or 1)


def _tuples(batches: Iterator[Any]) -> Iterator[tuple[Any, ...]]:
    """Return a generator's batches as tuples, as Keras wants them; refuse an empty one."""
    first = next(batches, None)
    if first is None:
        raise ValueError(NO_BATCH)
    return (batch if isinstance(batch, tuple) else (batch,) for batch in itertools.chain([first], batches))


def _check_stream(model: keras.Model, x: Any) -> None:
    if _number_of_batches(x) == 0:
        raise ValueError(NO_BATCH)
    spec = batch_spec(x) if isinstance(x, DATASETS) else None
    if spec is None:
        return
    inputs, *_ = keras.utils.unpack_x_y_sample_weight(spec)
    flat = keras.tree.flatten(inputs)
    if any(getattr(getattr(spec, "shape", None), "rank", None) is None for spec in flat):
        return
    _check_shapes(model, inputs, [tuple(spec.shape) for spec in flat], " Batch the data, `x.batch(32)`.")
    for spec in flat:
        if spec.dtype == "string":
            _refuse_text(model, inputs, "string")


def _number_of_batches(data: Any) -> int | None:
    if isinstance(data, DATASETS):
        return number_of_batches(data)
    return len(data) if isinstance(data, keras.utils.PyDataset) else None


NO_BATCH = "`x` must give at least one batch of images. Received: data without any."


def _count(x: Any) -> int:
    flat = keras.tree.flatten(x)
    counts: set[Any] = {np.shape(array)[0] if hasattr(array, "shape") and len(array.shape) else None for array in flat}
    if len(counts) != 1 or not counts - {0, None}:
        raise ValueError(
            "`x` must be at least one image: an array, a tensor, or a list or dict of them of one length. "
            f"Received: x of type {type(x).__name__}, of lengths {sorted(counts, key=str)}.{_stack(x)}"
        )
    return counts.pop()


def _stack(x: Any) -> str:
    several = isinstance(x, list | tuple) and len(x) > 1
    return " A list means several inputs; for images in a list, say `np.stack(x)`." if several else ""


def _check_shapes(
    model: keras.Model, x: Any, shapes: list[Shape], advice: str = " One image without its batch axis? Say `x[None]`."
) -> None:
    """Refuse data whose shape differs from that in the model's graph."""
    graph = graph_of(model)
    if graph is None:
        return
    _check_keys(graph, x)
    wanted = [tuple(tensor.shape) for tensor in graph.inputs]
    if len(wanted) != len(shapes):
        raise ValueError(
            f"`x` must hold what the model takes, {_number(wanted)} of the shapes {wanted}. "
            f"Received: {_number(shapes)} of the shapes {shapes[:3]}.{_stack(x)}"
        )
    for shape, tensor in zip(shapes, references(model, x)):
        if tensor is not None and not _fits(fitted_shape(shape, tensor.shape), tensor.shape):
            alone = _fits((1, *shape), tensor.shape)
            raise ValueError(
                f"`x` must have the shape that the model takes, {_any_batch(tensor.shape)}. "
                f"Received: x of shape {shape}.{advice if alone else ''}"
            )


def _check_keys(graph: keras.Model, x: Any) -> None:
    if not isinstance(x, dict):
        return
    whole = graph._inputs_struct
    known = list(whole) if isinstance(whole, dict) else [tensor.name for tensor in graph.inputs]
    if set(known) != set(x):
        raise ValueError(f"`x` must have a key for each input of the model: {known}. Received: {list(x)}.")


def _number(shapes: Sequence[object]) -> str:
    return f"{len(shapes)} array{'s' if len(shapes) > 1 else ''}"


def _any_batch(shape: Shape) -> str:
    return f"({', '.join(['B', *(str(side) if side else 'any' for side in shape[1:])])})"


def _fits(shape: Shape, wanted: Shape) -> bool:
    if len(shape) != len(wanted):
        return False
    return all(one is None or other is None or one == other for one, other in zip(shape[1:], wanted[1:]))


def _check_numbers(model: keras.Model, x: Any, flat: Iterable[Any]) -> None:
    """Refuse text and objects if the model takes numbers, and numbers that are not finite."""
    for array in flat:
        dtype = array.dtype if hasattr(array, "dtype") else np.asarray(array).dtype
        kind = np.dtype(getattr(dtype, "as_numpy_dtype", dtype)).kind
        if kind in "OUSMmc":
            _refuse_text(model, x, dtype)
            return
        if keras.backend.is_float_dtype(array.dtype):
            wrong = [number for start in range(0, len(array), _CHUNK) for number in _not_finite(array, start)]
            if wrong:
                raise ValueError(not_finite(wrong))


def _not_finite(array: Any, start: int) -> Any:
    chunk = np.asarray(ops.convert_to_numpy(array[start : start + _CHUNK])).astype("float32", copy=False)
    if np.isfinite(chunk.sum()):  # One number is enough for nearly all data.
        return []
    return start + np.flatnonzero(~np.isfinite(chunk).reshape(len(chunk), -1).all(axis=1))


def _refuse_text(model: keras.Model, x: Any, dtype: object) -> None:
    if any("string" in str(getattr(tensor, "dtype", "string")) for tensor in references(model, x)):
        return
    raise TypeError(
        f"`x` must hold numbers: images of one size, as the model takes them. Received: x of dtype {dtype}. Images of "
        "several sizes must be resized first; files must be read, such as by `keras.utils.load_img`."
    )


def unpack(data: Any, any_y: bool = False) -> tuple[Inputs, Tensor | None]:
    """Split one batch, as the step of `predict` gets it, into inputs and `y`.

    Args:
        data: A result of `pack`, `x`, or `(x, y)`.
        any_y: Whether to leave `y` unchecked, for a target that is not the units.

    Returns:
        Inputs, and units `(B, U)`, or the data of another target, or `None`.

    Raises:
        ValueError: If `y` is not integers `(B,)` or `(B, U)`.
    """
    inputs, indices, _ = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(inputs, dict) and _INPUTS in inputs:
        return inputs[_INPUTS], inputs.get(_INDICES)
    if indices is not None and not any_y:
        indices = as_tensor(indices)
        dtype = keras.backend.standardize_dtype(indices.dtype)
        if not keras.backend.is_int_dtype(dtype) or len(indices.shape) not in (1, 2):
            raise ValueError(
                "`y` in the data must be integers (B,) or (B, U): for each image, the units to explain. Received: y of "
                f"dtype {dtype} and shape {indices.shape}. Change it with `.map`, or drop it to explain "
                "all units."
            )
        indices = indices[:, None] if len(indices.shape) == 1 else indices
    return inputs, indices


def batches(
    model: keras.Model, x: Any, y: Any, batch_size: int | None, prepare: Prepare, any_y: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield data batch by batch.

    Args:
        model: See `pack`.
        x: See `pack`.
        y: See `pack`.
        batch_size: Images in a batch, for data without batches; 32 by default.
        prepare: See `pack`.
        any_y: See `unpack`.

    Yields:
        One batch, as `pack` returns it.

    Raises:
        TypeError: See `pack`.
        ValueError: See `pack`.
    """
    data = pack(model, x, y, batch_size, prepare)
    if not is_stream(x):
        size, count = batch_size or 32, int(_count(x) or 0)
        for start in range(0, count, size):
            chosen = slice(start, start + size)
            yield keras.tree.map_structure(functools.partial(_sliced, chosen), data)
        return
    # A PyDataset has a length, but is not an iterable.
    read = (x[number] for number in range(len(x))) if isinstance(x, keras.utils.PyDataset) else data
    for batch in read:
        inputs, indices = unpack(batch, any_y)
        yield {_INPUTS: inputs} if indices is None else {_INPUTS: inputs, _INDICES: indices}


def _sliced(chosen: slice, array: Any) -> Tensor:
    """Return some images, in the precision of `predict`."""
    images = array[chosen]
    return ops.cast(images, keras.config.floatx()) if keras.backend.is_float_dtype(images.dtype) else images
