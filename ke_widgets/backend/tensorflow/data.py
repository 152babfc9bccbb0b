"""Read data in batches that the framework brings: `tf.data`."""

from typing import Any

import tensorflow as tf

# Types of data in batches, which `predict` of Keras takes.
DATASETS: tuple[type, ...] = (tf.data.Dataset, tf.distribute.DistributedDataset)


def number_of_batches(data: Any) -> int | None:
    """Return the number of batches, `None` if data does not tell it, or has no end."""
    known = int(data.cardinality()) if isinstance(data, tf.data.Dataset) else -1
    return known if known >= 0 else None


def batch_spec(data: Any) -> Any:
    """Return the `TensorSpec`s of a batch, nested as it is, `None` if data does not tell them."""
    return data.element_spec if isinstance(data, tf.data.Dataset) else None
