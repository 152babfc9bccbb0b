"""How far maps survive that the demo model's last layers are drawn anew: `python -m tests.benchmarks.randomized`.

The rank correlation of the absolute maps before and after, on scenes that the model has not seen, for the classes that
occur; after Sanity Checks for Saliency Maps, arXiv:1810.03292. The docstring of `guided_backprop` quotes it.
"""

import keras
import numpy as np

from ke_widgets import demo
from ke_widgets.engine.compiling import compiled
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import gradients, guided_backprop, guided_gradcam

UNSEEN, SCENES, DRAWS = 900_001, 24, 5
STAGES = {"dense": ("predictions",), "dense and last block": ("predictions", "block4")}


def ranks(values):
    """Ranks of values, equal ones with their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def draw_anew(model, layers, seed):
    """Give every kernel of some layers a new order of its values: the distribution stays."""
    rng = np.random.default_rng(seed)
    for weight in (weight for name in layers for weight in model.get_layer(name).trainable_weights):
        value = np.asarray(weight)
        weight.assign(rng.permutation(value.ravel()).reshape(value.shape))


def correlations(method, layers, images, units):
    """Rank correlations of each map before and after, `(draws * images,)`."""

    def maps(model):
        return np.abs(compiled(method, expose(model))(images, units)[1])

    before, found = maps(demo.load("honest")), []
    for seed in range(DRAWS):
        model = demo.load("honest")
        draw_anew(model, layers, seed)
        pairs = zip(before.reshape(len(images), -1), maps(model).reshape(len(images), -1))
        found += [np.corrcoef(ranks(one), ranks(other))[0, 1] for one, other in pairs if np.ptp(one) and np.ptp(other)]
    return np.array(found)


def main():
    keras.utils.set_random_seed(0)
    scenes = demo.scenes(SCENES, seed=UNSEEN)
    scene, unit = np.nonzero(scenes.targets)
    images, units = scenes.images[scene].astype("float32"), unit[:, None].astype("int32")
    for stage, layers in STAGES.items():
        for method in (guided_backprop, guided_gradcam, gradients, gradcam):
            found = correlations(method, layers, images, units)
            print(f"{stage}: {method.__name__}: {found.mean():.2f} (+- {found.std():.2f}, {len(found)} pairs)")


if __name__ == "__main__":
    main()
