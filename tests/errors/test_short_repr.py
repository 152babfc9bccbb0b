"""A message tells what it received in one short line, and never prints an array."""

import types
from pathlib import Path

import keras
import numpy as np
import pandas
import pytest
import tensorflow as tf
from PIL import Image

from ke_widgets.errors.short_repr import short_repr
from tests import models

MANY = np.arange(30000.0).reshape(100, 300)


class Loud:
    def __repr__(self):
        return "line\n" * 1000


class Broken:
    def __repr__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (True, "True"),
        (None, "None"),
        (np.float32(0.5), "np.float32(0.5)"),
        ("cat", "'cat'"),
        (Path("a") / "b.png", "'a/b.png'"),
        (MANY, "an array of shape (100, 300), float64"),
        (np.arange(3), "an array of shape (3,), int64"),
        (tf.zeros((2, 4)), "an EagerTensor of shape (2, 4), float32"),
        (keras.KerasTensor((None, 4)), "a KerasTensor of shape (None, 4), float32"),
        (pandas.DataFrame({"a": range(50)}), "a DataFrame of shape (50, 1)"),
        (pandas.Series(range(50)), "a Series of shape (50,), int64"),
        ([1, 2], "[1, 2]"),
        ((1,), "(1,)"),
        ([], "[]"),
        (set(), "set()"),
        ({}, "{}"),
        ({"cat": 0, "dog": 1}, "{'cat': 0, 'dog': 1}"),
        (list(range(50)), "[0, 1, 2, ...] (a list of 50)"),
        ([MANY] * 2, "[an array of shape (100, 300), float64, an array of shape (100, 300), float64]"),
        ({n: n for n in range(9)}, "{0: 0, 1: 1, 2: 2, ...} (a dict of 9)"),
        (len, "the function 'len'"),
        (types, "the module 'types'"),
        (Loud, "the class 'Loud'"),
        (Loud(), "a Loud"),
        (Broken(), "a Broken"),
        (object(), "an object"),
        (keras.layers.Dense(2, name="scores"), "a Dense named 'scores'"),
        (Image.new("RGB", (4, 3)), "an Image of 4 × 3 pixels"),
        (slice(1, 2), "slice(1, 2, None) (of type slice)"),
    ],
)
def test_a_value_is_written_in_a_few_words(value, text):
    assert short_repr(value) == text


def test_whatever_it_is_takes_one_short_line():
    model = models.fused()
    nested = {"a": [[MANY] * 9] * 9, "b" * 500: "c" * 500}
    for value in (model, model.layers, nested, [nested] * 3, "x" * 10000, b"x" * 10000, "a\nb", [Broken()] * 99):
        text = short_repr(value)
        assert len(text) <= 160
        assert "\n" not in text
        assert "0. " not in text
