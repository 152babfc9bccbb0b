"""THE METRIC CONTRACT.

A metric measures how good maps are. It is a function of the maps and of what its `Spec` says that it needs:

    (model, inputs, maps, y=None, masks, *, own) -> Result(values (B, U), curve=None)

Args, the same for every metric that has them:
    model: A Keras model, plain (its own output is the score, such as a probability) or exposed (its target is, such as
        logits).
    inputs: What the model takes: images `(B, H, W, C)`, preprocessed as the model was trained.
    maps: One map for each explained unit, `(B, H', W', U)`, raw or filtered. They are not changed.
    y: Which units the maps explain, `(B, U)` integers, or data of the model's target; `None` explains all.
    masks: The pixels of each unit's object, `(B, H, W, U)`, bool.
    own: The metric's own parameters, keyword-only, each with a default.

A metric that evaluates the model many times does so step by step; `step_by_step` stops after each, for a caller who
reports progress or cancels. A metric of your own is a function of this form; one of this package stands in the table
`METRICS` at the foot of its file, from which its tests are made.
"""

import functools
import importlib
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ke_widgets.engine.baselines import blur as blur
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.methods import Progress
from ke_widgets.metrics.faithfulness import deletion as deletion
from ke_widgets.metrics.faithfulness import insertion as insertion
from ke_widgets.metrics.localisation import pointing_game as pointing_game
from ke_widgets.metrics.spec import Curve as Curve
from ke_widgets.metrics.spec import Result as Result
from ke_widgets.metrics.spec import Spec as Spec

# The one list of files with metrics. Each has its `METRICS` at the foot.
FAMILIES = ("faithfulness", "localisation")


def step_by_step(metric: Callable[..., Result], *args: Any, **own: Any) -> Iterator[Progress]:
    """Run a metric step by step, with a stop after each step. Leave the loop to cancel.

    Args:
        metric: A metric of this package, or any function of its form, which is then a single step.
        *args: Its arguments.
        **own: The same.

    Yields:
        A `ke.methods.Progress` after each step, whose `result` returns a `Result` of what is done; what is not known
        yet is NaN.

    Raises:
        TypeError: If `metric` is no function.

    Examples:
        >>> model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
        >>> image, maps = np.ones((1, 2, 2, 1)), np.arange(4.0).reshape(1, 2, 2, 1)
        >>> for progress in step_by_step(deletion, model, image, maps, steps=4, batch_size=2):
        ...     known = np.isfinite(progress.result().curve.scores).sum()
        ...     print(progress.done, "of", progress.total, "with", known, "scores")
        1 of 3 with 2 scores
        2 of 3 with 4 scores
        3 of 3 with 5 scores
    """
    if not callable(metric):
        raise TypeError(
            f"`metric` must be a function, such as `ke.metrics.deletion`. Received: metric={short_repr(metric)}."
        )
    steps = getattr(metric, "steps", None)
    if steps is not None:
        yield from steps(*args, **own)
        return
    found = metric(*args, **own)
    yield Progress(1, 1, lambda: found)


def __getattr__(name: str) -> Any:
    # A metric is a name of this package as soon as it stands in a table; those imported above are for type checkers.
    if not name.startswith("_") and name in table():
        return table()[name][0]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def table() -> Mapping[str, tuple[Callable[..., Result], Spec]]:
    """Return every metric of the package by its name, with its `Spec`.

    Returns:
        A read-only mapping `name -> (metric, spec)`, file by file.
    """
    files = (importlib.import_module(f"{__name__}.{family}") for family in FAMILIES)
    return types.MappingProxyType(
        {metric.__name__: (metric, spec) for file in files for metric, spec in file.METRICS.items()}
    )
