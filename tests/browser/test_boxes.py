"""A widget like any other: in every box of ipywidgets, at every width, it takes the room that it is given."""

import pytest
from playwright.sync_api import expect

from tests.browser.explainer import START, open_explainer

WIDTHS = (420, 560, 968, 1600)
MAKE = """
import ipywidgets as W
from IPython.display import display
def made(**choice):
    return ke.ExplainerWidget(model, scenes.images, labels=demo.LABELS, charts=False, **choice)
w, v = made(), made(class_index=3)
def shown_by(function):
    out = W.Output()
    with out:
        function()
    return out
w
"""
# Each box, and how many widgets stand side by side in it.
ALONE = {
    "HBox": "W.HBox([w])",
    "VBox": "W.VBox([w])",
    "Box": "W.Box([w])",
    "Box, column": "W.Box([w], layout=W.Layout(flex_flow='column'))",
    "Box, wrap": "W.Box([w], layout=W.Layout(flex_flow='row wrap'))",
    "GridBox": "W.GridBox([w])",
    "GridBox, centred": "W.GridBox([w], layout=W.Layout(justify_items='center'))",
    "VBox, centred": "W.VBox([w], layout=W.Layout(align_items='center'))",
    "HBox, centred": "W.HBox([w], layout=W.Layout(align_items='center', justify_content='center'))",
    "VBox in HBox": "W.HBox([W.VBox([w])])",
    "HBox in VBox in HBox": "W.HBox([W.VBox([W.HBox([w])])])",
    "Tab": "W.Tab([w, W.Label('second')])",
    "Accordion": "W.Accordion([w], selected_index=0)",
    "Stack": "W.Stack([w], selected_index=0)",
    "AppLayout": "W.AppLayout(center=w)",
    "TwoByTwoLayout": "W.TwoByTwoLayout(top_left=w, merge=True)",
    "Output": "shown_by(lambda: display(w))",
    "Output in HBox": "W.HBox([shown_by(lambda: display(w))])",
    "interact": "W.interactive(lambda opacity: display(w), opacity=(0.0, 1.0))",
}
PAIRS = {
    "HBox of two": "W.HBox([w, v])",
    "HBox of one twice": "W.HBox([w, w])",
    "HBox of two VBoxes": "W.HBox([W.VBox([w]), W.VBox([v])])",
    "GridBox of two": "W.GridBox([w, v], layout=W.Layout(grid_template_columns='repeat(2, 1fr)'))",
    "GridBox of two VBoxes": "W.GridBox([W.VBox([w]), W.VBox([v])], layout=W.Layout(grid_template_columns='1fr 1fr'))",
}
BESIDE = {
    "HBox with a button": "W.HBox([w, W.Button()])",
    "HBox with a VBox of a button": "W.HBox([w, W.VBox([W.Button()])])",
    "HBox with a slider before": "W.HBox([W.IntSlider(), w])",
}
# Of the last cell: its box's room, and where its widgets and their pictures are.
MEASURE = """() => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
  const outer = (each) => each.querySelector('.ke') && !each.parentElement.closest('.widget-output');
  const last = outputs.filter(outer).at(-1);
  const box = last.querySelector('.jupyter-widgets');
  const of = (each) => (({ x, y, width, right }) => ({ x, y, width, right }))(each.getBoundingClientRect());
  const all = [...last.querySelectorAll('.ke')].filter((each) => each.offsetParent);
  return { box: of(box), views: all.map(of), over: all.map((each) => each.scrollWidth - each.clientWidth),
           pictures: all.map((each) => of(each.querySelector('.ke-picture') ?? new Image())) };
}"""


@pytest.fixture
def boxes(lab):
    """Show a box at a width, and give where its widgets are."""
    lab.page.set_viewport_size({"width": 2000, "height": 1100})
    open_explainer(lab, MAKE, start=START)

    def measured(expression, width, count):
        if width == WIDTHS[0]:
            lab.command("notebook:clear-all-cell-outputs")
            lab.run_cell(f"box = {expression}\nbox.layout.width = '{width}px'\nbox", timeout=120)
        else:
            lab.execute(f"box.layout.width = '{width}px'")
        lab.page.wait_for_function(
            f"() => {{ const now = ({MEASURE})(); return Math.abs(now.box.width - {width}) < 1 "
            f"&& now.views.length === {count} && now.pictures.every(({{ width }}) => width > 0); }}"
        )
        lab.page.wait_for_timeout(50)
        return lab.page.evaluate(MEASURE)

    yield measured
    assert lab.traffic.problems == []


def test_alone_in_any_box_it_is_as_wide_as_the_box(boxes):
    wrong = []
    for name, expression in ALONE.items():
        for width in WIDTHS:
            found = boxes(expression, width, 1)
            (view,), (over,), (picture,) = found["views"], found["over"], found["pictures"]
            side = {"TwoByTwoLayout": 0.5}.get(name, 1)
            if not width * side - 60 <= view["width"] <= width or over > 0 or picture["width"] < 150:
                wrong.append((name, width, view["width"], over, picture["width"]))
    assert wrong == []


def test_two_in_a_row_share_it_and_leave_other_widgets_their_room(boxes, lab):
    wrong = []
    for name, expression in PAIRS.items():
        for width in WIDTHS:
            found = boxes(expression, width, 2)
            first, second = found["views"]
            fair = abs(first["width"] - second["width"]) <= 2 and second["right"] <= found["box"]["right"] + 1
            if not fair or first["width"] < width / 2 - 20 or first["right"] > second["x"] or max(found["over"]) > 0:
                wrong.append((name, width, found))
        if name == "HBox of two":
            lab.page.locator(".ke").last.scroll_into_view_if_needed()
            lab.screenshot("boxes")
    for name, expression in BESIDE.items():
        for width in WIDTHS[1:]:
            if width == WIDTHS[1]:
                boxes(expression, WIDTHS[0], 1)
            found = boxes(expression, width, 1)
            (view,), box = found["views"], found["box"]
            if view["width"] < max(240, width - 340) or view["right"] > box["right"] + 1:
                wrong.append((name, width, found))
    assert wrong == []


def test_what_a_user_asks_for_is_what_the_widget_has(boxes, lab):
    boxes("W.HBox([w, v])", WIDTHS[0], 2)
    boxes("W.HBox([w, v])", 1600, 2)
    lab.execute("w.layout.width = '500px'; w.layout.flex = '0 0 auto'")
    lab.page.wait_for_function(f"() => Math.abs(({MEASURE})().views[0].width - 500) < 2")
    first, second = lab.page.evaluate(MEASURE)["views"]
    assert second["width"] > 1000
    assert first["right"] <= second["x"]
    lab.execute("w.layout.flex = None; w.layout.width = None")
    lab.page.wait_for_function(f"() => Math.abs(({MEASURE})().views[0].width - 796) < 10")
    expect(lab.page.locator(".ke").first).to_be_visible()
