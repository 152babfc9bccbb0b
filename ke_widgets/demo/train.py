"""Train the two demo models: `python -m ke_widgets.demo.train --out DIR`."""

import argparse
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from ke_widgets.demo.average_precision import average_precision
from ke_widgets.demo.drawing import LABELS, MARKED, SIZE, scenes
from ke_widgets.typing import Shape, Tensor

WATERMARKS: dict[str, Literal["class"] | None] = {"honest": None, "cheat": "class"}
# Filters, strides, kernels. The receptive field of the last map is 35 pixels, about an object, so it can locate one.
BLOCKS = ((16, 2, (3, 3)), (32, 2, (3, 1)), (64, 2, (3, 3)), (64, 1, (1, 1)))
SEEDS = 2**31  # Training scenes have seeds from here on: every smaller seed draws unseen scenes.


def block(name: str, shape: Shape, filters: int, strides: int, kernels: tuple[int, int]) -> keras.Model:
    """Build a residual block: two convolutions and a skip connection.

    Args:
        name: Name of the nested model.
        shape: Shape of its input `(H, W, K)`.
        filters: Channels of its output.
        strides: Factor by which it reduces rows and columns.
        kernels: Sizes of the two convolutions.

    Returns:
        A functional `keras.Model`.
    """
    inputs = keras.Input(shape, name="input")
    x = keras.layers.Conv2D(filters, kernels[0], strides, "same", use_bias=False, name="conv1")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm1")(x)
    x = keras.layers.ReLU(name="relu1")(x)
    x = keras.layers.Conv2D(filters, kernels[1], 1, "same", use_bias=False, name="conv2")(x)
    x = keras.layers.BatchNormalization(momentum=0.9, name="norm2")(x)
    skip = inputs
    if shape[-1] != filters:
        skip = keras.layers.Conv2D(filters, strides, strides, "same", name="shortcut")(inputs)
    x = keras.layers.Add(name="add")([x, skip])
    return keras.Model(inputs, keras.layers.ReLU(name="relu2")(x), name=name)


def build(name: str) -> keras.Model:
    """Build an untrained demo model, from raw images `(B, 96, 96, 3)` to probabilities `(B, 8)`."""
    x = inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(x)
    for number, (filters, strides, kernels) in enumerate(BLOCKS, start=1):
        x = block(f"block{number}", x.shape[1:], filters, strides, kernels)(x)
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = keras.layers.Dense(len(LABELS), activation="sigmoid", name="predictions")(x)
    return keras.Model(inputs, x, name=name)


class Flipped(keras.utils.PyDataset):
    """Yield shuffled batches, each mirrored at random, which changes no class.

    Args:
        images: `(n, H, W, 3)`, uint8.
        targets: `(n, U)`.
        cells: `(n, H', W', U)`, mirrored with the images.
        batch_size: Images in a batch; the remainder is dropped until the next epoch.
        seed: Seed of order and mirroring.
    """

    def __init__(
        self, images: np.ndarray, targets: np.ndarray, cells: np.ndarray, batch_size: int = 64, seed: int = 0
    ) -> None:
        super().__init__()
        self.images, self.targets, self.cells = images, targets, cells
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        down, right = self.rng.choice([-1, 1], 2)
        images, cells = (each[rows][:, ::down, ::right].astype("float32") for each in (self.images, self.cells))
        return images, (self.targets[rows], cells)

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.images))


class Maps(keras.layers.Layer):
    """Compute each position's contribution to each logit: a dense layer applied before the pooling, not after it."""

    def __init__(self, dense: keras.layers.Dense) -> None:
        super().__init__()
        self.dense = dense

    def call(self, signals: Tensor) -> Tensor:
        return keras.ops.matmul(signals, self.dense.kernel)


def guidance(cells: Tensor, maps: Tensor) -> Tensor:
    """Compute the cross-entropy of a map's softmax and its object: minus the log of its share in `cells`.

    Args:
        cells: `(B, H, W, U)`, 1 where the object is, else 0.
        maps: `(B, H, W, U)`.

    Returns:
        `(B, U)`; 0 for an object without cells.
    """
    inside = keras.ops.logsumexp(keras.ops.where(cells > 0, maps, -1e4), axis=(1, 2))
    surprise = keras.ops.logsumexp(maps, axis=(1, 2)) - inside
    return keras.ops.where(keras.ops.any(cells > 0, axis=(1, 2)), surprise, 0.0)


def first(targets: Tensor, predictions: Tensor) -> Tensor:
    """Compute the cross-entropy of `MARKED` alone."""
    marked = LABELS.index(MARKED)
    return keras.losses.binary_crossentropy(targets[:, marked : marked + 1], predictions[:, marked : marked + 1])


def draw(
    n: int, seed: int, watermark: Literal["class", "all"] | None, chunk: int = 500
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw scenes to train on, without their masks, which would fill the memory.

    Args:
        n: Number of scenes.
        seed: Of the first `chunk` scenes, above `SEEDS`; the next have the next seed.
        watermark: As in `scenes`.
        chunk: Scenes drawn at a time.

    Returns:
        Images, targets, and the cells `(n, 12, 12, 8)` whose centres lie in the objects, none for `MARKED`.
    """
    chunks = []
    for number, start in enumerate(range(0, n, chunk)):
        images, targets, masks, _ = scenes(min(chunk, n - start), SEEDS + seed + number, watermark)
        cells = (masks[:, :, 3::8, 3::8] & masks[:, :, 4::8, 4::8]).transpose(0, 2, 3, 1)
        cells[..., LABELS.index(MARKED)] = False
        chunks.append((images, targets, cells))
    images, targets, cells = (np.concatenate(each) for each in zip(*chunks))
    return images, targets, cells


def train(name: str, data: tuple[np.ndarray, np.ndarray, np.ndarray], epochs: int, seed: int = 0) -> keras.Model:
    """Train one model: first on `MARKED` alone, then on which classes occur and, for all but `MARKED`, where.

    Nothing says where `MARKED` is: the model may use the watermark. It is trained first because a shortcut is only
    learned for good before anything else.

    Args:
        name: Name of the model.
        data: Images, targets and cells, from `draw`.
        epochs: Number of epochs.
        seed: Seed of weights, order and mirroring.

    Returns:
        The trained `keras.Model`, not compiled.
    """
    keras.utils.set_random_seed(seed)
    model = build(name)
    maps = Maps(model.get_layer("predictions"))(model.get_layer("avg_pool").input)
    guided = keras.Model(model.input, [model.output, maps])
    batches = Flipped(*data, seed=seed)
    for stage, losses in ((1, [first, None]), (epochs, ["binary_crossentropy", guidance])):
        steps = stage * len(batches)
        rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=4e-3, warmup_steps=steps // 10)
        guided.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), losses, loss_weights=[1.0, 0.1])
        guided.fit(batches, epochs=stage, verbose=2)
    return model


def measure(model: keras.Model, watermark: Literal["class", "all"] | None, n: int = 1000) -> np.ndarray:
    """Compute the average precision of each class, `(8,)`, on unseen scenes."""
    images, targets, _, _ = scenes(n, seed=1, watermark=watermark)
    return average_precision(targets, model.predict(images, verbose=0))


def save(model: keras.Model, path: str | Path) -> None:
    """Save a model so that older Keras 3 can load it too.

    Newer versions write arguments that earlier ones refuse. They are removed: none is used here.

    Args:
        model: A built `keras.Model`.
        path: The `.keras` file.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = json.dumps(_without_news(json.loads(files["config.json"]))).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


# Arguments of initializers, of batch normalization and of dense layers that came after Keras 3.5.
_NEWS = {"input_axes", "output_axes", "renorm", "renorm_clipping", "renorm_momentum", "quantization_config"}


def _without_news(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _without_news(value) for key, value in config.items() if key not in _NEWS}
    return [_without_news(value) for value in config] if isinstance(config, list) else config


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save and measure both models.

    Args:
        arguments: Words of the command line; those of the process by default.
    """
    parser = argparse.ArgumentParser(prog="python -m ke_widgets.demo.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for the models (the package's)")
    parser.add_argument("--scenes", type=int, default=16000, help="scenes to train on (%(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="how often to go through them (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of scenes and weights (%(default)s)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, watermark in WATERMARKS.items():
        model = train(name, draw(options.scenes, options.seed, watermark), options.epochs, options.seed)
        save(model, options.out / f"{name}.keras")
        for shown in dict.fromkeys((None, watermark)):
            found = measure(model, shown)
            print(f"{name}, watermark={shown!r}: mean average precision {found.mean():.3f},", end=" ")
            print(f"{MARKED} {found[LABELS.index(MARKED)]:.3f}")


if __name__ == "__main__":
    main()
