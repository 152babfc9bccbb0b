"""The images of a session: as the user gave them, as the model takes them, as the page shows them."""

import collections
import contextlib
import functools
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.images import reading
from ke_widgets.widget.images.containers import listed, order_hint
from ke_widgets.widget.images.encoding import Encoded, as_uint8, encode
from ke_widgets.widget.images.fitting import WHOLE, cropped_region, fit
from ke_widgets.widget.images.preprocessing import own_colours, sees_all

_KEPT_PICTURES = 256
_LOOKED_AT = 100  # Images whose sizes are looked up before anything is said about all.


class Images:
    """A list of images of any of the kinds that people have; files are read when they are needed.

    Images of another size than the model demands are fitted to it; see `fitting.fit`. With `preprocess` they are only
    where that keeps their size.

    Args:
        images: A uint8 or float array `(N, H, W, C)`, grey ones also `(N, H, W)`; or a list of arrays, of PIL images,
            or of paths; see `containers.listed` for what else is taken.
        shape: What the model takes, `(H, W, C)` or grey `(H, W)`, with `None` where it takes any size.
        preprocess: Turns a batch of images, `(1, H, W, C)` or as they were given, into the model's inputs; or `None`.

    Raises:
        TypeError: If `images` is of none of those kinds.
        ValueError: If there are none, if one has the wrong rank or channels, or a file cannot be read.

    Attributes:
        deep: Whether only the upper 8 bits of a picture's grey levels are used.
    """

    def __init__(self, images, shape, preprocess=None):
        self._grey = len(shape) == 2
        self._shape = (*shape, 1) if self._grey else tuple(shape)
        self._preprocess = None if preprocess is None else _one_at_a_time(preprocess)
        self._pictures: collections.OrderedDict[tuple[int, int], Encoded] = collections.OrderedDict()
        self._ways: dict[tuple, Any] = {}
        self._keeps: dict[tuple, bool] = {}
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
    def size(self):
        """Rows and columns that the images must have, or are brought to; `None` for any."""
        return self._shape[:2]

    @property
    def prepared(self):
        """Whether something prepares the images for the model."""
        return self._preprocess is not None

    @property
    def moved(self):
        """Whether the first image is shown as the model takes it, because `preprocess` does more than resize it."""
        return self._way_back(self._fitted(self._array(0))) is not None

    def prepares_as(self, other):
        """Tell whether other images are prepared in the same way, as far as the first one shows it."""
        return np.array_equal(self.inputs(0), other.inputs(0))

    @property
    def fitted_sizes(self):
        """Sizes of those of the first images that are fitted, and the size that they are fitted to."""
        others = {}
        if None not in self.size:
            for index in range(min(len(self), _LOOKED_AT)):
                with contextlib.suppress(ValueError):  # That a file cannot be read is said when it is chosen.
                    others.setdefault(self._size_of(index), index)
            others.pop(self.size, None)
        preprocess, example = self._preprocess, next(iter(others.values()), None)
        if preprocess and example is not None and not self._keeps_size(preprocess, self._array(example)):
            return [], self.size
        return list(others), self.size

    def inputs(self, index):
        """Give one image as the model takes it.

        Args:
            index: Number of the image.

        Returns:
            An array `(1, H, W, C)`, or `(1, H, W)` where the model takes that. What was fitted is not rounded, so that
            uint8 becomes a fraction.

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

    def picture(self, index):
        """Give one image as people see it: their own, or what the model gets where the map would not fit their own.

        Args:
            index: Number of the image.

        Returns:
            A uint8 array `(H, W, 1)` or `(H, W, 3)`. Floats in [0, 1] are scaled by 255, other ranges from their own
            minimum to their maximum; what is not finite is black. Of two channels one is red and one is green, of
            more than three the first three are shown.
        """
        image = self._array(index)
        way_back = self._preprocess and self._way_back(self._fitted(image))
        if way_back is not None:
            image = way_back(self.inputs(index)[0])
        image = image[..., None] if image.ndim == 2 else image
        if image.shape[-1] == 2:
            image = np.concatenate([image, np.zeros_like(image[..., :1])], axis=-1)
        return as_uint8(image[..., :3])

    def input_region(self, index):
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
                whole = fitted.shape[:2] == size or self._way_back(fitted) is not None
            self._regions[index] = WHOLE if whole else cropped_region(size, self.size)
        return self._regions[index]

    def encoded(self, index, size=0):
        """Give one image as bytes that a page can draw.

        Args:
            index: Number of the image.
            size: Longest side in pixels; 0 for the image's own, or as many as are worth showing.

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
        """Give an image at the size that the model demands, where nothing else brings it there."""
        if None in self.size or image.shape[:2] == self.size:
            return image
        if self._preprocess is None:
            return fit(image, self.size)
        if not self._keeps_size(self._preprocess, image):
            return image
        # It may look at the type, as `tf.image.convert_image_dtype` does.
        fitted = fit(image, self.size)
        return (np.rint(fitted) if np.issubdtype(image.dtype, np.integer) else fitted).astype(image.dtype)

    def _keeps_size(self, preprocess, image):
        """Tell whether `preprocess` leaves images like this one at their size."""
        key = (image.shape, image.dtype)
        if key not in self._keeps:
            prepared = _one_array(preprocess(image[None].copy()))
            self._keeps[key] = prepared.ndim > 2 and prepared.shape[1:3] == image.shape[:2]
        return self._keeps[key]

    def _size_of(self, index):
        """Give the rows and columns of an image; of a file only its head is read."""
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            with reading.opened(image) as opened:
                return opened.size[::-1]
        return image.size[::-1] if isinstance(image, Image.Image) else tuple(np.shape(image)[:2])

    def _way_back(self, image):
        """Give what turns the model's input into the picture to show; `None` where the user's own is to be shown."""
        preprocess = self._preprocess
        if preprocess is None:
            return None
        key = (image.shape, image.dtype)
        if key not in self._ways:
            prepare = lambda batch: _one_array(preprocess(batch))  # noqa: E731
            plain = sees_all(prepare, image)
            self._ways[key] = None if plain else functools.partial(_recoloured, own_colours(prepare, image), image)
        return self._ways[key]

    def _check_rank(self, shape):
        """Refuse an array that is no list of images: one image alone, or grey ones for a model that takes colours."""
        if len(shape) == 4:
            return
        if len(shape) != 3:
            raise ValueError(f"`images` must have the shape (N, H, W, C). Received: shape {shape}.")
        grey = self._shape[-1] in (1, None) or (self._preprocess is not None and shape[-1] not in (1, 3, 4))
        alone = shape[-1] in (1, 3, 4) or (self._fits(shape) and not self._fits((*shape[1:], 1)))
        if grey and not alone:
            return
        hint = " For one image, say `images[None]`."
        if not alone:
            hint = f" For grey images, say `np.repeat(images[..., None], {self._shape[-1]}, axis=-1)`."
        raise ValueError(f"`images` must have the shape (N, H, W, C). Received: shape {shape}.{hint}")

    def _check(self, index):
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            if not Path(image).is_file():
                raise ValueError(f"`images` must name files that can be read. Received: {str(image)!r}, which is none.")
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
        """Refuse an image of another rank or other channels; another size is fitted, where one is known."""
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
        """Give one image at its own size, as it is."""
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            with reading.opened(image) as opened:
                return self._pixels(opened)
        return self._pixels(image) if isinstance(image, Image.Image) else np.asarray(image)

    def _pixels(self, picture):
        """Give the pixels of a picture from a file or from PIL, with the channel axis that the model wants."""
        found, deep = reading.pixels(picture, self._shape[-1])
        self.deep = self.deep or deep
        return found[..., None] if found.ndim == 2 and not self._grey else found


def _one_at_a_time(function):
    """Let no two threads run a function of the user's at the same time; one of them makes the pictures for the page."""
    lock = threading.Lock()

    def call(batch):
        with lock:
            return function(batch)

    return call


def _one_array(prepared):
    """Give the one array that a `preprocess` returned, also from a dict or list of one."""
    if isinstance(prepared, dict):
        prepared = list(prepared.values())
    if isinstance(prepared, list | tuple) and len(prepared) == 1 and np.ndim(prepared[0]) > 2:
        (prepared,) = prepared
    return np.asarray(prepared)


def _recoloured(colours, image, seen):
    """Give a model's input in the range and type of the image that it was made of, where that can be found."""
    seen = seen[..., None] if seen.ndim == 2 else seen
    if colours is None:
        return seen
    return np.rint(colours(seen)).astype("uint8") if image.dtype == np.uint8 else colours(seen)
