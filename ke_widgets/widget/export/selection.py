"""What one HTML file is to hold: its images, layers, classes and methods, and what its page is told of them."""

import difflib
import math
from dataclasses import dataclass

import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.export.html import listed
from ke_widgets.widget.session import by_name

_MOST_IMAGES = 8
_BEST_CLASSES, _FEW_CLASSES = 3, 12


@dataclass(frozen=True)
class Selection:
    """All that can be combined in a file.

    Attributes:
        images: Numbers of the images.
        classes: Numbers of the classes.
        methods: Names of the methods.
        layers: For each model the paths of its layers, in running order; one empty path where it has none.
    """

    images: list[int]
    classes: list[int]
    methods: list[str]
    layers: list[list[str]]

    def __str__(self):
        layers = max(sum(map(bool, own)) for own in self.layers)
        counts = [(len(self.images), "image"), *[(layers, "layer")] * (layers > 0), (len(self.classes), "class")]
        counts += [(len(self.methods), "method")]
        counts += [(len(self.layers), "model")] * (len(self.layers) > 1)
        return " × ".join(f"{count} {_plural(word, count)}" for count, word in counts)


def select(setup, chosen, scores, images=None, layers=None, classes=None, methods=None):
    """Check what is asked for, and choose what is not.

    Args:
        setup: What the page is told once; see `describe`.
        chosen: What is on show, by the names of the traits.
        scores: A function from numbers of images to the scores `(N, U)` of the model on show.
        images: Numbers of images. Default: the first eight, the one on show among them in any case.
        layers: Paths of layers, or `"all"`. Default: the layer on show, and the last one of each resolution.
        classes: Numbers or labels of classes. Default: all of a model that has at most 12; else the best three of each
            image, and the one on show.
        methods: Names or titles of methods. Default: the one on show.

    Returns:
        A `Plan`.

    Raises:
        ValueError: If something is not there, or nothing is asked for; it says what would fit.
    """
    numbers = _images(images, setup["images"], chosen["image_index"])
    known = {method["name"]: method for method in setup["methods"]}
    names = _methods(methods, known, chosen["method"])
    return Selection(
        images=numbers,
        classes=_classes(classes, setup["labels"], chosen["class_index"], lambda: scores(numbers)),
        methods=names,
        layers=_layers(layers, setup["models"], chosen, any(known[name]["uses_layer"] for name in names)),
    )


def select_from(session, setup, traits, asked):
    """Choose what a file is to hold, of a session; layers may be objects. See `select`.

    Args:
        session: A `Session`.
        setup: See `select`.
        traits: See `select`.
        asked: A dict of `images, layers, classes, methods`.

    Returns:
        A `Selection`.
    """
    layers = asked["layers"]
    if layers is not None and not (isinstance(layers, str) and layers == "all"):
        several = layers if isinstance(layers, list | tuple | set) else [layers]
        asked = {
            **asked,
            "layers": [by_name.layer_path(each, session.models, traits["model_index"]) for each in several],
        }
    return select(setup, traits, session.models[traits["model_index"]].scores, **asked)


def heading(names):
    """Return the heading of a page on one model or several."""
    return f"What {listed(names)} {'looks' if len(names) == 1 else 'look'} at"


def page_setup(setup, selection):
    """Write what the file's page is told once: as a widget's page is, but only what the file holds is offered.

    Args:
        setup: What the widget's page is told.
        plan: A `Plan`.

    Returns:
        A dict of plain data, for JSON.
    """
    methods = [method for method in setup["methods"] if method["name"] in selection.methods]
    return {
        **setup,
        "models": [_model(model, layers) for model, layers in zip(setup["models"], selection.layers)],
        "images": len(selection.images),
        "image_indices": selection.images,
        "methods": methods,
        "all_layers_methods": [method["name"] for method in methods if method["uses_layer"]],
        "file": {"classes": selection.classes},
    }


def initial_traits(selection, traits):
    """Write what the file's page shows first: what the main pane shows now, as far as the file holds it.

    One pane: those beside it are of the work, and whoever opens the file finds Compare where it is wanted.

    Args:
        plan: A `Plan`.
        traits: What is chosen, and how it is shown, by the names of the traits; images by their numbers.

    Returns:
        A dict of the same traits, images by their places in the file.
    """
    shown = _shown(selection, traits) or _shown(selection, {**traits, **_any(selection, traits)})
    return {**(shown or {}), "contrast_index": None, "panes": []}


def _shown(selection, traits):
    """Give `traits` with the image's place in the file, or `None` where the file does not hold them."""
    held = (
        traits["image_index"] in selection.images
        and traits["class_index"] in selection.classes
        and traits["method"] in selection.methods
        and traits["contrast_index"] is None
        and traits["layer"] in selection.layers[traits["model_index"]]
    )
    return {**traits, "image_index": selection.images.index(traits["image_index"])} if held else None


def _any(selection, traits):
    """Replace what the file does not hold."""
    held = {"image_index": selection.images, "class_index": selection.classes, "method": selection.methods}
    kept = {name: traits[name] if traits[name] in known else known[0] for name, known in held.items()}
    layers = selection.layers[traits["model_index"]]
    layer = traits["layer"] if traits["layer"] in layers else layers[-1]
    return {**kept, "layer": layer, "contrast_index": None}


def _model(model, layers):
    held = set(layers)
    nodes = [
        {**node, "spatial": node["path"] in held, "absent": node["spatial"] and node["path"] not in held}
        for node in model["nodes"]
    ]
    all_layers = (
        {**model["all_layers"], "layers": []} if layers == [""] else {"offered": True, "reason": None, "layers": layers}
    )
    return {**model, "nodes": nodes, "default_layer": layers[-1], "all_layers": all_layers}


def _images(images, count, shown):
    if images is None:
        return sorted({shown, *range(min(count, _MOST_IMAGES - (shown >= _MOST_IMAGES)))})
    return _once([by_name.number("images", value, count, "images") for value in _list("images", images)])


def _classes(classes, labels, shown, scores):
    if classes is None and len(labels) <= _FEW_CLASSES:
        return list(range(len(labels)))
    if classes is None:
        best = np.argsort(-scores(), axis=-1, kind="stable")[:, :_BEST_CLASSES]
        return sorted({shown, *best.ravel().tolist()})
    return _once([by_name.class_number("classes", value, labels) for value in _list("classes", classes)])


def _methods(methods, known, shown):
    titles = {name: method["title"] for name, method in known.items()}
    asked = [shown] if methods is None else _list("methods", methods)
    return _once([by_name.method_name("methods", value, titles) for value in asked])


def _layers(layers, models, chosen, looked_at):
    known = [[node["path"] for node in model["nodes"] if node["spatial"]] or [""] for model in models]
    if isinstance(layers, str) and layers == "all":
        return known
    if layers is None:
        found = [{model["default_layer"], *(_stages(model["nodes"]) if looked_at else [])} for model in models]
        found[chosen["model_index"]].add(chosen["layer"])
    else:
        asked = _list("layers", layers)
        everywhere = list(dict.fromkeys(path for paths in known for path in paths if path))
        for path in asked:
            if path not in everywhere:
                raise ValueError(
                    "`layers` must be paths of layers with a spatial output (B, H, W, K) on the way to the logits, or "
                    f"'all'. Received: {short_repr(path)}. {_near(path, everywhere)}."
                )
        # Another model may have other layers; one of its own it has in any case.
        found = [set(asked) & set(paths) or {model["default_layer"]} for paths, model in zip(known, models)]
    return [[path for path in paths if path in own] for paths, own in zip(known, found)]


def _stages(nodes):
    """Give the last layer of each resolution, from the first one with weights on; padding is none of them."""
    weighty = next((at for at, node in enumerate(nodes) if node["params"] and node["spatial"]), 0)
    ends = {}
    for node in nodes[weighty:]:
        if node["spatial"] and "Padding" not in node["type"] and "Cropping" not in node["type"]:
            rows = node["shape"][1]
            ends[rows if not rows else round(math.log2(rows))] = node["path"]
    return list(ends.values())


def _near(text, known):
    near = difflib.get_close_matches(str(text), known, n=3, cutoff=0.4) or list(known)[-3:]
    return f"Nearest: {', '.join(map(repr, near))}"


def _list(name, value):
    """Take one of a kind for a list of one."""
    several = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    if not several:
        raise ValueError(f"`{name}` must hold at least one. Received: {name}={short_repr(value)}.")
    return several


def _once(values):
    return list(dict.fromkeys(values))


def _plural(word, count):
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"
