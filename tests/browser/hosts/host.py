"""A page of some host, and the kernel behind it, which is asked past the page: the same way in every host."""

import contextlib

import nbformat
from jupyter_client import BlockingKernelClient

from tests.browser.explainer import START
from tests.browser.lab import SCREENSHOTS, _text
from tests.browser.traffic import Traffic

WIDGET = "w = ke.ExplainerWidget(model, scenes.images, labels=demo.LABELS, y_true=scenes.targets)\nw\n"
BUSY = """
import pathlib, time
_end = time.monotonic() + 60
while pathlib.Path({file!r}).exists() and time.monotonic() < _end:
    time.sleep(0.05)
"""


class Host:
    """A page that shows a widget; what it does and says as in `lab.Lab`.

    Args:
        page: Playwright's page.
        own: Parts of what the host itself complains about, with our widget or without.
    """

    def __init__(self, page, own=()):
        self.page = page
        self.traffic = Traffic(page)
        self.kernel = None
        self._own = own

    @property
    def problems(self):
        """What is wrong with the page and is not the host's own."""
        return [text for text in self.traffic.problems if not any(part in text for part in self._own)]

    def execute(self, code, timeout=60):
        """Run `code` in the kernel and return its text. Raises `CellError` when it raises."""
        return self.kernel.execute(code, timeout)

    def screenshot(self, name, target=None):
        """Save a picture of `target` (a locator; the page when None) as `screenshots/name.png`."""
        SCREENSHOTS.mkdir(exist_ok=True)
        (target or self.page).screenshot(path=SCREENSHOTS / f"{name}.png")


class Kernel:
    """A client of a kernel beside the page's own; `file` is the kernel's connection file."""

    def __init__(self, file):
        self._client = BlockingKernelClient(connection_file=str(file))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def execute(self, code, timeout=60):
        messages = []
        self._client.execute_interactive(
            code, timeout=timeout, store_history=False, allow_stdin=False, output_hook=messages.append
        )
        return _text([{"output_type": one["header"]["msg_type"], **one["content"]} for one in messages])

    @contextlib.contextmanager
    def busy(self, file):
        """Let a cell run as long as the block does; `file` is made and taken away."""
        file.touch()
        request = self._client.execute(BUSY.format(file=str(file)), store_history=False)
        try:
            while (said := self._client.get_iopub_msg(timeout=30))["parent_header"].get("msg_id") != request or (
                said["msg_type"] != "execute_input"
            ):
                pass
            yield
        finally:
            file.unlink()
        while self._client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != request:
            pass

    def close(self):
        self._client.stop_channels()


@contextlib.contextmanager
def newest_kernel(server):
    """Yield a `Kernel` for the one that was started last on `server`, and end that at last."""
    file = max((server.root.parent / "runtime").glob("kernel-*.json"), key=lambda file: file.stat().st_mtime)
    kernel = Kernel(file)
    try:
        yield kernel
    finally:
        kernel.close()


def write_notebook(server, name, *cells):
    """Write a notebook of `cells` (of the demo's widget, with none given) into the served folder."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in cells or (START, WIDGET)]
    nbformat.write(notebook, server.root / name)
