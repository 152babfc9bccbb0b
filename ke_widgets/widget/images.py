"""The images of a session: as the user gave them, as the model takes them, as the page shows them."""

import collections
import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

_KEPT_PICTURES = 256


class Images:
    """A list of images of any of the kinds that people have; files are read when they are needed.

    Args:
        images: A uint8 or float array `(N, H, W, C)`, or a list of arrays `(H, W, C)`, of PIL images, or of paths.
        shape: What the model takes, `(H, W, C)`, with `None` where it takes any size.
        preprocess: Turns a batch of images `(1, H, W, C)` into the model's inputs, or `None`.

    Raises:
        TypeError: If `images` is of none of those kinds.
        ValueError: If there are none, if one has the wrong rank, size or channels, or a file cannot be read.
    """

    def __init__(self, images, shape, preprocess=None):
        self._shape = tuple(shape)
        self._preprocess = preprocess
        self._pictures: collections.OrderedDict[tuple[int, int], tuple[bytes, tuple[int, int]]]
        self._pictures = collections.OrderedDict()
        if isinstance(images, str | os.PathLike | Image.Image):
            raise TypeError(f"`images` must be an array (N, H, W, C) or a list of images. Received: {images!r}.")
        is_array = not isinstance(images, list | tuple)
        self._images = np.asarray(images) if is_array else list(images)
        if isinstance(self._images, np.ndarray) and self._images.ndim != 4:
            raise ValueError(f"`images` must have the shape (N, H, W, C). Received: shape {self._images.shape}.")
        if not len(self._images):
            raise ValueError("`images` must hold at least one image. Received: none.")
        for index in [0] if is_array else range(len(self._images)):
            self._check(index)
        self.inputs(0)

    def __len__(self):
        return len(self._images)

    @property
    def floating(self):
        """Whether the first image holds floating point numbers, so that somebody has scaled it already."""
        first = self._images[0]
        return isinstance(first, np.ndarray) and np.issubdtype(first.dtype, np.floating)

    def inputs(self, index):
        """Give one image as the model takes it.

        Args:
            index: Number of the image.

        Returns:
            An array `(1, H, W, C)`.

        Raises:
            ValueError: If the file cannot be read, or the image does not fit the model.
        """
        images = self._array(index)[None]
        if self._preprocess is not None:
            images = np.asarray(self._preprocess(images.copy()))
            self._check_shape(images.shape[1:] if images.ndim == 4 else images.shape, f"`preprocess` of image {index}")
        return images if np.issubdtype(images.dtype, np.floating) else images.astype("float32")

    def picture(self, index):
        """Give one image as people see it.

        Args:
            index: Number of the image.

        Returns:
            A uint8 array `(H, W, C)`. Floats in [0, 1] are scaled by 255, other ranges from their own minimum to
            their maximum; what is not finite is black.
        """
        image = self._array(index)
        if image.dtype == np.uint8:
            return image
        image = image.astype("float64")
        finite = image[np.isfinite(image)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if low >= 0 and high <= 255:
            low, high = 0.0, 1.0 if high <= 1 else 255.0
        image = np.nan_to_num((image - low) / max(high - low, 1e-12), nan=0.0, posinf=0.0, neginf=0.0)
        return np.clip(np.rint(image * 255), 0, 255).astype("uint8")

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
            if self._preprocess is None:
                self._check_shape(np.shape(image), "`images`")
        else:
            raise TypeError(
                "`images` must hold arrays (H, W, C), PIL images or paths. "
                f"Received: {image!r} (of type {type(image).__name__}) at {index}."
            )

    def _check_shape(self, shape, what):
        fits = len(shape) == 3 and all(b in (None, a) for a, b in zip(shape, self._shape, strict=True))
        if not fits:
            wanted = ", ".join("any" if side is None else str(side) for side in self._shape)
            raise ValueError(
                f"{what} must fit what the model takes, (H, W, C) = ({wanted}). Received: an image of shape {shape}."
            )

    def _array(self, index):
        image = self._images[index]
        if isinstance(image, str | os.PathLike):
            try:
                with Image.open(image) as opened:
                    image = opened.convert(self._mode())
            except OSError as error:
                raise ValueError(
                    f"`images` must name pictures that can be read. Received: {str(image)!r}: {error}"
                ) from error
        if isinstance(image, Image.Image):
            image = self._fit(image.convert(self._mode()))
            return np.asarray(image)[..., None] if image.mode == "L" else np.asarray(image)
        return np.asarray(image)

    def _mode(self):
        return "L" if self._shape[-1] == 1 else "RGB"

    def _fit(self, image):
        """Resize a picture from a file to what the model takes; with `preprocess`, that is its business."""
        height, width, _ = self._shape
        if self._preprocess is not None or height is None or width is None:
            return image
        return image.resize((width, height), Image.Resampling.BILINEAR)


def _encode(picture, size):
    height, width = picture.shape[:2]
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture[..., :3])
    if size:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), (height, width)
