"""Nothing of the user's model changes while it is read, as seen from another thread."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.inspection import endpoints, expose, layers_with_biases
from ke_widgets.methods import gradient
from ke_widgets.methods.cams import gradcam
from ke_widgets.model import callgraph, hooks
from ke_widgets.model import layers as model_layers
from tests import models
from tests.bystander import Bystander

SECONDS = 60


def readings(model, x):
    """List all ways in which the engine reads a model, to be run again and again."""
    biased = layers_with_biases(model, return_biases=False)
    before = [{"layer": layer, "link": "logits"} for layer in biased]
    conv = next(path for path in model_layers.operations(model) if path.endswith("conv"))
    units = np.zeros((len(x), 1), "int32")

    def traced(function):
        return lambda: tf.function(lambda x: function(x), autograph=False)(x)

    def replaced():
        (signal,) = expose(model, conv)(x)[1:]
        with hooks.replacing(model_layers.operations(model)[conv], signal):
            return model(x)

    return [
        lambda: expose(model, before)(x),
        traced(lambda x: expose(model, before)(x)),
        traced(lambda x: gradcam(expose(model, conv), x, units)),
        traced(lambda x: gradient.full_gradients(model, x, units)),
        lambda: gradient.full_gradient_terms(model, x, units),
        lambda: callgraph.from_trace(model),
        lambda: endpoints(model, before),
        replaced,
    ]


@pytest.mark.parametrize("builder", [models.doubly_nested, models.fused], ids=lambda f: f.__name__)
def test_who_saves_copies_explains_and_trains_meanwhile_sees_no_difference(builder, tmp_path, capsys):
    model, x = builder(), models.images(4)
    bystander = Bystander(model, x, tmp_path)
    stop, runs, raised = threading.Event(), [0], []

    def read():
        try:
            while not stop.is_set():
                for reading in readings(model, x):
                    reading()
                    runs[0] += 1
        except Exception as error:
            raised.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    bystander.run(SECONDS / 2)
    stop.set()
    reader.join()
    with capsys.disabled():
        print(f"\n{model.name}: {runs[0]} readings beside", dict(bystander.counts), "faults:", len(bystander.faults))
    assert raised == []
    assert bystander.faults == []
    assert runs[0] > 20
    assert min(bystander.counts.values()) > 2
