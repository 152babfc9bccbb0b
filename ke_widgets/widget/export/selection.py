"""The selection for an HTML export: its images, layers, classes and methods, and the page's setup for them."""

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.export.html import listed
from ke_widgets.widget.session import by_name
from ke_widgets.widget.session.session import Session

_MOST_IMAGES = 8
_BEST_CLASSES, _FEW_CLASSES = 3, 12


@dataclass(frozen=True)
class Selection:
    """The images, classes, methods and layers of a file, all of whose combinations are exported.

    Attributes:
        images: Numbers of the images.
        classes: Numbers of the classes.
        methods: Names of the methods.
        layers: For each model the paths of its layers in execution order; one empty path if it has none.
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


def select(
    setup: dict[str, Any],
    current: dict[str, Any],
    scores: Callable[[list[int]], np.ndarray],
    images: Any = None,
    layers: Any = None,
    classes: Any = None,
    methods: Any = None,
) -> Selection:
    """Check the requested selection, and fill in defaults.

    Args:
        setup: The description of the session for the page; see `describe`.
        current: The current choice, by the names of the traits.
        scores: A function from image indices to the scores `(N, U)` of the current model.
        images: Indices of images. Default: the first eight, including the current one.
        layers: Paths of layers, or `"all"`. Default: the current layer, and the last one of each resolution.
        classes: Indices or labels of classes. Default: all if the model has at most 12; otherwise the three best of
            each image, and the current one.
        methods: Names or titles of methods. Default: the current one.

    Returns:
        A `Selection`.

    Raises:
        ValueError: If an item does not exist, or a list is empty; the message says what would fit.
    """
    numbers = _images(images, setup["images"], current["image_index"])
    known = {method["name"]: method for method in setup["methods"]}
    names = _methods(methods, known, current["method"])
    return Selection(
        images=numbers,
        classes=_classes(classes, setup["labels"], current["class_index"], lambda: scores(numbers)),
        methods=names,
        layers=_layers(layers, setup["models"], current, any(known[name]["uses_layer"] for name in names)),
    )


def select_from(session: Session, setup: dict[str, Any], traits: dict[str, Any], asked: dict[str, Any]) -> Selection:
    """Build the selection of a session; layers may be layer objects. See `select`.

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


def heading(names: Sequence[str]) -> str:
    """Return the heading of a page on one model or several."""
    return f"What {listed(names)} {'looks' if len(names) == 1 else 'look'} at"


def page_setup(setup: dict[str, Any], selection: Selection) -> dict[str, Any]:
    """Build the setup of the file's page: the widget's setup, restricted to the selection.

    Args:
        setup: The setup of the widget's page.
        selection: A `Selection`.

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
        "panels": [],  # They ask a kernel.
    }


def initial_traits(selection: Selection, traits: dict[str, Any]) -> dict[str, Any]:
    """Build the initial traits of the file's page: the main pane's current choice, as far as the file has it.

    The page starts with one pane; readers can open more with Compare.

    Args:
        selection: A `Selection`.
        traits: The current choice and display settings, by the names of the traits.

    Returns:
        A dict of the same traits, with the image's position in the file.
    """
    shown = _shown(selection, traits) or _shown(selection, {**traits, **_available(selection, traits)})
    return {**(shown or {}), "contrast_index": None, "panes": []}


def _shown(selection, traits):
    """Return `traits` with the image's position in the file, or `None` if the file does not have that choice."""
    included = (
        traits["image_index"] in selection.images
        and traits["class_index"] in selection.classes
        and traits["method"] in selection.methods
        and traits["contrast_index"] is None
        and traits["layer"] in selection.layers[traits["model_index"]]
    )
    return {**traits, "image_index": selection.images.index(traits["image_index"])} if included else None


def _available(selection, traits):
    """Return traits in which each choice that the file lacks is replaced by one that it has."""
    known = {"image_index": selection.images, "class_index": selection.classes, "method": selection.methods}
    kept = {name: traits[name] if traits[name] in values else values[0] for name, values in known.items()}
    layers = selection.layers[traits["model_index"]]
    layer = traits["layer"] if traits["layer"] in layers else layers[-1]
    return {**kept, "layer": layer, "contrast_index": None}


def _model(model, layers):
    included = set(layers)
    nodes = [
        {**node, "spatial": node["path"] in included, "absent": node["spatial"] and node["path"] not in included}
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


def _layers(layers, models, current, has_layer):
    known = [[node["path"] for node in model["nodes"] if node["spatial"]] or [""] for model in models]
    if isinstance(layers, str) and layers == "all":
        return known
    if layers is None:
        found = [{model["default_layer"], *(_stages(model["nodes"]) if has_layer else [])} for model in models]
        found[current["model_index"]].add(current["layer"])
    else:
        asked = _list("layers", layers)
        everywhere = list(dict.fromkeys(path for paths in known for path in paths if path))
        for path in asked:
            if path not in everywhere:
                raise ValueError(
                    "`layers` must be paths of layers with a spatial output (B, H, W, K) on the way to the logits, or "
                    f"'all'. Received: {short_repr(path)}. {_near(path, everywhere)}."
                )
        # Models may have different layers; each keeps at least its default layer.
        found = [set(asked) & set(paths) or {model["default_layer"]} for paths, model in zip(known, models)]
    return [[path for path in paths if path in own] for paths, own in zip(known, found)]


def _stages(nodes):
    """Return the last layer of each resolution after the first weights, without padding and cropping layers."""
    first = next((number for number, node in enumerate(nodes) if node["params"] and node["spatial"]), 0)
    ends = {}
    for node in nodes[first:]:
        if node["spatial"] and "Padding" not in node["type"] and "Cropping" not in node["type"]:
            rows = node["shape"][1]
            ends[rows if not rows else round(math.log2(rows))] = node["path"]
    return list(ends.values())


def _near(text, known):
    near = difflib.get_close_matches(str(text), known, n=3, cutoff=0.4) or list(known)[-3:]
    return f"Nearest: {', '.join(map(repr, near))}"


def _list(name, value):
    """Convert a single value to a list of one."""
    several = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    if not several:
        raise ValueError(f"`{name}` must have at least one entry. Received: {name}={short_repr(value)}.")
    return several


def _once(values):
    return list(dict.fromkeys(values))


def _plural(word, count):
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"
