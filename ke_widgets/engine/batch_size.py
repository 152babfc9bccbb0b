"""How many images go through a model at once, where a method looks many times: measured once for each device, and kept.

One image leaves a device idle between small operations; very many leave its caches. Which number is best depends on the
device and on the size of the images much more than on the model, so a small network of the usual operations is timed.
"""

import concurrent.futures
import functools
import time
from collections.abc import Callable, Iterable

import keras
import tensorflow as tf

from ke_widgets.typing import Inputs, Tensor

SIDE, MOST = 224, 32  # rows and columns of the images that are timed, and the largest number of them at once
_FIRST, _ROUNDS = (1, 2, 4, 8), 3
# Of usual processors; another number must be faster by so much that it is not the machine's noise which says so.
_USUAL, _GAIN = 4, 0.9
# As deep as the usual networks, which leaves a device idle with one image, and as wide at the start, where a few images
# leave the caches: channels and stride of each block.
_BLOCKS = (
    *((96, 1), (64, 2), (128, 1), (128, 2), (128, 1), (128, 1), (256, 2)),
    *((256, 1), (256, 1), (256, 1), (256, 1), (512, 2), (512, 1), (512, 1)),
)


def batch_size_for(inputs: Inputs, differentiated: bool) -> int:
    """Choose how many images of the size of `inputs` go through a model at once.

    Args:
        inputs: Images `(B, H, W, C)`, or what else a model takes; images may be among them.
        differentiated: Whether the model is differentiated, or only run.

    Returns:
        An integer of at least 1, the same for the same device and size of images, for as long as the process lives.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    best = _fastest(devices[0].name, differentiated)
    sides = [x.shape[1:3] for x in keras.tree.flatten(inputs) if len(x.shape) == 4]
    if not sides or None in sides[0]:
        return best
    return max(1, min(MOST, round(best * SIDE**2 / (sides[0][0] * sides[0][1]))))


def most_samples(inputs: Inputs) -> int:
    """Choose how many samples go through a model at most, where they are differentiated and parted evenly.

    Next to the fastest number others are as fast, so that one may be taken which leaves no piece half empty.

    Args:
        inputs: See `batch_size_for`.

    Returns:
        An integer of at least 1.
    """
    return batch_size_for(inputs, differentiated=True) * 3 // 2


@functools.lru_cache(maxsize=8)
def _fastest(device: str, differentiated: bool) -> int:
    """Find the number of images at which `device` is fastest."""
    # On a thread of its own, outside of any function that is being traced, and of any strategy.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(_time, device, differentiated).result()


def _time(device: str, differentiated: bool) -> int:
    """Time a small network on `device`: with a few images in turn, then with more for as long as the most is best."""
    with tf.device(device):
        run = _network(differentiated)
        each = _each(run, _FIRST)
        while max(each) < MOST and _best(each) == max(each):
            each |= _each(run, [2 * max(each)])
    return _best(each)


def _each(run: Callable[[Tensor], Tensor], counts: Iterable[int]) -> dict[int, float]:
    """Return the seconds that an image takes among each of `counts`."""
    # As many images each time, whatever goes at once: else the shortest run would be the likeliest to go undisturbed.
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
    """Make a function of images that runs convolutions of the usual kinds."""
    stem, blocks, channels = tf.ones((3, 3, 3, 32)), [], 32
    for filters, stride in _BLOCKS:
        blocks.append((tf.ones((3, 3, channels, 1)), tf.ones((1, 1, channels, filters)), stride))
        channels = filters

    def forward(x: Tensor) -> Tensor:
        x = tf.nn.relu(tf.nn.conv2d(x, stem, 2, "SAME"))
        for places, mixing, stride in blocks:
            x = tf.nn.relu(tf.nn.depthwise_conv2d(x, places, [1, stride, stride, 1], "SAME"))
            x = tf.nn.relu(tf.nn.conv2d(x, mixing, 1, "SAME"))
        return tf.reduce_mean(x)

    def gradient(x: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = forward(x)
        return tape.gradient(score, x)

    spec = tf.TensorSpec((None, SIDE, SIDE, 3))
    return tf.function(gradient if differentiated else forward, input_signature=[spec], autograph=False)
