"""Keep the scores of images, and what else a question needs to know of them, until the weights change."""

import collections
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from keras import ops

from ke_widgets.engine.compiling import compiled, ready
from ke_widgets.errors import failures
from ke_widgets.model.exposed import Exposed
from ke_widgets.widget.images.feed import Feed
from ke_widgets.widget.images.images import Images
from ke_widgets.widget.session.classes import Classes

_KEPT_ROWS = 4096
_KEPT_DETAILS = 4  # One for each pane that the page can show.


class Scores:
    """Runs a model on images for their scores, and keeps them.

    Args:
        view: Exposes what `classes` read, and the model's own output; with its target.
        classes: Say what is read and how it becomes scores, a `Classes`.
        images: The model's `Images`.
        feed: Its `Feed`.
        y: Data of the target, one entry for each image, or `None`.
    """

    def __init__(
        self, view: Exposed, classes: Classes, images: Images, feed: Feed, y: np.ndarray | None = None
    ) -> None:
        self.view = view
        self._classes = classes
        self._images = images
        self._feed = feed
        self._y = y
        self._rows: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
        self._details: collections.OrderedDict[int, Any] = collections.OrderedDict()

    def of(self, image_indices: Sequence[int]) -> np.ndarray:
        """Return scores `(len(image_indices), classes)`."""
        missing = [index for index in dict.fromkeys(image_indices) if index not in self._rows]
        if missing:
            self._run_missing(missing)
        rows = np.stack([self._rows[index] for index in image_indices])
        _trim(self._rows, _KEPT_ROWS)
        return self._classes.scores(rows)

    def detail(self, image_index: int) -> Any:
        """Return what a question on an image needs beside its class; see `Classes.question`."""
        if not self._classes.needs_detail:
            return self.y([image_index])
        if image_index not in self._details:
            self._run_missing([image_index])
        self._details.move_to_end(image_index)
        return self._details[image_index]

    def y(self, image_indices: Sequence[int]) -> Any:
        """Return the data of the target for some images, a tensor, or `None`."""
        return None if self._y is None else ops.convert_to_tensor(self._y[list(image_indices)])

    def know(self, image_index: int, outputs: Any) -> None:
        """Note the model's own output `(1, ...)` for an image, where the scores are made of that alone."""
        if self._classes.of_output:
            self._rows[image_index] = np.asarray(outputs, "float32")[0]

    def forget(self) -> None:
        """Clear what is kept: the weights have changed."""
        self._rows.clear()
        self._details.clear()

    def compile(self, inputs: Any) -> None:
        """Compile the forward pass for an image of such a shape."""
        compiled(self._classes.read, self.view).prepare(inputs, self.y([0]))

    def run(self, inputs: Any) -> np.ndarray:
        """Run one image, compiled where that is ready, and keep nothing."""
        return np.asarray(run(self._classes.read, self.view, inputs, self.y([0])))

    def is_compiled(self, inputs: Any) -> bool:
        """Return whether the forward pass is compiled for an image of such a shape."""
        return ready(self._classes.read, self.view, inputs, self.y([0])) is not None

    def _run_missing(self, image_indices):
        for numbers, arrays in _by_shape(image_indices, self._images, self._at_once):
            inputs = self._feed.pack(ops.convert_to_tensor(np.concatenate(arrays)), numbers)
            found = np.asarray(run(self._classes.read, self.view, inputs, self.y(numbers)))
            self._rows.update(zip(numbers, self._classes.rows(found)))
            if self._classes.needs_detail:
                self._details.update(zip(numbers, found))
                _trim(self._details, _KEPT_DETAILS)

    def _at_once(self, array, index):
        """Return how many images of one shape to run together.

        The compiled function takes one image; several run eagerly, which takes ten times as long at first. What is
        read of a segmentation is large.
        """
        if self._classes.needs_detail:
            return 1
        return 1 if self.is_compiled(self._feed.pack(ops.convert_to_tensor(array), [index])) else 32


def run(function: Callable[..., Any], view: Exposed, inputs: Any, y: Any = None) -> Any:
    """Run a function of a model, compiled if that is ready, else eagerly, which is faster than compiling.

    Args:
        function: A function `(model, inputs, y)`.
        view: The model.
        inputs: Tensors.
        y: A tensor or `None`.

    Returns:
        What it returns.
    """
    trace = ready(function, view, inputs, y)
    return function(view, inputs, y) if trace is None else trace(inputs, y)


def _by_shape(image_indices, images, at_once) -> Iterator[tuple[list[int], list[np.ndarray]]]:
    """Yield indices and inputs of images of one shape, as many together as `at_once` allows."""
    groups, most = {}, {}
    for index in image_indices:
        inputs = images.inputs(index)
        numbers, arrays = groups.setdefault(inputs.shape, ([], []))
        numbers.append(index)
        arrays.append(inputs)
        if inputs.shape not in most:
            most[inputs.shape] = at_once(inputs, index)
        if len(numbers) == most[inputs.shape]:
            yield groups.pop(inputs.shape)
    yield from groups.values()


def _trim(kept, most):
    while len(kept) > most:
        kept.popitem(last=False)


def scores_of_readable(explained: Any, image_indices: Sequence[int]) -> dict[int, np.ndarray]:
    """Return a dict from image index to its scores, without those that have none.

    Why an image has none is reported where its map is asked for.
    """
    try:
        return dict(zip(image_indices, explained.scores(image_indices)))
    except Exception as error:
        if len(image_indices) == 1:
            return {}
        if not failures.of_the_data(error):
            readable = [index for index in image_indices if _has_inputs(explained, index)]
            return scores_of_readable(explained, readable) if 0 < len(readable) < len(image_indices) else {}
    return {index: each for index in image_indices for each in scores_of_readable(explained, [index]).values()}


def _has_inputs(explained, index):
    try:
        explained.images.inputs(index)
    except Exception:
        return False
    return True
