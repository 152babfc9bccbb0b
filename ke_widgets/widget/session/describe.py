"""The description that the page receives once, when it opens: models, layers, classes, methods, colormaps."""

from dataclasses import asdict
from typing import Any

from ke_widgets import methods
from ke_widgets.widget.session.graph import graph
from ke_widgets.widget.session.session import Session
from ke_widgets.widget.session.target_classes import is_region

COLORMAPS = ("inferno", "viridis", "magma", "turbo", "gray", "RdBu_r")


def describe(session: Session) -> dict[str, Any]:
    """Build the description of a session for the page.

    Args:
        session: A `Session`.

    Returns:
        A dict of plain data, for JSON.
    """
    models = [_describe_model(explained) for explained in session.models]
    shares = {"shares": True} if is_region(session.target) else {}
    return {
        "version": 1,
        "models": models,
        "images": len(session.images),
        "labels": session.labels,
        "y_true": session.y_true is not None,
        **shares,
        "methods": [_describe_method(session, name, *entry) for name, entry in session.methods.items()],
        "all_layers_methods": session.all_layers_methods,
        "colormaps": list(COLORMAPS),
        "notices": session.notices,
    }


def _describe_model(explained):
    rows, edges_known = graph(explained.model, explained.shapes)
    spatial = set(explained.layers)
    reason = explained.why_not_at_all_layers
    return {
        "name": explained.model.name,
        "nodes": [{**row, "spatial": row["path"] in spatial} for row in rows],
        "edges_known": edges_known,
        "default_layer": explained.default_layer,
        "all_layers": {"offered": reason is None, "reason": reason, "layers": explained.layers},
    }


def _describe_method(session, name, function, spec):
    reasons = [session.why_not(name, model) for model in range(len(session.models))]
    # Plain text: a form shows no markup.
    params = [{**asdict(each), "help": each.help.replace("`", "")} for each in methods.parameters(function)]
    layer = spec.reads == "signal"
    about = {
        "title": spec.title,
        "family": methods.family_of(function),
        "answers": spec.answers,
        "uses_layer": layer,
        **({"way": True} if spec.way is not None else {}),
        "signed": spec.signed,
        "unit": session.models[0].map_unit(spec.unit),
    }
    description = {"name": name, **about, "params": params}
    # With several models, a method is offered if it fits one of them.
    return description if None in reasons else {**description, "reason": reasons[0]}
