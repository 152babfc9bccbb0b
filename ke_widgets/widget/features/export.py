"""A file that Python exports: its maps are computed in turns, and the page shows the progress and may cancel it."""

from dataclasses import dataclass
from pathlib import Path

from ke_widgets.widget.comm.messages import encode_map
from ke_widgets.widget.export.job import Export
from ke_widgets.widget.export.selection import heading, initial_traits, page_setup, select_from
from ke_widgets.widget.features.feature import Feature, Progress, Reply, Stop, Turns
from ke_widgets.widget.session.session import Session


@dataclass(frozen=True)
class Request:
    """Write this file. Pages cannot ask for it: they name no files."""

    export: Export


def request(session: Session, setup, traits, asked, path, title, limit) -> Request:
    """Check what to export, and return the request for it.

    Args:
        session: The `Session` that computes.
        setup: The description that the widget's page receives when it opens.
        traits: The current values of the traits, by name.
        asked: Images, layers, classes and methods; see `selection.select_from`.
        path: Where to.
        title: The page's heading, or `None`.
        limit: Bytes that the file may have.

    Raises:
        ValueError: If something asked for does not exist, or the path cannot be written.
    """
    selection = select_from(session, setup, traits, asked)
    export = Export(
        path=path,
        title=title or heading([explained.model.name for explained in session.models]),
        session=session,
        selection=selection,
        setup=page_setup(setup, selection),
        traits=initial_traits(selection, traits),
        encode=encode_map,
        limit=limit,
    )
    return Request(export)


def answer(session: Session, request: Request, stop: Stop) -> Turns:
    """Yield the number of maps that are computed; who waits for the file has its errors."""
    export = request.export
    name = Path(export.path).name
    while not export.finished:
        for done in export.turn():
            yield Progress(done, export.total, f"{name}: {done} of {export.total} maps")
        yield
    yield Reply({})


FEATURE = Feature(Request, answer, queue="all", from_page=False, on_stop=lambda request: request.export.cancel())
