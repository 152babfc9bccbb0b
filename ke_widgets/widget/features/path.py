"""What a path method looks at on its way to the image: pictures and scores, as the way is played."""

import time
from dataclasses import dataclass

import numpy as np

from ke_widgets import methods
from ke_widgets.widget.features.feature import Feature, Progress, Reply, Stop, Turns
from ke_widgets.widget.images.encoding import encode
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session

_SHARES = np.linspace(0, 1, 25)
_SIDE = 176  # Pixels of a picture.
_TURN_SECONDS = 0.05
_PREVIEW_SECONDS = 0.5


@dataclass(frozen=True)
class Request:
    """Play the way of a choice's method."""

    choice: Choice


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield shares of the way, 0 to 1, the score at each (NaN where not computed yet), and a picture of each.

    Raises:
        ValueError: If the method has no way to play.
        RuntimeError: If the model was trained meanwhile.
    """
    choice = request.choice
    explained = session.model_of(choice)
    _, spec = methods.table()[choice.method]
    if spec.way is None:
        known = ", ".join(each.title for _, each in methods.table().values() if each.way is not None)
        raise ValueError(f"`method` must go a way that can be played: {known}. Received: {spec.title}.")
    generation = explained.generation()
    about = {"choice": dict(vars(choice)), "generation": generation}
    scores, inputs = np.full(len(_SHARES), np.nan), []
    shown = turned = time.monotonic()
    for done, (score, seen) in enumerate(explained.way(choice, _SHARES), 1):
        scores[done - 1] = score
        inputs.append(seen)
        if stop():
            break
        if time.monotonic() - shown > _PREVIEW_SECONDS:
            shown = time.monotonic()
            yield Progress(done, len(_SHARES), f"{done} of {len(_SHARES)}", about, [_floats(_SHARES), _floats(scores)])
        if time.monotonic() - turned > _TURN_SECONDS:
            yield
            turned = time.monotonic()
    if explained.generation() != generation:
        raise RuntimeError("The model was trained while its way was played. Play it again.")
    pictures = explained.images.pictures(choice.image_index, np.stack(inputs))
    yield Reply(about, [_floats(_SHARES), _floats(scores), *(encode(each, _SIDE) for each in pictures)])


def _floats(values):
    return np.asarray(values, "<f4").tobytes()


FEATURE = Feature(Request, answer, queue="latest", tab="Path")
