"""What a page says and sends while a test drives it: complaints, requests to elsewhere, messages to the kernel."""

import json
import struct
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlsplit


class Message(NamedTuple):
    """A message from the page to the kernel; `content` is the decoded JSON of the Jupyter message."""

    channel: str
    type: str
    content: dict
    buffers: int

    @property
    def data(self):
        """What a widget sent: `{"method": "update", "state": ...}` or `{"method": "custom", "content": ...}`."""
        return self.content.get("data", {})


class Traffic:
    """Listens to one page from the moment it is made."""

    def __init__(self, page):
        self.problems = []  # console errors, uncaught exceptions, failed requests
        self.foreign = []  # requests to anywhere but this machine
        self.messages = []  # everything sent to the kernel
        self._page = page
        page.on("console", lambda message: message.type == "error" and self.problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)
        page.on("websocket", lambda socket: socket.on("framesent", self._on_frame))

    def widget_messages(self):
        """The messages of widgets to the kernel so far. What is on its way through Playwright is waited for."""
        self._page.wait_for_timeout(100)
        return [message for message in self.messages if message.type == "comm_msg"]

    def _on_request(self, request):
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("localhost", "127.0.0.1"):
            self.foreign.append(request.url)

    def _on_failure(self, request):
        if request.failure != "net::ERR_ABORTED":  # the page itself took it back, as when it is left
            self.problems.append(f"request: {request.url} failed with {request.failure}")

    def _on_response(self, response):
        if response.status >= 400:
            self.problems.append(f"request: {response.url} was answered with {response.status}")

    def _on_frame(self, payload):
        if message := read_frame(payload):
            self.messages.append(message)


class Answers:
    """What widgets of the kernel sent to the page: contents and their buffers."""

    def __init__(self, page):
        self.received = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._on_frame))

    def of(self, *kinds):
        return [(content, buffers) for content, buffers in self.received if content.get("kind") in kinds]

    def _on_frame(self, payload):
        if isinstance(payload, str):
            return
        (count,) = struct.unpack_from("<Q", payload)
        offsets = struct.unpack_from(f"<{count}Q", payload, 8)
        parts = [payload[start:stop] for start, stop in pairwise(offsets)]
        if json.loads(parts[1])["msg_type"] == "comm_msg":
            data = json.loads(parts[4]).get("data", {})
            if data.get("method") == "custom":
                self.received.append((data["content"], parts[5:]))


def read_frame(payload):
    """Decode a websocket frame to the kernel, of either of Jupyter's protocols; None when it is something else."""
    if isinstance(payload, str):
        message = json.loads(payload) if payload.startswith("{") else {}
        if "header" not in message:
            return None
        buffers = len(message.get("buffers", []))
        return Message(message["channel"], message["header"]["msg_type"], message["content"], buffers)
    if (
        payload[0] == 0
    ):  # the older protocol, of nbclassic: lengths from the large end, the message as JSON, then buffers
        count, start, stop = struct.unpack_from(">3I", payload)
        message = json.loads(payload[start:stop])
        return Message(message["channel"], message["header"]["msg_type"], message["content"], count - 1)
    # v1.kernel.websocket.jupyter.org: the number of offsets, the offsets, then channel, header, parent, metadata,
    # content and buffers between them.
    (count,) = struct.unpack_from("<Q", payload)
    offsets = struct.unpack_from(f"<{count}Q", payload, 8)
    parts = [payload[start:stop] for start, stop in pairwise(offsets)]
    header, content = json.loads(parts[1]), json.loads(parts[4])
    return Message(parts[0].decode(), header["msg_type"], content, len(parts) - 5)
