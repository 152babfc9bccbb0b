"""Firefox, by WebDriver BiDi: Playwright drives only a build of its own. What one journey through JupyterLab needs.

Run as a script, it installs Firefox where that may be done; without one, the test that needs it says so and is skipped.
"""

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
from urllib.parse import urlsplit

import websocket

from tests.browser.chromium import install_packages

NAMES = ("firefox-esr", "firefox")
MISSING = (
    "JupyterLab in Firefox needs Firefox, and none was found. Install it (Debian: `apt-get install firefox-esr`), or "
    "set FIREFOX to its path."
)
KEYS = {"ArrowUp": "\ue013", "ArrowDown": "\ue015", "ArrowRight": "\ue014", "Enter": "\ue007"}
# Nothing of the browser's own asks the network, and no page reaches further than this machine.
PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.aboutConfig.showWarning": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 1,
    "network.proxy.socks": "127.0.0.1",
    "network.proxy.socks_port": 9,
    "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
    "toolkit.telemetry.enabled": False,
}
EVENTS = ["network.beforeRequestSent", "log.entryAdded"]


def find_firefox():
    """Return the path of a Firefox, or None."""
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def open_firefox(path, folder):
    """Run Firefox with a profile in `folder`, and yield a `Page`."""
    folder.mkdir()
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
    (folder / "user.js").write_text("".join(lines))
    command = [path, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port=0", "about:blank"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(folder), "MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "900"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Page(_address(process, folder / "log"))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(process, log):
    end = time.monotonic() + 60
    while not (found := re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text())):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"Firefox did not start. Its log:\n{log.read_text()}")
        time.sleep(0.1)
    return f"{found[1]}/session"


class Page:
    """One page. `problems` and `foreign` as in `traffic.Traffic`."""

    def __init__(self, address):
        self.problems, self.foreign = [], []
        self._socket = websocket.create_connection(address, timeout=180, suppress_origin=True)
        self._ids = itertools.count(1)
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=EVENTS)
        self._context = self._send("browsingContext.getTree")["contexts"][0]["context"]
        self._send("browsingContext.setViewport", context=self._context, viewport={"width": 1280, "height": 900})

    def goto(self, url):
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, function, argument=None):
        """Call a function, which may be async, with an argument of JSON; its result comes back by way of JSON too."""
        code = f"(async () => JSON.stringify(await ({function})({json.dumps(argument)})) ?? 'null')()"
        answer = self._send(
            "script.evaluate",
            expression=code,
            awaitPromise=True,
            target={"context": self._context},
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def wait_for(self, condition, seconds=60):
        """Wait until the expression `condition` is true in the page."""
        self.evaluate(
            f"""async () => {{
              const end = performance.now() + {1000 * seconds};
              while (!({condition})) {{
                if (performance.now() > end) throw new Error('not within {seconds} s: ' + {json.dumps(condition)});
                await new Promise((go) => setTimeout(go, 50));
              }}
            }}"""
        )

    def press(self, *keys):
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keys", "actions": actions})

    def click(self, selector):
        """Click the middle of the first element of `selector`, by mouse."""
        x, y = self.evaluate(
            """(selector) => {
              const element = document.querySelector(selector);
              element.scrollIntoView({ block: 'nearest' });
              const { x, y, width, height } = element.getBoundingClientRect();
              return [Math.round(x + width / 2), Math.round(y + height / 2)];
            }""",
            selector,
        )
        move = {"type": "pointerMove", "x": x, "y": y}
        press = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._perform({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def screenshot(self, box=None):
        """The bytes of a PNG of the page, or of `box`, `{x, y, width, height}` in it."""
        clip = {"clip": {"type": "box", **box}} if box else {}
        return base64.b64decode(self._send("browsingContext.captureScreenshot", context=self._context, **clip)["data"])

    def _perform(self, source):
        self._send("input.performActions", context=self._context, actions=[source])

    def _send(self, method, **params):
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
                return message["result"]
            if message["type"] == "event":
                self._note(message["method"], message["params"])

    def _note(self, event, params):
        if event == "log.entryAdded" and params["level"] == "error":
            self.problems.append(f"console: {params['text']}")
        elif event == "network.beforeRequestSent":
            parts = urlsplit(params["request"]["url"])
            if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("localhost", "127.0.0.1"):
                self.foreign.append(params["request"]["url"])


if __name__ == "__main__":
    if not find_firefox():
        install_packages("firefox-esr")
    print(f"firefox: {find_firefox() or MISSING}")
