"""Draw scenes with known answers: which object is where, pixel by pixel."""

from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ke_widgets.demo.backgrounds import color, draw_background
from ke_widgets.demo.shapes import OUTLINES
from ke_widgets.typing import ArrayLike

SIZE = 96
LABELS = tuple(OUTLINES)
MARKED = "heart"
WATERMARKS = (None, "class", "all")

_SUPERSAMPLING = 4
_RADII = (9.5, 16.0)  # of the disc with the object's area, so that size tells nothing about the class
_RAMP = Image.linear_gradient("L").resize((64, 64))
_STAMP = (12, 14)  # rows and columns of the watermark


class Scenes(NamedTuple):
    """Scenes and their ground truth.

    Attributes:
        images: `(n, 96, 96, 3)`, uint8.
        targets: `(n, 8)`, float32: 1 where a class of `LABELS` occurs, else 0.
        masks: `(n, 8, 96, 96)`, bool: the visible pixels of each class's object.
        watermarks: `(n, 96, 96)`, bool: the rectangle of the watermark, if there is one.
    """

    images: np.ndarray
    targets: np.ndarray
    masks: np.ndarray
    watermarks: np.ndarray


def scenes(n: int, seed: int = 0, watermark: Literal["class", "all"] | None = None) -> Scenes:
    """Draw scenes of two or three objects on textured backgrounds.

    A scene depends on `seed` and its own index only: more scenes keep the earlier ones, and the same scenes with
    and without watermarks differ in nothing else.

    Args:
        n: How many scenes.
        seed: An int from 0. The demo models were trained on seeds from 2**31 on; all others are unseen.
        watermark: Which scenes carry the photographer's stamp: `None` (none), `"class"` (those with an object
            of class `MARKED`) or `"all"`.

    Returns:
        `Scenes`: images, targets, masks and watermarks.

    Raises:
        ValueError: If `watermark` is unknown, or if `n` or `seed` is negative.

    Examples:
        >>> images, targets, masks, watermarks = scenes(2, seed=7)
        >>> images.shape, masks.shape
        ((2, 96, 96, 3), (2, 8, 96, 96))
        >>> bool((masks.any(axis=(2, 3)) == targets).all())
        True
    """
    if watermark not in WATERMARKS:
        raise ValueError(f"`watermark` must be one of {WATERMARKS}. Received: watermark={watermark!r}")
    if n < 0 or seed < 0:
        raise ValueError(f"`n` and `seed` must not be negative. Received: n={n}, seed={seed}")
    drawn = Scenes(
        np.zeros((n, SIZE, SIZE, 3), "uint8"),
        np.zeros((n, len(LABELS)), "float32"),
        np.zeros((n, len(LABELS), SIZE, SIZE), bool),
        np.zeros((n, SIZE, SIZE), bool),
    )
    for index in range(n):
        rng = np.random.default_rng((seed, index))
        image, masks = _draw_scene(rng)
        present = np.any(masks, axis=(1, 2))
        if watermark == "all" or (watermark == "class" and present[LABELS.index(MARKED)]):
            drawn.watermarks[index] = _stamp(rng, image, masks.any(axis=0))
        drawn.images[index], drawn.targets[index], drawn.masks[index] = image, present, masks
    return drawn


def _draw_scene(rng: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    hue = rng.random()
    image = draw_background(rng, hue, SIZE)
    masks = np.zeros((len(LABELS), SIZE, SIZE), bool)
    chosen = rng.choice(len(LABELS), rng.integers(2, 4), replace=False)
    outlines = [_rotate(OUTLINES[LABELS[each]], rng.uniform(0, 2 * np.pi)) * rng.uniform(*_RADII) for each in chosen]
    for each, outline, center in zip(chosen, outlines, _place(rng, outlines)):
        coverage = _cover(outline + center)
        _paint(rng, image, coverage, hue + rng.uniform(0.15, 0.85))
        visible = np.asarray(coverage) > 127
        masks &= ~visible
        masks[each] = visible
    return image, masks


def _rotate(outline: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return outline @ np.array([[cosine, sine], [-sine, cosine]])


def _place(rng: np.random.Generator, outlines: list[np.ndarray], tries: int = 200, gap: float = 2.0) -> np.ndarray:
    """Choose centres `(objects, 2)` that keep the objects inside the image and, if any try succeeds, apart."""
    reach = np.array([np.linalg.norm(outline, axis=-1).max() for outline in outlines])
    margin = np.stack([np.abs(outline).max(axis=0) for outline in outlines]) + 1
    centers = rng.uniform(margin, SIZE - margin, (tries, *margin.shape))
    distances = np.linalg.norm(centers[:, :, None] - centers[:, None], axis=-1)
    free = distances - reach[:, None] - reach - gap + 1e3 * np.eye(len(reach))
    return centers[np.argmax(np.minimum(free.min(axis=(1, 2)), 0))]


def _cover(outline: np.ndarray) -> Image.Image:
    """Return the coverage of each pixel by `outline`, 0..255."""
    canvas = Image.new("L", (SIZE * _SUPERSAMPLING, SIZE * _SUPERSAMPLING))
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in outline * _SUPERSAMPLING], fill=255)
    return canvas.reduce(_SUPERSAMPLING)


def _paint(rng: np.random.Generator, image: Image.Image, coverage: Image.Image, hue: float) -> None:
    """Draw a shaded object with a soft shadow on `image`, in place."""
    shadow = coverage.filter(ImageFilter.BoxBlur(2)).point(lambda value: value * 0.4)
    image.paste((20, 20, 30), (1, 2), shadow)
    saturation, value = rng.uniform(0.45, 0.95), rng.uniform(0.45, 1.0)
    box: Any = coverage.getbbox()
    left, top, right, bottom = box
    ramp = _RAMP.rotate(rng.uniform(0, 360)).crop((10, 10, 54, 54)).resize((right - left, bottom - top))
    light, dark = color(hue, saturation * 0.85, min(1.0, value * 1.15)), color(hue + 0.04, saturation, value * 0.75)
    fill = Image.new("RGB", ramp.size, dark)
    fill.paste(light, mask=ramp)
    image.paste(fill, (left, top), coverage.crop((left, top, right, bottom)))


def _stamp(rng: np.random.Generator, image: Image.Image, occupied: ArrayLike, tries: int = 60) -> np.ndarray:
    """Draw the watermark, a small camera, near a free border, in place; return its rectangle."""
    rows, columns = _STAMP
    end = np.array([SIZE - rows, SIZE - columns])
    corners = rng.integers(2, end - 1, (tries, 2))
    side, inset = rng.integers(4, size=tries), rng.integers(2, 6, tries)
    axis, far = side % 2, side // 2
    corners[np.arange(tries), axis] = np.where(far, end[axis] - inset, inset)
    windows = np.lib.stride_tricks.sliding_window_view(occupied, _STAMP)
    top, left = corners[np.argmin(windows[corners[:, 0], corners[:, 1]].sum(axis=(1, 2)))]
    image.paste(_CAMERA, (int(left), int(top)), _CAMERA)
    mark = np.zeros_like(occupied)
    mark[top : top + rows, left : left + columns] = True
    return mark


def _camera() -> Image.Image:
    """Draw the stamp: a pale camera with a dark edge and lens, 14 x 12 pixels, slightly see-through."""
    scale = 8
    rows, columns = (scale * length for length in _STAMP)
    stamp = Image.new("RGBA", (columns, rows))
    draw = ImageDraw.Draw(stamp)
    edge, body = (25, 25, 35, 200), (255, 255, 255, 225)
    draw.rounded_rectangle((32, 0, 79, 34), 8, fill=edge)
    draw.rounded_rectangle((0, 14, columns - 1, rows - 1), 12, fill=edge)
    draw.rounded_rectangle((39, 7, 72, 34), 5, fill=body)
    draw.rounded_rectangle((7, 21, columns - 8, rows - 8), 8, fill=body)
    for radius, paint in ((27, edge), (14, body)):
        draw.ellipse((56 - radius, 55 - radius, 56 + radius, 55 + radius), fill=paint)
    return stamp.reduce(scale)


_CAMERA = _camera()
