"""Times as ratios: machines are noisy, so each thing is timed right beside the unit, again and again."""

import statistics
import time
from collections.abc import Callable

LONG, LONGER = 2, 20  # seconds; what takes longer is warm after one run, or told well enough by one
MOST, LEAST = 41, 3  # how often each work is timed


def timed(work: Callable) -> float:
    """Run `work` once; seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratios(unit, works, seconds=10, least=LEAST):
    """Compare works with a unit.

    Args:
        unit: A function of no arguments.
        works: A dict from name to function of no arguments.
        seconds: How long each one is timed, with the unit before and after, again and again.
        least: How often the first one is timed at least, as it is the one that is judged.

    Returns:
        The median ratio to the unit for each work, and the median of the unit in seconds.
    """
    once = _warm(unit)
    rounds = {name: _rounds(_warm(work), once, seconds) for name, work in works.items()}
    judged = next(iter(works))
    rounds[judged] = max(least, rounds[judged])
    found, units, names, most = {name: [] for name in works}, [], list(works), max(rounds.values())
    for number in range(most):
        start = number % len(names)
        for name in names[start:] + names[:start]:  # nobody always comes after the same one
            if len(found[name]) * most > number * rounds[name]:  # those that are timed less often, all along
                continue
            before, time_, after = timed(unit), timed(works[name]), timed(unit)
            found[name].append(2 * time_ / (before + after))
            units += [before, after]
    return {name: statistics.median(each) for name, each in found.items()}, statistics.median(units)


def between(unit, work, rounds):
    """Compare what takes long with a unit: each time between two of it, which serve both of their neighbours.

    Args:
        unit: A function of no arguments that gives the seconds it took.
        work: Another one.
        rounds: How often `work` is called.

    Returns:
        The median ratio to the unit, and the median of the unit in seconds.
    """
    units, found = [unit()], []
    for _ in range(rounds):
        seconds = work()
        units.append(unit())
        found.append(2 * seconds / sum(units[-2:]))
    return statistics.median(found), statistics.median(units)


def _warm(work):
    first = timed(work)
    return first if first > LONG else timed(work)


def _rounds(own, unit, seconds):
    least = 1 if own > LONGER else LEAST
    return max(least, min(MOST, round(seconds / (own + 2 * unit))))


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
