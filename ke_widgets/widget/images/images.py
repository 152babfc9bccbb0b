"""The images of a session: loading, preprocessing to model inputs, and pictures for display."""

import collections
import contextlib
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.images import reading
from ke_widgets.widget.images.containers import listed, order_hint
from ke_widgets.widget.images.encoding import Encoded, as_uint8, encode
from ke_widgets.widget.images.fitting import WHOLE, Region, cropped_region, fit
from ke_widgets.widget.images.preprocessing import black_and_white, own_colours, sees_all, value_range

_KEPT_PICTURES = 256
_SIZED_IMAGES = 100  # Sizes are read from this many images; a notice about all is based on them.


class Images:
    """A list of images in any of the usual formats; files are read when they are needed.

    Images of another size than the model requires are fitted to it; see `fitting.fit`. With `preprocess`, this happens
    only if `preprocess` keeps their size.

    Args:
        images: A uint8 or float array `(N, H, W, C)`, grey ones also `(N, H, W)`; or a list of arrays, of PIL images,
            or of paths; see `containers.listed` for all accepted types.
        shape: What the model takes, `(H, W, C)` or grey `(H, W)`, with `None` where it takes any size.
        preprocess: Turns a batch of images, `(1, H, W, C)` or as they were given, into the model's inputs; or `None`.

    Raises:
        TypeError: If `images` is of none of these types.
        ValueError: If there are none, one has the wrong rank or channels, or a file cannot be read.

    Attributes:
        deep: Whether only the upper 8 bits of a picture's grey levels are used.
    """

    def __init__(
        self, images: Any, shape: tuple[int | None, ...], preprocess: Callable[[Any], Any] | None = None
    ) -> None:
        self._grey = len(shape) == 2
        self._shape = (*shape, 1) if self._grey else tuple(shape)
        self._preprocess = None if preprocess is None else _one_at_a_time(preprocess)
        self._pictures: collections.OrderedDict[tuple[int, int], Encoded] = collections.OrderedDict()
        self._inverses: dict[tuple, Any] = {}
        self._size_kept: dict[tuple, bool] = {}
        self._regions: dict[int, tuple] = {}
        self.deep = False
        self._images = listed(images)
        is_array = isinstance(self._images, np.ndarray)
        if is_array:
            self._check_rank(np.shape(self._images))
        if not len(self._images):
            raise ValueError("`images` must hold at least one image. Received: none.")
        for index in [0] if is_array else range(len(self._images)):
            self._check(index)
        self.inputs(0)

    def __len__(self):
        return len(self._images)

    @property
    def size(self) -> Any:
        """Rows and columns that the model requires; `None` for any."""
        return self._shape[:2]

    @property
    def prepared(self) -> bool:
        """Whether a `preprocess` function is used."""
        return self._preprocess is not None

    @property
    def moved(self) -> bool:
        """Whether the model's input is displayed, because `preprocess` moves pixels of the first image."""
        return self._inverse(self._fitted(self._array(0))) is not None

    def prepares_as(self, other: "Images") -> bool:
        """Return whether other images are preprocessed in the same way, judged by the first one."""
        return np.array_equal(self.inputs(0), other.inputs(0))

    @property
    def fitted_sizes(self) -> tuple[list[tuple[int, int]], Any]:
        """Sizes of the images that are fitted, among the first hundred, and the size that they are fitted to."""
        others = {}
        if None not in self.size:
            for index in range(min(len(self), _SIZED_IMAGES)):
                with contextlib.suppress(ValueError):  # An unreadable file is reported when it is selected.
                    others.setdefault(self._size_of(index), index)
            others.pop(self.size, None)
        preprocess, example = self._preprocess, next(iter(others.values()), None)
        if preprocess and example is not None and not self._keeps_size(preprocess, self._array(example)):
            return [], self.size
        return list(others), self.size

    def inputs(self, index: int) -> np.ndarray:
        """Return one image as the model's input.

        Args:
            index: Number of the image.

        Returns:
            An array `(1, H, W, C)`, or `(1, H, W)` where the model takes that. Fitted images are not rounded, so uint8
            values become fractions.

        Raises:
            ValueError: If the file cannot be read, or the image does not fit the model.
        """
        images, what = self._fitted(self._array(index))[None], "`images`"
        if self._preprocess is not None:
            images, what = _one_array(self._preprocess(images.copy())), f"`preprocess` of image {index}"
            if not images.ndim or len(images) != 1:
                raise ValueError(
                    "`preprocess` must turn a batch of one image (1, H, W, C) into a batch of one. Received: an array "
                    f"of shape {images.shape} from one of shape {(1, *self._array(index).shape)}."
                )
        if images.ndim == 3 and self._shape[-1] in (1, None):
            images = images[..., None]
        self._check_shape(images.shape[1:], what)
        images = images[..., 0] if self._grey else images
        return images if np.issubdtype(images.dtype, np.floating) else images.astype("float32")

    def colours(self, index: int) -> tuple[Any, Any] | None:
        """Return black and white as the model's input has them, two arrays `(C,)`; `None` where that is not known."""
        return black_and_white(self._prepare, self._fitted(self._array(index)))

    def _prepare(self, batch):
        """Pass a batch through `preprocess`."""
        return batch if self._preprocess is None else _one_array(self._preprocess(batch))

    def pictures(self, index: int, seen: np.ndarray) -> np.ndarray:
        """Return inputs of the model, made of one of the images, for display.

        Args:
            index: Number of the image.
            seen: Inputs `(S, H, W, C)`.

        Returns:
            A uint8 array `(S, H, W, 1)` or `(S, H, W, 3)`, all on one scale; see `picture`.
        """
        image = self._fitted(self._array(index))
        back = own_colours(self._prepare, image)
        if back is not None:
            low, high = value_range(image)  # The image's own range is that of all.
            seen = np.clip((np.stack([back(each) for each in seen]) - low) / (high - low), 0, 1)
        return as_uint8(_in_colours(seen))

    def picture(self, index: int) -> np.ndarray:
        """Return one image for display: the original, or the model's input where the map does not fit the original.

        Args:
            index: Number of the image.

        Returns:
            A uint8 array `(H, W, 1)` or `(H, W, 3)`. Floats in [0, 1] are scaled by 255, other ranges from their
            minimum to their maximum; NaN and infinite values are black. Two channels are shown as red and green, of
            more than three the first three are shown.
        """
        image = self._array(index)
        inverse = self._preprocess and self._inverse(self._fitted(image))
        if inverse is not None:
            image = inverse(self.inputs(index)[0])
        return as_uint8(_in_colours(image[..., None] if image.ndim == 2 else image))

    def input_region(self, index: int) -> Region:
        """Return the region of a picture that the model sees.

        Args:
            index: Number of the image.

        Returns:
            `(top, left, bottom, right)` in shares of the picture's height and width.
        """
        if index not in self._regions:
            size = self._size_of(index)
            whole = None in self.size or size == self.size
            if not whole and self._preprocess is not None:
                fitted = self._fitted(self._array(index))
                whole = fitted.shape[:2] == size or self._inverse(fitted) is not None
            self._regions[index] = WHOLE if whole else cropped_region(size, self.size)
        return self._regions[index]

    def encoded(self, index: int, size: int = 0) -> Encoded:
        """Encode one image for the page.

        Args:
            index: Number of the image.
            size: Upper bound of the longer side in pixels; 0 for the default of `encode`.

        Returns:
            An `Encoded`.
        """
        key = (index, size)
        found = self._pictures.pop(key, None)
        if found is None:
            picture = self.picture(index)
            found = Encoded(encode(picture, size), picture.shape[:2])
        self._pictures[key] = found
        while len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return found

    def _fitted(self, image):
        """Fit an image to the size that the model requires, unless `preprocess` does that."""
        if None in self.size or image.shape[:2] == self.size:
            return image
        if self._preprocess is None:
            return fit(image, self.size)
        if not self._keeps_size(self._preprocess, image):
            return image
        # `preprocess` may depend on the type, as `tf.image.convert_image_dtype` does.
        fitted = fit(image, self.size)
        return (np.rint(fitted) if np.issubdtype(image.dtype, np.integer) else fitted).astype(image.dtype)

    def _keeps_size(self, preprocess, image):
        """Return whether `preprocess` keeps the size of images with this shape and type."""
        key = (image.shape, image.dtype)
        if key not in self._size_kept:
            prepared = _one_array(preprocess(image[None].copy()))
            self._size_kept[key] = prepared.ndim > 2 and prepared.shape[1:3] == image.shape[:2]
        return self._size_kept[key]

    def _size_of(self, index) -> Any:
        """Return the rows and columns of an image; only the header of a file is read."""
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            with reading.opened(image) as opened:
                return opened.size[::-1]
        return image.size[::-1] if isinstance(image, Image.Image) else tuple(np.shape(image)[:2])

    def _inverse(self, image):
        """Return a function from the model's input to the picture; `None` where the original is displayed."""
        if self._preprocess is None:
            return None
        key = (image.shape, image.dtype)
        if key not in self._inverses:
            plain, colours = sees_all(self._prepare, image), functools.partial(own_colours, self._prepare)
            self._inverses[key] = None if plain else functools.partial(_recoloured, colours(image), image)
        return self._inverses[key]

    def _check_rank(self, shape):
        """Refuse an array of the wrong rank: a single image, or grey images for a colour model."""
        if len(shape) == 4:
            return
        if len(shape) != 3:
            raise ValueError(f"`images` must have the shape (N, H, W, C). Received: shape {shape}.")
        grey = self._shape[-1] in (1, None) or (self._preprocess is not None and shape[-1] not in (1, 3, 4))
        alone = shape[-1] in (1, 3, 4) or (self._fits(shape) and not self._fits((*shape[1:], 1)))
        if grey and not alone:
            return
        hint = " For a single image, write `images[None]`."
        if not alone:
            hint = f" For grey images, write `np.repeat(images[..., None], {self._shape[-1]}, axis=-1)`."
        raise ValueError(f"`images` must have the shape (N, H, W, C). Received: shape {shape}.{hint}")

    def _check(self, index):
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            if not Path(image).is_file():
                raise ValueError(f"`images` must name files that exist. Received: {str(image)!r}, which does not.")
            if index == 0:
                self._array(index)
        elif isinstance(image, Image.Image):
            return
        elif hasattr(image, "__array__"):
            shape = np.shape(image)
            if self._preprocess is None:
                self._check_channels((*shape, 1) if len(shape) == 2 else shape, shape)
        else:
            raise TypeError(
                f"`images` must hold arrays (H, W, C), PIL images or paths. Received: {short_repr(image)} at {index}."
            )

    def _fits(self, shape):
        return len(shape) == 3 and all(b in (None, a) for a, b in zip(shape, self._shape, strict=True))

    def _check_channels(self, shape, received):
        """Refuse an image with the wrong rank or channels; a wrong size is fitted if the model's size is known."""
        known = None not in self.size and len(shape) == 3 and min(shape) > 0
        self._check_shape((*self.size, shape[-1]) if known else shape, "`images`", received)

    def _check_shape(self, shape, what, received=None):
        if not self._fits(shape):
            wanted = ", ".join("any" if side is None else str(side) for side in self._shape)
            raise ValueError(
                f"{what} must fit what the model takes, (H, W, C) = ({wanted}). "
                f"Received: an image of shape {received or shape}.{order_hint(received or shape, self._fits)}"
            )

    def _array(self, index):
        """Return one image unchanged, at its own size."""
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            with reading.opened(image) as opened:
                return self._pixels(opened)
        return self._pixels(image) if isinstance(image, Image.Image) else np.asarray(image)

    def _pixels(self, picture):
        """Return the pixels of a PIL image, with a channel axis if the model takes one."""
        found, deep = reading.pixels(picture, self._shape[-1])
        self.deep = self.deep or deep
        return found[..., None] if found.ndim == 2 and not self._grey else found


def _in_colours(images):
    """Return one or three channels: two are red and green, of more the first three."""
    if images.shape[-1] == 2:
        images = np.concatenate([images, np.zeros_like(images[..., :1])], axis=-1)
    return images[..., :3]


def _one_at_a_time(function):
    """Wrap a user's function in a lock, because the thread that encodes pictures calls it too."""
    lock = threading.Lock()

    def call(batch):
        with lock:
            return function(batch)

    return call


def _one_array(prepared):
    """Unwrap the array that `preprocess` returned, also from a dict or list of one."""
    if isinstance(prepared, dict):
        prepared = list(prepared.values())
    if isinstance(prepared, list | tuple) and len(prepared) == 1 and np.ndim(prepared[0]) > 2:
        (prepared,) = prepared
    return np.asarray(prepared)


def _recoloured(colours, image, seen):
    """Convert a model's input back to the range and type of its image, if the inverse is known."""
    seen = seen[..., None] if seen.ndim == 2 else seen
    if colours is None:
        return seen
    return np.rint(colours(seen)).astype("uint8") if image.dtype == np.uint8 else colours(seen)
