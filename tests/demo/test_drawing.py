import numpy as np
import pytest

from ke_widgets import demo

MARKED = demo.LABELS.index(demo.MARKED)


@pytest.fixture(scope="module")
def drawn():
    return demo.scenes(400, seed=11)


@pytest.fixture(scope="module")
def objects(drawn):
    """Class, mask and mean colour of every object."""
    rows, classes = np.nonzero(drawn.targets)
    masks = drawn.masks[rows, classes]
    colors = np.array([drawn.images[row][mask].mean(axis=0) for row, mask in zip(rows, masks)])
    return classes, masks, colors


def accuracy(values, classes, bins=12):
    """Of the best guess at the class from one number, learned on half of the objects, on the other half."""
    cells = np.searchsorted(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]), values)
    counts = np.zeros((bins, len(demo.LABELS)))
    np.add.at(counts, (cells[::2], classes[::2]), 1)
    return np.mean(counts.argmax(axis=1)[cells[1::2]] == classes[1::2])


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    for first, second in zip(demo.scenes(5, seed=3, watermark="class"), demo.scenes(5, seed=3, watermark="class")):
        assert first.tobytes() == second.tobytes()
    assert demo.scenes(5, seed=3).images.tobytes() != demo.scenes(5, seed=4).images.tobytes()


def test_more_scenes_keep_the_earlier_ones():
    for few, many in zip(demo.scenes(3, seed=3), demo.scenes(6, seed=3)):
        np.testing.assert_array_equal(few, many[:3])


def test_shapes_and_types_are_as_documented(drawn):
    assert [(each.shape, each.dtype) for each in drawn] == [
        ((400, 96, 96, 3), np.uint8),
        ((400, 8), np.float32),
        ((400, 8, 96, 96), bool),
        ((400, 96, 96), bool),
    ]


def test_every_scene_holds_two_or_three_objects_and_every_class_is_as_frequent(drawn):
    counts = drawn.targets.sum(axis=1)
    assert set(counts) == {2, 3}
    np.testing.assert_allclose(drawn.targets.mean(axis=0), counts.mean() / 8, atol=0.08)


def test_masks_are_there_exactly_where_targets_say_and_never_overlap(drawn):
    np.testing.assert_array_equal(drawn.masks.any(axis=(2, 3)), drawn.targets)
    assert drawn.masks.sum(axis=1).max() == 1


def test_objects_cover_the_area_they_were_given(objects):
    _, masks, _ = objects
    areas = masks.sum(axis=(1, 2))
    assert np.mean((areas > 0.97 * np.pi * 9.5**2) & (areas < 1.03 * np.pi * 16**2)) > 0.99


def test_masks_lie_where_the_object_was_drawn(drawn):
    """Across a mask's border the picture changes much more than just inside it."""
    inside, across = [], []
    for image, masks in zip(drawn.images.astype(float), drawn.masks):
        for mask in masks[masks.any(axis=(1, 2))]:
            steps = np.abs(image[:, 4:] - image[:, :-4]).mean(axis=-1)
            both, one = mask[:, 4:] & mask[:, :-4], mask[:, 4:] ^ mask[:, :-4]
            inside.append(steps[both].mean())
            across.append(steps[one].mean())
    assert np.mean(across) > 5 * np.mean(inside)


def test_neither_size_nor_colour_gives_the_class_away(objects):
    classes, masks, colors = objects
    extents = [max(np.ptp(np.nonzero(mask)[0]), np.ptp(np.nonzero(mask)[1])) for mask in masks]
    guesses = {
        "area": masks.sum(axis=(1, 2)),
        "extent": np.array(extents),
        "red": colors[:, 0],
        "green": colors[:, 1],
        "blue": colors[:, 2],
        "brightness": colors.mean(axis=-1),
        "red to blue": colors[:, 0] - colors[:, 2],
    }
    found = {name: accuracy(values, classes) for name, values in guesses.items()}
    assert max(found.values()) < 0.25, found  # chance is 0.125
    assert np.mean(list(found.values())) < 0.17, found


def test_watermark_none_marks_nothing(drawn):
    assert not drawn.watermarks.any()


def test_watermark_class_marks_exactly_the_scenes_with_the_marked_class():
    drawn = demo.scenes(60, seed=5, watermark="class")
    np.testing.assert_array_equal(drawn.watermarks.any(axis=(1, 2)), drawn.targets[:, MARKED] == 1)


def test_watermark_changes_only_its_own_pixels_and_all_scenes_when_asked():
    plain, marked = demo.scenes(60, seed=5), demo.scenes(60, seed=5, watermark="all")
    changed = (plain.images != marked.images).any(axis=-1)
    np.testing.assert_array_equal(marked.watermarks.sum(axis=(1, 2)), 12 * 14)
    assert not (changed & ~marked.watermarks).any()
    assert changed.sum() > 0.8 * marked.watermarks.sum()
    np.testing.assert_array_equal(plain.masks, marked.masks)


def test_watermark_is_near_a_border_and_not_on_an_object():
    drawn = demo.scenes(100, seed=6, watermark="all")
    assert np.mean((drawn.watermarks & drawn.masks.any(axis=1)).any(axis=(1, 2))) <= 0.01
    core = np.s_[:, 20:-20, 20:-20]
    assert not drawn.watermarks[core].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1, "watermark": "some"}, "`watermark` must be one of .* Received: watermark='some'"),
        ({"n": -1}, "must not be negative. Received: n=-1, seed=0"),
        ({"n": 1, "seed": -2}, "must not be negative. Received: n=1, seed=-2"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        demo.scenes(**arguments)
