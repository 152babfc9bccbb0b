import numpy as np
import pandas  # bqplot brings it
import pytest

from ke_widgets.widget.session.labels import named, names, true_classes


class Series:
    """Like a column of a table: `keys` is a method, `values` is an array."""

    def __init__(self, index, values):
        self.index, self.values = index, np.asarray(values)

    def keys(self):
        return self.index

    def __iter__(self):
        return iter(self.values)

    def __getitem__(self, key):
        return self.values[list(self.index).index(key)]

    def __array__(self, *args, **kwargs):
        return self.values


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "dog"],
        ("cat", "dog"),
        np.array(["cat", "dog"]),
        np.array([b"cat", b"dog"]),
        Series([0, 1], ["cat", "dog"]),
        Series(["dog", "cat"], [1, 0]),
        {0: "cat", 1: "dog"},
        {np.int64(1): "dog", np.int64(0): "cat"},
        {"0": "cat", "1": "dog"},
        {"0": ["n02121808", "cat"], "1": ["n02084071", "dog"]},
        {"cat": 0, "dog": 1},
        {"dog": np.int32(1), "cat": np.int32(0)},
        ["cat", "dog"].__getitem__,
        (name for name in ["cat", "dog"]),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_names_come_in_many_forms(labels):
    assert names(named(labels), 2) == ["cat", "dog"]


def test_folders_named_by_digits_and_names_that_are_numbers_are_not_confused():
    assert names(named({"3": 0, "7": 1}), 2) == ["3", "7"]
    assert names(named({0: 3, 1: 7}), 2) == ["3", "7"]
    assert names(named({"1": "three", "0": "seven"}), 2) == ["seven", "three"]
    assert names(named(["same", "same"]), 2) == ["same", "same"]
    assert names(named(None), 2) == ["0", "1"]


def test_series_of_pandas_are_taken():
    for labels in (pandas.Series(["cat", "dog"]), pandas.Series({"dog": 1, "cat": 0}), pandas.Index(["cat", "dog"])):
        assert names(named(labels), 2) == ["cat", "dog"]
    assert true_classes(pandas.Series([1, 0]), 2, 2)[0].tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (
            ["background", "cat", "dog"],
            ValueError,
            r"each of the 2 classes, and no other\. Received: 3; of no class: 2 \(dog",
        ),
        ({"cat": 0, "dog": 1, "bird": 2}, ValueError, r"Received: 3; of no class: 2 \(bird\)"),
        ({0: "cat", 1: "dog", -1: "none"}, ValueError, r"of no class: -1 \(none\)"),
        (["cat"], ValueError, "Received: 1; without a name: 1"),
        ({"cat": 1, "dog": 2}, ValueError, "without a name: 0"),
        ({"cat": "Katze", "dog": "Hund"}, ValueError, r"from index to name, \{0: 'cat', ...\}, or from name to index"),
        ({"cat": 0, "dog": 0}, ValueError, "from name to index"),
        ({0.5: "cat", 1: "dog"}, ValueError, "from name to index"),
        ("cat", TypeError, "`labels` must be a list, a dict"),
        (7, TypeError, "`labels` must be a list, a dict"),
    ],
)
def test_names_that_do_not_fit_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        names(named(labels), 2)


@pytest.mark.parametrize(
    "y_true",
    [
        [0, 2, 1],
        [[0], [2], [1]],
        np.array([0.0, 2.0, 1.0]),
        np.array([0, 2, 1], "uint8"),
        [[1, 0, 0], [0, 0, 1], [0, 1, 0]],
        np.eye(3, dtype=bool)[[0, 2, 1]],
        np.eye(3, dtype="float32")[[0, 2, 1]],
    ],
)
def test_true_classes_come_in_many_forms(y_true):
    true, known = true_classes(y_true, 3, 3)
    assert true.argmax(-1).tolist() == [0, 2, 1]
    assert true.sum() == known.sum() == 3


def test_true_classes_may_be_several_none_or_unknown():
    true, known = true_classes([[1, 0, 1], [0, 0, 0]], 2, 3)
    assert true.tolist() == [[True, False, True], [False, False, False]]
    assert known.all()
    true, known = true_classes([2, -1], 2, 3)
    assert true.tolist() == [[False, False, True], [False, False, False]]
    assert known.tolist() == [True, False]
    for alone in ([1, 0], [[1], [0]], np.array([True, False])):
        assert true_classes(alone, 2, 1)[0].tolist() == [[True], [False]]
    for two in ([1, 0], [[1], [0]], np.array([True, False]), [[0, 1], [1, 0]]):
        assert true_classes(two, 2, 2)[0].tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    "y_true",
    [
        [0, 3, 1],
        [0, 1],
        [0.5, 1.0, 2.0],
        ["a", "b", "c"],
        [[0.9, 0.05, 0.05]] * 3,
        [[0, 2, 1]] * 3,
        [[[1, 0, 0]]] * 3,
        [0, -2, 1],
        [np.nan, 0, 1],
    ],
    ids=str,
)
def test_true_classes_that_do_not_fit_are_refused(y_true):
    with pytest.raises(ValueError, match=r"`y_true` must have the class of each of the 3 images, \(N,\) of 0 to 2"):
        true_classes(y_true, 3, 3)


@pytest.mark.parametrize(
    "y_true",
    [
        ["dog", "cat", "dog"],
        np.array([["dog"], ["cat"], ["Dog"]]),
        pandas.Series(["dog", "cat", "dog"]),
        np.array([b"dog", b"cat", b"dog"]),
    ],
    ids=lambda y_true: type(y_true).__name__,
)
def test_true_classes_may_be_given_by_their_names(y_true):
    true, known = true_classes(y_true, 3, 2, ["cat", "dog"])
    assert true.argmax(-1).tolist() == [1, 0, 1]
    assert known.all()


def test_a_name_that_is_no_class_is_refused_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"`y_true` must be a class index, 0 to 1, or a label. .*'dgo'. Nearest: 'dog'"
    ):
        true_classes(["cat", "dgo"], 2, 2, ["cat", "dog"])
