"""Draw backgrounds: textures in muted colours, and clutter that belongs to no class."""

import colorsys
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw

# Colours from dark to light.
Palette: TypeAlias = list[tuple[int, ...]]


def color(hue: float, saturation: float, value: float) -> tuple[int, ...]:
    """Return a colour as Pillow takes it.

    Args:
        hue: Position on the colour wheel; 0 and 1 are the same red.
        saturation: In [0, 1].
        value: Brightness, in [0, 1].

    Returns:
        Red, green and blue in 0..255.

    Examples:
        >>> color(0.0, 1.0, 1.0)
        (255, 0, 0)
    """
    return tuple(round(255 * channel) for channel in colorsys.hsv_to_rgb(hue % 1.0, saturation, value))


def _palette(rng: np.random.Generator, hue: float, count: int = 6) -> Palette:
    """Return muted colours near `hue`, from dark to light."""
    saturation, value = rng.uniform(0.12, 0.42), rng.uniform(0.45, 0.85)
    values = value + np.linspace(-0.12, 0.12, count)
    return [color(hue + rng.uniform(-0.05, 0.05), saturation * rng.uniform(0.7, 1.2), each) for each in values]


def _blend(field: np.ndarray, palette: Palette) -> Image.Image:
    """Map a field in [0, 1] to the colours of a palette."""
    steps, stops = np.linspace(0, 1, 256), np.linspace(0, 1, len(palette))
    table = np.stack([np.interp(steps, stops, channel) for channel in np.transpose(palette)], axis=-1)
    return Image.fromarray(table.astype("uint8")[np.asarray(field * 255, "uint8")])


def _slope(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a field that rises from 0 to 1 across the image, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-0.5, 0.5, size, dtype="float32")
    field = across[:, None] * np.float32(np.sin(angle)) + across * np.float32(np.cos(angle))
    return (field - field.min()) / (field.max() - field.min())


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return smooth noise in [0, 1], the sum of three scales."""
    field = np.zeros((size, size), "float32")
    for cells, weight in ((4, 1.0), (9, 0.6), (24, 0.35)):
        grid = Image.fromarray(rng.random((cells, cells), dtype="float32"))
        field += weight * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
    return (field - field.min()) / (field.max() - field.min())


def _gradient(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    return _blend(_slope(rng, size), palette)


def _noise(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    return _blend(_clouds(rng, size), palette)


def _contours(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    return _blend(np.floor(_clouds(rng, size) * 7) / 6, palette)


def _stripes(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    return _blend(np.sin(_slope(rng, size) * rng.uniform(25, 70)) > 0, [palette[1], palette[-2]])


def _waves(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    field = _slope(rng, size) * rng.uniform(6, 14) + 1.5 * _clouds(rng, size)
    return _blend(field % 1.0, palette)


def _weave(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    period = rng.uniform(20, 60)
    across, along = (np.sin(_slope(rng, size) * period) > 0 for _ in range(2))
    return _blend((across * 1.0 + along) / 2, palette[1:5])


def _blocks(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    background = Image.new("RGB", (size, size), palette[0])
    draw = ImageDraw.Draw(background)
    for x, y, width, height in rng.uniform((-20, -20, 8, 8), (size, size, 34, 34), (160, 4)):
        draw.rectangle((x, y, x + width, y + height), fill=palette[rng.integers(len(palette))])
    return background


def _straw(rng: np.random.Generator, palette: Palette, size: int) -> Image.Image:
    background = Image.new("RGB", (size, size), palette[2])
    draw = ImageDraw.Draw(background)
    for x, y, dx, dy in rng.uniform((0, 0, -26, -26), (size, size, 26, 26), (150, 4)):
        draw.line((x - dx, y - dy, x + dx, y + dy), fill=palette[rng.integers(len(palette))], width=5)
    return background


BACKGROUNDS = (_gradient, _noise, _contours, _stripes, _waves, _weave, _blocks, _straw)


def _clutter(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: int) -> None:
    """Draw dots, dashes and scribbles: as vivid as an object, and much thinner."""
    for _ in range(rng.integers(4, 11)):
        paint = color(rng.random(), rng.uniform(0.3, 0.9), rng.uniform(0.3, 1.0))
        x, y = rng.uniform(0, size, 2)
        kind = rng.integers(3)
        if kind == 0:
            radius = rng.uniform(2, 5)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=paint)
        elif kind == 1:
            dx, dy = rng.uniform(-16, 16, 2)
            draw.line((x, y, x + dx, y + dy), fill=paint, width=int(rng.integers(2, 5)))
        else:
            steps = np.cumsum(rng.uniform(-1.2, 1.2, 12)) + rng.uniform(0, 6)
            path = np.cumsum(5 * np.stack([np.cos(steps), np.sin(steps)], axis=-1), axis=0) + np.array([x, y])
            draw.line([tuple(point) for point in path], fill=paint, width=int(rng.integers(2, 5)), joint="curve")


def draw_background(rng: np.random.Generator, hue: float, size: int) -> Image.Image:
    """Draw one background with clutter.

    Args:
        rng: A `numpy.random.Generator`.
        hue: Its main hue, in [0, 1].
        size: Width and height, in pixels.

    Returns:
        An RGB `PIL.Image`, drawn at twice the size and reduced, so that its edges are smooth.
    """
    kind = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    background = kind(rng, _palette(rng, hue), 2 * size)
    _clutter(rng, ImageDraw.Draw(background), 2 * size)
    return background.reduce(2)
