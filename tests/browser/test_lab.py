"""The harness itself, with a widget of three lines instead of ours."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import CellError

COUNTER = '''
import anywidget, traitlets

class Counter(anywidget.AnyWidget):
    count = traitlets.Int(0).tag(sync=True)
    _esm = """
    export default { render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = `Count ${model.get("count")}`; };
      button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
      model.on("change:count", show);
      show();
      el.append(button);
    } };
    """

counter = Counter()
counter
'''


def test_a_widget_shows_and_talks_both_ways(lab):
    lab.new().run_cell(COUNTER)
    button = lab.page.get_by_role("button", name="Count")
    expect(button).to_have_text("Count 0")
    lab.execute("counter.count = 4")
    expect(button).to_have_text("Count 4")
    button.click()
    expect(button).to_have_text("Count 5")
    assert lab.run_cell("counter.count") == "5"
    assert lab.traffic.problems == []
    assert lab.traffic.foreign == []


def test_messages_to_the_kernel_are_counted_one_by_one(lab):
    lab.new().run_cell(COUNTER)
    button = lab.page.get_by_role("button", name="Count")
    before = lab.traffic.widget_messages()
    button.hover()
    assert lab.traffic.widget_messages() == before
    button.click()
    expect(button).to_have_text("Count 1")
    (message,) = lab.traffic.widget_messages()[len(before) :]
    assert message.data["method"] == "update"
    assert message.data["state"] == {"count": 1}


def test_text_of_a_cell_comes_back_and_an_error_is_raised(lab):
    lab.new()
    assert lab.run_cell("print('one')\n2") == "one\n2"
    assert lab.execute("print('one')\n2") == "one\n2"
    for run in (lab.run_cell, lab.execute):
        with pytest.raises(CellError, match="ZeroDivisionError: division by zero"):
            run("1 / 0")
    with pytest.raises(Exception, match="not done in 1 s"):
        lab.execute("import time; time.sleep(3)", timeout=1)


def test_all_cells_run_in_order_and_the_first_error_is_raised(lab):
    lab.new()
    lab.run_cell("import itertools\ncount = itertools.count()")
    lab.run_cell("next(count)")
    lab.run_cell("next(count)")
    assert lab.run_all() == "01"
    with pytest.raises(CellError, match="KeyError: 'first'"):
        lab.run_cell("raise KeyError('first')")
    with pytest.raises(CellError, match="KeyError: 'first'"):
        lab.run_all()


def test_a_reload_keeps_the_kernel_and_its_widgets(lab):
    lab.new().run_cell(COUNTER)
    button = lab.page.get_by_role("button", name="Count")
    button.click()
    expect(button).to_have_text("Count 1")
    lab.reload()
    expect(button).to_have_text("Count 1")
    assert lab.execute("counter.count") == "1"


def test_each_test_has_a_kernel_of_its_own(lab, server):
    lab.new()
    assert len(server.sessions()) == 1
    with pytest.raises(CellError, match="NameError"):
        lab.execute("counter")


def test_the_theme_changes(lab):
    lab.new().run_cell(COUNTER)
    for name in ("dark", "light"):
        lab.theme(name)
        assert lab.page.evaluate("document.body.dataset.jpThemeLight") == str(name == "light").lower()
        assert lab.screenshot(f"lab-{name}").stat().st_size > 10_000


def test_a_request_to_elsewhere_is_refused_and_seen(lab):
    lab.new()
    answer = lab.page.evaluate("fetch('http://elsewhere.invalid/').then(() => 'came', () => 'refused')")
    assert answer == "refused"
    assert lab.traffic.foreign == ["http://elsewhere.invalid/"]
