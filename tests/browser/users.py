"""Users of one server, each with a notebook, a kernel and a page, all at once."""

import contextlib
import statistics

from playwright.sync_api import expect

from tests.browser.explainer import START, WIDGET, Explainer, bare_map
from tests.browser.lab import Lab
from tests.browser.traffic import Answers

# One user: a choice of layer, class, image or method; when its answer stands, the next one. Seconds of each.
USE = """async ({ steps, seed }) => {
  const root = document.querySelector('.ke');
  let state = seed;
  const random = (count) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const one = (list) => list[random(list.length)];
  const list = (name) => root.querySelector(`[role=listbox][aria-label=${name}]`);
  const other = (options) => one([...options].filter((each) => each.getAttribute('aria-selected') !== 'true'));
  const select = async (name) => {
    root.querySelector('[role=combobox][aria-label=Method]').dispatchEvent(
      new PointerEvent('pointerdown', { bubbles: true }));
    await new Promise((done) => setTimeout(done));
    root.querySelector(`[role=option][data-value=${name}]`).click();
  };
  const actions = [
    () => other(root.querySelectorAll('[role=treeitem][data-path]:not([data-fixed])')).click(),
    () => other(list('Classes').querySelectorAll('[role=option]')).click(),
    () => other(list('Images').querySelectorAll('[role=option]')).click(),
    () => {
      const { value } = root.querySelector('[role=combobox][aria-label=Method]').dataset;
      return select(one(['gradcam', 'gradcampp', 'full_gradients', 'gradients'].filter((each) => each !== value)));
    },
  ];
  const rest = () => new Promise((done) => {
    const look = () => root.getAttribute('aria-busy') === 'false' && (watching.disconnect(), done());
    const watching = new MutationObserver(look);
    watching.observe(root, { attributes: true, attributeFilter: ['aria-busy'] });
    look();
  });
  const seconds = [];
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    await one(actions)();
    await new Promise(requestAnimationFrame);
    await rest();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}"""
EXECUTE = """(code) => {
  jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
}"""
BEGIN = """(argument) => {
  window.used = null;
  (%s)(argument).then((seconds) => { window.used = seconds; }, (error) => { window.used = String(error); });
}"""


@contextlib.contextmanager
def open_users(server, browser, count):
    """Open `count` notebooks, each in a context of its own, and yield their widgets, which show their bare maps."""
    contexts = [browser.new_context(viewport={"width": 1280, "height": 900}) for _ in range(count)]
    labs = []
    try:
        for number, context in enumerate(contexts):
            page = context.new_page()
            labs.append(Lab(page, server, f"load-{number}"))
            labs[-1].answers = Answers(page)
            labs[-1].new()
            page.evaluate(EXECUTE, START)  # all kernels import TensorFlow at once
        for lab in labs:
            lab.run_cell(WIDGET, timeout=300)
        explainers = [Explainer(lab) for lab in labs]
        for explainer in explainers:
            explainer.root.scroll_into_view_if_needed()
            bare_map(explainer)
        yield explainers
    finally:
        for lab in labs:
            lab.close()
        for context in contexts:
            context.close()


def use_at_once(explainers, steps):
    """Let all use their widgets at once: at the end each page must show its own last choice. Prints the times."""
    for seed, explainer in enumerate(explainers, start=1):
        explainer.lab.page.evaluate(BEGIN % USE, {"steps": steps, "seed": seed})
    seconds = []
    for explainer in explainers:
        explainer.lab.page.wait_for_function("() => window.used !== null", timeout=600_000)
        used = explainer.lab.page.evaluate("window.used")
        assert isinstance(used, list), used
        assert len(used) == steps
        seconds += used
    shown = set()
    for explainer in explainers:
        explainer.lab.page.wait_for_timeout(600)  # a choice is saved once it rests
        explainer.settled()
        result = explainer.result()
        choice = explainer.ask("{name: getattr(w, name) for name in ('image_index', 'layer', 'class_index', 'method')}")
        assert (result["image"], result["unit"]) == (choice["image_index"], choice["class_index"])
        chosen = explainer.part("tree", "Layers").locator('[aria-selected="true"]')
        expect(chosen).to_have_attribute("data-path", choice["layer"])
        expect(explainer.part("combobox", "Method")).to_have_attribute("data-value", choice["method"])
        image = explainer.part("listbox", "Images").locator('[aria-selected="true"]')
        expect(image).to_have_attribute("aria-posinset", str(choice["image_index"] + 1))
        assert explainer.shows(result)
        assert open_questions(explainer.lab) == []
        assert explainer.lab.traffic.problems == []
        shown.add(repr(choice))
    assert len(shown) == len(explainers), "each has a choice of its own"
    seconds.sort()
    print(
        f"load: {len(explainers)} notebooks at once, {steps} choices each, milliseconds until the map stands: "
        f"median {1000 * statistics.median(seconds):.0f}, "
        f"95th percentile {1000 * seconds[int(0.95 * len(seconds))]:.0f}, worst {1000 * seconds[-1]:.0f}"
    )


def open_questions(lab):
    """What the page asked for a map and says it still waits for."""
    asked = [message.data.get("content", {}) for message in lab.traffic.widget_messages()]
    questions = {content["id"] for content in asked if content.get("kind") == "explain"}
    answered = {content["id"] for content, _ in lab.answers.of("result", "superseded", "error")}
    return sorted(questions - answered)
