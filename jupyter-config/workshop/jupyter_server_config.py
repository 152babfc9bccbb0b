"""Jupyter Server for a class with ke_widgets: jupyter lab --config=jupyter_server_config.py"""

import os
from pathlib import Path

here = Path(__file__).resolve().parent
c = get_config()  # noqa: F821, Jupyter gives it

# What students see, and the settings that they begin with. Their own settings still win.
c.ServerApp.root_dir = str(here / "notebooks")
c.LabApp.app_settings_dir = str(here / "settings")
c.LabApp.default_url = "/lab/tree/01-quickstart.ipynb"
c.ServerApp.port = 8888  # the next free one, if it is taken

# Messages between page and kernel leave at once: an answer takes about 17 ms instead of 55.
c.ServerApp.jpserver_extensions = {"ke_widgets.server": True}

# Each page may receive this much a second. The usual 1,000 messages and 1 MB are little for a cell that prints and a
# slider that moves; when one limit trips, messages of widgets are lost too.
c.ZMQChannelsWebsocketConnection.iopub_msg_rate_limit = 10_000
c.ZMQChannelsWebsocketConnection.iopub_data_rate_limit = 100_000_000

# A kernel with TensorFlow takes some hundred MB. One that was idle for 40 minutes, with no page open on it, is ended;
# what is in the notebook stays.
c.MappingKernelManager.cull_idle_timeout = 40 * 60
c.MappingKernelManager.cull_interval = 60
c.MappingKernelManager.cull_connected = False
c.MappingKernelManager.cull_busy = False

# Nothing is asked of any other server: no news, no look for updates, no list of extensions.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# Kernels inherit it: no lines of TensorFlow about a GPU that is not there.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
