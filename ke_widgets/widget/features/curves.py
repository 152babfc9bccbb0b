"""Deletion and insertion of a map, step by step."""

import time
from dataclasses import dataclass

import numpy as np

from ke_widgets.widget.features.feature import Feature, Progress, Reply, Stop, Turns
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explanation import Curves
from ke_widgets.widget.session.session import Session

_PREVIEW_SECONDS = 0.5


@dataclass(frozen=True)
class Request:
    """Compute both curves of the map of a choice."""

    choice: Choice


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield the curves as far as they are computed, now and then, and at the end: shares, deletion and insertion.

    Raises:
        RuntimeError: If the model was trained meanwhile.
        ValueError: If the choice has a contrast.
    """
    choice = request.choice
    explained = session.model_of(choice)
    generation = explained.generation()
    found = session.results.found(choice)
    if found is None or found.generation != generation:
        found = session.run(**vars(choice))
    about = {"choice": dict(vars(choice)), "generation": generation, "map_done": found.done}
    shown = 0.0
    for curves in explained.curves(found):
        stopped = stop()
        if stopped or curves.done == curves.total:
            break
        if time.monotonic() - shown >= _PREVIEW_SECONDS:
            shown = time.monotonic()
            text = f"{curves.done} of {curves.total}"
            yield Progress(curves.done, curves.total, text, about, _encoded(curves), (found, curves))
        yield
    if explained.generation() != generation:
        raise RuntimeError("The model was trained while its curves were computed. Compute them again.")
    yield Reply({**about, "done": curves.done, "total": curves.total}, _encoded(curves), (found, curves))


def _encoded(curves: Curves) -> list[bytes]:
    """Encode shares, deletion and insertion as float32, NaN where not computed yet."""
    known = [np.full(len(curves.shares), np.nan) if each is None else each for each in curves[1:3]]
    return [np.asarray(each, "<f4").tobytes() for each in (curves.shares, *known)]


FEATURE = Feature(Request, answer, queue="latest", tab="Curves")
