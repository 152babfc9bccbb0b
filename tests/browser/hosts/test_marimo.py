"""marimo: the view alone, in a shadow root. Its kernel is none of Jupyter's, so maps are computed here once more."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

import ke_widgets as ke
from ke_widgets import demo
from tests.browser.hosts import journey
from tests.browser.hosts.host import Host
from tests.browser.lab import _free_port

SCOPED = "(root) => root.getRootNode() instanceof ShadowRoot && document.querySelector('.ke') === null"


@pytest.fixture
def marimo(tmp_path):
    """The address of a running marimo with our notebook."""
    pytest.importorskip("marimo", reason="marimo is not installed")
    port = _free_port()
    command = [sys.executable, "-m", "marimo", "run", str(Path(__file__).parent / "marimo_app.py"), "--headless"]
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [*command, "--no-token", "--host=127.0.0.1", f"--port={port}"],
            env={**os.environ, "HOME": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/health", process, tmp_path / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _wait_until_up(address, process, log):
    end = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"marimo did not start. Its log:\n{log.read_text()}") from None
            time.sleep(0.1)


class Twin:
    """Grad-CAM of the same model and images, by the library and without a widget."""

    def __init__(self, explainer):
        self._explainer = explainer
        self._model = demo.load("honest")
        self._images = demo.scenes(24, seed=7).images

    def ask(self):
        """The map of what the page says is chosen, as `explainer.RESULT` gives it."""
        root = self._explainer.root
        layer = root.locator("[role=treeitem][aria-selected=true]").get_attribute("data-path")
        label = root.get_by_role("listbox", name="Classes").locator("[aria-selected=true]").get_attribute("title")
        option = root.get_by_role("listbox", name="Images").locator("[aria-selected=true]")
        unit, image = demo.LABELS.index(label), int(option.get_attribute("aria-posinset")) - 1
        exposed = ke.inspection.expose(self._model, layer)
        _, maps = ke.methods.cams.gradcam(exposed, self._images[[image]], np.array([[unit]]))
        expect(self._explainer.lab.page.get_by_text(f"Chosen: {layer}, {unit}, {image}")).to_be_visible()
        return {"map": np.asarray(maps)[0, ..., 0], "layer": layer, "unit": unit, "image": image}


def test_marimo(marimo, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    host = Host(context.new_page())
    host.page.goto(marimo)
    explainer = journey.shown(host)
    assert explainer.root.evaluate(SCOPED), "the view stands in a shadow root"
    host.page.get_by_role("button", name="Bare map").click()
    expect(explainer.part("slider", "Opacity")).to_have_value("1")
    expect(explainer.part("slider", "Threshold")).to_have_value("0")
    journey.walk(explainer, Twin(explainer).ask)
    host.page.keyboard.press("?")
    expect(explainer.part("dialog", "Keyboard shortcuts")).to_be_visible()
    host.page.keyboard.press("Escape")
    expect(host.page.locator(".bqplot")).to_have_count(0)  # marimo shows no other widget than anywidget's
    expect(explainer.root).to_have_attribute("data-theme", "light")
    expect(explainer.root).to_have_css("background-color", "rgb(255, 255, 255)")
    host.screenshot("host-marimo")
    assert host.problems == []
    assert host.traffic.foreign == []
    context.close()
