"""Comparing, contrasting, all layers at once, and methods that take long: in a real JupyterLab with a real kernel."""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.explainer import GREY, bare_map, open_explainer, overlaid, pick_method


def grey(image):
    return np.asarray(image, "float64") @ GREY / 255


def read_value(text):
    return float(re.match(r"[−\d.e]+", text)[0].replace("−", "-"))


def save(explainer):
    """The picture that Save downloads."""
    with explainer.lab.page.expect_download() as download:
        explainer.part("button", "Save").click()
    assert download.value.suggested_filename.endswith(".png")
    return Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))


def names(explainer):
    panes = explainer.root.get_by_role("group", name=re.compile("^Pane"))
    return [panes.nth(at).get_attribute("aria-label") for at in range(panes.count())]


def test_panes_show_what_python_holds_and_are_read_at_one_place(lab):
    page = lab.page
    page.set_viewport_size({"width": 1600, "height": 1400})  # all panes in view, and large enough to be measured
    explainer = bare_map(open_explainer(lab))
    panes = explainer.root.get_by_role("group", name=re.compile("^Pane"))
    lab.execute('w.panes = [{"method": "gradcampp"}, {"layer": "block3/add"}]; _ = w.wait(60)')
    expect(panes).to_have_count(3)
    explainer.settled()
    maps = explainer.ask("[r.map.tolist() for r in w.results]")
    pictures = ["Explanation", "Explanation 2", "Explanation 3"]
    for name, values in zip(pictures, maps):
        assert explainer.distance(values, name) < 0.02, name
    assert "Grad-CAM++" in names(explainer)[1]
    assert "block3/add" in names(explainer)[2]
    for theme in ("dark", "light"):
        lab.theme(theme)
        lab.screenshot(f"compare-{theme}", explainer.root)

    # One place, and each map's own value there.
    box = explainer.part("img", "Explanation").bounding_box()
    place = (0.4, 0.62)
    page.mouse.move(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])
    tags = explainer.root.locator(".ke-tag b")
    expect(tags).to_have_count(3)
    for at, values in enumerate(np.asarray(each) for each in maps):
        height, width = values.shape
        expected = values[int(place[1] * height), int(place[0] * width)]
        found = read_value(tags.nth(at).inner_text())
        assert abs(found - expected) <= 0.006 * abs(expected) + 1e-3 * np.abs(values).max(), (at, found, expected)
    page.mouse.move(2, 2)
    expect(tags).to_have_count(0)

    # One more by Compare, no more than four, and back to one.
    compare = explainer.part("button", "Compare")
    compare.click()
    expect(panes).to_have_count(4)
    expect(compare).to_be_disabled()
    explainer.settled()
    explainer.part("listbox", "Classes").get_by_role("option").nth(2).click(modifiers=["Control"])
    status = explainer.root.get_by_role("status")
    expect(status).to_contain_text("4 panes are open, which is the maximum. Close one first.")
    page.wait_for_timeout(500)  # the choice is saved once it rests
    assert explainer.ask("len(w.panes)") == 3
    assert save(explainer).size == (4 * 96 + 3 * 8, 96)
    for number in (4, 3, 2):
        explainer.part("button", f"Close pane {number}").click()
    expect(panes).to_have_count(0)

    # Map alone, image alone, and the file that Save gives.
    image = np.asarray(explainer.ask("scenes.images[0].tolist()"), "uint8")
    view = explainer.part("combobox", "View")
    lab.execute("w.opacity = 0.5")
    expect(explainer.part("slider", "Opacity")).to_have_value("0.5")
    view.select_option("overlay")
    expected = overlaid(image, maps[0], 0.5)
    seen = np.asarray(Image.fromarray(expected.astype("uint8")).convert("L")) / 255
    assert np.abs(explainer.pixels() - seen).mean() < 0.02, "low values leave the image as it is"
    assert np.abs(np.asarray(save(explainer).convert("RGB"), int) - expected).mean() < 1.5, "and so they are saved"
    view.select_option("map")
    assert explainer.distance(maps[0]) < 0.02
    view.select_option("image")
    assert np.abs(explainer.pixels() - grey(image)).mean() < 0.02
    saved = save(explainer).convert("RGB")
    assert saved.size == (96, 96)
    assert np.abs(np.asarray(saved, int) - image).max() <= 1
    assert lab.traffic.problems == []
    assert lab.traffic.foreign == []


def test_two_models_and_the_contrast_of_two_classes(lab):
    cell = """
cheat = demo.load("cheat")
w = ke.ExplainerWidget([model, cheat], scenes.images, labels=demo.LABELS, panes=[{"model_index": 1}], charts=False)
w
"""
    explainer = bare_map(open_explainer(lab, cell))
    assert "honest" in names(explainer)[0]
    assert "cheat" in names(explainer)[1]
    maps = explainer.ask("[[r.model_index, r.map.tolist()] for r in w.results]")
    assert [number for number, _ in maps] == [0, 1]
    assert explainer.distance(maps[0][1]) < 0.02
    assert explainer.distance(maps[1][1], "Explanation 2") < 0.02
    lab.screenshot("two-models", explainer.root)

    explainer.part("button", "Close pane 2").click()
    classes = explainer.part("listbox", "Classes")
    first = explainer.settled().result()
    classes.get_by_role("option").nth(1).click(modifiers=["Shift"])
    contrasted = explainer.settled().result()
    against = explainer.ask("w.contrast_index")
    label = classes.get_by_role("option").nth(1).get_attribute("title")
    assert explainer.ask("list(demo.LABELS)")[against] == label
    assert contrasted["unit"] == first["unit"] != against
    other = explainer.ask(
        f"w._session.run(**{{**w.choice.__dict__, 'class_index': {against}, 'contrast_index': None}}).map.tolist()"
    )
    difference = np.asarray(first["map"]) - np.asarray(other)
    np.testing.assert_allclose(contrasted["map"], difference, atol=1e-4 * np.abs(difference).max())
    expect(explainer.root.get_by_role("status")).to_contain_text(label)
    assert explainer.shows(contrasted, signed=True)
    assert explainer.part("combobox", "Colormap").input_value() == "RdBu_r"
    for theme in ("dark", "light"):
        lab.theme(theme)
        lab.screenshot(f"contrast-{theme}", explainer.root)
    classes.get_by_role("option").nth(1).click(modifiers=["Shift"])
    assert explainer.settled().shows(first)
    assert lab.traffic.problems == []


def test_depth_needs_no_kernel_and_long_methods_can_be_stopped(lab):
    explainer = bare_map(open_explainer(lab))
    page = lab.page
    explainer.part("switch", "All layers at once").click()
    expect(explainer.root.locator(".ke-bars")).to_be_visible(timeout=60_000)
    depth = explainer.settled(60_000).part("slider", "Depth")
    count = int(depth.get_attribute("max"))
    depth.focus()
    page.keyboard.press("End")
    explainer.settled()
    before = len(lab.traffic.widget_messages())
    for _ in range(count - 1):
        page.keyboard.press("ArrowLeft")
    expect(depth).to_have_value("1")
    for _ in range(count // 2):
        page.keyboard.press("ArrowRight")
    chosen = depth.get_attribute("aria-valuetext").split(",")[0]
    expect(explainer.root.get_by_role("status")).to_contain_text(chosen)
    page.wait_for_timeout(600)
    # What was said before is acknowledged, and what was missed asked for, when the page has time; nothing is computed.
    sent = lab.traffic.widget_messages()[before:]
    kinds = [message.data["content"]["kind"] for message in sent if message.data["method"] == "custom"]
    assert not {"explain", "all_layers"} & set(kinds)
    saves = [message for message in sent if message.data["method"] == "update"]
    assert len(saves) <= 2, "at most a save of the trait or two"
    page.mouse.move(2, 2)
    picture = explainer.distance(explainer.result()["map"])
    assert explainer.result()["layer"] == chosen
    assert picture < 0.02
    print(f"depth: {count} layers, {count - 1 + count // 2} moves, {len(sent)} messages")
    for theme in ("dark", "light"):
        lab.theme(theme)
        lab.screenshot(f"depth-{theme}", explainer.root)

    # Progress, what there is so far, Cancel.
    lab.execute('w.params = {"repetitions": 20000, "batch_size": 1}')
    pick_method(explainer.root, "smoothgrad")
    expect(explainer.root.get_by_role("progressbar", name="Progress")).to_be_visible(timeout=60_000)
    status = explainer.root.get_by_role("status")
    expect(status).to_contain_text("so far", timeout=20_000)
    lab.screenshot("progress", explainer.root)
    explainer.part("button", "Cancel").click()
    explainer.settled()
    expect(status).to_contain_text(re.compile(r"stopped after step \d+ of 20000"))
    done = int(re.search(r"stopped after step (\d+) of", status.inner_text())[1])
    assert explainer.ask("[w.result.done, w.result.total, w.result.method]") == [done, 20000, "smoothgrad"]
    assert 0 < done < 20000
    assert explainer.distance(explainer.ask("w.result.map.tolist()")) < 0.03
    expect(explainer.part("button", "Cancel")).to_have_count(0)
    print(f"cancelled after {done} of 20000")
    assert lab.traffic.problems == []


BROKEN = """
_kept = w._session.models[0].steps
def _broken(choice):
    if choice.method == "gradcampp":
        raise RuntimeError("broken on purpose")
    yield from _kept(choice)
w._session.models[0].steps = _broken
"""
TRAIN = """
for weight in model.trainable_weights:
    weight.assign(weight * 0.8)
"""


def test_panes_err_and_stop_by_themselves_and_nothing_outlives_a_training(lab):
    explainer = bare_map(open_explainer(lab))
    root, page = explainer.root, lab.page
    panes = root.get_by_role("group", name=re.compile("^Pane"))
    status = root.get_by_role("status")
    lab.execute(BROKEN)
    lab.execute('w.params = {"repetitions": 20000, "batch_size": 1}; w.panes = [{"method": "gradcampp"}, {}]')

    # An error stands in its pane, also where Python chose, and goes with the next choice there.
    alert = root.get_by_role("alert")
    expect(alert).to_have_count(1)
    expect(panes.nth(1).get_by_role("alert")).to_contain_text("broken on purpose")
    lab.screenshot("error-in-pane", root)
    panes.nth(1).click(position={"x": 40, "y": 8})
    pick_method(explainer.root, "smoothgrad")
    expect(alert).to_have_count(0)

    # Two panes at work: each has its Cancel; closing a pane stops its own.
    expect(status).to_contain_text("SmoothGrad", timeout=60_000)
    panes.nth(2).click(position={"x": 40, "y": 8})
    pick_method(explainer.root, "smoothgrad")
    page.wait_for_timeout(300)
    panes.nth(1).click(position={"x": 40, "y": 8})
    expect(panes.nth(1).locator(".ke-progress")).to_contain_text(re.compile(r"\d+ of 20000"))
    lab.screenshot("two-at-work", root)
    panes.nth(1).get_by_role("button", name="Cancel").click()
    expect(status).to_contain_text(re.compile(r"stopped after step \d+ of 20000"))
    expect(panes.nth(2).locator(".ke-progress")).to_contain_text(re.compile(r"\d+ of 20000"), timeout=60_000)
    expect(explainer.part("button", "Cancel")).to_have_count(1)
    assert root.get_attribute("aria-busy") == "true"
    explainer.part("button", "Close pane 3").click()
    explainer.settled()
    expect(panes).to_have_count(2)
    explainer.part("button", "Close pane 2").click()
    expect(panes).to_have_count(0)
    lab.execute("w._session.models[0].steps = _kept")

    # All layers at once, then a training in another cell: what is shown is the trained model's.
    explainer.part("switch", "All layers at once").click()
    strip = root.locator(".ke-bars path").first
    expect(strip).to_be_visible(timeout=60_000)
    explainer.settled()
    before, bars = explainer.ask("w.wait(60).map.tolist()"), strip.get_attribute("d")
    assert explainer.distance(before) < 0.02
    predicted = root.locator(".ke-predicted").all_inner_texts()
    lab.run_cell(TRAIN)
    expect(strip).not_to_have_attribute("d", bars, timeout=60_000)
    explainer.settled()
    fresh = explainer.ask("w._session.run(**w.choice.__dict__).map.tolist()")
    assert np.abs(np.subtract(fresh, before)).max() > 0.05 * np.abs(before).max()
    assert explainer.ask("w.result.map.tolist()") == fresh
    told = explainer.ask("w._session.predictions(range(24))[0]")
    assert told != explainer.ask(f"[demo.LABELS.index(each) for each in {predicted}]")
    expect(root.locator(".ke-predicted").first).to_have_text(explainer.ask("list(demo.LABELS)")[told[0]])
    depth = explainer.part("slider", "Depth")
    depth.focus()
    page.keyboard.press("Home")
    first = explainer.ask("w._session.models[0].layers[0]")
    expect(status).to_contain_text(first)
    page.wait_for_timeout(600)  # the choice is saved once it rests
    assert explainer.distance(explainer.ask("w.wait(60).map.tolist()")) < 0.02
    assert lab.traffic.problems == []
