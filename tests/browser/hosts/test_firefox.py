"""JupyterLab 4 in Firefox, the same journey; Chromium has it in `test_quickstart.py` and beside it."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.browser.explainer import RESULT, Explainer
from tests.browser.firefox import find_firefox, open_firefox
from tests.browser.hosts.host import newest_kernel, write_notebook
from tests.browser.lab import READY, RUN_ALL, SCREENSHOTS

# No window has the focus where there is no screen, and JupyterLab goes by it.
LOOK_AT = """async () => {
  await jupyterapp.restored;
  const [panel] = jupyterapp.shell.widgets('main');
  panel.node.dispatchEvent(new FocusEvent('focus'));
}"""
REST = "document.querySelector('.ke')?.getAttribute('aria-busy') === 'false'"
BOX = """() => {
  const canvas = document.querySelector('.ke [role=img][aria-label=Explanation]');
  canvas.scrollIntoView({ block: 'center' });
  const { x, y, width, height } = canvas.getBoundingClientRect();
  return { x, y, width, height };
}"""
THEME = "() => document.body.dataset.jpThemeLight === 'true' ? 'light' : 'dark'"
CELL = "() => [jupyterapp.shell.currentWidget.content.activeCellIndex, jupyterapp.shell.currentWidget.content.mode]"


class FirefoxExplainer(Explainer):
    """The widget of a page in Firefox; what a picture should be is the same."""

    def __init__(self, page, kernel):
        self.page, self._kernel = page, kernel

    def settled(self, timeout=30_000):
        self.page.wait_for(REST, timeout / 1000)
        return self

    def pixels(self, name="Explanation"):
        self.settled()
        shot = Image.open(io.BytesIO(self.page.screenshot(self.page.evaluate(BOX))))
        return np.asarray(shot.convert("L").resize((96, 96), Image.Resampling.BOX)) / 255

    def result(self):
        return json.loads(self._kernel.execute(RESULT))


@pytest.fixture
def page(tmp_path):
    path = find_firefox()
    if path is None:
        pytest.skip(
            "no Firefox was found: set FIREFOX to its path, or install it (Debian: apt-get install firefox-esr)"
        )
    with open_firefox(path, tmp_path / "firefox") as page:
        yield page


def test_jupyterlab_in_firefox(page, server):
    write_notebook(server, "firefox.ipynb")
    page.goto(f"{server.url}/lab/tree/firefox.ipynb?reset")
    page.wait_for("[...(window.jupyterapp?.shell.widgets('main') ?? [])].length")
    page.evaluate(LOOK_AT)
    page.wait_for("jupyterapp.shell.currentWidget?.sessionContext")
    page.evaluate(READY)
    page.evaluate(RUN_ALL)
    page.wait_for(REST)
    with newest_kernel(server) as kernel:
        explainer = FirefoxExplainer(page, kernel)
        page.evaluate("() => jupyterapp.commands.execute('notebook:enter-command-mode').then(() => null)")
        kernel.execute("w.view = 'map'; w.opacity = 1.0; w.threshold = 0.0; _ = w.wait(60)")
        for name, value in (("Opacity", 1), ("Threshold", 0)):
            page.wait_for(f"document.querySelector('.ke input[aria-label={name}]').valueAsNumber === {value}")
        first = explainer.result()
        assert explainer.shows(first)

        page.evaluate("() => document.querySelector('.ke [role=tree] [tabindex=\"0\"]').focus()")
        before = page.evaluate(CELL)
        page.press(*["ArrowUp"] * 6, "Enter")
        layer = explainer.settled().result()
        assert layer["layer"] != first["layer"]
        assert explainer.shows(layer)
        assert not explainer.shows(first)

        page.click(".ke [role=listbox][aria-label=Classes] [role=option]:nth-of-type(2)")
        picked = explainer.settled().result()
        assert picked["unit"] != layer["unit"]
        assert explainer.shows(picked)

        page.evaluate("() => document.querySelector('.ke [role=listbox][aria-label=Images]').focus()")
        page.press("ArrowRight")
        image = explainer.settled().result()
        assert image["image"] == 1
        assert explainer.shows(image)
        assert page.evaluate(CELL) == before, "the notebook took no key"
    page.click(".ke-fold button")
    page.wait_for("document.querySelectorAll('.bqplot').length === 2")
    assert page.evaluate("() => document.querySelector('.ke').dataset.theme") == page.evaluate(THEME)
    SCREENSHOTS.mkdir(exist_ok=True)
    (SCREENSHOTS / "host-firefox.png").write_bytes(page.screenshot())
    assert page.problems == []
    assert page.foreign == []
    for session in server.sessions():
        if session["path"] == "firefox.ipynb":
            server.shut_down(session)
