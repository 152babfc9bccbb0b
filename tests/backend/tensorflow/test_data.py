import keras
import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.backend import DATASETS, TensorSpec, batch_spec, number_of_batches


def data(count=5):
    return tf.data.Dataset.from_tensor_slices((np.zeros((count, 2, 3), "float32"), np.arange(count)))


@pytest.mark.parametrize(
    ("made", "number"),
    [
        (lambda: data().batch(2), 3),
        (lambda: data().batch(2, drop_remainder=True), 2),
        (lambda: data().take(0).batch(2), 0),
        (lambda: data().batch(2).repeat(), None),
        (lambda: data().filter(lambda x, y: y > 1).batch(2), None),
    ],
)
def test_the_number_of_batches_is_known_or_not(made, number):
    assert number_of_batches(made()) == number


def test_a_batch_has_a_spec():
    assert batch_spec(data().batch(2)) == (TensorSpec((None, 2, 3), "float32"), TensorSpec((None,), "int64"))


def test_distributed_data_is_data_that_tells_nothing():
    spread = tf.distribute.MirroredStrategy(["CPU:0"]).experimental_distribute_dataset(data().batch(2))
    one = spread if isinstance(spread, tf.data.Dataset) else None
    assert isinstance(spread, DATASETS)
    assert (one is not None) == (number_of_batches(spread) == 3)


def test_other_data_is_no_dataset():
    class Data(keras.utils.PyDataset):
        pass

    assert not isinstance(Data(), DATASETS)
    assert not isinstance(np.zeros(2), DATASETS)
