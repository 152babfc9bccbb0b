"""The maps of all layers for one choice, from one pass."""

import time
from dataclasses import dataclass

from ke_widgets.widget.comm.messages import encode_map
from ke_widgets.widget.features.feature import Feature, Reply, Stop, Turns
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session


@dataclass(frozen=True)
class Request:
    """Explain this at all layers at once; its own layer is ignored."""

    choice: Choice


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield the layers' paths, and one buffer with all their maps, one after the other."""
    started = time.perf_counter()
    choice = request.choice
    explained = session.model_of(choice)
    generation = explained.generation()
    values, ranges = explained.at_all_layers(choice)
    milliseconds = 1000 * (time.perf_counter() - started)
    region = explained.images.input_region(choice.image_index)
    maps = [encode_map(each, low, high, region) for each, (low, high) in zip(values, ranges)]
    content = {
        "serial": session.results.count(),
        "generation": generation,
        "choice": dict(vars(choice)),
        "layers": list(explained.layers),
        "maps": [shown for shown, _ in maps],
        "milliseconds": milliseconds,
    }
    yield Reply(content, [b"".join(buffer for _, buffer in maps)])


FEATURE = Feature(Request, answer, queue="latest")
