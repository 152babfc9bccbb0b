"""A long drag, and thousands of images: in a real JupyterLab with a real kernel."""

import time

from playwright.sync_api import expect

from tests.browser.explainer import Explainer, bare_map, open_explainer

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


def test_a_drag_asks_nothing_and_images_are_asked_for_as_they_come_into_view(lab):
    explainer = bare_map(open_explainer(lab))

    # A drag of 60 steps asks the kernel nothing.
    before = len(lab.traffic.widget_messages())
    milliseconds = lab.page.evaluate(DRAG, 60)
    lab.page.wait_for_timeout(1000)
    sent = lab.traffic.widget_messages()[before:]
    assert [message for message in sent if message.data["method"] == "custom"] == []
    assert 1 <= len(sent) <= 2, "a save of the trait or two"
    assert explainer.ask("w.opacity") == 0.5
    print(
        f"opacity: 60 steps in {milliseconds:.0f} ms, {60_000 / milliseconds:.0f} frames per second, {len(sent)} saves"
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
    assert seconds[5000] < seconds[24] + 1.5
    assert lab.traffic.problems == []
