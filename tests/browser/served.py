"""The page with a stand-in for the kernel: the repository's files over HTTP, and `js/test/page.html` in them."""

import contextlib
import functools
import http.server
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def serve_page():
    """Serve the repository on this machine; yield the address of the page, to which `?case=...` is added."""
    handler = functools.partial(_Quiet, directory=ROOT)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/js/test/page.html"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass
