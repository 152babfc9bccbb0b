"""The server extension: enabled by the package's own file, and it touches one setting only where nobody chose."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado import web

from ke_widgets import server

CONFIG = Path(__file__).parents[1] / "jupyter-config" / "jupyter_server_config.d" / "ke_widgets.json"
SETTING = "kernel_websocket_connection_class"


def load(chosen):
    settings = {SETTING: chosen, "other": 1}
    server._load_jupyter_server_extension(
        SimpleNamespace(web_app=SimpleNamespace(settings=settings), log=logging.getLogger("test"))
    )
    return settings


def test_the_default_connection_is_replaced_and_nothing_else():
    assert load(ZMQChannelsWebsocketConnection) == {SETTING: server.PromptConnection, "other": 1}


def test_it_adds_no_route():
    settings = {SETTING: ZMQChannelsWebsocketConnection}
    web_app = web.Application([("/one", web.RequestHandler)], **settings)
    routes = [rule.matcher for router in (web_app.default_router, web_app.wildcard_router) for rule in router.rules]
    server._load_jupyter_server_extension(SimpleNamespace(web_app=web_app, log=logging.getLogger("test")))
    then = [rule.matcher for router in (web_app.default_router, web_app.wildcard_router) for rule in router.rules]
    assert web_app.settings[SETTING] is server.PromptConnection
    assert then == routes


def test_a_connection_that_the_user_chose_stays():
    class Own(ZMQChannelsWebsocketConnection):
        pass

    assert load(Own) == {SETTING: Own, "other": 1}


def test_a_connection_turns_the_delay_off_before_it_connects(monkeypatch):
    order = []
    monkeypatch.setattr(ZMQChannelsWebsocketConnection, "connect", lambda self: order.append("connect"))
    connection = server.PromptConnection.__new__(server.PromptConnection)
    handler = SimpleNamespace(set_nodelay=lambda value: order.append(value))
    monkeypatch.setattr(server.PromptConnection, "websocket_handler", handler)
    connection.connect()
    assert order == [True, "connect"]


def test_the_config_enables_the_module_that_is_there():
    extensions = json.loads(CONFIG.read_text())["ServerApp"]["jpserver_extensions"]
    assert extensions == {server.__name__: True}
    assert server._jupyter_server_extension_points() == [{"module": server.__name__}]


@pytest.mark.parametrize("module", ["tensorflow", "keras", "ipywidgets"])
def test_a_server_does_not_wait_for_what_kernels_need(module):
    code = f"import sys, ke_widgets.server; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
