"""Where tokens lie over an image."""

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.model.grids import to_grid, token_grid


def grids():
    """Give images, grids and tokens before them; so few tokens as fit several grids are left out."""
    for size in ((64, 64), (224, 224), (64, 96), (112, 224), (96, 64)):
        for patch in (4, 8, 14, 16):
            rows, columns = size[0] // patch, size[1] // patch
            for others in (0, 1, 2, 5, 8):
                if min(rows, columns) >= 3 and (others < 2 or rows * columns >= 16):
                    yield size, (rows, columns), others


@pytest.mark.parametrize(("size", "grid", "others"), grids())
def test_the_grid_of_a_patch_layer_is_found_whatever_stands_before_it(size, grid, others):
    assert token_grid(grid[0] * grid[1] + others, *size) == grid


@pytest.mark.parametrize(
    ("tokens", "size", "grid"),
    [
        (24, (33, 50), (4, 6)),  # patches of 8, the rest cut off
        (35, (33, 50), (5, 7)),  # patches of 8, padded
        (24, (50, 33), (6, 4)),
        (256, (225, 230), (16, 16)),
        (197, (224, 224), (14, 14)),
        (66, (64, 64), (8, 8)),
        (69, (64, 64), (8, 8)),
        (7, (6, 6), None),
        (7, (8, 8), None),
        (1, (64, 64), (1, 1)),
    ],
)
def test_a_grid_that_is_rounded_or_none_at_all(tokens, size, grid):
    assert token_grid(tokens, *size) == grid


@pytest.mark.parametrize("others", [0, 1, 2, 5])
def test_tokens_are_laid_out_the_same_where_only_a_run_tells_their_number(others):
    x = np.arange(2 * (24 + others) * 3).reshape(2, 24 + others, 3).astype("float32")
    expected = x[:, others:].reshape(2, 4, 6, 3)
    np.testing.assert_array_equal(to_grid(tf.constant(x), (32, 48)), expected)
    run = tf.function(lambda x, size: to_grid(x, (size[0], size[1])), autograph=False)
    specs = tf.TensorSpec((None, None, 3)), tf.TensorSpec((2,), tf.int32)
    np.testing.assert_array_equal(run.get_concrete_function(*specs)(tf.constant(x), tf.constant([32, 48])), expected)
