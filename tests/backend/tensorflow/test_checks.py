import re

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import CheckError, FrameworkError, OutOfMemory, check, message


def positive(x):
    wrong = x <= 0
    return check(~tf.reduce_any(wrong), x, ["`x` must be positive. Received:", x, "wrong at", wrong, "of", tf.size(x)])


def numbers(text):
    text = text.partition("\n\t")[0]  # What follows names the node of the graph.
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def test_what_fits_goes_through_a_check():
    x = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(positive(x), x)
    np.testing.assert_array_equal(tf.function(positive)(x), x)


@pytest.mark.parametrize("compiled", [False, True])
def test_what_does_not_fit_is_refused_with_values_and_positions(compiled):
    run = tf.function(positive) if compiled else positive
    with pytest.raises(CheckError) as raised:
        run(tf.constant([1.0, -2.0, 3.0, -4.0]))
    said = message(raised.value)
    assert "`x` must be positive. Received:" in said
    received, wrong = said.split("Received:")[1].split("wrong at")
    assert numbers(received) == [1, -2, 3, -4]
    assert numbers(wrong) == [1, 3, 4], "the positions of the wrong ones, and the size"


def test_a_check_comes_before_what_reads_the_tensor():
    @tf.function
    def run(table, number):
        number = check(number < 2, number, ["`number` must be below 2. Received:", number])
        return tf.gather(table, number)

    assert int(run(tf.constant([5, 6]), tf.constant(1))) == 6
    with pytest.raises(CheckError, match="`number` must be below 2"):
        run(tf.constant([5, 6]), tf.constant(7))


def test_the_first_eight_positions_are_shown():
    with pytest.raises(CheckError) as raised:
        positive(-tf.ones(20))
    assert numbers(message(raised.value).split("wrong at")[1]) == [*range(8), 20]


def test_only_errors_of_the_framework_have_its_message():
    error = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
    assert isinstance(error, OutOfMemory)
    assert isinstance(error, FrameworkError)
    assert message(error) == "OOM when allocating"
    assert message(ValueError("no")) is None
