"""What each method costs for a choice, in forward passes that were measured, before one of them runs."""

from dataclasses import dataclass

from ke_widgets.widget.features.feature import Feature, Progress, Reply, Rest, Stop, Turns
from ke_widgets.widget.session import costs
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session


@dataclass(frozen=True)
class Request:
    """Say what every method costs at this layer, with these parameters."""

    choice: Choice


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield for each method the number of passes and of forward passes, and the milliseconds of one of these.

    The first request measures, when nothing else is to be done.
    """
    explained = session.model_of(request.choice)
    if explained.passes is None:
        yield Rest(lambda: not session.is_preparing)
        for passes in explained.measure_passes(request.choice):
            yield Progress(0, 1, "", {"costs": _content(explained, passes, request.choice)})
            if stop():
                break
            yield
    passes = explained.passes or passes
    yield Reply({"choice": dict(vars(request.choice)), "costs": _content(explained, passes, request.choice)})


def _content(explained, passes, choice):
    image, signal = explained.shapes_at(choice)
    found = costs.of_methods(passes, image, signal, choice.params)
    return {"milliseconds": 1000 * passes.seconds, "methods": {name: list(each) for name, each in found.items()}}


FEATURE = Feature(Request, answer, queue="latest")
