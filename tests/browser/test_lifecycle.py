"""What becomes of a view: shown again, hidden, loaded anew, without its kernel, behind a bad connection."""

import json
import os
import signal

import numpy as np
from playwright.sync_api import expect

from tests.browser.explainer import Explainer, bare_map, open_explainer, pick_method

RESTART = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
RECONNECT = "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.reconnect()"
RUN_AGAIN = """async (start) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  const sources = [...notebook.model.cells].map((cell) => cell.sharedModel.getSource().trim());
  notebook.activeCellIndex = sources.findIndex((source) => source.startsWith(start));
  notebook.deselectAll();
  await jupyterapp.commands.execute('notebook:run-cell');
}"""
EXECUTE = """(code) => {
  const future = jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code });
  window.said = '';
  future.onIOPub = ({ content }) => { window.said += (content.name === 'stderr' && content.text) || ''; };
  window.storm = future.done.then(() => window.said);
}"""
# What the next messages to the page would have said, nobody learns.
SWALLOW = """
w.comm.__dict__.pop("send", None)
_send, swallowed = w.comm.send, []
def _lossy(data=None, metadata=None, buffers=None):
    if len(swallowed) < {count}:
        swallowed.append(data.get("content", {{}}).get("kind", "update"))
    else:
        _send(data=data, metadata=metadata, buffers=buffers)
w.comm.send = _lossy
"""
STORM = """
import time
end = time.monotonic() + 4
while time.monotonic() < end:
    print("x" * 1_000_000, flush=True)
    time.sleep(0.05)
w.opacity = 0.35
w.class_index = {index}
print("x" * 1_000_000, flush=True)
time.sleep(1)
"""


class Bytes:
    """What goes over the page's sockets: `bytes.sent`, `bytes.received`."""

    def __init__(self, page):
        self.sent = self.received = 0
        page.on("websocket", self._listen)

    def since(self, before=(0, 0)):
        return self.sent - before[0], self.received - before[1]

    def _listen(self, socket):
        socket.on("framesent", lambda payload: self._count(payload, 0))
        socket.on("framereceived", lambda payload: self._count(0, payload))

    def _count(self, sent, received):
        self.sent += len(sent) if sent else 0
        self.received += len(received) if received else 0


def option(explainer, label):
    return explainer.part("listbox", "Classes").locator(f"[title='{label}']")


def pick(explainer, label):
    option(explainer, label).click()
    expect(option(explainer, label)).to_have_attribute("aria-selected", "true")


def shows(explainer, label):
    """The map of that class, of which the model has eight."""
    expect(explainer.root.get_by_role("status")).to_contain_text(f"of {label} at", timeout=60_000)
    expect(option(explainer, label)).to_have_attribute("aria-selected", "true")
    return explainer.settled(60_000)


def set_slider(explainer, name, value):
    explainer.part("slider", name).fill(str(value))


def test_a_second_view_a_hidden_one_and_a_reload_show_what_was_chosen(lab):
    bytes = Bytes(lab.page)
    explainer = open_explainer(lab)
    lab.page.wait_for_timeout(1000)  # the pictures at the foot have come
    before = bytes.since()
    pick(explainer, "disc")
    shows(explainer, "disc")
    lab.page.wait_for_timeout(1500)  # the choice is saved, and the picture kept
    sent, received = bytes.since(before)
    print(f"a pick, until it is saved and its picture kept: {sent} bytes sent, {received} received")
    assert 500 < sent < 10_000 < received < 200_000
    lab.run_cell("w")
    second = Explainer(lab, 1)
    pick(explainer, "star")
    for view in (explainer, second):
        shows(view, "star")
    pick(second, "ring")
    set_slider(second, "Opacity", 0.25)
    for view in (explainer, second):
        shows(view, "ring")
        expect(view.part("slider", "Opacity")).to_have_value("0.25")

    # Its output collapsed, and far out of sight; what happens meanwhile is shown afterwards.
    lab.command("notebook:hide-all-cell-outputs")
    expect(explainer.root).not_to_be_visible()
    lab.execute("w.class_index = list(demo.LABELS).index('heart')")
    lab.command("notebook:show-all-cell-outputs")
    for view in (explainer, second):
        shows(view, "heart")
    for _ in range(30):
        lab.page.evaluate("() => jupyterapp.commands.execute('notebook:insert-cell-below')")
    lab.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 33; }")
    lab.execute("w.class_index = list(demo.LABELS).index('star')")
    explainer.root.scroll_into_view_if_needed()
    shows(explainer, "star")
    before = bare_map(explainer).pixels()

    pick(explainer, "square")
    shows(explainer, "square")
    pick(explainer, "star")
    shows(explainer, "star")
    expect(explainer.part("listbox", "Classes").locator('[aria-selected="true"]')).to_have_attribute("title", "star")
    lab.page.wait_for_timeout(600)  # the last choice is saved once it rests
    lab.reload()
    explainer.root.scroll_into_view_if_needed()
    shows(explainer, "star")
    assert np.abs(explainer.pixels() - before).mean() < 0.02
    pick(explainer, "disc")
    shows(explainer, "disc")
    assert lab.traffic.problems == []


def test_what_got_lost_on_the_way_is_asked_for_again(lab):
    explainer = open_explainer(lab)
    alert = explainer.root.get_by_role("alert")

    # Answers that never come.
    lab.execute(SWALLOW.format(count=3))
    pick(explainer, "star")
    shows(explainer, "star")
    print(f"lost: {explainer.ask('swallowed')}; the pick was answered")

    # What Python chose, and nobody touches the page.
    lab.execute(SWALLOW.format(count=6) + "w.opacity = 0.3; w.class_index = list(demo.LABELS).index('ring')")
    shows(explainer, "ring")
    expect(explainer.part("slider", "Opacity")).to_have_value("0.3")
    print(f"lost: {explainer.ask('swallowed')}; the page is in step")

    # A cell prints more than the server lets through; what it chose at its end is lost too.
    index = explainer.ask("list(demo.LABELS).index('heart')")
    lab.page.evaluate(EXECUTE, STORM.format(index=index))
    pick(explainer, "cross")
    said = lab.page.evaluate("() => window.storm")
    assert "data rate exceeded" in said
    shows(explainer, "heart")
    expect(explainer.part("slider", "Opacity")).to_have_value("0.35")
    pick(explainer, "disc")
    shows(explainer, "disc")

    # The connection breaks off and comes back.
    pick(explainer, "star")
    done = lab.page.evaluate_handle(f"() => {{ window.back = ({RECONNECT})(); }}")
    pick(explainer, "square")
    set_slider(explainer, "Opacity", 0.7)
    lab.page.evaluate("() => window.back")
    shows(explainer, "square")
    lab.page.wait_for_timeout(600)
    assert explainer.ask("[w.class_index == list(demo.LABELS).index('square'), w.opacity]") == [True, 0.7]
    done.dispose()
    expect(alert).to_have_count(0)
    assert [each for each in lab.traffic.problems if "WebSocket" not in each] == []


def disabled(explainer):
    """Controls that need a kernel do not act; the others do, as their effects are looked at."""
    for role, name in (("combobox", "Method"), ("button", "Compare")):
        expect(explainer.part(role, name)).to_be_disabled()
    for role, name in (("listbox", "Classes"), ("listbox", "Images")):
        expect(explainer.part(role, name)).to_have_attribute("aria-disabled", "true")
    layers = explainer.part("tree", "Layers")
    expect(layers.locator('[aria-selected="true"]')).to_have_attribute("aria-disabled", "true")
    expect(explainer.root).to_have_attribute("aria-busy", "false")
    status = explainer.root.get_by_role("status").inner_text()
    explainer.part("listbox", "Images").get_by_role("option").nth(2).dispatch_event("click")
    assert explainer.root.get_by_role("status").inner_text() == status

    for change in (
        lambda: set_slider(explainer, "Opacity", 1),
        lambda: explainer.part("combobox", "Colormap").select_option("viridis"),
        lambda: set_slider(explainer, "Threshold", 0.6),
    ):
        before = explainer.pixels()
        change()
        assert np.abs(explainer.pixels() - before).max() > 0.05
    explainer.part("img", "Explanation").hover()
    expect(explainer.root.locator(".ke-tag").first).to_be_visible()
    with explainer.lab.page.expect_download() as download:
        explainer.part("button", "Save").click()
    assert download.value.suggested_filename.endswith(".png")
    explainer.part("combobox", "Colormap").select_option("inferno")


def screenshots(lab, explainer, name):
    for theme in ("dark", "light"):
        lab.theme(theme)
        lab.screenshot(f"{name}-{theme}", explainer.root)


def test_a_restarted_kernel_and_a_saved_notebook(lab, server):
    explainer = open_explainer(lab)
    pick(explainer, "star")
    shows(explainer, "star")
    lab.page.wait_for_timeout(1000)  # what is saved is kept once it rests
    lab.command("@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    lab.command("docmanager:save")
    saved = (lab.folder / "new.ipynb").read_text()
    state = json.loads(saved)["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert any("_snapshot" in each["state"] for each in state.values())
    (lab.folder / "saved.ipynb").write_text(saved)
    print(f"a saved notebook with widget state: {len(saved) / 1000:.0f} kB")

    lab.page.evaluate(RESTART)
    expect(explainer.root.get_by_role("alert")).to_contain_text("Kernel restarted. Run the cell again")
    shows(explainer, "star")
    screenshots(lab, explainer, "restarted")
    disabled(explainer)
    lab.run_all()
    explainer.settled()
    expect(explainer.root.get_by_role("alert")).to_have_count(0)
    pick(explainer, "ring")
    shows(explainer, "ring")

    # The cell again: its last widget is closed, its thread ends, and one view is there.
    lab.page.evaluate(RUN_AGAIN, "w = ke.")
    expect(explainer.root).to_have_count(1)
    shows(explainer, "cross")
    threads = (
        "[[t.name for t in __import__('threading').enumerate()].count(f'ke_widgets{n}') for n in ('', '_pictures')]"
    )
    assert explainer.ask(f"[len(ke.widget.notebook._widgets_by_cell), *{threads}]") == [1, 1, 1]

    lab.page.goto(f"{server.url}/lab/tree/{lab.folder.name}/saved.ipynb?reset")
    lab._wait_until_ready()
    explainer.root.scroll_into_view_if_needed()
    expect(explainer.root.get_by_role("alert")).to_contain_text("Saved snapshot, no kernel")
    shows(explainer, "star")
    screenshots(lab, explainer, "saved")
    disabled(explainer)
    assert [each for each in lab.traffic.problems if "Cannot send" not in each] == []


def test_a_kernel_that_dies_in_the_middle_of_a_method(lab):
    explainer = open_explainer(lab)
    pid = explainer.ask("__import__('os').getpid()")
    lab.execute('w.params = {"repetitions": 20000, "batch_size": 1}')
    explainer.settled()
    pick_method(explainer.root, "smoothgrad")
    expect(explainer.root.get_by_role("progressbar", name="Progress")).to_be_visible(timeout=60_000)
    expect(explainer.root.get_by_role("status")).to_contain_text("so far", timeout=60_000)
    os.kill(pid, signal.SIGKILL)
    expect(explainer.root.get_by_role("alert")).to_contain_text("Kernel restarted", timeout=60_000)
    expect(explainer.root.get_by_role("progressbar", name="Progress")).to_have_count(0)
    lab.page.get_by_role("dialog").get_by_role("button").last.click()  # JupyterLab tells of it too
    screenshots(lab, explainer, "died")
    disabled(explainer)
    lab.run_all()
    explainer.settled()
    expect(explainer.root.get_by_role("alert")).to_have_count(0)
