"""Data that comes in batches of its own, and the units that three images are explained for."""

import numpy as np
import tensorflow as tf

UNITS = np.array([[0, 2], [1, 0], [2, 2]])


def batched(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(2)


def from_generator(*batches):
    return (batch for batch in batches)
