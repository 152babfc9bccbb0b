"""Measure what a pass costs on this machine, so that the page can say what a method takes before it runs."""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ke_widgets import methods
from ke_widgets.methods.cost import Cost, cost

_REPETITIONS = 3
_UNMEASURED = 3.0  # A backward pass takes about two forward passes.


class Passes(NamedTuple):
    """How long passes of a model take on one image.

    Attributes:
        seconds: Of a forward pass.
        backward: Of a forward and a backward pass, as a multiple of it.
    """

    seconds: float
    backward: float = _UNMEASURED

    def forwards(self, found: Cost) -> float:
        """Return a cost as a number of forward passes."""
        return found.beside + found.passes * (self.backward if found.backward else 1)


def measure(forward: Callable[[], Any], backward: Callable[[], Any]) -> Iterator[Passes]:
    """Measure passes, with a stop between them.

    Args:
        forward: Runs a forward pass of one image, compiled.
        backward: Runs a forward and a backward pass to the image.

    Yields:
        `Passes` as far as they are measured; the last one is complete.
    """
    seconds = _median(forward)
    yield Passes(seconds)
    try:
        backward()  # The first one compiles.
        yield Passes(seconds)
        ratio = max(_median(backward) / seconds, 1.0)
    except ValueError:  # It has no gradient: no method that needs one runs either.
        ratio = _UNMEASURED
    yield Passes(seconds, ratio)


def _median(run: Callable[[], Any]) -> float:
    found = []
    for _ in range(_REPETITIONS):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return max(statistics.median(found), 1e-6)


def of_methods(passes: Passes, image: Any, signal: Any, params: dict[str, Any]) -> dict[str, tuple[int, float]]:
    """Return the cost of every method.

    Args:
        passes: What passes take.
        image: Shape of the image, `(H, W, C)`.
        signal: Shape of the signal of the chosen layer, `(H', W', K)`.
        params: Parameters that the user has set; each method takes its own.

    Returns:
        A dict from name to the number of passes, and the same as a number of forward passes.
    """
    found = {name: cost(method, spec, image, signal, **params) for name, (method, spec) in methods.table().items()}
    return {name: (each.passes, passes.forwards(each)) for name, each in found.items()}
