"""The widget in a real JupyterLab: `python -m tests.benchmarks.browser`.

From a click to new pixels on the screen, with and without our server extension, beside an empty round trip in the same
page; memory of kernel and page over 500 changes. Prints rows as JSON, one to a line.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.browser.explainer import Explainer
from tests.browser.lab import CHROMIUM_ARGS, Lab, serve

NETWORK, FRAME = "MobileNetV2", 16
ROUNDS, CHANGES, SETTLED = 50, 500, 50

# A cell with a widget that sends back what it hears.
ECHO = """
import anywidget

class Echo(anywidget.AnyWidget):
    _esm = "export default { render({ model }) { window.echo = model; } }"

    def __init__(self):
        super().__init__()
        self.on_msg(lambda widget, content, buffers: self.send(content))

Echo()
"""
CELLS = (
    f"""
import json, os
import keras, numpy as np
import ke_widgets as ke
from tests.benchmarks import networks
model = networks.build("{NETWORK}")
w = ke.ExplainerWidget(model, networks.images(4), preprocess=lambda x: x, charts=False, opacity=1.0, threshold=0.0)
_ = w.wait()
""",
    ECHO,
    "w",
)

# A click until the frame after the map was painted; an empty message there and back; in turn.
CLASSES = """async (rounds) => {
  const root = document.querySelector("[role=region][aria-label=Explainer]");
  const painted = () => new Promise((resolve) => {
    const { putImageData } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.putImageData = function (...all) {
      putImageData.apply(this, all);
      if (!this.canvas.classList.contains("ke-map")) return;
      CanvasRenderingContext2D.prototype.putImageData = putImageData;
      requestAnimationFrame(() => resolve(performance.now()));
    };
  });
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const empty = () => new Promise((resolve) => {
    const start = performance.now();
    const back = () => {
      echo.off("msg:custom", back);
      resolve(performance.now() - start);
    };
    echo.on("msg:custom", back);
    echo.send({});
  });
  const found = { empty: [], change: [] };
  for (let round = 0; round < rounds; round++) {
    found.empty.push(await empty());
    await wait(20);
    const rows = [...root.querySelectorAll("[role=listbox][aria-label=Classes] [role=option]")];
    const other = rows.filter((row) => row.getAttribute("aria-selected") !== "true")[round % 8];
    const paint = painted();
    const start = performance.now();
    other.click();
    found.change.push((await paint) - start);
    await wait(20);
  }
  return found;
}"""

CHANGE = """
import random, resource
def change(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choice(["layer", "class_index", "method"])
        value = {"layer": rng.choice(w._session.models[0].layers), "class_index": rng.randrange(len(demo.LABELS)),
                 "method": rng.choice(["gradcam", "gradcampp", "gradients", "cam", "full_gradients"])}[kind]
        try:
            setattr(w, kind, value)
            w.wait(60)
        except ValueError:  # CAM at a hidden layer, which says so
            pass
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
"""


def row(work, found, unit, most, milliseconds=0.0, difference=None):
    base = {"work": work, "network": NETWORK, "batch": 1, "unit": unit, "milliseconds": milliseconds, "ours": found}
    return {**base, "peers": {}, "most": most, "difference": difference}


def latency(lab):
    """Class changes beside empty round trips."""
    explainer = _open(lab)
    explainer.lab.page.evaluate(CLASSES, 5)
    lab.page.wait_for_timeout(3000)  # in which the function for another class is traced
    found = lab.page.evaluate(CLASSES, ROUNDS)
    work = json.loads(lab.execute(f"print([r.milliseconds for r in w._session.results.all()][-{ROUNDS}:])"))
    return {name: statistics.median(each) for name, each in {**found, "kernel": work}.items()}


def _open(lab, cells=CELLS):
    lab.new()
    for cell in cells:
        lab.run_cell(cell, timeout=180)
    explainer = Explainer(lab)
    explainer.root.scroll_into_view_if_needed()
    return explainer.settled()


def memory(lab):
    """Kernel and page over 500 changes of layer, class and method, in MB: at the 50th, and how much more at the end."""
    show = "w = ke.ExplainerWidget(model, scenes.images, labels=demo.LABELS, charts=False)\nw"
    start = "import os\nimport ke_widgets as ke\nfrom ke_widgets import demo\n"
    start += "model, scenes = demo.load('honest'), demo.scenes(24, seed=7)"
    _open(lab, (start, show, CHANGE))
    session = lab.page.context.new_cdp_session(lab.page)

    def after(count, seed):
        kernel = float(lab.execute(f"print(change({count}, {seed}))", timeout=550))
        session.send("HeapProfiler.collectGarbage")
        return kernel, session.send("Runtime.getHeapUsage")["usedSize"] / 2**20

    (kernel, page), step = after(SETTLED, 0), 90
    for seed in range(1, 1 + (CHANGES - SETTLED) // step):
        last = after(step, seed)
    return kernel, last[0] - kernel, page, last[1] - page


def rows():
    """Measure everything in one browser.

    Yields:
        Dicts as `methods.rows` gives.
    """
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        for extension in (False, True):
            with tempfile.TemporaryDirectory() as folder, serve(_configured(Path(folder), extension)) as server:
                lab = Lab(browser.new_page(viewport={"width": 1280, "height": 900}), server, "bench")
                yield from _of_one_server(lab, extension)
                lab.close()
        browser.close()


def _of_one_server(lab, extension):
    how = "with our server extension" if extension else "without our server extension"
    found = latency(lab)
    most = found["empty"] + found["kernel"] + FRAME
    yield row(f"empty round trip, {how}", found["empty"], "milliseconds", None)
    yield row(f"click on a class to new pixels, {how}", found["change"], "milliseconds", most)
    yield row(f"of which in the kernel, {how}", found["kernel"], "milliseconds", None)
    if extension:
        lab.close()
        kernel, more, page, heap = memory(lab)
        yield row(f"kernel's memory after {SETTLED} changes", kernel, "MB", None)
        yield row(f"kernel's memory, {CHANGES - SETTLED} changes later: growth", more, "MB", 100)
        yield row(f"page's heap after {SETTLED} changes", page, "MB", None)
        yield row(f"page's heap, {CHANGES - SETTLED} changes later: growth", heap, "MB", 10)


def _configured(folder, extension):
    """Say whether the server loads our extension; unsaid, the environment's own file would enable it."""
    place = folder / "config" / "jupyter_server_config.d"
    place.mkdir(parents=True)
    extensions = {"ke_widgets.server": extension}
    (place / "ke_widgets.json").write_text(json.dumps({"ServerApp": {"jpserver_extensions": extensions}}))
    return folder


if __name__ == "__main__":
    for each in rows():
        print(json.dumps(each), flush=True)
    sys.exit(0)
