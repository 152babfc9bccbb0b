"""The library's methods beside the bare forward pass, their limits and other libraries.

`python -m tests.benchmarks.methods [network]` prints rows as JSON, one to a line, in an environment with the peers.
"""

import json
import statistics
import sys

import keras
import numpy as np
import tensorflow as tf

import ke_widgets as ke
from ke_widgets.methods.all_layers import at_all_layers
from tests.benchmarks import networks, peers, plain
from tests.benchmarks.networks import UNIT
from tests.benchmarks.pairing import MOST, between, difference, ratios, timed

SAMPLES, MANY, PASSES, ROUNDS = 25, 512, 3, 7


class Measuring:
    """One network at one batch: its bare forward pass and gradient, and rows of what is compared with them."""

    def __init__(self, name, batch):
        self.name, self.batch = name, batch
        self.model = networks.build(name)
        self.layer = networks.last_layer(self.model)
        self.inputs = networks.images(batch)
        self.x, self.units = tf.constant(self.inputs), tf.constant(np.full((batch, 1), UNIT, "int32"))
        self._forward = tf.function(lambda x: self.model(x, training=False), autograph=False)
        self._gradient = tf.function(lambda x: plain.gradients(self.model, x, UNIT), autograph=False)

    def forward(self, x=None):
        return self._forward(self.x if x is None else x).numpy()

    def gradient(self, x=None):
        return self._gradient(self.x if x is None else x).numpy()

    def method(self, method, model, **own):
        """Compile a method as the contract says that a user may."""
        function = tf.function(lambda x, y: method(model, x, y, **own), reduce_retracing=True, autograph=False)
        return lambda units=self.units: np.asarray(function(self.x, units)[1])

    def row(self, work, ours, expected, most, unit="forward", works=None, others=None):
        """Time `ours` and the others beside the unit, and compare what it finds with what is expected."""
        works = works or {"forward": self.forward, "gradient": self.gradient}[unit]
        found, seconds = ratios(works, {"ours": ours, **(others or {})}, least=ROUNDS)
        return {
            "work": work,
            "network": self.name,
            "batch": self.batch,
            "unit": unit,
            "milliseconds": 1000 * seconds,
            "ours": found.pop("ours"),
            "peers": found,
            "most": most,
            "difference": difference(ours(), expected),
        }


def rows(name, batch):
    """Measure all methods on one network; sampling methods, all layers and the loop with one image only.

    Args:
        name: Name of the network.
        batch: Images at once.

    Yields:
        Dicts.
    """
    on = Measuring(name, batch)
    model, x, methods = on.model, on.x, ke.methods
    exposed = ke.inspection.expose(model, on.layer)
    gradcam = on.method(methods.cams.gradcam, exposed)
    others = peers.gradcam(model, on.inputs, UNIT, on.layer)
    expected = plain.gradcam(model, on.layer, x, [UNIT])
    yield on.row("Grad-CAM, last layer", gradcam, expected, 1.05, others=others)
    ten = tf.constant(np.tile(np.arange(10, dtype="int32"), (batch, 1)))
    expected = plain.gradcam(model, on.layer, x, range(10))
    yield on.row("Grad-CAM, 10 units at once", lambda: gradcam(ten), expected, 1.15)
    saliency = on.method(methods.gradient.gradients, model)
    others = peers.gradients(model, on.inputs, UNIT)
    yield on.row("gradients", saliency, plain.saliency(model, x, UNIT), 1.05, "gradient", others=others)
    full = on.method(methods.gradient.full_gradients, model)
    yield on.row("full-gradients", full, plain.full_gradients(model, x, UNIT), 1.35, "gradient")
    if batch == 1:
        yield on.row("the bare gradient, in forwards", on.gradient, plain.gradients(model, x, UNIT), None)
        yield from sampling(on)
        yield from evaluated(on)
        yield all_layers(on)
        yield through_the_loop(on)
        yield one_image(on)


def sampling(on):
    """SmoothGrad and Score-CAM beside their number of steps at the batch that is fastest."""
    smooth = on.method(ke.methods.meta.smoothgrad, on.model, repetitions=SAMPLES)
    steps, size = at_the_fastest(on.gradient, on.inputs, SAMPLES, (1, 5, 10, 25))
    others = peers.smoothgrad(on.model, on.inputs, UNIT, SAMPLES)
    expected = plain.smoothgrad(on.model, on.x, UNIT, SAMPLES)
    unit = f"{SAMPLES} gradients, {size} at a time"
    yield on.row(f"SmoothGrad, {SAMPLES} samples", smooth, expected, 1.05, unit, steps, others)
    layer = networks.NETWORKS[on.name]
    scorecam = on.method(ke.methods.cams.scorecam, ke.inspection.expose(on.model, layer))
    channels = on.model.get_layer(layer).output.shape[-1]
    steps, size = at_the_fastest(on.forward, on.inputs, channels + 1, (1, 4, 8, 16))
    others = peers.scorecam(on.model, on.inputs, UNIT, layer)
    expected = plain.scorecam(on.model, layer, on.x, UNIT)
    unit = f"{channels + 1} forwards, {size} at a time"
    yield on.row(f"Score-CAM, {channels} channels", scorecam, expected, 1.05, unit, steps, others)


IG_STEPS, RISE_MASKS, SHAP_SAMPLES, GRID = 50, 1000, 500, 7


def evaluated(on):
    """What evaluates the model many times beside as many bare steps at the batch that is fastest."""
    path, perturbation, sizes = ke.methods.path, ke.methods.perturbation, (1, 4, 8, 16)
    own = {"steps": IG_STEPS}
    steps, size = at_the_fastest(on.gradient, on.inputs, IG_STEPS, (1, 5, 10, 25))
    others = peers.integrated_gradients(on.model, on.inputs, UNIT, IG_STEPS)
    expected = plain.integrated_gradients(on.model, on.x, UNIT, IG_STEPS)
    ours = on.method(path.integrated_gradients, on.model, **own)
    unit = f"{IG_STEPS} gradients, {size} at a time"
    yield on.row(f"Integrated gradients, {IG_STEPS} steps", ours, expected, 1.05, unit, steps, others)
    side = on.inputs.shape[1] // GRID
    found = (
        ("Occlusion, 7 x 7", perturbation.occlusion, {"window": side, "stride": side}, GRID**2, peers.occlusion),
        (
            f"RISE, {RISE_MASKS} masks",
            perturbation.rise,
            {"samples": RISE_MASKS, "cells": GRID},
            RISE_MASKS,
            peers.rise,
        ),
        (
            f"KernelSHAP, {SHAP_SAMPLES} samples of 7 x 7",
            perturbation.kernel_shap,
            {"samples": SHAP_SAMPLES, "grid": GRID},
            SHAP_SAMPLES,
            peers.kernel_shap,
        ),
    )
    for work, method, own, count, other in found:
        steps, size = at_the_fastest(on.forward, on.inputs, count + 1, sizes)
        others = other(on.model, on.inputs, UNIT, GRID, count)
        ours = on.method(method, on.model, **own)
        # One evaluation at a time is the plain computation; other tests have its numbers.
        expected = on.method(method, on.model, **own, batch_size=1)()
        yield on.row(work, ours, expected, 1.05, f"{count + 1} forwards, {size} at a time", steps, others)
    layer = networks.NETWORKS[on.name]
    channels = on.model.get_layer(layer).output.shape[-1]
    exposed = ke.inspection.expose(on.model, layer)
    ablation = on.method(ke.methods.cams.ablationcam, exposed)
    steps, size = at_the_fastest(on.forward, on.inputs, channels + 1, sizes)
    expected = on.method(ke.methods.cams.ablationcam, exposed, batch_size=1)()
    unit = f"{channels + 1} forwards, {size} at a time"
    yield on.row(f"Ablation-CAM, {channels} channels", ablation, expected, 1.05, unit, steps)


def at_the_fastest(work, inputs, count, sizes):
    """Give a function that works on `count` images at the batch that is fastest, and that batch."""
    batches = {size: tf.constant(np.repeat(inputs, size, axis=0)) for size in sizes}
    found, _ = ratios(lambda: work(batches[1]), {n: (lambda b=b: work(b)) for n, b in batches.items()}, 3)
    best = min(sizes, key=lambda size: found[size] / size)

    def steps():
        for _ in range(count // best):
            work(batches[best])
        if count % best:
            work(batches[best][: count % best])

    return steps, best


def all_layers(on):
    """The maps of every spatial layer in one pass; some of them compared."""
    layers = [layer.name for layer in on.model.layers[1:] if len(layer.output.shape) == 4]
    exposed = ke.inspection.expose(on.model, layers)
    function = tf.function(lambda x, y: at_all_layers(ke.methods.cams.gradcam)(exposed, x, y), autograph=False)
    some = [0, len(layers) // 3, 2 * len(layers) // 3, len(layers) - 1]

    def everything():
        found = [each.numpy() for each in function(on.x, on.units)[1]]
        return [found[number] for number in some]

    expected = [plain.gradcam(on.model, layers[number], on.x, [UNIT]) for number in some]
    most = 3.0 if on.name == "ResNet50V2" else None
    return on.row(f"Grad-CAM, all {len(layers)} layers", everything, expected, most)


def through_the_loop(on):
    """`ke.gradcam` over many images beside `model.predict` over the same, in turn."""
    many, chosen = networks.images(MANY), np.full((MANY, 1), UNIT)
    exposed, options = ke.inspection.expose(on.model, on.layer), {"batch_size": 16, "verbose": 0}
    expected = plain.gradcam(on.model, on.layer, tf.constant(many[:16]), [UNIT])

    def predict(count=MANY):
        return on.model.predict(many[:count], **options)

    def explain(count=MANY, **how):
        return ke.gradcam(exposed, many[:count], chosen[:count], **how, **options)[1]

    predict(32), explain(32)
    found, seconds = between(lambda: timed(predict), lambda: timed(explain), PASSES)
    return {
        "work": f"ke.gradcam, {MANY} images",
        "network": on.name,
        "batch": 16,
        "unit": "predict",
        "milliseconds": 1000 * seconds,
        "ours": found,
        "peers": {},
        "most": 1.1,
        "difference": difference(explain(16, postprocessing=None, resizing=None), expected),
    }


def one_image(on):
    """`ke.gradcam` of a plain model and one image: the method itself, and what `predict` costs beside its model."""
    compiled = on.method(ke.methods.cams.gradcam, ke.inspection.expose(on.model))
    own = []

    def predict():
        return on.model.predict(on.inputs, verbose=0)

    def explain(**how):
        return ke.gradcam(on.model, on.inputs, on.units.numpy(), verbose=0, **how)[1]

    def unit():
        own.append(timed(predict) - timed(on.forward))
        return timed(compiled) + own[-1]

    predict(), explain(), compiled(), on.forward()
    found, seconds = between(unit, lambda: timed(explain), MOST)
    return {
        "work": "ke.gradcam of a plain model, one image",
        "network": on.name,
        "batch": 1,
        "unit": f"the method, and predict's own {1000 * statistics.median(own):.0f}",
        "milliseconds": 1000 * seconds,
        "ours": found,
        "peers": {},
        "most": 1.1,
        "difference": difference(explain(postprocessing=None, resizing=False), compiled()),
    }


def main(names):
    for name in names or networks.NETWORKS:
        for batch in (1, 8):
            for row in rows(name, batch):
                print(json.dumps(row), flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main(sys.argv[1:])
