"""Extend Jupyter Server so that small messages between browser and kernel are sent at once.

Jupyter Server leaves Nagle's algorithm on, so that each short message waits for the acknowledgement of the one before:
a round trip takes about 55 ms, and 17 ms without. The extension adds no route and changes nothing but the class of
the connection, through the server's own setting, and only where the user has not chosen one.
`jupyter-config/jupyter_server_config.d/ke_widgets.json` enables it.
"""

import asyncio
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

_SETTING = "kernel_websocket_connection_class"


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Connect a page and a kernel as the server does, and send each message without delay."""

    def connect(self) -> asyncio.Future[None] | None:
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def _jupyter_server_extension_points() -> list[dict[str, str]]:  # pyright: ignore[reportUnusedFunction]
    return [{"module": "ke_widgets.server"}]


def _load_jupyter_server_extension(app: Any) -> None:  # pyright: ignore[reportUnusedFunction]
    """Replace the server's default connection class by `PromptConnection`."""
    settings = app.web_app.settings
    if settings.get(_SETTING) is ZMQChannelsWebsocketConnection:
        settings[_SETTING] = PromptConnection
        app.log.info("ke_widgets: messages between page and kernel are sent without delay.")
    else:
        app.log.info(f"ke_widgets: {_SETTING} was chosen by the user and is left as it is.")
