"""The images of a session: as the user gave them, as the model takes them, as the page shows them."""

import collections
import functools
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ke_widgets.engine.short_repr import short_repr
from ke_widgets.widget.containers import listed, order_hint
from ke_widgets.widget.preprocessing import own_colours, sees_all

_KEPT_PICTURES = 256
_MODES = {1: "L", 4: "RGBA"}  # Of pictures, by the channels that a model takes; all others are RGB.


class Images:
    """A list of images of any of the kinds that people have; files are read when they are needed.

    Args:
        images: A uint8 or float array `(N, H, W, C)`, grey ones also `(N, H, W)`; or a list of arrays, of PIL images,
            or of paths; see `containers.listed` for what else is taken.
        shape: What the model takes, `(H, W, C)` or grey `(H, W)`, with `None` where it takes any size.
        preprocess: Turns a batch of images, `(1, H, W, C)` or as they were given, into the model's inputs; or `None`.

    Raises:
        TypeError: If `images` is of none of those kinds.
        ValueError: If there are none, if one has the wrong rank, size or channels, or a file cannot be read.

    Attributes:
        deep: Whether only the upper 8 bits of a picture's grey levels are used.
    """

    def __init__(self, images, shape, preprocess=None):
        self._grey = len(shape) == 2
        self._shape = (*shape, 1) if self._grey else tuple(shape)
        self._preprocess = preprocess
        self._pictures: collections.OrderedDict[tuple[int, int], tuple[bytes, tuple[int, int]]]
        self._pictures = collections.OrderedDict()
        self._ways: dict[tuple, Any] = {}
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
        return self._way_back(self._array(0)) is not None

    def inputs(self, index):
        """Give one image as the model takes it.

        Args:
            index: Number of the image.

        Returns:
            An array `(1, H, W, C)`, or `(1, H, W)` where the model takes that.

        Raises:
            ValueError: If the file cannot be read, or the image does not fit the model.
        """
        images, what = self._array(index)[None], "`images`"
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
        way_back = self._way_back(image)
        if way_back is not None:
            image = way_back(self.inputs(index)[0])
        image = image[..., None] if image.ndim == 2 else image
        if image.shape[-1] == 2:
            image = np.concatenate([image, np.zeros_like(image[..., :1])], axis=-1)
        return _drawn(image[..., :3])

    def png(self, index, size=0):
        """Give one image as PNG.

        Args:
            index: Number of the image.
            size: Longest side in pixels; 0 for the image's own.

        Returns:
            PNG bytes, and the `(height, width)` of the image itself.
        """
        key = (index, size)
        if key not in self._pictures:
            self._pictures[key] = _encode(self.picture(index), size)
            while len(self._pictures) > _KEPT_PICTURES:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(key)
        return self._pictures[key]

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
                self._check_shape((*shape, 1) if len(shape) == 2 else shape, "`images`", shape)
        else:
            raise TypeError(
                f"`images` must hold arrays (H, W, C), PIL images or paths. Received: {short_repr(image)} at {index}."
            )

    def _fits(self, shape):
        return len(shape) == 3 and all(b in (None, a) for a, b in zip(shape, self._shape, strict=True))

    def _check_shape(self, shape, what, received=None):
        if not self._fits(shape):
            wanted = ", ".join("any" if side is None else str(side) for side in self._shape)
            raise ValueError(
                f"{what} must fit what the model takes, (H, W, C) = ({wanted}). "
                f"Received: an image of shape {received or shape}.{order_hint(received or shape, self._fits)}"
            )

    def _array(self, index):
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            try:
                with Image.open(image) as opened:
                    return self._pixels(opened)
            except OSError as error:
                raise ValueError(
                    f"`images` must name pictures that can be read. Received: {str(image)!r}: {error}"
                ) from error
        return self._pixels(image) if isinstance(image, Image.Image) else np.asarray(image)

    def _pixels(self, picture):
        """Give the pixels of a picture as `keras.utils.load_img` does, resized to what the model takes.

        Of grey levels beyond 8 bits, which Keras cuts off at 255 in a picture for RGB, that keeps the upper ones.
        """
        mode = _MODES.get(self._shape[-1], "RGB")
        if picture.mode != "F" and not picture.mode.startswith("I"):
            pixels = np.asarray(self._fit(picture.convert(mode)))
        else:
            levels = np.asarray(picture).astype("float32")
            self.deep = self.deep or (mode != "L" and float(levels.max(initial=0)) > 255)
            levels = levels if mode == "L" else _eight_bits(levels)
            pixels = np.asarray(self._fit(Image.fromarray(levels)))
            pixels = pixels if mode == "L" else np.asarray(Image.fromarray(pixels).convert(mode))
        return pixels[..., None] if pixels.ndim == 2 and not self._grey else pixels

    def _fit(self, image):
        """Resize a picture from a file to what the model takes; with `preprocess`, that is its business."""
        height, width, _ = self._shape
        if self._preprocess is not None or height is None or width is None:
            return image
        return image.resize((width, height), Image.Resampling.BILINEAR)


def _one_array(prepared):
    """Give the one array that a `preprocess` returned, also from a dict or list of one."""
    if isinstance(prepared, dict):
        prepared = list(prepared.values())
    if isinstance(prepared, list | tuple) and len(prepared) == 1 and np.ndim(prepared[0]) > 2:
        (prepared,) = prepared
    return np.asarray(prepared)


def _eight_bits(levels):
    """Bring grey levels to 0 to 255: 16 bits to their upper 8, as TensorFlow decodes them; others by their range."""
    low, high = float(np.nanmin(levels)), float(np.nanmax(levels))
    if low >= 0 and high <= 255:
        return np.floor(levels).astype("uint8")
    if low >= 0 and high <= 65535:
        return (levels // 256).astype("uint8")
    return np.nan_to_num((levels - low) / max(high - low, 1e-12) * 255).astype("uint8")


def _recoloured(colours, image, seen):
    """Give a model's input in the range and type of the image that it was made of, where that can be found."""
    seen = seen[..., None] if seen.ndim == 2 else seen
    if colours is None:
        return seen
    return np.rint(colours(seen)).astype("uint8") if image.dtype == np.uint8 else colours(seen)


def _drawn(image):
    if image.dtype == np.uint8:
        return image
    image = image.astype("float64")
    finite = image[np.isfinite(image)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    image = np.nan_to_num((image - low) / max(high - low, 1e-12), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(np.rint(image * 255), 0, 255).astype("uint8")


def _encode(picture, size):
    height, width = picture.shape[:2]
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    if size:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), (height, width)
