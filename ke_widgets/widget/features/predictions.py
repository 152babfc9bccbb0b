"""Predictions of many images, a few in each turn, so that a pick in the page never waits for all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ke_widgets.widget.features.feature import Feature, Reply, Rest, Stop, Turns
from ke_widgets.widget.session.session import Session

_TURN_SECONDS = 0.05
_MOST_IMAGES = 32


@dataclass(frozen=True)
class Request:
    """Predict the classes of these images with one of the models."""

    indices: list[int]
    model_index: int = 0


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield the top class of each image, its score, and whether it is a true one.

    Raises:
        ValueError: If there is no such image or model.
    """
    yield Rest(_may_begin(session, request.model_index))
    indices, model_index = request.indices, request.model_index
    found: tuple[list, list, list] = ([], [], [])
    known, count, most = None, 1, _MOST_IMAGES
    while True:
        started = time.monotonic()
        done = len(found[0])
        news = session.predictions(indices[done : done + count], model_index)
        generation = session.models[model_index].generation()
        if done and generation != known:
            found = ([], [], [])  # All predictions of one answer are of the same weights.
        else:
            for each, more in zip(found, news):
                each.extend(more)
        known = generation
        if len(found[0]) >= len(indices):
            break
        if time.monotonic() - started > _TURN_SECONDS:
            most = max(count // 2, 1)
        count = min(2 * count, most)
        yield
    top, score, correct = found
    content = {"model_index": model_index, "generation": known, "indices": list(indices)}
    yield Reply({**content, "top": top, "score": score, "correct": correct})


def _may_begin(session: Session, model_index: int) -> Callable[[], bool]:
    """Return a function that tells whether the forward pass is compiled, or will not be.

    Eagerly, one image can delay a pick. Compiling begins at a rest: at the first call it may still come.
    """
    is_new = True

    def may_begin():
        nonlocal is_new
        may_come, is_new = session.is_preparing or is_new, False
        try:
            return not may_come or session.models[model_index].is_compiled
        except (IndexError, TypeError):
            return True  # There is no such model: what follows reports it.

    return may_begin


FEATURE = Feature(Request, answer, queue="all")
