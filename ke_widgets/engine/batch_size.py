"""Tune the batch size of methods that run a model many times: measured once for each device, and cached.

One image leaves a device idle between small operations; very many do not fit its caches. The best number depends on the
device and on the size of the images much more than on the model, so a small network of common operations is timed.
"""

import concurrent.futures
import functools
import time
from collections.abc import Callable, Iterable

import keras
import tensorflow as tf

from ke_widgets.typing import Inputs, Tensor

SIDE, MOST = 224, 32  # Rows and columns of the timed images, and the largest batch size.
_FIRST, _ROUNDS = (1, 2, 4, 8), 3
# Default for common CPUs. Another size must be 10 % faster to replace it; less is timing noise.
_USUAL, _GAIN = 4, 0.9
# Channels and stride of each block. As deep as common networks, which leaves a device idle with one image, and as wide
# at the start, where a few images exceed the caches.
_BLOCKS = (
    *((96, 1), (64, 2), (128, 1), (128, 2), (128, 1), (128, 1), (256, 2)),
    *((256, 1), (256, 1), (256, 1), (256, 1), (512, 2), (512, 1), (512, 1)),
)


def batch_size_for(inputs: Inputs, differentiated: bool) -> int:
    """Choose the batch size for images of the size of `inputs`.

    Args:
        inputs: Images `(B, H, W, C)`, or other inputs of a model, images among them.
        differentiated: Whether the model is differentiated, or only run.

    Returns:
        An integer of at least 1, constant for a device and image size within a process.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    best = _fastest(devices[0].name, differentiated)
    sides = [x.shape[1:3] for x in keras.tree.flatten(inputs) if len(x.shape) == 4]
    if not sides or None in sides[0]:
        return best
    return max(1, min(MOST, round(best * SIDE**2 / (sides[0][0] * sides[0][1]))))


@functools.lru_cache(maxsize=8)
def _fastest(device: str, differentiated: bool) -> int:
    """Measure the fastest batch size on `device`."""
    # On a separate thread, outside of any traced function and distribution strategy.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(_time, device, differentiated).result()


def _time(device: str, differentiated: bool) -> int:
    """Time a small network on `device` with small batches, then with larger ones while the largest is best."""
    with tf.device(device):
        run = _network(differentiated)
        each = _each(run, _FIRST)
        while max(each) < MOST and _best(each) == max(each):
            each |= _each(run, [2 * max(each)])
    return _best(each)


def _each(run: Callable[[Tensor], Tensor], counts: Iterable[int]) -> dict[int, float]:
    """Return the seconds per image for each batch size in `counts`."""
    # The same number of images for each size: otherwise the shortest run would be the least disturbed.
    most = max(counts)
    images = {count: tf.zeros((count, SIDE, SIDE, 3)) for count in counts}
    rounds = [
        {count: sum(_seconds(run, x) for _ in range(most // count)) / most for count, x in images.items()}
        for _ in range(_ROUNDS)
    ]
    return {count: min(found[count] for found in rounds) for count in counts}


def _best(each: dict[int, float]) -> int:
    best = min(each, key=lambda count: each[count])
    return best if each[best] < _GAIN * each[_USUAL] else _USUAL


def _seconds(run: Callable[[Tensor], Tensor], images: Tensor) -> float:
    start = time.perf_counter()
    run(images).numpy()
    return time.perf_counter() - start


def _network(differentiated: bool) -> Callable[[Tensor], Tensor]:
    """Return a function of images that runs common convolutions."""
    stem, blocks, channels = tf.ones((3, 3, 3, 32)), [], 32
    for filters, stride in _BLOCKS:
        blocks.append((tf.ones((3, 3, channels, 1)), tf.ones((1, 1, channels, filters)), stride))
        channels = filters

    def forward(x: Tensor) -> Tensor:
        x = tf.nn.relu(tf.nn.conv2d(x, stem, 2, "SAME"))
        for depthwise, pointwise, stride in blocks:
            x = tf.nn.relu(tf.nn.depthwise_conv2d(x, depthwise, [1, stride, stride, 1], "SAME"))
            x = tf.nn.relu(tf.nn.conv2d(x, pointwise, 1, "SAME"))
        return tf.reduce_mean(x)

    def gradient(x: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = forward(x)
        return tape.gradient(score, x)

    spec = tf.TensorSpec((None, SIDE, SIDE, 3))
    return tf.function(gradient if differentiated else forward, input_signature=[spec], autograph=False)
