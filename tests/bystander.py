"""Somebody else at work with the same model: saves it, loads it, copies it, reads it, explains it and trains it.

Every round compares what it gets with what it got when nobody else was there. `run` goes on until it is told to stop.
"""

import collections
import copy
import pickle
import time

import keras
import numpy as np
import tensorflow as tf

import ke_widgets as ke
from ke_widgets.engine.compiling import compiled
from ke_widgets.methods.cams import gradcam
from tests import models


class Bystander:
    """Args:
    model: A model of fused activations that can be saved; it is compiled and trained at a rate of 0.
    x: Its images.
    folder: Where files go.

    Attributes:
        counts: How often each thing was done.
        faults: What differed, or was raised, in words.
    """

    def __init__(self, model, x, folder):
        self.model, self.x, self.folder = model, x, folder
        self.units = np.zeros((len(x), 1), "int32")
        self.counts, self.faults = collections.Counter(), []
        model.compile(keras.optimizers.SGD(0.0), "mse")
        self._train()
        self._compiled_state = None
        self._expected = {name: work() for name, work in self._works().items()}

    def _works(self):
        return {
            "saved and loaded": self._save,
            "trained with checkpoints": self._train,
            "cloned": lambda: keras.models.clone_model(self.model).get_config(),
            "deep-copied": lambda: self._scores(copy.deepcopy(self.model)),
            "pickled": lambda: self._scores(pickle.loads(pickle.dumps(self.model))),
            "config read": lambda: [each.get_config() for each in (self.model, *self._layers())],
            "attributes read": self._attributes,
            "exposed": lambda: [str(e) for e in ke.inspection.expose(self.model).endpoints],
            "explained eagerly": lambda: self._arrays(gradcam(ke.inspection.expose(self.model), self.x, self.units)),
            "explained compiled": self._compiled,
            "explained in a loop": lambda: self._arrays(ke.gradcam(self.model, self.x, self.units, verbose=0)),
        }

    def run(self, seconds):
        """Do all of it again and again, and note what differs.

        Args:
            seconds: For how long.
        """
        end = time.monotonic() + seconds
        works = self._works()
        while time.monotonic() < end:
            for name, work in works.items():
                try:
                    found = work()
                except Exception as error:
                    self.faults.append(f"{name}: {type(error).__name__}: {error}"[:300])
                else:
                    if not _equal(found, self._expected[name]):
                        self.faults.append(f"{name}: another result")
                self.counts[name] += 1

    def _layers(self):
        return self.model._flatten_layers(include_self=False)

    def _scores(self, model):
        return np.asarray(model(self.x))

    def _save(self):
        path = self.folder / "saved.keras"
        self.model.save(path)
        return self._scores(keras.models.load_model(path))

    def _train(self):
        path = self.folder / "checkpoint.keras"
        checkpoint = keras.callbacks.ModelCheckpoint(path, save_freq=1)
        truth = self._scores(self.model)
        self.model.fit(self.x, truth, batch_size=max(1, len(self.x) // 2), verbose=0, callbacks=[checkpoint])
        return self._scores(keras.models.load_model(path))

    def _attributes(self):
        """Read `vars` of every layer, by identity, and what its lists and dicts hold."""
        found = {}
        for number, layer in enumerate(self._layers()):
            found.update({(number, name): models._ids(models._fingerprint(v)) for name, v in vars(layer).items()})
        return found

    def _compiled(self):
        def explain(x):  # A new function each time, so that it is traced.
            return gradcam(ke.inspection.expose(self.model), x, self.units)

        traced = self._arrays(tf.function(explain, autograph=False)(self.x))
        kept = self._arrays(compiled(gradcam, ke.inspection.expose(self.model))(self.x, self.units))
        return traced + kept

    def _arrays(self, tensors):
        return [np.asarray(each) for each in tensors]


def _equal(one, other):
    if isinstance(one, np.ndarray):
        return np.allclose(one, other, rtol=1e-4, atol=1e-5)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return one == other
