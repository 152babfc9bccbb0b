import numpy as np
import pytest

from ke_widgets.demo import backgrounds


def test_color_turns_the_wheel_once_per_unit():
    assert backgrounds.color(1 / 3, 1.0, 1.0) == backgrounds.color(4 / 3, 1.0, 1.0) == (0, 255, 0)


@pytest.mark.parametrize("kind", backgrounds.BACKGROUNDS)
def test_backgrounds_are_drawn_from_the_palette(kind):
    palette = [(40 + 20 * step, 90, 200 - 20 * step) for step in range(6)]
    pixels = np.asarray(kind(np.random.default_rng(0), palette, 96))
    assert pixels.shape == (96, 96, 3)
    np.testing.assert_array_less(np.min(palette, axis=0) - 2, pixels.min(axis=(0, 1)))
    np.testing.assert_array_less(pixels.max(axis=(0, 1)), np.max(palette, axis=0) + 2)
    assert pixels[..., 0].std() > 5


def test_clutter_covers_little():
    from PIL import Image, ImageDraw

    rng = np.random.default_rng(0)
    covered = []
    for _ in range(50):
        background = Image.new("RGB", (192, 192))
        backgrounds._clutter(rng, ImageDraw.Draw(background), 192)
        covered.append(np.asarray(background).any(axis=-1).mean())
    assert 0 < np.mean(covered) < 0.05
