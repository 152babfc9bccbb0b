"""Run a function of a batch in `predict` of a small Keras model."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class Loop(keras.Model):
    """Run a step in `predict`: data of all kinds, callbacks, the progress bar and the strategy are Keras's own.

    Args:
        step: A function of one batch, of tensors.
        first: Called with the symbolic outputs of the step, the first batch and `expected`, before that batch is run.
        run_eagerly: As `compile` of Keras takes it.
        jit_compile: As `compile` of Keras takes it.
        steps_per_execution: As `compile` of Keras takes it.

    Attributes:
        batches: Number of batches since `begin`.
        expected: As `begin` got it.
        lock: To be held while the loop runs.
    """

    def __init__(
        self,
        step: Callable[[Any], Any],
        first: Callable[[Any, Any, int], object],
        run_eagerly: bool,
        jit_compile: bool,
        steps_per_execution: int,
    ) -> None:
        super().__init__(name="explain", autocast=False)
        # Bypass `Layer.__setattr__`, which would track what the step holds.
        self.__dict__.update(step=step, first=first, lock=threading.RLock(), batches=0, expected=0)
        self.run_eagerly = run_eagerly
        self.jit_compile = jit_compile
        self.steps_per_execution = steps_per_execution
        self.built = True

    @classmethod
    def beside(cls, model: keras.Model, *args: Any, **kwargs: Any) -> "Loop":
        """Make a loop that runs where a model runs: in its distribution strategy.

        Args:
            model: A Keras model.
            *args: See `Loop`.
            **kwargs: See `Loop`.

        Returns:
            A `Loop`; it does not hold the model.
        """
        with model.distribute_strategy.scope() if model.distribute_strategy else contextlib.nullcontext():
            return cls(*args, **kwargs)

    def begin(self, expected: int) -> None:
        """Start a run of an expected number of images (below 0: batches); 0 if it is unknown."""
        self.__dict__.update(batches=0, expected=expected)

    def run(self, batch: Any) -> Any:
        """Run one batch without the rest of `predict`.

        Args:
            batch: What `predict` would give to the step.

        Returns:
            The outputs of the step.
        """
        if not self._alone():  # A batch that is not split among the devices would run on each of them.
            return self.predict(batch, verbose=0)
        return self.make_predict_function()([batch])

    def _alone(self) -> bool:
        return self.distribute_strategy.num_replicas_in_sync == 1

    def predict_step(self, data: Any) -> Any:
        return self.step(data)

    def make_predict_function(self, force: bool = False) -> Any:
        if self.predict_function is None or force:
            run = self._for_any_batch() if self._alone() and not self.run_eagerly else self._fresh()
            self.predict_function = self._counted(run)
        return self.predict_function

    def _fresh(self) -> Any:
        """Return Keras's own predict function, of a list of batches."""
        ours = self.predict_function
        super().make_predict_function(force=True)
        made, self.predict_function = self.predict_function, ours
        return made

    def _counted(self, run: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def counted(data: Any) -> Any:
            found = run(data)
            self.__dict__["batches"] += 1
            return found

        return counted

    def _for_any_batch(self) -> Callable[[Any], Any]:
        """Return a function with one trace for each kind of data, so that a wrong rank or dtype leaves no trace.

        Each is traced for batches of any size, so the short last batch needs no second trace.
        """
        made: dict[Any, Any] = {}

        def run(data: Any) -> Any:
            leaves = keras.tree.flatten_with_path(data)
            kind = tuple((path, keras.backend.standardize_dtype(x.dtype), len(x.shape)) for path, x in leaves)
            if kind not in made:
                function = self._fresh()
                specs = keras.tree.map_structure(lambda x: tf.TensorSpec((None, *x.shape[1:]), x.dtype), data)
                made[kind] = function, function.get_concrete_function(specs).structured_outputs
            function, outputs = made[kind]
            if not self.batches:
                self.first(outputs, data[0], self.expected)
            return function(data)

        return run
