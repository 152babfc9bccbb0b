"""Axes that are split, joined, cut and put together, against coordinates that NumPy moves along."""

import numpy as np
import pytest

from ke_widgets.model.axes import BATCH, MIXED, PLACES, Axes, Part, is_named, joined, product, size

SHAPE = (7, 4, 6, 8)  # images, rows, columns, channels
ROWS, COLUMNS = Part("rows", 4, 1, 4), Part("columns", 6, 1, 6)


def image(shape=SHAPE):
    """The axes of an image, and what makes them."""
    axes = Axes()
    return axes, axes.source(shape, (BATCH, *PLACES[1:], None))


def names(axes):
    return [[part.name for part in axis] for axis in axes]


def test_a_source_has_a_part_for_each_of_its_named_axes():
    _, (batch, rows, columns, channels) = image()
    assert (batch, rows, columns) == ((Part(BATCH, 7, 1, 7),), (ROWS,), (COLUMNS,))
    assert [is_named(axis) for axis in (batch, rows, columns, channels)] == [True, True, True, False]
    assert size(channels) == 8


def test_tokens_are_rows_and_then_columns_and_become_an_image_again():
    axes, source = image()
    tokens = axes.reshaped(source, (7, 24, 8))
    assert tokens[1] == (ROWS, COLUMNS)
    assert axes.reshaped(tokens, (7, 4, 6, 8)) == source
    assert axes.reshaped(tokens, (7, 6, 4, 8))[1:3] == ((Part(MIXED, 6),), (Part(MIXED, 4),))


def test_of_a_split_axis_the_coarse_part_covers_it_and_the_fine_part_does_not():
    axes, source = image()
    _, coarse, fine, *_ = axes.reshaped(source, (7, 2, 2, 6, 8))
    assert (coarse, fine) == ((Part("rows", 2, 2, 4),), (Part("rows", 2, 1, 4),))
    assert (coarse[0].covers, fine[0].covers) == (True, False)
    assert joined((*coarse, *fine)) == (ROWS,)
    assert joined((*fine, *coarse)) == (*fine, *coarse)


def test_pieces_that_do_not_fit_are_mixed_only_where_a_place_is_among_them():
    axes = Axes()
    beside = axes.source((2, 6, 4), (BATCH, None, None))
    assert [is_named(axis) for axis in axes.reshaped(beside, (2, 8, 3))] == [True, False, False]
    places = axes.source((2, 6, 4), (BATCH, "rows", None))
    assert axes.reshaped(places, (2, 8, 3))[1:] == ((Part(MIXED, 8),), (Part(MIXED, 3),))


def test_an_open_side_is_filled_in_and_two_are_unknown():
    axes, source = image()
    assert axes.reshaped(source, (None, 24, 8)) == axes.reshaped(source, (7, 24, 8))
    unknown = axes.reshaped(source, (None, None, 8))
    assert [axis[0].name.unknown for axis in unknown] == [True] * 3
    assert len({axis[0].name for axis in unknown}) == 3


def test_a_batch_of_one_stays_the_batch():
    axes, source = image((1, 4, 6, 8))
    assert axes.reshaped(source, (1, 24, 8))[:2] == ((Part(BATCH, 1, 1, 1),), (ROWS, COLUMNS))


def coordinate(axes, name):
    """The coordinate `name` of every place of a tensor, read off the parts: a digit for each, times its stride."""
    sides = [size(axis) for axis in axes]
    found = np.zeros(sides, int)
    for place in np.ndindex(*sides):
        for at, axis in zip(place, axes):
            for part in reversed(axis):
                at, digit = divmod(at, part.size)
                found[place] += digit * part.stride if part.name == name else 0
    return found


def reshaped_at_random(shape, rng):
    """Split one side in two, or join two neighbours."""
    at = rng.integers(max(len(shape) - 1, 1))
    if len(shape) > 1 and rng.random() < 0.5:
        return (*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :])
    factor = rng.choice([n for n in range(1, shape[at] + 1) if shape[at] % n == 0])
    return (*shape[:at], int(factor), shape[at] // int(factor), *shape[at + 1 :])


@pytest.mark.parametrize("seed", range(20))
def test_parts_tell_where_every_number_of_a_reshaped_image_stood(seed):
    rng, shape = np.random.default_rng(seed), (2, 4, 6, 3)
    axes, found = image(shape)
    stood = dict(zip((BATCH, *PLACES[1:]), np.indices(shape)))
    told = 0
    for _ in range(5):
        shape = reshaped_at_random(shape, rng)
        found = axes.reshaped(found, shape)
        if any(MIXED in axis for axis in names(found)):
            break
        told += 1
        for name, values in stood.items():
            np.testing.assert_array_equal(coordinate(found, name), values.reshape(shape))
    assert told


def test_an_axis_that_is_made_smaller_is_the_images_still_but_not_one_of_tokens():
    axes, source = image()
    kept = axes.kept(source, (7, 2, 3, 16))
    assert kept[:3] == (source[0], (Part("rows", 2, 1, 2),), (Part("columns", 3, 1, 3),))
    assert not is_named(kept[3])
    assert kept[3] != source[3]
    tokens = axes.reshaped(source, (7, 24, 8))
    assert axes.kept(tokens, (7, 12, 8))[1] == (Part(MIXED, 12),)
    assert axes.kept(tokens, (7, None, 8))[1] == tokens[1]


def test_what_is_put_together_is_aligned_at_the_last_axes():
    axes, source = image()
    scale = (axes.other(1), axes.other(8))
    assert axes.combined([source, scale], SHAPE) == source
    assert axes.combined([scale, source], SHAPE)[:3] == source[:3]
    square = axes.source((7, 4, 4, 8), (BATCH, "rows", "columns", None))
    crossed = (square[0], square[2], square[1], square[3])
    assert axes.combined([square, crossed], (7, 4, 4, 8))[1:3] == ((Part(MIXED, 4),), (Part(MIXED, 4),))


@pytest.mark.parametrize(
    ("start", "length", "step", "expected"),
    [
        (0, 4, 1, (ROWS,)),
        (1, 3, 1, (Part("rows", 3, 1, 3),)),  # all but one at the border
        (0, 2, 2, (Part("rows", 2, 1, 2),)),  # every other one
        (0, 2, 1, (Part(MIXED, 2),)),  # a half of them
        (3, 1, 1, (Part(MIXED, 1),)),
    ],
)
def test_most_rows_are_the_images_and_a_half_of_them_is_not(start, length, step, expected):
    axes, _ = image()
    assert axes.sliced((ROWS,), start, length, step) == expected


def with_tokens(before, after):
    """The axis of an image's tokens with others around them."""
    axes, source = image()
    tokens = axes.reshaped(source, (7, 24, 8))
    sides = [side for side in (before, 24, after) if side]
    several = [tokens if side == 24 else None for side in sides]
    return axes, axes.concatenated(several, sides, 1, (7, sum(sides), 8))[1]


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 2), (3, 1)])
def test_tokens_beside_others_are_known_again_once_those_are_cut_off(before, after):
    axes, axis = with_tokens(before, after)
    number = before + 24 + after
    assert axis == (Part("tokens", number, 1, number, (ROWS, COLUMNS), before),)
    assert axes.sliced(axis, before, 24) == (ROWS, COLUMNS)
    assert axes.sliced(axis, before, 23) == (Part(MIXED, 23),)
    if before:
        assert not is_named(axes.sliced(axis, 0, before))


def test_of_others_on_both_sides_one_side_may_be_cut_off():
    axes, axis = with_tokens(3, 2)
    (part,) = axes.sliced(axis, 1, 28)
    assert (part.offset, part.size, part.inner) == (2, 28, (ROWS, COLUMNS))


def test_tokens_may_be_given_others_twice():
    axes, axis = with_tokens(1, 0)
    rest = (axes.other(7), axis, axes.other(8))
    (part,) = axes.concatenated([None, rest], [2, 25], 1, (7, 27, 8))[1]
    assert (part.offset, part.size, part.inner) == (3, 27, (ROWS, COLUMNS))


def test_two_images_side_by_side_are_none():
    axes, source = image()
    found = axes.concatenated([source, source], [6, 6], 2, (7, 4, 12, 8))
    assert found[2] == (Part(MIXED, 12),)
    assert found[:2] == source[:2]
    assert not is_named(axes.concatenated([source, source], [8, 8], 3, (7, 4, 6, 16))[3])


def test_a_product_with_an_unknown_side_is_unknown():
    assert product([2, 3, 4]) == 24
    assert product([2, None, 0]) is None
    assert size(()) == 1
