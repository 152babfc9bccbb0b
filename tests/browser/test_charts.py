"""The charts under the view: they come with it, a click on a bar picks a class, the curves come when asked for."""

from playwright.sync_api import expect

OPEN = """
import ke_widgets as ke
from ke_widgets import demo

scenes = demo.scenes(3, seed=7)
w = ke.ExplainerWidget(demo.load("honest"), scenes.images, labels=demo.LABELS)
w
"""


def test_the_charts_pick_a_class_and_show_the_curves(lab):
    lab.new().run_cell(OPEN)
    region = lab.page.get_by_role("region", name="Explainer")
    expect(region).to_have_attribute("aria-busy", "false")
    expect(lab.page.locator(".bqplot")).to_have_count(0)
    lab.screenshot("charts-closed")
    charts = lab.page.get_by_role("button", name="Charts", exact=True)
    charts.click()
    scores, curves = lab.page.locator(".bqplot").nth(0), lab.page.locator(".bqplot").nth(1)
    bars = scores.locator(".bar, rect.bar, .bars rect")
    expect(bars).to_have_count(8)
    before = lab.execute("print(w.class_index)")
    bars.nth(3).click(force=True)
    lab.page.wait_for_timeout(500)
    after = lab.execute("w.wait(); print(w.class_index)")
    assert after != before
    expect(region.get_by_role("listbox", name="Classes").locator('[aria-selected="true"]')).to_contain_text(
        lab.execute("print(demo.LABELS[w.class_index])")
    )
    lab.page.get_by_role("button", name="Deletion and insertion").click()
    expect(curves).to_contain_text("Insertion")
    expect(curves).to_contain_text("Deletion")
    for theme in ("light", "dark"):
        lab.theme(theme)
        lab.screenshot(f"charts-{theme}")
    family = "(text) => getComputedStyle(text).fontFamily"
    assert curves.locator("text").first.evaluate(family) == region.evaluate(family)
    charts.click()
    expect(lab.page.locator(".bqplot")).to_have_count(0)
    charts.click()
    expect(curves).to_contain_text("Insertion")
    assert lab.traffic.problems == []
    assert lab.traffic.foreign == []
