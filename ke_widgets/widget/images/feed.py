"""Feed a model: its images, and one row of each of its other inputs for each image."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.widget.images.containers import as_array, listed
from ke_widgets.widget.images.image_input import ImageInput
from ke_widgets.widget.images.images import Images


class Feed:
    """Packs images as a model takes them, with the rows of its other inputs.

    Args:
        taken: The model's `ImageInput`.
        others: The data of its other inputs, in flat order.

    Attributes:
        taken: The same.
        several: Whether there are other inputs.
    """

    def __init__(self, taken: ImageInput, others: Sequence[Any] = ()) -> None:
        self.taken = taken
        self.several = len(taken.names) > 1
        where = [number for number in range(len(taken.names)) if number != taken.position]
        self._rows = [_rows(taken.names[number], data, taken.shapes[number]) for number, data in zip(where, others)]
        self._names = [taken.names[number] for number in where]

    def check(self, count: int) -> None:
        """Check that the other inputs have one row for each image.

        Args:
            count: Number of images.

        Raises:
            ValueError: If one has more or fewer.
        """
        for name, rows in zip(self._names, self._rows):
            if len(rows) != count:
                raise ValueError(
                    f"`images` must have one row of {name!r} for each of the {count} images. Received: {len(rows)} "
                    f"rows of {name!r}."
                )

    def pack(self, x: Any, indices: Sequence[int]) -> Any:
        """Pack images as the model takes them.

        Args:
            x: A tensor of images `(B, H, W, C)`.
            indices: Which images they are, to find the rows of the other inputs.

        Returns:
            A tensor, or a structure of tensors.
        """
        return self.taken.pack(x, [keras.ops.convert_to_tensor(rows[list(indices)]) for rows in self._rows])

    def is_finite(self, index: int) -> bool:
        """Return whether all of one image's other inputs is finite."""
        return all(bool(np.isfinite(rows[index]).all()) for rows in self._rows)


def _rows(name, data, shape):
    """Check the data of one input, and bring it to an array `(N, ...)` of the model's shape."""
    try:
        rows = as_array(data) if hasattr(data, "__array__") or hasattr(data, "numpy") else np.asarray(data)
    except ValueError:  # Rows of several lengths.
        rows = np.asarray(None)
    if rows.dtype.kind not in "biuf" or not rows.ndim:
        raise TypeError(
            f"`images` must hold numbers for the input {name!r}, one row for each image. Received: {short_repr(data)}."
        )
    if rows.ndim == len(shape) - 1 and shape[-1] == 1:
        rows = rows[..., None]
    if rows.ndim != len(shape) or any(side not in (None, own) for side, own in zip(shape[1:], rows.shape[1:])):
        raise ValueError(
            f"`images` must have rows of the shape {tuple(shape[1:])} for the input {name!r}. Received: an array of "
            f"shape {rows.shape}."
        )
    return rows.astype(keras.config.floatx()) if rows.dtype == np.float64 else rows


def split(model: keras.Model, taken: ImageInput, images: Any) -> tuple[Any, list[Any]]:
    """Split the data of a model's inputs into the images and the others.

    Args:
        model: A Keras model.
        taken: Its `ImageInput`.
        images: The images; for a model of several inputs a dict by their names, or a list in the model's order.

    Returns:
        The images as they were given, and a list of the data of the others, in flat order.

    Raises:
        ValueError: If an input has no data, or data has no input.
    """
    several = len(taken.names) > 1
    wanted = f"the inputs of {model.name!r}: a dict of {list(taken.names)}, or a list in this order"
    if isinstance(images, Mapping) and (several or any(taken.index(name) is not None for name in images)):
        data = {taken.index(name): images[name] for name in images}
        unknown = [name for name in images if taken.index(name) is None]
        missing = [name for number, name in enumerate(taken.names) if number not in data]
        if unknown or missing:
            wrong = f"{unknown}, which it does not take" if unknown else f"a dict without {missing}"
            raise ValueError(f"`images` must hold {wanted}. Received: {wrong}.")
        flat = [data[number] for number in range(len(taken.names))]
    elif not several:
        return images, []
    elif isinstance(images, list | tuple) and len(images) == len(taken.names):
        flat = list(images)
    else:
        count = f"a list of {len(images)}" if isinstance(images, list | tuple) else short_repr(images)
        raise ValueError(f"`images` must hold {wanted}. Received: {count}.")
    return flat.pop(taken.position), flat


def feeds(models: Sequence[keras.Model], taken: Sequence[ImageInput], images: Any) -> list[tuple[Any, Feed]]:
    """Return the images and the `Feed` of each model; images are read once, as an iterator cannot be read again.

    Args:
        models: Keras models.
        taken: The `ImageInput` of each.
        images: See `split`.

    Returns:
        Pairs of the images, an array or a list, and a `Feed`.
    """
    given = [split(model, each, images) for model, each in zip(models, taken)]
    read = {}
    for data, _ in given:
        if id(data) not in read:
            read[id(data)] = listed(data)
    return [(read[id(data)], Feed(each, others)) for (data, others), each in zip(given, taken)]


def fitting_images(model: keras.Model, feed: Feed, images: Any, preprocess: Any) -> Images:
    """Build the `Images` for a model; resize them only if the model does not run at their own size.

    Args:
        model: A built Keras model.
        feed: Its `Feed`.
        images: See `Images`.
        preprocess: See `Images`.

    Returns:
        `Images`.

    Raises:
        ValueError: If another input has more or fewer rows than there are images.
    """
    taken = feed.taken
    if taken.required or None in taken.shape:
        fitting = Images(images, taken.shape, preprocess)
        feed.check(len(fitting))
        return fitting
    free = Images(images, (None, None, *taken.shape[2:]), preprocess)
    feed.check(len(free))
    first = free.inputs(0)
    if first.shape[1:3] != taken.shape[:2] and _runs(model, feed.pack(keras.ops.convert_to_tensor(first), [0])):
        return free
    return Images(images, taken.shape, preprocess)


def of_another_size(model: keras.Model, taken: ImageInput, images: Images) -> list[str]:
    """Report that images enter a model at another size than it was built on.

    Args:
        model: A built Keras model.
        taken: Its `ImageInput`.
        images: Its `Images`.

    Returns:
        A list of sentences.
    """
    if images.size == taken.shape[:2] or images.prepared:
        return []
    height, width = taken.shape[:2]
    return [
        f"{model.name!r} was built on images of {height} × {width} but also runs on other sizes: the images enter at "
        "their own size. If it was trained on one size, pass images of that size."
    ]


def _runs(model, inputs):
    try:
        Exposed(model, [Endpoint("")])(inputs, training=False)
    except Exception:
        return False
    return True
