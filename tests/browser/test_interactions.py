"""Many quick choices, a long drag, and thousands of images: in a real JupyterLab with a real kernel."""

import base64
import re
import time

import numpy as np
from playwright.sync_api import expect

from tests.browser.explainer import Explainer, bare_map, open_explainer
from tests.browser.traffic import Answers

STEPS = 300
# Seeded choices of layer, class, method and image, by mouse and by key, 15 ms apart.
INTERACT = """async (steps) => {
  const root = document.querySelector('.ke');
  let state = 7;
  const random = (count) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const one = (list) => list[random(list.length)];
  const list = (name) => root.querySelector(`[role=listbox][aria-label=${name}]`);
  const press = (target, key) => target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const select = async (name) => {
    root.querySelector('[role=combobox][aria-label=Method]').dispatchEvent(
      new PointerEvent('pointerdown', { bubbles: true }));
    await new Promise((done) => setTimeout(done));
    root.querySelector(`[role=option][data-value=${name}]`).click();
  };
  const actions = {
    layer: () => one([...root.querySelectorAll('[role=treeitem][data-path]:not([data-fixed])')]).click(),
    layerKey: () => press(root, one(['[', ']'])),
    class: () => one([...list('Classes').querySelectorAll('[role=option]')]).click(),
    classKey: () => press(list('Classes'), one(['ArrowUp', 'ArrowDown', 'Home'])),
    image: () => one([...list('Images').querySelectorAll('[role=option]')]).click(),
    imageKey: () => press(list('Images'), one(['ArrowLeft', 'ArrowRight', 'End'])),
    method: () => select(one(['gradcam', 'gradcampp', 'full_gradients', 'gradients'])),
  };
  const kinds = Object.keys(actions);
  const done = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  const start = performance.now();
  for (let step = 1; step <= steps; step++) {
    const kind = one(kinds);
    await actions[kind]();
    done[kind] += 1;
    await new Promise((go) => setTimeout(go, Math.max(0, start + 15 * step - performance.now())));
  }
  return { done, milliseconds: performance.now() - start };
}"""
# While the slider is dragged, how many frames the page drew.
DRAG = """async (steps) => {
  const slider = document.querySelector('.ke input[aria-label=Opacity]');
  slider.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
  const start = performance.now();
  for (let step = 1; step <= steps; step++) {
    slider.value = 1 - step / steps / 2;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise(requestAnimationFrame);
  }
  const milliseconds = performance.now() - start;
  slider.dispatchEvent(new Event('change', { bubbles: true }));
  return milliseconds;
}"""


def asked(lab, kind, since=0):
    messages = [message.data.get("content", {}) for message in lab.traffic.widget_messages()[since:]]
    return [content for content in messages if content.get("kind") == kind]


def test_300_interactions_end_in_what_a_fresh_computation_gives(lab):
    answers = Answers(lab.page)
    explainer = bare_map(open_explainer(lab))
    made = lab.page.evaluate(INTERACT, STEPS)
    explainer.settled(60_000)
    lab.page.wait_for_timeout(600)  # a choice is saved once it rests
    explainer.settled(60_000)

    # Page, widget and a fresh computation, to the last bit that travels.
    lab.execute("""
from dataclasses import asdict
from ke_widgets.widget.comm import messages
import base64
result = w.wait(60)
fresh = type(w._session)(model, scenes.images, demo.LABELS).run(**asdict(w.choice))
told, sent = messages.encode_map(fresh.map, fresh.low, fresh.high)
told_result, sent_result = messages.encode_map(result.map, result.low, result.high)
""")
    explainer.settled()
    lab.page.wait_for_timeout(200)
    choice = explainer.ask("asdict(w.choice)")
    content, buffers = [each for each in answers.of("result") if each[0]["pane"] == 0][-1]
    assert content["choice"] == choice, "the last map that came is of what is chosen"
    assert content["map"] == explainer.ask("told") == explainer.ask("told_result")
    bits = explainer.ask("[base64.b64encode(each).decode() for each in (sent, sent_result)]")
    assert bits[0] == bits[1]
    assert np.array_equal(
        np.frombuffer(buffers[0], "<f2"), np.frombuffer(base64.b64decode(bits[0]), "<f2"), equal_nan=True
    )
    label = explainer.ask("list(demo.LABELS)")[choice["class_index"]]
    method = {
        "gradcam": "Grad-CAM",
        "gradcampp": "Grad-CAM++",
        "full_gradients": "Full-Gradients",
        "gradients": "Gradients",
    }
    where = "" if "gradients" in choice["method"] else f" at {choice['layer']}"
    expect(explainer.root.get_by_role("status")).to_contain_text(f"{method[choice['method']]} of {label}{where} ·")
    chosen = explainer.part("listbox", "Images").locator('[aria-selected="true"]')
    expect(chosen).to_have_attribute("aria-label", re.compile(f"^Image {choice['image_index']}:"), timeout=30_000)
    assert explainer.part("listbox", "Classes").locator('[aria-selected="true"]').get_attribute("title") == label
    tree = explainer.part("tree", "Layers").locator('[aria-selected="true"]')
    assert tree.get_attribute("data-path") == choice["layer"]
    assert explainer.distance(explainer.ask("fresh.map.tolist()")) < 0.02

    # Every question has its answer.
    questions = [content["id"] for content in asked(lab, "explain")]
    answered = {content["id"] for content, _ in answers.of("result", "superseded", "error")}
    assert set(questions) <= answered
    assert answers.of("error") == []
    results = len(answers.of("result"))
    print(
        f"{STEPS} interactions in {made['milliseconds']:.0f} ms, {made['done']}: "
        f"{len(questions)} questions, {results} maps, none open; {choice}"
    )
    assert lab.traffic.problems == []
    assert lab.traffic.foreign == []


def test_a_drag_asks_nothing_and_images_are_asked_for_as_they_come_into_view(lab):
    explainer = bare_map(open_explainer(lab))

    # A drag of 60 steps asks the kernel nothing.
    before = len(lab.traffic.widget_messages())
    milliseconds = lab.page.evaluate(DRAG, 60)
    lab.page.wait_for_timeout(1000)
    sent = lab.traffic.widget_messages()[before:]
    saves = [message for message in sent if message.data["method"] == "update"]
    others = [message.data["content"]["kind"] for message in sent if message not in saves]
    assert set(others) <= {"ack"}, "what Python had set before"
    assert 1 <= len(saves) <= 2, "a save of the trait or two"
    assert explainer.ask("w.opacity") == 0.5
    print(
        f"opacity: 60 steps in {milliseconds:.0f} ms, {60_000 / milliseconds:.0f} frames per second, {len(saves)} saves"
    )

    # Those that the model gets wrong.
    right = explainer.ask("[bool(r) for r in w._session.predictions(range(24))[2]]")
    wrong = [at for at, each in enumerate(right) if not each]
    images = explainer.part("listbox", "Images")
    for name, expected in (("Wrong", wrong), ("Right", [at for at, each in enumerate(right) if each])):
        explainer.part("combobox", "Show images").select_option(name.lower())
        options = images.get_by_role("option")
        expect(options).to_have_count(len(expected))
        expect(explainer.root.locator(".ke-filter")).to_contain_text(f"{len(expected) or 'none'} of 24")
        found = [options.nth(at).get_attribute("aria-label") for at in range(options.count())]
        assert [int(label.split()[1].rstrip(":")) for label in found] == expected
        assert all(label.endswith(f", {name.lower()}") for label in found)
    lab.screenshot("filter", explainer.root)

    # 24, then 5,000, on the same model.
    seconds = {}
    for place, count in ((1, 24), (2, 5000)):
        lab.run_cell(f"many = np.resize(scenes.images, ({count}, 96, 96, 3))")
        before = len(lab.traffic.widget_messages())
        start = time.perf_counter()
        lab.run_cell("v = ke.ExplainerWidget(model, many, labels=demo.LABELS, charts=False)\nv")
        many = Explainer(lab, place)
        expect(many.root.get_by_role("status")).to_contain_text("Grad-CAM of")
        many.settled()
        seconds[count] = time.perf_counter() - start
    strip = many.part("listbox", "Images")
    strip.scroll_into_view_if_needed()
    expect(strip.get_by_role("option").nth(0)).to_have_attribute("aria-setsize", "5000")
    expect(strip.locator(".ke-predicted").first).to_be_visible()

    def wanted():
        return [at for each in asked(lab, "images", before) if each["size"] for at in each["indices"]]

    first = wanted()
    assert 5 < len(first) == len(set(first)) < 40
    assert max(first) < 40
    asked_about = [at for each in asked(lab, "predictions", before) for at in each["indices"]]
    assert max(asked_about) < 40
    strip.focus()
    lab.page.keyboard.press("End")
    expect(strip.locator('[aria-selected="true"]')).to_have_attribute("aria-posinset", "5000")
    many.settled()
    expect(many.root.get_by_role("status")).to_contain_text("Grad-CAM of")
    lab.page.wait_for_timeout(500)
    assert lab.execute("print((v.wait(60), v.image_index)[1])") == "4999"
    then = set(wanted()) - set(first)
    assert 0 < len(then) < 60
    assert min(then) > 4900
    assert strip.get_by_role("option").count() < 80
    lab.screenshot("images-5000", many.root)
    print(
        f"first view: {seconds[24]:.2f} s of 24 images, {seconds[5000]:.2f} s of 5,000; "
        f"{len(first)} thumbnails asked for, {len(then)} more at the end"
    )
    assert lab.traffic.problems == []
