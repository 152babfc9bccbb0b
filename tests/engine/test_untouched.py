"""What a model holds of its own runs, such as losses, is as it was after everything that runs it here."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import ke_widgets as ke
from ke_widgets import metrics
from ke_widgets.methods import step_by_step
from ke_widgets.model import callgraph
from tests import models


@keras.saving.register_keras_serializable("ke_widgets_tests")
class Noted(layers.Layer):
    """Adds a loss at each call, and counts its calls in a variable."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(shape=(), trainable=False, name="count")

    def call(self, x):
        self.count.assign_add(1.0)
        self.add_loss(ops.mean(x))
        return x


def functional():
    x = inputs = keras.Input(models.IMAGE)
    x = Noted(name="noted")(layers.Conv2D(4, 3, activation="relu", name="conv", activity_regularizer="l2")(x))
    x = layers.BatchNormalization()(x)
    x = layers.Dense(3, activation="softmax", name="logits")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(inputs, x)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = functional()

    def call(self, x):
        self.add_loss(ops.sum(x))
        return self.inner(x)


def manual():
    model = functional()
    return keras.Model(model.inputs, [model.get_layer("logits").output, model.get_layer("conv").output])


X, Y = models.images(2), np.zeros((2, 1), "int32")
MAPS = np.ones((2, 6, 6, 1))
RUNS = {
    "expose": lambda model: ke.inspection.expose(model)(X),
    "rehearse": callgraph.from_trace,
    **{
        name: lambda model, name=name: getattr(ke, name)(model, X, Y, verbose=0)
        for name in ("gradcam", "gradcampp", "scorecam", "gradients", "smoothgrad", "full_gradients")
    },
    "an eager method on a plain model": lambda model: ke.methods.gradient.gradients(model, X, Y),
    "pieces": lambda model: list(step_by_step(ke.methods.meta.smoothgrad, model, X, Y, repetitions=2)),
    "deletion": lambda model: metrics.deletion(model, X, MAPS, Y, steps=2),
    "a widget": lambda model: ke.ExplainerWidget(model, X).wait(),
}


# A manual model has several outputs, which these do not take as they are.
BY_HAND = [name for name in RUNS if name not in ("expose", "full_gradients", "deletion", "a widget")]


@pytest.mark.parametrize(
    ("builder", "name"),
    [
        *((builder, name) for builder in (functional, Subclassed) for name in RUNS),
        *((manual, name) for name in BY_HAND),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_losses_counters_and_statistics_are_as_they_were(builder, name):
    model = models.called(builder())
    model(X)
    losses, before = [float(loss) for loss in model.losses], models.snapshot(model)
    assert losses
    RUNS[name](model)
    assert [float(loss) for loss in model.losses] == losses
    assert models.same(before, models.snapshot(model)) == []
