"""Find a Chromium for the browser tests; run as a script, install one where that may be done.

Looked for: the environment variable `CHROMIUM`, PATH, then what `playwright install chromium` has put on the machine.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "The browser tests need Chromium, and none was found. Install it (Debian: `apt-get install chromium`; elsewhere: "
    "`python -m playwright install chromium`), or set CHROMIUM to the path of a Chromium or Chrome."
)


def find_chromium():
    """Return the path of a Chromium, or None."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    return next(filter(None, map(shutil.which, NAMES)), None) or _playwrights_own()


def _playwrights_own():
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install_packages(*names):
    """Install packages of Debian, where we are root on such a system."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"{names[0]}: installing Debian's package", flush=True)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        subprocess.run([*apt, "update"], env=env)
        install = [*apt, "install", "--yes", "--no-install-recommends", *names]
        subprocess.run(install, env=env, stdout=subprocess.DEVNULL)


def _install():
    """Try Debian's package, then Playwright's download."""
    install_packages("chromium", "fonts-dejavu-core")
    if not find_chromium():
        print("chromium: trying Playwright's own", flush=True)
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])


if __name__ == "__main__":
    if not find_chromium():
        _install()
    if not (path := find_chromium()):
        sys.exit(MISSING)
    print(f"chromium: {path}")
