"""What holds for every test: a quiet TensorFlow on the CPU; what is quick fails first."""

import os
from pathlib import Path

# Before anything imports TensorFlow; kernels and other processes that tests start inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("MPLBACKEND", "agg")

# The browser tests come last of all: Playwright keeps an event loop running in the main thread.
LATE = ("tests/test_wheel.py", "tests/browser/")


def pytest_addoption(parser):
    parser.addoption("--all-kinds", action="store_true", help="every method on every kind of model")


def pytest_collection_modifyitems(config, items):
    def lateness(item):
        path = Path(item.path).relative_to(config.rootpath).as_posix()
        return next((late for late, start in enumerate(LATE, 1) if path.startswith(start)), 0)

    items.sort(key=lateness)
