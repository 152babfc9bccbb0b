"""What is checked of one model, each against something that does not know `ke_widgets`."""

import keras
import numpy as np
import tensorflow as tf

import ke_widgets as ke
from ke_widgets.methods import cams
from ke_widgets.methods.gradient import full_gradient_terms
from tests.zoo import plain

# A step of a central difference, as a share of the place's own vector: where the rest of the model is linear the widest
# is exact; where it is curved, or has kinks, a small one is right, until rounding shows.
STEPS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
CLOSE = 1e-4  # no smaller step is tried below
PLACES = 6
EXACT = 1e-3


class Refused(Exception):
    """The library said no, in one clear sentence."""


def called(function, *args, **kwargs):
    """Call the library; a clear refusal is `Refused`, anything else is raised as it is."""
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        if "Received" not in str(error):
            raise
        raise Refused(" ".join(str(error).split())) from error


def relative(found, true):
    """Give the largest difference, as a share of the largest true number."""
    found, true = np.asarray(found, "float64"), np.asarray(true, "float64")
    if found.shape != true.shape:
        raise ValueError(f"Shapes must be alike. Received: {found.shape} and {true.shape}.")
    most = np.abs(true).max()
    return float(np.abs(found - true).max() / most) if most else float(np.abs(found).max() > 0)


def view(model, row, layer=None):
    """Expose a model as a user does: by default, or at a chosen layer."""
    options = {} if row.head is None else {"head": row.head}
    return called(ke.inspection.expose, model, layer, **options)


def gradients(model, row, run, inputs, unit):
    """Give the relative error of `ke.gradients`, and of the logits beside it, against a tape, eager or compiled."""
    shown = model if row.head is None else view(model, row)
    units = np.full((len(keras.tree.flatten(inputs)[0]), 1), unit)
    found, maps = called(ke.gradients, shown, inputs, units, postprocessing=None, resizing=None, verbose=0)
    least = float("inf")
    for compiled in (False, True):
        logits, true = plain.gradient(run, inputs, unit, compiled)
        true = np.abs(true) if len(true.shape) == 3 else np.abs(true).max(axis=-1)
        least = min(least, max(relative(maps[..., 0], true), relative(found[:, 0], logits[:, unit])))
        if least < CLOSE:
            break
    return least


def raw_map(exposed, inputs, unit):
    """Give Grad-CAM's raw maps `(B, H', W')`, compiled, as everybody calls it."""
    units = np.full((len(keras.tree.flatten(inputs)[0]), 1), unit)
    _, maps = called(ke.explain, cams.gradcam, exposed, inputs, units, verbose=0, resizing=False)
    return np.asarray(maps)[..., 0]


class Misplaced(Exception):
    """The map does not lie over the image."""


def gradcam(model, row, run, inputs, unit, exposed, found=None):
    """Give the relative error of Grad-CAM at an exposed layer against differences of plain passes.

    A place's own vector of channels, added everywhere, moves the unit by `Z` times the map at that place.

    Args:
        model: The model.
        row: Its row.
        run: Gives its logits.
        inputs: What it takes.
        unit: The explained unit.
        exposed: A view of the model with one signal.
        found: A dict that is told the shape of the signal and the size of the map.

    Raises:
        Misplaced: If the signal is not one vector for each place of the image, one map for each image.
    """
    endpoint = exposed.endpoints[1]
    maps = raw_map(exposed, inputs, unit)
    operation = ke.inspection.get_nested_layer(model, endpoint.path) if endpoint.path else model
    spot = plain.Spot(operation, endpoint.link, endpoint.index, endpoint.node)
    one = keras.tree.map_structure(lambda x: x[:1], inputs)
    spot = spot.origin(run, one)
    signal, calls = spot.read(run, one)
    if found is not None:
        found["signal"], found["size"] = "x".join(map(str, signal.shape[1:])), _size(maps)
    within = _within(row, signal.shape, maps, len(keras.tree.flatten(inputs)[0]), inputs)
    values, places = maps[0].ravel(), signal[0].reshape(-1, signal.shape[-1])[within]
    chosen = _some(values)
    slopes = len(values) * values[chosen]
    if not np.abs(slopes).max():
        raise Misplaced(f"zero everywhere, {_size(maps)}")
    least = float("inf")
    for step in STEPS:
        least = min(least, _error(spot, run, one, unit, calls, signal, within, places[chosen], slopes, step))
        if least < CLOSE:
            break
    return least


def _error(spot, run, one, unit, calls, signal, within, vectors, slopes, step):
    by = np.zeros((2 * len(vectors), *signal.shape[1:]), "float32")
    flat = by.reshape(len(by), -1, signal.shape[-1])
    for number, vector in enumerate(vectors):
        flat[2 * number, within] = step * vector
        flat[2 * number + 1, within] = -step * vector
    many = keras.tree.map_structure(lambda x: np.repeat(x, len(by), axis=0), one)
    scores = spot.moved(run, many, by, calls)[:, unit]
    return relative(slopes, (scores[0::2] - scores[1::2]) / (2 * step))


def _some(values):
    """Choose the places with the largest numbers, and some others."""
    order = np.argsort(-np.abs(values))
    other = np.random.default_rng(0).permutation(order[PLACES // 2 :])[: PLACES - PLACES // 2]
    return np.concatenate([order[: PLACES // 2], other])


def _within(row, shape, maps, count, inputs):
    """Tell which places of a flattened signal have a place in the image."""
    size = maps.shape[1:]
    if len(maps) != count:
        raise Misplaced(f"{len(maps)} maps of {count} images")
    if row.grids and tuple(size) not in row.grids:
        raise Misplaced(f"{_size(maps)}, of a signal {'x'.join(map(str, shape[1:]))}")
    number = int(np.prod(shape[1:-1]))
    if len(shape) == 4:
        if tuple(shape[1:3]) != tuple(size):
            raise Misplaced(f"{_size(maps)}, of a signal {'x'.join(map(str, shape[1:]))}")
        return slice(0, number)
    extra = number - int(np.prod(size))
    if extra not in (0, row.before + row.after):
        raise Misplaced(f"{_size(maps)}, of {number} tokens")
    return slice(row.before, number - row.after) if extra else slice(0, number)


def _size(maps):
    return "x".join(map(str, maps.shape[1:]))


def sums(model, row, run, inputs, unit):
    """Give by how much the full-gradient terms do not sum to the logit, as a share of it."""
    one = keras.tree.map_structure(lambda x: tf.constant(x[:1]), inputs)
    true = float(np.asarray(tf.cast(run(one), "float64"))[0, unit])
    shown = model if row.head is None else view(model, row, [])
    _, terms = called(full_gradient_terms, shown, one, tf.constant([[unit]]))
    total = sum(float(np.asarray(x, "float64").sum()) for term in terms.values() for x in keras.tree.flatten(term))
    return abs(total - true) / abs(true)


def widget(model, row, run, inputs, unit, pictures):
    """Open a model in the widget, wait for the first map, and pick `row.block`.

    A model of one unit tells two classes apart: its unit is class 1.

    Returns:
        The layer it shows first, the size of that map, its relative error against the library's own map there, and
        what came of picking the block: `None` where there is none, `""` where it is right, or a sentence.
    """
    options = {} if row.head is None else {"head": row.head}
    inputs = inputs if row.predicted is None else row.predicted(model, pictures)
    opened = called(ke.ExplainerWidget, model, pictures, **options)
    try:
        opened.class_index = unit if run(inputs).shape[-1] > 1 else _only_class(opened)
        shown = called(opened.wait, 600)
        error = relative(
            shown.map, _library(model, row, shown, keras.tree.map_structure(lambda x: x[:1], inputs), unit)
        )
        if row.predicted is not None:
            error = max(error, relative(shown.scores, model.predict(pictures, verbose=0)[0]))
        picked = None if row.block is None else _picked(opened, model, row, inputs, unit)
        return shown.layer, "x".join(map(str, shown.map.shape)), error, picked
    finally:
        opened.close()


def _library(model, row, shown, one, unit):
    """Give the library's own map of what the widget shows; where no layer has a place, it shows gradients."""
    if shown.layer:
        return raw_map(view(model, row, shown.layer), one, unit)[0]
    units = np.full((1, 1), unit)
    return called(ke.gradients, model, one, units, verbose=0, postprocessing=None)[1][0, ..., 0]


def _only_class(opened):
    """Give the class that the one unit of a model speaks for: 1 of the two, where the widget shows both."""
    try:
        opened.class_index = 1
    except ValueError:
        return 0
    return 1


def _picked(opened, model, row, inputs, unit):
    try:
        opened.layer = row.block
    except Exception as error:
        return " ".join(str(error).split())
    found = opened.wait(600)
    true = raw_map(view(model, row, row.block), keras.tree.map_structure(lambda x: x[:1], inputs), unit)[0]
    error = relative(found.map, true)
    return "" if error < EXACT else f"off by {error:.2g}"
