"""Pictures and thumbnails, as PNG or JPEG; their first byte shows which. They wait for no model."""

from dataclasses import dataclass

from ke_widgets.widget.features.feature import Feature, Reply, Stop, Turns
from ke_widgets.widget.images.encoding import Encoded
from ke_widgets.widget.session.session import Session


@dataclass(frozen=True)
class Request:
    """Send these images, scaled to a longest side of `size` pixels, or as they are where it is 0."""

    indices: list[int]
    size: int


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield the images, with the size that each of them has as it is."""
    images = [_encoded(session, index, request.size) for index in request.indices]
    content = {"indices": list(request.indices), "size": request.size, "sizes": [list(each.size) for each in images]}
    yield Reply(content, [each.data for each in images])


def _encoded(session, index, size):
    try:
        return session.images.encoded(index, size)
    except ValueError:
        if size == 0:
            raise
        return Encoded(b"", (0, 0))  # An unreadable file costs its own thumbnail, not the others.


FEATURE = Feature(Request, answer, queue="all", uses_model=False)
