"""What others know of a metric: its line in a file's `METRICS`, and what it returns."""

import collections
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from ke_widgets.errors.arguments import check_names
from ke_widgets.methods import Progress

Need = Literal["model", "masks", "method"]


@dataclass(frozen=True)
class Spec:
    """Describe a metric to those who call it and show its values.

    Attributes:
        title: Its usual name, such as `"Deletion"`.
        better: Whether `"lower"` or `"higher"` values are better; `None` if neither is.
        needs: What it needs beside the maps: `"model"` (with inputs and `y`), `"masks"` of objects, or the `"method"`
            that made the maps.
        source: The paper: short title, identifier, and where in it.
    """

    title: str
    better: Literal["lower", "higher"] | None
    needs: tuple[Need, ...]
    source: str


class Curve(NamedTuple):
    """How a score changes along a share.

    Attributes:
        shares: Where it is known, `(S,)`, from 0 to 1.
        scores: Scores `(B, S, U)` there; NaN where they are not computed yet.
    """

    shares: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Result:
    """What a metric returns.

    Attributes:
        values: One number for each map, `(B, U)`; NaN where it is not known, or cannot be told.
        curve: The curve that the values sum up, where there is one.
    """

    values: np.ndarray
    curve: Curve | None = None


def measured_by(steps: Callable[..., Iterator[Progress]]) -> Callable[[Callable[..., Any]], Callable[..., Result]]:
    """Return a decorator that makes a metric of a signature with a docstring: its value is that of the last step.

    Args:
        steps: A generator of `ke_widgets.methods.Progress` with the arguments of the metric; `result` returns a
            `Result` of what is done. The metric keeps it under this name, for `ke.metrics.step_by_step`.

    Returns:
        A decorator.
    """

    def make(described: Callable[..., Any]) -> Callable[..., Result]:
        signature = inspect.signature(described)

        def stepwise(*args: Any, **own: Any) -> Iterator[Progress]:
            check_names(f"ke.metrics.{described.__name__}", own, list(signature.parameters))
            bound = signature.bind(*args, **own)
            bound.apply_defaults()
            return steps(**bound.arguments)

        @functools.wraps(described)
        def metric(*args: Any, **own: Any) -> Result:
            return collections.deque(stepwise(*args, **own), maxlen=1).pop().result()

        setattr(metric, "steps", stepwise)  # noqa: B010
        return metric

    return make
