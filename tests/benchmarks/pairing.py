"""Times as ratios: machines are noisy, so each thing is timed right beside the unit, again and again."""

import statistics
import time
from collections.abc import Callable

LONG = 2  # seconds; what takes longer is warm after one run


def timed(work: Callable) -> float:
    """Run `work` once; seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratios(unit, works, rounds):
    """Compare works with a unit.

    Args:
        unit: A function of no arguments.
        works: A dict from name to function of no arguments.
        rounds: How often each one is timed.

    Returns:
        The median ratio to the unit for each work, and the median of the unit in seconds.
    """
    for work in (unit, *works.values()):
        if timed(work) < LONG:
            work()
    found, units, names = {name: [] for name in works}, [], list(works)
    for number in range(rounds):
        start = number % max(len(names), 1)
        for name in names[start:] + names[:start]:  # nobody always comes after the same one
            before, time_, after = timed(unit), timed(works[name]), timed(unit)
            found[name].append(2 * time_ / (before + after))
            units += [before, after]
    return {name: statistics.median(each) for name, each in found.items()}, statistics.median(units)


def difference(found, expected):
    """The largest difference of two arrays or lists of arrays, in units of the largest number expected."""
    import numpy as np

    pairs = zip(found, expected) if isinstance(found, list | tuple) else [(found, expected)]
    worst = 0.0
    for one, other in pairs:
        one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
        assert one.shape == other.shape, f"{one.shape} is not {other.shape}"
        worst = max(worst, float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30)))
    return worst
