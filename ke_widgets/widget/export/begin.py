"""From what a user asks to be written to an `Export` of it."""

from pathlib import Path

from ke_widgets.widget.comm import messages
from ke_widgets.widget.export.html import listed
from ke_widgets.widget.export.job import Export
from ke_widgets.widget.export.selection import initial_traits, page_setup, select
from ke_widgets.widget.session import by_name


def begin(session, setup, traits, asked, path, title, limit, go_on, answer):
    """Check what is asked for, and make the `Export` that computes it turn by turn.

    Args:
        session: The `Session` that computes.
        setup: What the widget's page is told once.
        traits: What is chosen and how it is shown, by the names of the traits.
        asked: Images, layers, classes and methods; see `plan`.
        path: Where to.
        title: The page's heading, or `None`.
        limit: Bytes that the file may have.
        go_on: Called with the export when it wants another turn.
        answer: Called with messages for the widget's page.

    Returns:
        An `Export`.

    Raises:
        ValueError: If something that is asked for is not there, or cannot be written there.
    """
    planned = select(setup, traits, session.subjects[traits["model"]].scores, **_with_paths(session, traits, asked))
    name = Path(path).name

    def tell(done, total):
        answer(messages.progress(messages.EXPORT, 0, done, total, f"{name}: {done} of {total} maps"))

    return Export(
        path=path,
        title=title or heading([subject.model.name for subject in session.subjects]),
        session=session,
        plan=planned,
        setup=page_setup(setup, planned),
        traits=initial_traits(planned, traits),
        encode=messages.encode_map,
        limit=limit,
        go_on=go_on,
        tell=tell,
    )


def heading(names):
    """Write the heading of a page on one model or several."""
    return f"What {listed(names)} {'looks' if len(names) == 1 else 'look'} at"


def _with_paths(session, traits, asked):
    """Give what is asked for with layers by their paths."""
    layers = asked["layers"]
    if layers is None or (isinstance(layers, str) and layers == "all"):
        return asked
    several = layers if isinstance(layers, list | tuple | set) else [layers]
    return {**asked, "layers": [by_name.layer_path(each, session.subjects, traits["model"]) for each in several]}
