"""The layer graph in a real browser, on the graphs that Python wrote for known models; the kernel is a stand-in."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.lab import SCREENSHOTS

MODELS = ["ResNet50V2", "InceptionV3", "DenseNet121", "siamese", "multi_output"]


@pytest.fixture
def opened(browser, address):
    """A function that opens the page on a model and gives the page."""
    contexts = []

    def open_page(case, theme="light", width=980):
        context = browser.new_context(viewport={"width": width + 60, "height": 760})
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{address}?case={case}&theme={theme}&width={width}")
        expect(page.get_by_role("treeitem").first).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        context.close()


def row(page, name):
    return page.get_by_role("treeitem", name=name).first


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("model", MODELS)
def test_a_graph_can_be_read_in_both_themes(opened, model, theme):
    page = opened(f"graph-{model}", theme)
    page.screenshot(path=SCREENSHOTS / f"graph-{model}-{theme}.png")
    found = Axe().run(page, context=".ke-layers")
    serious = [one["id"] for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert page.locator(".ke-edge").count() > 0


def test_the_largest_graph_opens_folded_with_the_chosen_layer_in_view(opened):
    page = opened("graph-NASNetLarge")
    rows = page.get_by_role("treeitem")
    assert rows.count() <= 80
    expect(page.locator('[role="treeitem"][aria-selected="true"]')).to_be_in_viewport()
    expect(page.locator(".ke-layers .ke-find [aria-live]")).to_contain_text("1,039")
    # Unfolded, only what is in view is in the page.
    for number in reversed(range(6)):
        row(page, f"normal_concat_{number} …").locator(".ke-caret").click()
    expect(row(page, "normal_concat_0 …")).to_have_attribute("aria-expanded", "true")
    assert rows.count() < 80


def test_a_block_folds_and_unfolds_and_is_never_chosen(opened):
    page = opened("graph-ResNet50V2")
    chosen = page.locator('[role="treeitem"][aria-selected="true"]')
    before = chosen.get_attribute("data-path")
    block = row(page, "conv5_block2 ")
    block.click()
    expect(block).to_have_attribute("aria-expanded", "true")
    inside = row(page, "conv5_block2_1_conv")
    expect(inside).to_have_attribute("aria-level", "2")
    expect(inside).to_have_text(re.compile(r"^1_conv\s+2·2·512, conv5_block2_1_conv, Conv2D$"))
    assert chosen.get_attribute("data-path") == before
    inside.click()
    expect(chosen).to_have_attribute("data-path", "conv5_block2_1_conv")
    inside.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(block).to_have_attribute("aria-expanded", "false")
    expect(block).to_have_attribute("data-holds", "true")


def test_a_search_lights_its_hits_and_enter_walks_through_them(opened):
    page = opened("graph-DenseNet121")
    heading, search = page.locator(".ke-layers .ke-find [aria-live]"), page.get_by_role("searchbox", name="Find layer")
    before = page.get_by_role("treeitem").count(), page.locator(".ke-edge").count()
    chosen = page.locator('[role="treeitem"][aria-selected="true"]').get_attribute("data-path")
    search.fill("pool")
    hits = page.locator("[data-hit]")
    active = page.locator('[role="treeitem"][tabindex="0"]')
    expect(heading).to_contain_text("of 14")
    assert page.get_by_role("treeitem").count() >= before[0], "rows stay"
    assert page.locator(".ke-edge").count() >= before[1] > 0, "and so do the edges"
    seen = []
    for _ in range(15):
        expect(active).to_have_attribute("data-hit", "true")
        expect(active).to_be_in_viewport()
        seen.append((active.get_attribute("data-path"), heading.inner_text().split("\n")[-1]))
        search.press("Enter")
    assert seen[0] == seen[14]
    assert len({path for path, _ in seen}) == 14
    assert {text for _, text in seen} == {f"{number} of 14" for number in range(1, 15)}
    search.press("Shift+Enter")
    expect(active).to_have_attribute("data-path", seen[0][0])
    # Into what is folded: a hit inside a block opens it, and folded blocks tell how many they hold.
    search.fill("conv3_block7_2_conv")
    expect(hits).to_have_count(1)
    expect(active).to_have_attribute("data-path", "conv3_block7_2_conv")
    search.fill("conv4 concat")
    expect(page.locator(".ke-count mark").first).to_contain_text("of")
    page.screenshot(path=SCREENSHOTS / "graph-search.png")
    search.fill("nothing such")
    expect(heading).to_contain_text("no match")
    search.press("Escape")
    expect(search).to_have_value("")
    expect(hits).to_have_count(0)
    assert page.locator('[role="treeitem"][aria-selected="true"]').get_attribute("data-path") == chosen


def test_the_way_to_the_output_is_lit_and_nothing_before_it(opened):
    page = opened("graph-multi_output")
    row(page, "lateral").click()

    def lit():
        names = page.locator('[role="treeitem"]:has(.ke-dot[data-lit])')
        return [names.nth(at).get_attribute("data-path") for at in range(names.count())]

    assert lit() == ["lateral", "up", "merge", "boxes"]
    row(page, "backbone/coarse").click()
    assert lit() == ["backbone/coarse", "lateral", "up", "pool", "merge", "classes", "boxes"]


def test_the_card_tells_what_feeds_a_layer_and_moves_nothing(opened):
    page = opened("graph-multi_output")
    card = page.get_by_role("tooltip")
    merge = row(page, "merge")
    before = merge.bounding_box()
    merge.hover()
    expect(card).to_contain_text("Add · 16 × 16 × 8")
    expect(card).to_contain_text("Frombackbone/fine, up")
    expect(card).to_contain_text("Toboxes")
    expect(merge).to_have_attribute("aria-describedby", card.get_attribute("id"))
    assert merge.bounding_box() == before
    page.mouse.move(5, 5)
    expect(card).to_have_count(0)
    # Whoever picks sees the picture, not the card.
    merge.hover()
    expect(card).to_be_visible()
    merge.click()
    expect(card).to_have_count(0)
    # By keyboard: with the focus, until Escape.
    page.mouse.move(5, 5)
    row(page, "merge").focus()
    page.keyboard.press("ArrowUp")
    expect(card).to_contain_text("pool")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_a_model_without_a_graph_is_a_tree_that_says_so(opened):
    page = opened("nesting-multi_output")
    expect(page.get_by_text("Rows are nested, without edges")).to_be_visible()
    assert page.locator(".ke-edge").count() == 0
    assert page.get_by_role("treeitem").count() == 11


@pytest.mark.parametrize("model", ["ResNet50V2", "InceptionV3"])
def test_a_narrow_page_keeps_names_and_graph(opened, model):
    page = opened(f"graph-{model}", width=480)
    names = page.locator(".ke-row .ke-name")
    assert all(names.nth(at).bounding_box()["width"] > 60 for at in range(names.count()))
    page.locator(".ke-layers").screenshot(path=SCREENSHOTS / f"graph-{model}-480.png")
