"""What a user waits for at first, in a real JupyterLab: `python -m tests.benchmarks.first_use [network]`.

From the run of the widget's cell to the picture and to the map; ten layers that were never seen, a second apart; the
first four of them again; and how much slower the user's own cells are while the widget compiles. Prints rows as JSON,
one to a line.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.benchmarks.browser import ECHO, FRAME
from tests.browser.chromium import MISSING, find_chromium
from tests.browser.lab import CHROMIUM_ARGS, RUN_CELL, Lab, serve

NETWORKS = ("MobileNetV2", "EfficientNetV2B0", "ResNet50V2")
LAYERS, AGAIN, FORWARDS, SLOWER = 10, 4, 3.5, 1.1

MODEL = """
import time, statistics
import keras, numpy as np, tensorflow as tf
import ke_widgets as ke
model = getattr(keras.applications, "{name}")(weights=None)
images = np.random.default_rng(0).integers(0, 256, (10, 224, 224, 3)).astype("uint8")
"""
WIDGET = "w = ke.ExplainerWidget(model, images, preprocess=lambda x: x / 127.5 - 1.0, charts=False)\nw"
FORWARD = """
forward = tf.function(lambda x: model(x, training=False), autograph=False)
def timed():
    start = time.perf_counter()
    forward(tf.constant(images[:1].astype("float32"))).numpy()
    return 1000 * (time.perf_counter() - start)
timed()
print(statistics.median(timed() for _ in range(20)))
"""
# A user's cell, of Python and of NumPy, beside a widget that has just shown its first map, and then by itself.
BESIDE = """
def work():
    start = time.perf_counter()
    total = sum(len(str(number)) for number in range(60_000))
    square = np.random.default_rng(0).normal(size=(300, 300))
    for _ in range(8):
        square = np.tanh(square @ square / 300)
    return time.perf_counter() - start

twin = keras.models.clone_model(model)
other = ke.ExplainerWidget(twin, images, preprocess=lambda x: x / 127.5 - 1.0, charts=False)
_ = other.wait()
while other._session._preparing is None:
    time.sleep(0.01)
beside = []
start = time.perf_counter()
while other._session._preparing.is_alive() and time.perf_counter() - start < 30:
    beside.append(work())
seconds = time.perf_counter() - start
other.close()
other._session._preparing.join()
alone = [work() for _ in range(len(beside))]
print([statistics.median(beside) / statistics.median(alone), seconds])
"""
# When the canvases of the picture and of the map were first drawn on.
WATCH = """() => {
  window.drawn = {};
  for (const name of ["drawImage", "putImageData"]) {
    const original = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...all) {
      original.apply(this, all);
      window.drawn[this.canvas.className || "thumbnail"] ??= performance.now();
    };
  }
}"""
OPEN = f"""async (source) => {{
  window.drawn = {{}};
  const start = performance.now();
  await ({RUN_CELL})(source);
  const cell = performance.now() - start;
  while (!window.drawn["ke-map"]) await new Promise(requestAnimationFrame);
  const since = (name) => window.drawn[name] - start;
  return {{ cell, picture: since("ke-image"), thumbnail: since("thumbnail"), map: since("ke-map") }};
}}"""
# The last layers that can be picked, once the last groups are open.
PATHS = """async (count) => {
  const rows = (kind) => [...document.querySelectorAll(`[role=treeitem]${kind}`)];
  for (let i = 0; i < 5 && rows("[data-path]:not([data-fixed])").length < count; i++) {
    rows("[aria-expanded=false]").at(-1).querySelector(".ke-caret").click();
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
  }
  return rows("[data-path]:not([data-fixed])").slice(-count).map((row) => row.dataset.path);
}"""
# A click on a layer until the page says which one it works on, and until its map is painted.
PICK = """async (path) => {
  const root = document.querySelector("[role=region][aria-label=Explainer]");
  const frame = () => new Promise(requestAnimationFrame);
  const status = () => root.querySelector("[role=status]").textContent;
  const name = path.split("/").pop();
  window.drawn = {};
  const start = performance.now();
  root.querySelector(`[role=treeitem][data-path="${path}"]`).click();
  let said = null;
  while (true) {
    await frame();
    if (said === null && status().includes(name)) said = performance.now() - start;
    if (said !== null && window.drawn["ke-map"] && root.getAttribute("aria-busy") === "false") break;
  }
  const shown = performance.now() - start;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1000 - shown)));
  return { said, shown };
}"""
EMPTY = """async (rounds) => {
  const found = [];
  for (let round = 0; round < rounds; round++) {
    found.push(await new Promise((resolve) => {
      const start = performance.now();
      const back = () => {
        echo.off("msg:custom", back);
        resolve(performance.now() - start);
      };
      echo.on("msg:custom", back);
      echo.send({});
    }));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return found;
}"""


def row(network, work, found, unit="milliseconds", most=None):
    base = {"work": work, "network": network, "batch": 1, "unit": unit, "milliseconds": 0.0, "ours": found}
    return {**base, "peers": {}, "most": most, "difference": None}


def rows(lab, network):
    """Measure one network in a new notebook.

    Args:
        lab: A `Lab`.
        network: Name of the network.

    Yields:
        Dicts as `methods.rows` gives.
    """
    lab.new()
    lab.run_cell(ECHO)
    lab.run_cell(MODEL.format(name=network), timeout=180)
    lab.page.evaluate(WATCH)
    opened = lab.page.evaluate(OPEN, WIDGET)
    yield row(network, "the widget's cell", opened["cell"])
    yield row(network, "from its run to the picture", opened["picture"])
    yield row(network, "from its run to the first map", opened["map"])
    lab.page.get_by_role("region", name="Explainer").scroll_into_view_if_needed()
    paths = lab.page.evaluate(PATHS, LAYERS + 1)[:-1]
    assert len(paths) == LAYERS
    picks = [lab.page.evaluate(PICK, path) for path in paths]
    again = [lab.page.evaluate(PICK, path) for path in paths[:AGAIN]]
    empty = statistics.median(lab.page.evaluate(EMPTY, 20))
    forward = float(lab.execute(FORWARD, timeout=120))
    most = FORWARDS * forward + empty + FRAME
    yield row(network, f"a forward ({forward:.0f} ms) by {FORWARDS}, a round trip and a frame", most)
    yield row(network, "the first of ten layers never seen: the page says so after", picks[0]["said"], most=100)
    yield row(network, "the first of ten layers never seen: its map is there after", picks[0]["shown"])
    shown = [each["shown"] for each in picks[1:]]
    yield row(network, "the other nine, a second apart: median", statistics.median(shown), most=most)
    yield row(network, "the other nine: the longest", max(shown), most=most)
    yield row(network, "the first four again: the longest", max(each["shown"] for each in again), most=most)
    slower, seconds = json.loads(lab.execute(BESIDE, timeout=180))
    unit = f"the same by itself; while it compiles, for {seconds:.1f} s"
    yield row(network, "a user's cell beside the widget", slower, unit, SLOWER)
    lab.close()


def main(networks):
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder)) as server,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        for network in networks or NETWORKS:
            lab = Lab(browser.new_page(viewport={"width": 1280, "height": 900}), server, f"bench-{network}")
            for each in rows(lab, network):
                print(json.dumps(each), flush=True)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
