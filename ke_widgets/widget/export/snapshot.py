"""Static rendering of a map over its image, equal to the page's, for saved pictures and notebook outputs."""

import base64
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from PIL import Image

from ke_widgets.widget.images.fitting import WHOLE, in_pixels
from ke_widgets.widget.images.images import Images
from ke_widgets.widget.session.explanation import Explanation
from ke_widgets.widget.session.session import Session

STILL_SIDES = (256, 400)  # Pixels of a picture in a notebook: legible, and small in the file.
_DIMMED = 0.65  # Brightness outside the region that the model sees; as in `js/src/styles/stage.css`.
_TABLES = Path(__file__).parents[1] / "colormaps.json"


@functools.cache
def colours(name: str) -> np.ndarray:
    """Return the 256 colours of a colormap, equal to the page's.

    Args:
        name: Such as `"inferno"`.

    Returns:
        A float array `(256, 3)`, 0 to 255.
    """
    if name == "gray":
        return np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    stops = np.frombuffer(base64.b64decode(json.loads(_TABLES.read_text())[name]), "uint8").reshape(-1, 3)
    positions = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(positions, np.arange(len(stops)), channel) for channel in stops.T], axis=1)


def resized(image: np.ndarray, least: int, most: int) -> np.ndarray:
    """Resize an image so that its longest side is within bounds.

    Args:
        image: uint8 `(H, W, C)`.
        least: Lower bound of the longest side in pixels.
        most: Upper bound of the longest side in pixels.

    Returns:
        uint8 `(H', W', C)` with at most 3 channels; the same image if it is within bounds.
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


def compose(
    image: np.ndarray,
    explanation: Explanation,
    colormap: str,
    opacity: float = 0.6,
    threshold: float = 0.0,
    view: str = "overlay",
) -> np.ndarray:
    """Draw a map over its image: transparent where values are small, and over a grey image for signed maps.

    The map covers the region that the model saw. The rest of the image is dimmed.

    Args:
        image: The image, uint8 `(H, W, C)`.
        explanation: An `Explanation` of it.
        colormap: Name of the colormap.
        opacity: Opacity of the map, 0 to 1.
        threshold: Fraction of the display range below which the map is hidden, 0 to 1.
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
    region = image[top:bottom, left:right].astype("float32")
    whole = explanation.input_region == WHOLE
    drawn = image.copy() if whole else np.rint(image * np.float32(_DIMMED if view == "overlay" else 0)).astype("uint8")
    drawn[top:bottom, left:right] = _overlaid(region, explanation, colormap, opacity, threshold, view)
    return drawn


def _overlaid(image, explanation, colormap, opacity, threshold, view):
    """Draw a map over a whole image, float32 `(H, W, 3)`; an empty map gives the image."""
    low, high = explanation.low, explanation.high
    if not has_values(explanation):
        return image.astype("uint8")
    shares = np.clip((explanation.map - low) / (high - low), 0, 1).astype("float32")
    large = np.asarray(ops.image.resize(shares[..., None], image.shape[:2], interpolation="bilinear"))
    strength = np.abs(2 * large - 1) if low < 0 else large
    painted = colours(colormap).astype("float32")[np.minimum((large[..., 0] * 256).astype(int), 255)]
    covered = np.where(strength < threshold, 0.0, 1.0 if view == "map" else opacity * _fade(strength))
    backdrop = np.zeros_like(image) if view == "map" else image
    return np.rint(backdrop * (1 - covered) + painted * covered).astype("uint8")


def has_values(explanation: Explanation) -> bool:
    """Return whether a map is finite and not empty."""
    return explanation.high > explanation.low and bool(np.isfinite(explanation.map).all())


def _grey(image):
    """Convert an image to grey, as `filter: grayscale` does in the page."""
    grey = np.rint(image @ np.array([[0.2126], [0.7152], [0.0722]], "float32")).astype("uint8")
    return np.broadcast_to(grey, image.shape)


def _fade(strength):
    """Compute the opacity of a value: from 0 at 0.06 to 1 at 0.5, as the page does."""
    share = np.clip((strength - 0.06) / (0.5 - 0.06), 0, 1)
    return share**2 * (3 - 2 * share)


def scaled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a picture.

    Args:
        image: uint8 `(H, W, 1)` or `(H, W, 3)`.
        size: Rows and columns.

    Returns:
        uint8 `(H', W', C)`; the same image if it already has that size.
    """
    if image.shape[:2] == tuple(size):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    method = (
        Image.Resampling.BICUBIC if size[0] > image.shape[0] else Image.Resampling.LANCZOS
    )  # Lanczos rings when it enlarges.
    return np.asarray(picture.resize((size[1], size[0]), method)).reshape(*size, -1)


def colormap_of(explanation: Explanation, display: dict[str, Any]) -> str:
    """Return the colormap of a map: a signed map with the default colormap gets a diverging one."""
    return "RdBu_r" if explanation.low < 0 and display["colormap"] == "inferno" else display["colormap"]


def draw(
    images: Images, explanation: Explanation, display: dict[str, Any], sides: tuple[int, int] | None = None
) -> Image.Image:
    """Draw a result over its image, as the page does.

    Args:
        images: The `Images` of a session.
        explanation: An `Explanation` of one of them.
        display: Display settings: the traits `view`, `opacity`, `colormap` and `threshold`.
        sides: Bounds of the longest side in pixels; `None` for the image's own size.

    Returns:
        A PIL image.
    """
    image = images.picture(explanation.image_index)
    if sides is not None:
        image = resized(image, *sides)
    return Image.fromarray(compose(image, explanation, **{**display, "colormap": colormap_of(explanation, display)}))


def legend(explanation: Explanation, display: dict[str, Any]) -> np.ndarray:
    """Return the colours of a map from its lowest value to its highest, over white, as in the page's legend.

    Args:
        explanation: An `Explanation`.
        display: See `draw`.

    Returns:
        uint8 `(256, 3)`.
    """
    values = np.linspace(0, 1, 256)
    strength = np.abs(2 * values - 1) if explanation.low < 0 else values
    shown = np.where(strength < display["threshold"], 0.0, 1.0 if display["view"] == "map" else _fade(strength))[
        :, None
    ]
    return np.rint(colours(colormap_of(explanation, display)) * shown + 255 * (1 - shown)).astype("uint8")


def caption(session: Session, explanation: Explanation) -> str:
    """Write a one-line caption: method, class, layer, and the model if there are several."""
    labels, name = session.labels, session.methods[explanation.method][1].title
    against = "" if explanation.contrast is None else f" rather than {labels[explanation.contrast]}"
    where = f" at {explanation.layer}" if explanation.layer else ""
    of = f" of {session.models[explanation.model_index].model.name}" * (len(session.models) > 1)
    return f"{name} of {labels[explanation.unit]}{against}{where}{of}"


def alt_text(session: Session, explanation: Explanation) -> str:
    """Write the alternative text of a picture.

    Args:
        session: A `Session`.
        explanation: An `Explanation` of it.

    Returns:
        A line of text.
    """
    of = f" of {session.models[explanation.model_index].model.name}" * (len(session.models) == 1)
    return f"ExplainerWidget: {caption(session, explanation)}{of}, image {explanation.image_index}"
