"""The exported file in a real browser, without kernel and network: what it shows is what Python computed."""

import base64
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from keras import ops
from PIL import Image
from playwright.sync_api import expect

import ke_widgets as ke
from ke_widgets import demo
from tests.browser.explainer import GREY, Explainer, open_explainer, pick_method
from tests.browser.lab import RUN_CELL, SCREENSHOTS
from tests.browser.test_wcag import violations

HOSTILE = "</script><img src=x onerror=\"document.body.textContent='hacked'\"><b>&amp;"
LABELS = [HOSTILE, *demo.LABELS[1:]]
IMAGES = [5, 1, 2, 3, 0, 4, 6, 7]
LAYERS = ["block2/conv2", "block3/add", "block4/conv2"]
CLASSES = [0, demo.LABELS[2], 4]
WATCH = """window.violations = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  window.violations.push(`${violatedDirective}: ${blockedURI}`));"""

# What was set is painted on the next frame.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The file, and the widget that it was made from."""
    scenes = demo.scenes(9, seed=7)
    chosen = {"image_index": 5, "class_index": 2, "layer": "block4/conv2"}
    widget = ke.ExplainerWidget(
        demo.load("honest"), scenes.images, labels=LABELS, y_true=scenes.targets, charts=False, **chosen
    )
    folder = tmp_path_factory.mktemp("export")
    asked = {"images": IMAGES, "layers": LAYERS, "classes": CLASSES}
    small = widget.to_html(folder / "small.html", **asked, verbose=0)
    path = widget.to_html(
        folder / "maps.html", **asked, methods=["gradcam", "gradients"], title=f"Maps {HOSTILE}", verbose=0
    )
    yield SimpleNamespace(path=path, small=small, widget=widget, images=scenes.images)
    widget.close()


class File(Explainer):
    """The exported page."""

    def __init__(self, page, exported):
        super().__init__(SimpleNamespace(page=page))
        self.page = page
        self._widget = exported.widget

    def map(self, place, layer, unit, method="gradcam"):
        """What Python computes for what the file shows."""
        choice = {"image_index": IMAGES[place], "layer": layer, "class_index": unit, "method": method, "params": {}}
        return self._widget._session.run(**choice).map

    def canvas(self, part):
        """The pixels of a canvas, RGBA, as they are; of the map only, not of what lies over it."""
        self.page.evaluate(DRAWN)
        data = self.root.locator(f"canvas.{part}").first.evaluate("canvas => canvas.toDataURL()")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data.split(",")[1]))).convert("RGBA"))

    def expect_status(self, text):
        expect(self.root.get_by_role("status")).to_contain_text(text)
        return self.settled()

    def press(self, role, name, *keys):
        self.part(role, name).focus()
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture
def opened(browser, exported):
    """Open the file with all network blocked; then nothing but the file was asked for, and nothing complained."""
    contexts = []

    def open_file(path=None, **how):
        context = browser.new_context(**{"viewport": {"width": 1180, "height": 940}, "offline": True, **how})
        contexts.append(context)
        page = context.new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.route(re.compile("^(?!file:)"), lambda route: route.abort())
        page.add_init_script(WATCH)
        page.goto((path or exported.path).as_uri())
        return File(page, exported).settled()

    yield open_file
    for context in contexts:
        (page,) = context.pages
        assert [url for url in page.requests if not url.startswith("blob:")] == [page.url]
        assert page.complaints == []
        assert page.evaluate("window.violations") == []
        assert page.evaluate("document.images.length") == 0
        context.close()


def test_layer_class_image_and_method_show_what_python_computed(opened):
    file = opened()
    page = file.page
    file.part("combobox", "View").select_option("map")
    file.press("slider", "Threshold", "Home")
    assert file.distance(file.map(0, "block4/conv2", 2)) < 0.02, "what was on show when the file was made"

    # A layer by mouse; one that is not in the file says so, and changes nothing.
    tree = file.part("tree", "Layers")
    tree.get_by_role("treeitem", name="block3/add").click()
    file.expect_status("block3/add")
    assert file.distance(file.map(0, "block3/add", 2)) < 0.02
    absent = tree.get_by_role("treeitem", name=re.compile("block3.conv1.*not in this file"))
    expect(absent).to_have_attribute("aria-disabled", "true")
    absent.hover(force=True)
    expect(file.root.get_by_role("tooltip")).to_contain_text("Not in this file.")
    absent.click(force=True)
    file.expect_status("block3/add")

    # Classes by keyboard: those of the file only, their scores the model's.
    classes = file.part("listbox", "Classes")
    options = classes.get_by_role("option")
    expect(options).to_have_count(3)
    scores = file._widget._session.models[0].scores([IMAGES[0]])[0]
    order = sorted([0, 2, 4], key=lambda unit: -scores[unit])
    assert [options.nth(at).get_attribute("title") for at in range(3)] == [LABELS[unit] for unit in order]
    expect(options.first).to_contain_text(f"{scores[order[0]]:.2f}")
    at = order.index(2)
    file.press("listbox", "Classes", "ArrowUp" if at else "ArrowDown")
    unit = order[at - 1 if at else 1]
    file.expect_status(LABELS[unit])
    assert file.distance(file.map(0, "block3/add", unit)) < 0.02

    # An image by keyboard and by mouse, by its own number.
    images = file.part("listbox", "Images").get_by_role("option")
    expect(images).to_have_count(8)
    expect(images.first).to_have_attribute("aria-label", re.compile("^Image 5: .*(right|wrong)"))
    file.press("listbox", "Images", "ArrowRight")
    expect(images.nth(1)).to_have_attribute("aria-selected", "true")
    assert file.distance(file.map(1, "block3/add", unit)) < 0.02
    images.nth(6).click()
    expect(images.nth(6)).to_have_attribute("aria-selected", "true")
    assert file.distance(file.map(6, "block3/add", unit)) < 0.02

    # The other method, and back; there are no more of them.
    file.part("combobox", "Method").click()
    expect(file.part("listbox", "Methods").get_by_role("option").locator("b")).to_have_text(["Grad-CAM", "Gradients"])
    page.keyboard.press("Escape")
    pick_method(page, "gradients")
    file.expect_status("Gradients of")
    assert file.distance(file.map(6, "block3/add", unit, "gradients")) < 0.02
    file.part("button", "Parameters").click()
    expect(file.part("combobox", "channels")).to_be_disabled()
    page.keyboard.press("Escape")
    pick_method(page, "gradcam")
    file.expect_status("Grad-CAM of")


def test_depth_threshold_opacity_and_colormap_move_without_a_kernel(opened, exported):
    file = opened()
    file.part("combobox", "View").select_option("map")
    file.press("slider", "Threshold", "Home")
    depth = file.part("slider", "Depth")
    expect(depth).to_have_attribute("max", "3")
    depth.focus()
    file.page.keyboard.press("End")  # used, it has all layers at hand
    expect(file.root.locator(".ke-bars")).to_be_visible()
    for layer in reversed(LAYERS[:-1]):
        file.page.keyboard.press("ArrowLeft")
        file.expect_status(layer)
        assert file.distance(file.map(0, layer, 2)) < 0.02, layer

    # The map's own pixels: the colours of viridis, at every place that the map has, but for rounding.
    file.part("combobox", "Colormap").select_option("viridis")
    values = np.maximum(file.map(0, LAYERS[0], 2), 0)
    values = values / values.max()
    found = file.canvas("ke-map").astype(int)
    assert (found[..., 3] == 255).all()
    large = np.asarray(ops.image.resize(values[..., None].astype("float32"), found.shape[:2], interpolation="bilinear"))
    expected = matplotlib.colormaps["viridis"](large[..., 0])[..., :3] * 255
    assert np.abs(found[..., :3] - expected).mean() < 2

    # What lies below the threshold is left out, and at opacity 0 the picture is the image.
    file.press("slider", "Threshold", "End")
    covered = file.canvas("ke-map")[..., 3] > 0
    assert covered.mean() < 0.01
    file.part("combobox", "View").select_option("overlay")
    file.press("slider", "Opacity", "Home")
    image = exported.images[IMAGES[0]] @ np.asarray(GREY) / 255
    assert np.abs(file.pixels() - image).mean() < 0.03
    file.part("img", "Explanation").hover()
    expect(file.root.locator(".ke-tag b")).to_be_visible()


def test_panes_and_save_work(opened, exported):
    file = opened()
    file.part("listbox", "Classes").get_by_role("option").nth(2).click(modifiers=["Control"])
    expect(file.root.get_by_role("group", name=re.compile("^Pane"))).to_have_count(2)
    file.settled()
    with file.page.expect_download() as download:
        file.part("button", "Save").click()
    saved = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert saved.size == (2 * 96 + 8, 96)
    # Contrasts are not in the file: with Shift, a class is picked as without.
    file.part("listbox", "Classes").get_by_role("option").first.click(modifiers=["Shift"])
    expect(file.settled().root.get_by_role("alert")).to_have_count(0)
    expect(file.root.get_by_text("Shift-click")).to_have_count(0)


def test_hostile_text_is_text(opened):
    file = opened()
    expect(file.page.get_by_role("heading", level=1)).to_have_text(f"Maps {HOSTILE}")
    assert file.page.title() == f"Maps {HOSTILE}"
    file.part("listbox", "Classes").get_by_role("option", name=HOSTILE).click()
    file.expect_status(HOSTILE)
    assert file.page.locator("b", has_text="&").count() == 1, "the status names the class in bold, no other is made"
    assert file.page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [480, 1280])
def test_axe_finds_nothing_in_the_file(opened, width, theme):
    file = opened(viewport={"width": width, "height": 1200}, color_scheme=theme, bypass_csp=True)
    expect(file.root.locator(".ke-predicted").first).to_be_visible()
    found, passed = violations(file.page)
    assert found == []
    assert passed["color-contrast"] > 20
    file.page.screenshot(path=SCREENSHOTS / f"export-{width}-{theme}.png")


def test_a_request_that_the_file_cannot_answer_is_an_alert_and_never_a_hang(opened, exported, tmp_path):
    text = exported.path.read_text("utf-8")
    head, maps, foot = re.split(r'(?<=id="maps">)(.*)(?=</script>\n<script>)', text, flags=re.DOTALL)
    kept = {name: stored for name, stored in json.loads(maps).items() if not name.endswith("gradcam block3/add")}
    damaged = tmp_path / "damaged.html"
    damaged.write_text(head + json.dumps(kept) + foot, "utf-8")
    file = opened(damaged)
    file.part("tree", "Layers").get_by_role("treeitem", name="block3/add").click()
    expect(file.root.get_by_role("alert")).to_contain_text("Not in this file: gradcam of")
    file.settled()
    file.part("tree", "Layers").get_by_role("treeitem", name="block2/conv2").click()
    file.expect_status("block2/conv2")
    expect(file.root.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_right_in_both_themes_wide_and_narrow(opened, exported, theme):
    for width in (1180, 480):
        file = opened(color_scheme=theme, viewport={"width": width, "height": 940})
        expect(file.root).to_have_attribute("data-theme", theme)
        assert file.page.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
        ground = file.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground))) < 384) == (theme == "dark")
        SCREENSHOTS.mkdir(exist_ok=True)
        file.page.screenshot(path=SCREENSHOTS / f"export-{theme}-{width}.png", full_page=True)


def test_the_sizes_of_files(exported, capsys):
    with capsys.disabled():
        size = exported.small.stat().st_size
        print(f"\nexported file, 8 images × 3 layers × 3 classes: {size:,} bytes, 72 maps; ", end="")
        print(f"with a second method {exported.path.stat().st_size:,} bytes")
    assert size < 1_000_000


OUTPUTS = """() => [...jupyterapp.shell.currentWidget.content.model.cells].at(-1).outputs.toJSON()"""


def test_in_a_notebook_the_view_answers_meanwhile_and_cancel_leaves_no_file(lab):
    explainer = open_explainer(lab)
    page = lab.page
    lab.run_cell("_ = w.wait(60); w")
    explainer = Explainer(lab, 1).settled()
    assert {"image/png", "text/plain"} < set(page.evaluate(OUTPUTS)[0]["data"])
    expect(page.locator(".jp-OutputArea-output > img")).to_have_count(0)  # the view, not its picture

    # An export that takes long: its progress, a map in the middle of it, and Cancel.
    lab.execute('w.params = {"repetitions": 20000, "batch_size": 1}')
    page.evaluate(f"(source) => {{ window.ran = ({RUN_CELL})(source); }}", 'w.to_html("m.html", methods="smoothgrad")')
    expect(explainer.root.get_by_role("progressbar", name="Progress")).to_be_visible(timeout=30_000)
    expect(explainer.root.locator(".ke-progress")).to_contain_text("m.html: 0 of 64 maps")
    explainer.part("tree", "Layers").get_by_role("treeitem", name="block3/add").click()
    expect(explainer.root.get_by_role("status")).to_contain_text("block3/add", timeout=30_000)
    explainer.settled()
    lab.screenshot("export-progress", explainer.root)
    expect(explainer.root.locator(".ke-progress")).to_contain_text("m.html: 0 of 64 maps")
    explainer.part("button", "Cancel").click()
    (output,) = page.evaluate("window.ran")
    assert (output["ename"], output["evalue"]) == ("CancelledError", "m.html was cancelled; no file was written.")
    expect(explainer.root.get_by_role("progressbar")).to_have_count(0)
    assert lab.execute("import os; print([name for name in os.listdir() if 'm.html' in name])") == "[]"

    printed = lab.run_cell('w.to_html("m.html", layers=["block3/add"], verbose=2)')
    assert "m.html: 8 images × 1 layer × 8 classes × 1 method, 64 maps, about 0." in printed
    expect(explainer.root.get_by_role("progressbar")).to_have_count(0)
    assert lab.traffic.foreign == []
