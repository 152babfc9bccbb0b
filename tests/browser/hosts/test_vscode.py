"""VS Code: the widget manager that its notebooks use, a real kernel, and messages of widgets on the main shell.

The page around it is a stand-in; VS Code itself runs in no test.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.explainer import START
from tests.browser.hosts import journey, vscode
from tests.browser.hosts.host import WIDGET, Host, newest_kernel


@pytest.fixture
def notebook(server, browser):
    """A page with an empty notebook of VS Code, in its dark theme."""
    try:
        vscode.install(server.root.parent / "data" / "nbextensions" / "vscode")
    except RuntimeError as error:
        pytest.skip(f"VS Code's widget manager could not be had here: {error}")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    host = Host(context.new_page())
    host.page.goto(f"{server.url}/nbextensions/vscode/page.html")
    host.page.wait_for_function("() => window.harness")
    kernel = host.page.evaluate("harness.open(location.origin + '/').then((opened) => (window.notebook = opened).id)")
    yield host
    context.close()
    server._ask(f"api/kernels/{kernel}", "DELETE")


def test_vscode(notebook, server, tmp_path):
    for source in (START, WIDGET):
        notebook.page.evaluate("(source) => window.notebook.run(source)", source)
    explainer = journey.shown(notebook)
    # It lays widgets on white; ours and its charts follow the theme.
    expect(explainer.root).to_have_attribute("data-theme", "dark")
    expect(explainer.root).to_have_css("background-color", "rgb(31, 31, 31)")
    expect(notebook.page.locator(".ke-charts")).to_have_css("background-color", "rgb(31, 31, 31)")
    with newest_kernel(server) as notebook.kernel:
        journey.take(explainer)
        journey.pick_while_a_cell_runs(explainer, tmp_path / "busy", answered=False)
        journey.has_charts(explainer)
    notebook.page.set_viewport_size({"width": 1280, "height": 1100})
    notebook.screenshot("host-vscode-dark")
    notebook.page.evaluate("document.documentElement.className = 'light'")
    expect(explainer.root).to_have_attribute("data-theme", "light")
    notebook.screenshot("host-vscode-light")
    assert notebook.problems == []
    assert notebook.traffic.foreign == []
