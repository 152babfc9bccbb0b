"""The widget of a page by role and name, and what its pictures should be."""

import io
import json

import matplotlib
import numpy as np
from keras import ops
from PIL import Image
from playwright.sync_api import expect

RESULT = """
import json
_r = w.wait(60)
print(json.dumps({"map": _r.map.tolist(), "layer": _r.layer, "unit": _r.unit, "image": _r.image_index,
                  "opacity": w.opacity, "class_index": w.class_index, "trait_layer": w.layer}))
"""
START = """
import json
import numpy as np
import ke_widgets as ke
from ke_widgets import demo
model = demo.load("honest")
scenes = demo.scenes(24, seed=7)
"""
WIDGET = """
w = ke.ExplainerWidget(model, scenes.images, labels=demo.LABELS, y_true=scenes.targets, charts=False)
w
"""
GREY = [0.299, 0.587, 0.114]


class Explainer:
    """One widget of the page, the first by default, by role and name."""

    def __init__(self, lab, place=0):
        self.lab = lab
        self.root = lab.page.get_by_role("region", name="Explainer").nth(place)

    def part(self, role, name):
        return self.root.get_by_role(role, name=name, exact=True)

    def settled(self, timeout=30_000):
        expect(self.root).to_have_attribute("aria-busy", "false", timeout=timeout)
        return self

    def pixels(self, name="Explanation"):
        """What is seen of picture and map, as grey levels of 96 x 96, in [0, 1]."""
        self.settled()
        shot = Image.open(io.BytesIO(self.part("img", name).screenshot()))
        return np.asarray(shot.convert("L").resize((96, 96), Image.Resampling.BOX)) / 255

    def result(self):
        return json.loads(self.lab.execute(RESULT))

    def shows(self, result, **how):
        """Whether the picture, the map alone without a threshold, is this map: its grey levels but for rounding."""
        return self.distance(result["map"], **how) < 0.02

    def distance(self, values, name="Explanation", **how):
        """How far the picture is from this map, as grey levels."""
        return float(np.abs(self.pixels(name) - shown(values, **how)).mean())

    def ask(self, code):
        """What the expression `code` gives in the kernel, by way of JSON."""
        return json.loads(self.lab.execute(f"import json; print(json.dumps({code}))"))


def shown(values, signed=False):
    """A map as the page should show it, scaled, at 96 x 96, in grey levels: inferno, or RdBu_r for both signs."""
    values = np.asarray(values, "float32")
    values = values if signed else np.maximum(values, 0)
    values = values / max(np.abs(values).max(), 1e-12)
    values = (values + 1) / 2 if signed else values
    large = np.asarray(ops.image.resize(values[..., None], (96, 96), interpolation="bilinear"))[..., 0]
    return matplotlib.colormaps["RdBu_r" if signed else "inferno"](large)[..., :3] @ GREY


def pick_method(root, name=None, title=None):
    """Pick a method in the menu of a page or widget, by its name, or by its title."""
    root.get_by_role("combobox", name="Method", exact=True).click()
    options = root.get_by_role("listbox", name="Methods").get_by_role("option")
    (options.filter(has_text=title) if name is None else options.and_(root.locator(f'[data-value="{name}"]'))).click()


def open_explainer(lab, *cells, start=START):
    """Open a notebook of `start` and `cells`, the last of which shows the widget `w`."""
    lab.new()
    lab.run_cell(start, timeout=120)
    for cell in cells or [WIDGET]:
        lab.run_cell(cell, timeout=120)
    explainer = Explainer(lab)
    explainer.root.scroll_into_view_if_needed()
    return explainer.settled()


def overlaid(image, values, opacity):
    """The image with a map of one sign over it, as the page should draw and save it: what is next to nothing fades.

    A value of strength s, from 0 to 1, is as opaque as smoothstep(0.06, 0.5, s), times the opacity.
    """
    values = np.maximum(np.asarray(values, "float32"), 0)
    values = values / max(values.max(), 1e-12)
    large = np.asarray(ops.image.resize(values[..., None], image.shape[:2], interpolation="bilinear"))
    colours = matplotlib.colormaps["inferno"](large[..., 0])[..., :3] * 255
    t = np.clip((large - 0.06) / (0.5 - 0.06), 0, 1)
    alpha = opacity * t**2 * (3 - 2 * t)
    return image * (1 - alpha) + colours * alpha


def bare_map(explainer):
    """Show the map itself: alone, no threshold."""
    explainer.lab.execute("w.view = 'map'; w.opacity = 1.0; w.threshold = 0.0; _ = w.wait(60)")
    expect(explainer.part("combobox", "View")).to_have_value("map")
    expect(explainer.part("slider", "Opacity")).to_have_value("1")
    expect(explainer.part("slider", "Threshold")).to_have_value("0")
    return explainer.settled()
