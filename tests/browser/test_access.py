"""For everyone: contrasts, keyboard, narrow pages, and text from elsewhere that is only ever text."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.explainer import Explainer, open_explainer, pick_method
from tests.browser.test_wcag import violations

FOCUSED = """() => {
  const of = document.activeElement;
  return { name: of.getAttribute('role') === 'treeitem' ? 'treeitem' : of.getAttribute('aria-label')
             ?? of.labels?.[0]?.innerText ?? of.innerText.trim(),
           within: of.closest('.ke') !== null, ring: getComputedStyle(of).outlineStyle !== 'none'
             || getComputedStyle(of).boxShadow !== 'none' || of.matches('.ke :focus-visible') };
}"""
CONTROLS = [
    *("Method", "Colormap", "View", "Compare", "Save", "Keyboard shortcuts", "Find layer", "treeitem", "Depth"),
    *("All layers at once", "Width of the layers", "Explanation", "Threshold", "Opacity", "Width of the classes"),
    *("Find class", "Classes", "Go to image", "Show images", "Images"),
]
CELL = """() => {
  const { content } = jupyterapp.shell.currentWidget;
  return [content.activeCellIndex, content.mode];
}"""


def test_axe_finds_nothing_in_either_theme_at_either_width(lab):
    explainer = open_explainer(lab)
    page = lab.page
    lab.execute('w.panes = [{"method": "gradients"}]; _ = w.wait(60)')
    expect(explainer.root.get_by_role("group", name=re.compile("^Pane"))).to_have_count(2)
    explainer.settled()
    expect(explainer.part("listbox", "Images").locator(".ke-predicted").first).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 2400})
    page.add_style_tag(content="body { height: 100vh !important }")  # in one of no height axe measures no contrast
    for theme in ("light", "dark"):
        lab.theme(theme)
        for width in ("100%", "480px"):
            lab.execute(f"w.layout.width = '{width}'")
            expect(explainer.root).to_be_visible()
            found, passed = violations(page)
            assert found == [], (theme, width)
            assert passed["color-contrast"] > 30, "contrasts were measured"
            print(f"axe, {theme}, {width}: {passed['color-contrast']} contrasts, {len(passed)} rules passed")
            lab.screenshot(f"access-{theme}-{width.rstrip('px%')}", explainer.root)
        explainer.part("button", "Keyboard shortcuts").click()
        expect(explainer.part("dialog", "Keyboard shortcuts")).to_be_visible()
        lab.screenshot(f"help-{theme}")
        found, passed = violations(page)
        assert found == [], (theme, "dialog")
        assert passed["color-contrast"] > 5
        page.keyboard.press("Escape")


def test_everything_works_from_the_keyboard_and_the_notebook_takes_no_key(lab):
    explainer = open_explainer(lab)
    page = lab.page
    lab.run_cell("after = 1")
    method = explainer.part("combobox", "Method")
    explainer.root.scroll_into_view_if_needed()
    lab.command("notebook:enter-command-mode")
    method.focus()
    before = page.evaluate(CELL)
    assert before[1] == "command"

    # Tab reaches every control, in the order that is seen.
    reached = []
    for _ in range(2 * len(CONTROLS)):
        focused = page.evaluate(FOCUSED)
        if not focused["within"]:
            break
        assert focused["ring"], f"{focused} shows that it has the focus"
        reached.append(focused["name"])
        page.keyboard.press("Tab")
    assert [name for name in reached if name in CONTROLS] == CONTROLS
    explainer.settled(60_000)

    def trait(name):
        page.wait_for_timeout(400)  # a choice is saved once it rests
        explainer.settled()
        return explainer.ask(f"(w.wait(60), w.{name})[1]")

    # Arrows choose.
    layer = trait("layer")
    explainer.part("tree", "Layers").locator("[tabindex='0']").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert trait("layer") != layer
    top = trait("class_index")
    explainer.part("listbox", "Classes").focus()
    page.keyboard.press("ArrowDown")
    second = trait("class_index")
    assert second != top
    page.keyboard.press("Control+ArrowDown")
    page.keyboard.press("Shift+Enter")
    assert trait("contrast_index") not in (None, second)
    # Once more, wherever the scores have moved its row: the class alone again.
    page.keyboard.press("Shift+Enter")
    assert trait("contrast_index") is None
    assert trait("class_index") == second
    explainer.part("listbox", "Images").focus()
    page.keyboard.press("ArrowRight")
    assert trait("image_index") == 1
    page.keyboard.press("End")
    assert trait("image_index") == 23
    for name, trait_name in (("Opacity", "opacity"), ("Threshold", "threshold")):
        value = trait(trait_name)
        explainer.part("slider", name).focus()
        page.keyboard.press("ArrowRight")
        assert trait(trait_name) == pytest.approx(value + 0.01)
    layer = trait("layer")
    explainer.part("slider", "Depth").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert trait("layer") not in (layer, explainer.ask("w._session.models[0].layers[0]"))
    explainer.part("img", "Explanation").focus()
    page.keyboard.press("ArrowRight")
    expect(explainer.root.locator(".ke-tag")).to_contain_text("cell")
    page.keyboard.press("Escape")
    expect(explainer.root.locator(".ke-tag")).to_have_count(0)
    explainer.part("searchbox", "Find class").focus()
    page.keyboard.type("hea")
    page.keyboard.press("Enter")
    assert explainer.ask("demo.LABELS[w.wait(60).unit]") == "heart"
    page.keyboard.press("Escape")
    assert page.evaluate(CELL) == before, "JupyterLab took no key"

    # The dialog of keys, and back to where one was.
    button = explainer.part("button", "Keyboard shortcuts")
    button.focus()
    page.keyboard.press("Enter")
    dialog = explainer.part("dialog", "Keyboard shortcuts")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    assert page.evaluate(CELL) == before
    assert lab.traffic.problems == []

    # Narrow.
    page.set_viewport_size({"width": 1280, "height": 2000})  # so that the pictures hold it all
    lab.execute('w.layout.width = "480px"; w.panes = [{"method": "gradients"}]; _ = w.wait(60)')
    explainer.settled()
    for theme in ("dark", "light"):
        lab.theme(theme)
        wide = explainer.root.evaluate("""(root) => [root, ...root.querySelectorAll('*')].filter((each) => {
          const box = each.getBoundingClientRect(), { right } = root.getBoundingClientRect();
          const inside = each.closest('.ke-scroll, .ke-images, .ke-hidden, .ke-status, svg');
          return !inside && box.width > 0 && box.right > right + 1;
        }).map((each) => each.className)""")
        assert wide == []
        assert explainer.root.evaluate("(root) => root.clientWidth") <= 480
        assert explainer.root.evaluate("(root) => root.scrollWidth <= root.clientWidth")
        lab.screenshot(f"narrow-{theme}", explainer.root)


HOSTILE = r"""
import json, os, tempfile
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
from PIL import Image
import ke_widgets as ke
from ke_widgets.widget import view
BAD = "<img src=x onerror=window.hacked=1>"
END = "</script><script>window.hacked=1</script>"
LONG = "long " * 2000
TEXTS = [BAD, END, "javascript:window.hacked=1", "\u202egnorts\u200b\u2066 <b>", LONG]
TEXTS += ["\"'`\\ & &amp;", "{{7*7}} ${7*7} %s"]
keras.utils.set_random_seed(0)
x = inputs = keras.Input((16, 16, 3))
x = keras.layers.Rescaling(1 / 255)(x)
x = keras.layers.Conv2D(4, 3, name="first")(x)
x = keras.layers.Conv2D(4, 3, name="second", activation="relu")(x)
x = keras.layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, keras.layers.Dense(len(TEXTS))(x))
folder = tempfile.mkdtemp()
paths = [os.path.join(folder, name) for name in ("good.png", BAD + ".png")]
for path in paths:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), "uint8")).save(path)
# TensorFlow takes no such name for a layer; another backend might.
# So are the names, titles and words of methods, which a user may bring.
describe = view.describe
def hostile(session):
    setup = json.loads(json.dumps(describe(session)).replace('"first"', json.dumps(BAD)))
    setup["model"] = setup["models"][0]["name"] = BAD
    setup["notices"] = TEXTS
    for method in setup["methods"]:
        for param in method["params"]:
            param["help"] = BAD
        if method["name"] == "smoothgrad":
            method["title"] = BAD
            method["params"].append({"name": BAD, "kind": "choice", "default": BAD, "choices": TEXTS, "help": BAD})
    return setup
view.describe = hostile
w = ke.ExplainerWidget(model, paths, labels=TEXTS, charts=False)
view.describe = describe
os.remove(paths[1])
"""


FOREIGN_ELEMENTS = "img[src]:not([src^=blob]):not([src^=data]), script, iframe, object, a, style, link, [onerror]"


def test_text_from_elsewhere_is_only_ever_text(lab):
    asked, dialogs = [], []
    lab.page.on("request", lambda request: asked.append(request.url))
    lab.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    explainer = open_explainer(lab, "w", start=HOSTILE)
    root, texts = explainer.root, explainer.ask("TEXTS")
    bad, end, *_ = texts

    def is_harmless():
        assert lab.page.evaluate("window.hacked") is None
        assert dialogs == []
        assert (
            root.locator(FOREIGN_ELEMENTS).evaluate_all("(all) => all.map((each) => each.outerHTML.slice(0, 200))")
            == []
        )
        assert root.evaluate("(root) => root.scrollWidth <= root.clientWidth"), "nothing sticks out"

    # Notices, one for each text, letter by letter.
    notices = root.locator(".ke-notice, .ke-message").all_text_contents()
    for text in texts:
        assert any(text in notice for notice in notices), text[:50]
    is_harmless()
    lab.screenshot("hostile-notices", root)
    while (dismiss := root.get_by_role("button", name=re.compile("Dismiss"))).count():
        dismiss.first.click()

    # Labels of classes: as long as they are, of one line each.
    classes = explainer.part("listbox", "Classes")
    options = classes.get_by_role("option")
    assert sorted(options.evaluate_all("(all) => all.map((each) => each.title)")) == sorted(texts)
    assert max(options.evaluate_all("(all) => all.map((each) => each.offsetHeight)")) < 60
    for text in (end, *texts[2:]):
        options.nth(options.evaluate_all("(all) => all.map((each) => each.title)").index(text)).click()
        expect(root.get_by_role("status")).to_contain_text(text.strip()[:40])
        explainer.settled()
        is_harmless()
    lab.screenshot("hostile-labels", root)

    # Names of layers: in the tree, the card, the error.
    tree = explainer.part("tree", "Layers")
    row = tree.get_by_role("treeitem", name=bad).first
    expect(row).to_contain_text("onerror")
    row.hover()
    expect(root.get_by_role("tooltip")).to_contain_text(bad)
    row.click()
    expect(root.get_by_role("alert").filter(has_text=bad)).to_have_count(1)
    explainer.settled()
    is_harmless()
    explainer.part("searchbox", "Find class").fill("img")
    expect(classes.get_by_role("option")).to_have_count(1)  # what fits, and not the chosen one, which stays chosen
    expect(classes.get_by_role("option").first).to_have_attribute("title", bad)
    expect(root.get_by_role("status")).to_contain_text(texts[-1])
    explainer.part("searchbox", "Find layer").fill("onerror")
    expect(tree.locator("[data-hit]")).to_have_count(1)
    expect(tree).to_contain_text(bad)
    explainer.part("searchbox", "Find layer").fill("")

    # A method with such a title, parameter and choices.
    pick_method(explainer.root, title=bad)
    explainer.part("button", "Parameters").click()
    form = root.get_by_role("combobox", name=re.compile("onerror"))
    expect(form.get_by_role("option")).to_have_count(len(texts))
    is_harmless()
    lab.screenshot("hostile-method", root)
    pick_method(explainer.root, "gradcam")
    explainer.settled()

    # What a method raises.
    lab.execute("""
kept = w._session.models[0].steps
def broken(choice):
    raise RuntimeError(BAD + END)
w._session.models[0].steps = broken
""")
    tree.get_by_role("treeitem", name="second").first.click()
    pick_method(explainer.root, "gradcampp")
    expect(root.get_by_role("alert").filter(has_text=bad + end)).not_to_have_count(0)
    is_harmless()
    lab.execute("w._session.models[0].steps = kept")
    pick_method(explainer.root, "gradcam")
    explainer.settled()

    # The path of an image; the page gets bytes, and never a path that it could fetch.
    explainer.part("listbox", "Images").get_by_role("option").nth(1).click()
    expect(root.get_by_role("alert").filter(has_text=f"{bad}.png")).to_have_count(1)
    explainer.part("listbox", "Images").get_by_role("option").nth(0).click()
    explainer.settled()
    assert lab.execute("print(folder in json.dumps(w._setup))") == "False"
    assert [url for url in asked if ".png" in url] == []

    # A saved result that somebody has changed.
    lab.execute("""
saved = dict(w._snapshot)
saved["content"] = {**saved["content"], "serial": 10**6, "empty_reason": BAD, "scores_kind": END}
w.set_trait("_snapshot", saved)
""")
    expect(root.get_by_role("status")).to_contain_text(bad)
    is_harmless()
    lab.screenshot("hostile", root)
    assert lab.traffic.problems == []
    assert lab.traffic.foreign == []
    assert Explainer(lab).root.get_attribute("aria-busy") == "false"
