"""One JupyterLab and one Chromium for all browser tests; a context, a notebook and a kernel for each."""

import re

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.browser.lab import CHROMIUM_ARGS, Lab, serve
from tests.browser.served import serve_page


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    path = find_chromium()
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    """The page without Jupyter, on a kernel's stand-in."""
    with serve_page() as address:
        yield address


@pytest.fixture
def lab(server, browser, request):
    """A page in which `lab.open("01-quickstart.ipynb")` or `lab.new()` opens a notebook."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    lab = Lab(context.new_page(), server, name)
    yield lab
    if request.node.stash.get(FAILED, False):
        lab.screenshot(f"failed-{name}")
    lab.close()
    context.close()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        item.stash[FAILED] = True  # `lab` then leaves a picture of the page behind
    return report
