"""What only a run can tell is wrong."""

import numpy as np
import tensorflow as tf

OUT_OF_RANGE = "`y` (the units to explain) must count from 0 to one less than the number of units"


def check_units(indices, number):
    """Refuse units that are not there: at once where their values are known, else when the compiled function runs.

    Args:
        indices: Integers, a tensor or an array.
        number: How many units there are; an integer, or a tensor where only the run tells.

    Returns:
        The indices, to be used only once they are known to fit.

    Raises:
        ValueError: If an index is below 0, or `number` or more. In a compiled function, TensorFlow's
            `InvalidArgumentError` with the same text.
    """
    known = tf.get_static_value(indices) if tf.is_tensor(indices) else np.asarray(indices)
    if known is not None and isinstance(number, int):
        if known.size and (known.min() < 0 or known.max() >= number):
            raise ValueError(f"{OUT_OF_RANGE}, {number}. Received: units from {known.min()} to {known.max()}.")
        return indices
    fits = tf.logical_and(tf.reduce_all(indices >= 0), tf.reduce_all(indices < tf.cast(number, indices.dtype)))
    checked = tf.debugging.Assert(fits, [f"{OUT_OF_RANGE},", number, ". Received:", indices], summarize=8)
    # A gather that runs before the check would complain in words of its own.
    with tf.control_dependencies([checked] if checked is not None else []):
        return tf.identity(indices)
