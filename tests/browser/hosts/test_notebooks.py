"""Notebook 7, nbclassic and Voilà, in Chromium: all three come from the one Jupyter server of the tests.

JupyterLab 4 has tests of its own beside this folder, and `test_firefox.py`.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.hosts import journey
from tests.browser.hosts.host import Host, newest_kernel, write_notebook

RUN_ALL = """async () => {
  await jupyterapp.restored;
  const panel = jupyterapp.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
STATE = """() => {
  const { content } = jupyterapp.shell.currentWidget;
  return [content.widgets.length, content.activeCellIndex, content.mode];
}"""
CLASSIC_STATE = "[Jupyter.notebook.ncells(), Jupyter.notebook.get_selected_index(), Jupyter.notebook.mode]"
# It asks for the widgets that the kernel has; those that are made meanwhile are drawn, and lost again.
CLASSIC_RUN_ALL = """async () => {
  const { notebook } = Jupyter;
  await new Promise((done) => notebook.kernel.comm_info('jupyter.widget', done));
  notebook.execute_all_cells();
}"""
ICONS = "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free@"


@pytest.fixture
def open_host(server, browser, request):
    """Open a page of the server with a fresh copy of the demo's notebook."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})

    def open_page(path, own=()):
        host = Host(context.new_page(), own)
        write_notebook(server, f"{request.node.name}.ipynb")
        host.page.goto(f"{server.url}/{path}/{request.node.name}.ipynb")
        return host

    yield open_page
    context.close()
    for session in server.sessions():
        if session["path"] == f"{request.node.name}.ipynb":
            server.shut_down(session)


def test_notebook_7(open_host, server, tmp_path):
    # It misses parts of JupyterLab that it does not load.
    host = open_host("notebooks", own=["reading 'schema'", "'filebrowser:open-path' not registered"])
    host.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext")
    host.page.evaluate(RUN_ALL)
    explainer = journey.shown(host)
    with newest_kernel(server) as host.kernel:
        host.page.evaluate("jupyterapp.commands.execute('notebook:enter-command-mode')")
        journey.take(explainer, lambda: host.page.evaluate(STATE))
        journey.pick_while_a_cell_runs(explainer, tmp_path / "busy", answered=True)
        journey.has_charts(explainer)
    for theme in ("dark", "light"):
        host.page.evaluate(
            f"jupyterapp.commands.execute('apputils:change-theme', {{ theme: 'JupyterLab {theme.title()}' }})"
        )
        expect(explainer.root).to_have_attribute("data-theme", theme)
        host.screenshot(f"host-notebook7-{theme}")
    assert host.problems == []
    assert host.traffic.foreign == []


def test_nbclassic(open_host, server, tmp_path):
    # It asks for scripts that Voilà and ipywidgets 8 no longer bring.
    host = open_host("nbclassic/notebooks", own=["status of 404", "extension.js", "voila/extension"])
    host.page.wait_for_function("window.Jupyter?.notebook?.kernel?.info_reply?.protocol_version")
    host.page.evaluate(CLASSIC_RUN_ALL)
    explainer = journey.shown(host)
    with newest_kernel(server) as host.kernel:
        host.page.evaluate("Jupyter.notebook.command_mode()")
        journey.take(explainer, lambda: host.page.evaluate(CLASSIC_STATE))
        journey.pick_while_a_cell_runs(explainer, tmp_path / "busy", answered=False)
        journey.has_charts(explainer)
    expect(explainer.root).to_have_attribute("data-theme", "light")
    host.screenshot("host-nbclassic")
    assert host.problems == []
    assert host.traffic.foreign == []


def test_voila(open_host, server, tmp_path):
    # It asks a CDN for its icons' style sheets, which is refused here, and does not know Notebook 7's extension.
    host = open_host("voila/render", own=[ICONS, "ERR_NAME_NOT_RESOLVED", "@jupyter-notebook/lab-extension"])
    explainer = journey.shown(host)
    with newest_kernel(server) as host.kernel:
        journey.take(explainer)
        journey.pick_while_a_cell_runs(explainer, tmp_path / "busy", answered=False)
        journey.has_charts(explainer)
    expect(explainer.root).to_have_attribute("data-theme", "light")
    host.screenshot("host-voila")
    assert host.problems == []
    assert len(host.traffic.foreign) > 0
    assert all(address.startswith(ICONS) and address.endswith(".css") for address in host.traffic.foreign)
