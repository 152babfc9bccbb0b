"""What a pick costs the page, in a real browser: `python -m tests.benchmarks.page`.

The kernel is a stand-in whose answers are made before, so that next to nothing but the page is measured: from the click
or key to new pixels and an idle page, with style, layout and paint. Prints milliseconds of processor a pick.
"""

import statistics
import sys

from playwright.sync_api import sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.browser.lab import CHROMIUM_ARGS
from tests.browser.served import serve_page

CASES = {"MobileNetV2, 1,000 classes": "graph-MobileNetV2-1000", "a small network, 8 classes": "small"}
KINDS = ("class", "classKey", "layer", "layerKey", "image", "imageKey", "method")
ROUNDS, PICKS = 5, 12

# Opens the widget; `pick(kind, count)` picks so often and waits each time for the answer.
OPEN = """async (name) => {
  const { fakeModel } = await import("/js/test/fake.mjs");
  const widget = (await import("/ke_widgets/widget/static/widget.js")).default;
  const fake = await fakeModel(name);
  const place = document.getElementById("place");
  const signal = new AbortController().signal;
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const frame = () => new Promise(requestAnimationFrame);

  // Of each size of map and each image one answer, told again and again.
  const heard = [];
  const { on, send } = fake;
  fake.on = (name, callback) => {
    if (name === "msg:custom") heard.push(callback);
    on(name, callback);
  };
  const { labels, methods, models } = fake.get("_setup");
  const made = new Map();
  let serial = 1e6;
  function answer({ id, pane, choice }) {
    const node = models[choice.model_index].nodes.find(({ path }) => path === choice.layer);
    const side = methods.find(({ name }) => name === choice.method).layer ? node.shape[1] : 96;
    const key = `${side} ${choice.image_index}`;
    if (!made.has(key)) made.set(key, [halves(side), scores(choice.image_index)]);
    const map = { height: side, width: side, low: 0, high: 1, min: 0, max: 1, scale: 1, finite: true };
    const result = { kind: "result", generation: 0, scores_kind: "probability", milliseconds: 3 };
    Object.assign(result, { id, pane, serial: ++serial, choice, map, empty_reason: null });
    for (const callback of heard) callback(result, made.get(key));
  }
  function halves(side) {
    const map = new DataView(new ArrayBuffer(2 * side * side));
    for (let i = 0; i < side * side; i++) map.setUint16(2 * i, 0x3000 + ((i * 37) % 0xc00), true);
    return map;
  }
  function scores(image) {
    const all = new DataView(new ArrayBuffer(4 * labels.length));
    labels.forEach((_, i) => all.setFloat32(4 * i, ((i * 37 + image * 11) % 97) / 97 / (1 + i), true));
    return all;
  }
  fake.send = (message) => (message.kind === "explain" ? setTimeout(() => answer(message), 10) : send(message));

  const { initialize, render } = widget();
  await initialize({ model: fake, signal });
  await render({ model: fake, el: place, signal });
  const root = place.querySelector(".ke");
  const list = (name) => root.querySelector(`[role=listbox][aria-label=${name}]`);
  const press = (target, key) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  let turn = 0;
  const next = (all) => all[turn++ % all.length];
  // To and fro, so that lists neither scroll far nor end.
  const hither = () => turn++ % 12 < 6;
  const others = (box, row) => {
    const { top, bottom } = box.getBoundingClientRect();
    return [...box.querySelectorAll(row)].filter((each) => {
      const own = each.getBoundingClientRect();
      return own.top >= top && own.bottom <= bottom && each.getAttribute("aria-selected") !== "true";
    });
  };
  const actions = {
    class: () => next(others(list("Classes"), "[role=option]")).click(),
    classKey: () => press(list("Classes"), hither() ? "ArrowDown" : "ArrowUp"),
    layer: () => next(others(root.querySelector(".ke-layers .ke-scroll"), "[data-path]:not([data-fixed])")).click(),
    layerKey: () => press(root, hither() ? "[" : "]"),
    image: () => next(others(list("Images"), "[role=option]").slice(0, 8)).click(),
    imageKey: () => press(list("Images"), hither() ? "ArrowRight" : "ArrowLeft"),
    method: async () => {
      const box = root.querySelector("[role=combobox][aria-label=Method]");
      box.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
      await wait(0);
      const other = box.dataset.value === "gradcam" ? "gradients" : "gradcam";
      root.querySelector(`[role=option][data-value=${other}]`).click();
    },
    nothing: () => others(list("Classes"), "[role=option]"),
  };
  window.pick = async (kind, count) => {
    for (let i = 0; i < count; i++) {
      await actions[kind]();
      await wait(60);
      await frame();
    }
    await wait(300);  // in which the choice is saved
  };
  await wait(1500);
}"""


class _Meter:
    """Milliseconds of processor that a page has used: its main thread (all, script, style, layout), all of Chromium."""

    def __init__(self, browser, page):
        self._page = page.context.new_cdp_session(page)
        self._page.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._all = browser.new_browser_cdp_session()

    def read(self):
        metrics = {each["name"]: 1000 * each["value"] for each in self._page.send("Performance.getMetrics")["metrics"]}
        names = ("TaskDuration", "ScriptDuration", "RecalcStyleDuration", "LayoutDuration")
        every = sum(each["cpuTime"] for each in self._all.send("SystemInfo.getProcessInfo")["processInfo"])
        return [*(metrics[name] for name in names), 1000 * every]


def _costs(browser, page):
    """Of each kind of pick its costs, medians of rounds, less those of waiting as long without a pick."""
    meter = _Meter(browser, page)

    def one(kind):
        before = meter.read()
        page.evaluate("([kind, count]) => pick(kind, count)", [kind, PICKS])
        return [(b - a) / PICKS for a, b in zip(before, meter.read(), strict=True)]

    found = {kind: [] for kind in (*KINDS, "nothing")}
    for kind in found:
        one(kind)
    for _ in range(ROUNDS):
        for kind, rounds in found.items():
            rounds.append(one(kind))
    medians = {kind: [statistics.median(each) for each in zip(*rounds, strict=True)] for kind, rounds in found.items()}
    idle = medians.pop("nothing")
    return {kind: [a - b for a, b in zip(each, idle, strict=True)] for kind, each in medians.items()}


def main(cases=CASES):
    """Print a table for each case."""
    if not (path := find_chromium()):
        raise SystemExit(MISSING)
    with serve_page() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        for name, case in cases.items():
            page = browser.new_page(viewport={"width": 1100, "height": 800})
            page.goto(f"{address}?case=none")
            page.evaluate(OPEN, case)
            print(f"{name}: ms of the page's thread a pick (script, style, layout), and of all of Chromium")
            for kind, (task, script, style, layout, every) in _costs(browser, page).items():
                print(f"  {kind:9} {task:5.1f} ({script:4.1f}, {style:4.1f}, {layout:4.1f}) {every:6.1f}", flush=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main({name: case for name, case in CASES.items() if not sys.argv[1:] or case in sys.argv[1:]})
