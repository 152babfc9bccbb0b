import numpy as np
from keras import ops

from ke_widgets.methods.features.motions import draw_crops, draw_motions, motions, moved
from tests.methods.twins import resize

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(2, 8, 10, 3)).astype("float32")


def by(*ways):
    shares, degrees, shifts = zip(*ways)
    return motions((8, 10), np.array(shares), np.array(degrees, "float64"), np.array(shifts, "float64"))


def test_no_motion_changes_nothing():
    np.testing.assert_allclose(moved(ops.convert_to_tensor(IMAGES), by((1.0, 0.0, (0, 0)))), IMAGES, atol=1e-6)


def test_a_shift_shows_what_is_there_and_the_mirror_image_outside():
    found = np.asarray(moved(ops.convert_to_tensor(IMAGES), by((1.0, 0.0, (2, 0)), (1.0, 0.0, (0, -3)))))
    np.testing.assert_allclose(found[:2, :6], IMAGES[:, 2:], atol=1e-6)
    np.testing.assert_allclose(found[:2, 6:], IMAGES[:, :5:-1], atol=1e-6)
    np.testing.assert_allclose(found[2:, :, 3:], IMAGES[:, :, :7], atol=1e-6)


def test_a_half_turn_mirrors_both_axes():
    found = moved(ops.convert_to_tensor(IMAGES), by((1.0, 180.0, (0, 0))))
    np.testing.assert_allclose(found, IMAGES[:, ::-1, ::-1], atol=1e-5)


def test_a_part_is_enlarged_to_the_whole():
    """Inside, as a bilinear resize of the part, but for its pixels' centres: the borders of both are the same."""
    plane = IMAGES[0, ..., 0]
    found = np.asarray(moved(ops.convert_to_tensor(IMAGES[:1]), by((0.5, 0.0, (0, 0)))))[0, ..., 0]
    larger = resize(plane, (16, 20))[4:12, 5:15]
    np.testing.assert_allclose(found[1:-1, 1:-1], larger[1:-1, 1:-1], atol=1e-5)


def test_motions_stay_small_and_crops_inside():
    rng = np.random.default_rng(0)
    still = draw_motions(rng, 3, (8, 10), 0, 0, 0)
    np.testing.assert_allclose(still, by(*[(1.0, 0.0, (0, 0))] * 3), atol=1e-6)
    ways = draw_motions(rng, 500, (8, 10), 0.1, 0.2, 15)
    shares = np.hypot(ways[:, 0], ways[:, 1])
    assert 1 / 1.2 - 1e-6 <= shares.min() < 0.85
    assert 1.2 < shares.max() <= 1 / 0.8 + 1e-6
    angles = np.degrees(np.arctan2(ways[:, 3], ways[:, 0]))
    assert 14 < np.abs(angles).max() <= 15 + 1e-4
    crops = draw_crops(rng, 500, (8, 10), 0.5)
    assert abs(crops[:, 0].mean() - 0.5) < 0.05
    # From the first to the last pixel of the part, in pixels of the image.
    for share, first, side in ((crops[:, 0], crops[:, 2], 10), (crops[:, 4], crops[:, 5], 8)):
        assert (first >= -0.5).all()
        assert (first + share * (side - 1) <= side - 0.5).all()
