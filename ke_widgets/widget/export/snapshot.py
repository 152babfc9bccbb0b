"""The picture that the page draws, drawn again: map over image, as it is saved from Python."""

import base64
import functools
import json
from pathlib import Path

import numpy as np
from keras import ops
from PIL import Image

from ke_widgets.widget.images.fitting import WHOLE, in_pixels

STILL_SIDES = (256, 400)  # Pixels of a picture in a notebook: to be seen, and not to weigh on it.
_DIMMED = 0.65  # What is left of the light where the model does not see; as in `js/src/styles/stage.css`.
_TABLES = Path(__file__).parents[1] / "colormaps.json"


@functools.cache
def colours(name):
    """Give the 256 colours of a colormap, as the page has them.

    Args:
        name: Such as `"inferno"`.

    Returns:
        A float array `(256, 3)`, 0 to 255.
    """
    if name == "gray":
        return np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    few = np.frombuffer(base64.b64decode(json.loads(_TABLES.read_text())[name]), "uint8").reshape(-1, 3)
    places = np.linspace(0, len(few) - 1, 256)
    return np.stack([np.interp(places, np.arange(len(few)), channel) for channel in few.T], axis=1)


def resized(image, least, most):
    """Scale an image so that its longest side lies between two numbers.

    Args:
        image: uint8 `(H, W, C)`.
        least: Pixels of the longest side, at least.
        most: Pixels of the longest side, at most.

    Returns:
        uint8 `(H', W', C)`, 3 channels where there were more; the same image where it fits.
    """
    side = max(image.shape[:2])
    scale = min(max(side, least), most) / side
    if scale == 1:
        return image
    shape = [max(1, round(scale * extent)) for extent in image.shape[1::-1]]
    small = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image[..., :3]).resize(
        shape, Image.Resampling.BILINEAR
    )
    return np.asarray(small).reshape(shape[1], shape[0], -1)


def compose(image, explanation, colormap, opacity=0.6, threshold=0.0, view="overlay"):
    """Draw a map over its image, which is grey under one of both signs; the smaller a value, the more of it shows.

    The map lies over what the model saw. What else there is of the image is dimmed.

    Args:
        image: The image, uint8 `(H, W, C)`.
        explanation: An `Explanation` of it.
        colormap: Name of the colormap.
        opacity: Of the map, 0 to 1.
        threshold: Share of the map's range that is left out, 0 to 1.
        view: `"overlay"`, `"map"` (on black) or `"image"`.

    Returns:
        uint8 `(H, W, 3)`.
    """
    image = np.broadcast_to(image[..., :3], (*image.shape[:2], 3))
    if view == "image":
        return image.copy()
    if view == "overlay" and explanation.low < 0 < opacity and has_values(explanation):
        image = _grey(image)
    top, left, bottom, right = in_pixels(explanation.input_region, image.shape[:2])
    part = image[top:bottom, left:right].astype("float32")
    whole = explanation.input_region == WHOLE
    drawn = image.copy() if whole else np.rint(image * np.float32(_DIMMED if view == "overlay" else 0)).astype("uint8")
    drawn[top:bottom, left:right] = _covered(part, explanation, colormap, opacity, threshold, view)
    return drawn


def _covered(image, explanation, colormap, opacity, threshold, view):
    """Draw a map over all of an image, float32 `(H, W, 3)`; where it has nothing to show, that is the image."""
    low, high = explanation.low, explanation.high
    if not has_values(explanation):
        return image.astype("uint8")
    shares = np.clip((explanation.map - low) / (high - low), 0, 1).astype("float32")
    large = np.asarray(ops.image.resize(shares[..., None], image.shape[:2], interpolation="bilinear"))
    strength = np.abs(2 * large - 1) if low < 0 else large
    painted = colours(colormap).astype("float32")[np.minimum((large[..., 0] * 256).astype(int), 255)]
    covered = np.where(strength < threshold, 0.0, 1.0 if view == "map" else opacity * _faded(strength))
    ground = np.zeros_like(image) if view == "map" else image
    return np.rint(ground * (1 - covered) + painted * covered).astype("uint8")


def has_values(explanation):
    """Tell whether a map has anything to show: two values or more, all of them finite."""
    return explanation.high > explanation.low and bool(np.isfinite(explanation.map).all())


def _grey(image):
    """Take the colours from an image, as `filter: grayscale` does in the page."""
    grey = np.rint(image @ np.array([[0.2126], [0.7152], [0.0722]], "float32")).astype("uint8")
    return np.broadcast_to(grey, image.shape)


def _faded(strength):
    """Let what is next to nothing fade: from clear at 0.06 to full at 0.5, as the page does."""
    share = np.clip((strength - 0.06) / (0.5 - 0.06), 0, 1)
    return share**2 * (3 - 2 * share)


def scaled(image, size):
    """Bring a picture to another size.

    Args:
        image: uint8 `(H, W, 1)` or `(H, W, 3)`.
        size: Rows and columns.

    Returns:
        uint8 `(H', W', C)`; the same image where it has that size.
    """
    if image.shape[:2] == tuple(size):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    how = Image.Resampling.BICUBIC if size[0] > image.shape[0] else Image.Resampling.LANCZOS  # Which would ring.
    return np.asarray(picture.resize(size[::-1], how)).reshape(*size, -1)


def colormap_of(explanation, look):
    """Give the colormap of a map: one of both signs wants two hues, which the default for others has not."""
    return "RdBu_r" if explanation.low < 0 and look["colormap"] == "inferno" else look["colormap"]


def draw(images, explanation, look, sides=None):
    """Draw a result over its image, as it is shown.

    Args:
        images: The `Images` of a session.
        explanation: An `Explanation` of one of them.
        look: `view`, `opacity`, `colormap` and `threshold`, as traits have them.
        sides: What the longest side may be, at least and at most; `None` for the image's own.

    Returns:
        A PIL image.
    """
    image = images.picture(explanation.image_index)
    if sides is not None:
        image = resized(image, *sides)
    return Image.fromarray(compose(image, explanation, **{**look, "colormap": colormap_of(explanation, look)}))


def legend(explanation, look):
    """Give the colours of a map from its lowest value to its highest, over white, as the page's legend has them.

    Args:
        explanation: An `Explanation`.
        look: See `draw`.

    Returns:
        uint8 `(256, 3)`.
    """
    values = np.linspace(0, 1, 256)
    strength = np.abs(2 * values - 1) if explanation.low < 0 else values
    shown = np.where(strength < look["threshold"], 0.0, 1.0 if look["view"] == "map" else _faded(strength))[:, None]
    return np.rint(colours(colormap_of(explanation, look)) * shown + 255 * (1 - shown)).astype("uint8")


def caption(session, explanation):
    """Name what is shown in a line: method, class, layer, and the model where there are several."""
    labels, name = session.labels, session.methods[explanation.method][1].title
    against = "" if explanation.contrast is None else f" rather than {labels[explanation.contrast]}"
    where = f" at {explanation.layer}" if explanation.layer else ""
    of = f" of {session.models[explanation.model_index].model.name}" * (len(session.models) > 1)
    return f"{name} of {labels[explanation.unit]}{against}{where}{of}"


def alt_text(session, explanation):
    """Say what a picture shows.

    Args:
        session: A `Session`.
        explanation: An `Explanation` of it.

    Returns:
        A line of text.
    """
    of = f" of {session.models[explanation.model_index].model.name}" * (len(session.models) == 1)
    return f"ExplainerWidget: {caption(session, explanation)}{of}, image {explanation.image_index}"
