import numpy as np
import pytest
from keras import ops

from ke_widgets.methods.features.spectrum import (
    frequencies,
    image_of_phases,
    image_of_waves,
    natural_scale,
    spectrum_of,
)

RNG = np.random.default_rng(0)


def test_the_frequencies_are_cycles_per_pixel():
    found = frequencies((4, 8))
    assert found[0, 0] == 0
    assert found[0, 1] == found[0, -1] == 1 / 8
    assert found[1, 0] == found[-1, 0] == 1 / 4
    assert found[2, 4] == pytest.approx(np.sqrt(0.5))


def test_a_wave_is_as_large_as_its_length():
    """Half the frequency, twice the factor; the mean has that of the longest wave."""
    found = natural_scale((8, 16))
    assert found[0, 1] == 2 * found[0, 2] == 4 * found[0, 4] == found[0, 0]
    assert found[0, 1] == pytest.approx(16 * np.sqrt(8 * 16))


def logit(x):
    return np.log(x / (1 - x))


@pytest.mark.parametrize(("row", "column"), [(0, 1), (2, 3), (-1, 2)])
def test_one_number_is_one_cosine_of_the_amplitude_one_over_its_frequency(row, column):
    waves = np.zeros((2, 1, 1, 8, 16))
    waves[0, 0, 0, row, column] = 1.0
    y, x = np.mgrid[:8, :16]
    amplitude = 1 / (np.sqrt(8 * 16) * frequencies((8, 16))[row, column] * 4)
    expected = amplitude * np.cos(2 * np.pi * (row * y / 8 + column * x / 16))
    found = np.asarray(image_of_waves(ops.convert_to_tensor(waves), 0.0, 1.0))[0, ..., 0]
    np.testing.assert_allclose(logit(found), expected, atol=1e-12)
    scaled = np.asarray(image_of_waves(ops.convert_to_tensor(waves), -2.0, 6.0))[0, ..., 0]
    np.testing.assert_allclose(scaled, 8 * found - 2, atol=1e-12)


def test_white_noise_becomes_an_image_whose_power_falls_with_the_square_of_the_frequency():
    waves = RNG.normal(size=(2, 40, 1, 32, 32)) * 0.01
    images = logit(np.asarray(image_of_waves(ops.convert_to_tensor(waves), 0.0, 1.0))[..., 0])
    power = np.square(np.abs(np.fft.fft2(images))).mean(0)
    f = frequencies((32, 32))
    inside = (f > 0) & (f < 0.5)
    slope = np.polyfit(np.log(f[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.1)


def test_colours_go_together_as_in_natural_images():
    """Of uncorrelated noise, by far the most is in brightness; red and blue go together least."""
    waves = RNG.normal(size=(2, 20, 3, 16, 16)) * 0.01
    images = logit(np.asarray(image_of_waves(ops.convert_to_tensor(waves), 0.0, 1.0)))
    correlation = np.corrcoef(images.reshape(-1, 3).T)
    assert correlation.min() == correlation[0, 2] > 0.6


# MaCo


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (9, 6)])
def test_whatever_the_phases_the_image_has_the_spectrum(channels, size):
    images = np.cumsum(RNG.uniform(size=(5, 12, 10, channels)), axis=1)
    found = spectrum_of(images, size)
    phases = ops.convert_to_tensor(RNG.uniform(-9, 9, size=(2, channels, *size)))
    made = np.asarray(image_of_phases(phases, *map(ops.convert_to_tensor, found)))
    assert made.shape == (2, *size, channels)
    np.testing.assert_allclose(made.mean((1, 2)), np.tile(found.mean, (2, 1)), rtol=1e-12)
    waves = np.abs(np.fft.fft2((made - found.mean) @ found.colours, axes=(1, 2)))
    expected = np.moveaxis(found.magnitudes, 0, -1)
    np.testing.assert_allclose(waves, np.stack([expected] * 2), atol=1e-10 * expected.max())
    assert np.abs(made[0] - made[1]).max() > 0.1


def test_the_spectrum_of_one_image_is_its_own():
    image = RNG.uniform(size=(1, 8, 8, 1))
    found = spectrum_of(image, (8, 8))
    expected = np.abs(np.fft.fft2(image[0, ..., 0]))
    expected[0, 0] = 0
    np.testing.assert_allclose(found.magnitudes[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.mean, [image.mean()], rtol=1e-6)
    # And with its own phases, it is the image.
    phases = np.angle(np.fft.fft2(image[0, ..., 0]))[None, None]
    phases[..., [0, 0, 4, 4], [0, 4, 0, 4]] = 0  # Of waves that are their own mirror image, the sign is lost.
    made = np.asarray(image_of_phases(ops.convert_to_tensor(phases), *map(ops.convert_to_tensor, found)))
    signs = np.fft.fft2(image[0, ..., 0] - made[0, ..., 0]) / 64
    signs[[0, 0, 4, 4], [0, 4, 0, 4]] = 0
    np.testing.assert_allclose(np.abs(signs), 0, atol=1e-6)
