"""Six notebooks at once on one server, 100 choices each: `python -m tests.benchmarks.load`.

Checks that each page shows its own last choice at the end, and prints how long they waited for their maps.
"""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.browser.lab import CHROMIUM_ARGS, serve
from tests.browser.users import open_users, use_at_once


def main():
    path = find_chromium()
    if path is None:
        raise SystemExit(MISSING)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        with open_users(server, browser, 6) as explainers:
            use_at_once(explainers, 100)
        browser.close()
    print(f"load: {time.monotonic() - start:.0f} s in all")


if __name__ == "__main__":
    main()
